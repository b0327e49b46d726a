// SPDX-License-Identifier: GPL-2.0-only
/*
 * What packets make of a flow: conversations packet by packet, then rules that
 * hold for every state and every packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "baton/flowtable.h"
#include "flow_state.h"

#define OWNER 7
#define NOW 40000

enum { TCP = FLOW_PROTOCOL_TCP, UDP = 17, ESP = 50 };

enum {
	F = FLOW_TCP_FIN,
	S = FLOW_TCP_SYN,
	R = FLOW_TCP_RST,
	A = FLOW_TCP_ACK,
	P = 0x08, /* PSH, of no interest, as URG, ECE and CWR */
};

enum who { END, CL, HO };

static enum flow_dir dir_of(enum who who)
{
	return who == CL ? FLOW_FROM_CLIENT : FLOW_FROM_HOST;
}

enum {
	OPENING = BATON_FLOW_OPENING,
	ANSWERED = BATON_FLOW_ANSWERED,
	ESTABLISHED = BATON_FLOW_ESTABLISHED,
	CLOSING = BATON_FLOW_CLOSING,
	CLOSED = BATON_FLOW_CLOSED,
	OK = BATON_FLOW_CONFIRMED,
	FC = BATON_FLOW_FIN_CLIENT,
	FH = BATON_FLOW_FIN_HOST,
};

/* The host's initial number is 0xffff, so `check` is 0: it must wrap. */
#define ISN 0xffff
#define CHECK 0

struct packet {
	enum who who;
	uint8_t tcp;
	uint16_t seq, ack;
	uint8_t state, flags; /* afterwards */
};

/* A conversation; the first packet's flow is flow_first's. */
struct conversation {
	const char *name;
	uint8_t protocol;
	struct packet packet[10]; /* or fewer */
};

#define SYN                                                                    \
	{                                                                      \
		CL, S, 100, 0, OPENING, 0                                      \
	}
#define SYN_ACK                                                                \
	{                                                                      \
		HO, S | A, ISN, 101, ANSWERED, 0                               \
	}
#define SHAKEN                                                                 \
	{                                                                      \
		CL, A, 101, CHECK, ESTABLISHED, OK                             \
	}

static const struct conversation conversations[] = {
	{ "handshake, data, orderly end by the client",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, A | P, 101, CHECK, ESTABLISHED, OK },
	    { HO, A | P, CHECK, 150, ESTABLISHED, OK },
	    { CL, F | A, 150, 90, CLOSING, OK | FC },
	    { HO, A, 90, 151, CLOSING, OK | FC },
	    { HO, F | A, 90, 151, CLOSED, OK | FC | FH },
	    { CL, A, 151, 91, CLOSED, OK | FC | FH } } },
	{ "orderly end by the host",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { HO, F | A, CHECK, 101, CLOSING, OK | FH },
	    { CL, A, 101, 1, CLOSING, OK | FH },
	    { CL, F | A, 101, 1, CLOSED, OK | FC | FH },
	    { HO, A, 1, 102, CLOSED, OK | FC | FH } } },
	{ "wrong acknowledgements do not confirm, the right one does",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    { CL, A, 101, CHECK + 1, ANSWERED, 0 },
	    { CL, A | P, 101, 0x8000, ANSWERED, 0 },
	    { CL, F | A, 101, 77, ANSWERED, 0 },
	    { CL, S | A, 101, CHECK, ANSWERED, 0 },
	    { CL, P, 101, CHECK, ANSWERED, 0 },
	    SHAKEN } },
	{ "the last of the handshake may carry data and FIN",
	  TCP,
	  { SYN, SYN_ACK, { CL, F | A | P, 101, CHECK, CLOSING, OK | FC } } },
	{ "SYN and SYN-ACK said again",
	  TCP,
	  { SYN,
	    SYN,
	    SYN_ACK,
	    { CL, S, 100, 0, ANSWERED, 0 },
	    SYN_ACK,
	    SHAKEN,
	    { HO, S | A, ISN, 101, ESTABLISHED, OK },
	    { CL, A, 101, CHECK, ESTABLISHED, OK } } },
	{ "the SYN-ACK is another (SYN cookie): the host's data confirms",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    { HO, S | A, 5000, 101, ANSWERED, 0 },
	    { CL, A, 101, CHECK, ANSWERED, 0 },
	    { HO, A | P, CHECK, 101, ESTABLISHED, OK } } },
	{ "a forged SYN that draws a challenge does not confirm",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    { CL, S, 60000, 0, ANSWERED, 0 },
	    { HO, A, CHECK, 101, ANSWERED, 0 },
	    SHAKEN } },
	{ "not even when a forged ACK or RST was there before the SYN-ACK",
	  TCP,
	  { SYN,
	    { CL, A, 0, 77, ESTABLISHED, 0 },
	    { CL, R, 0, 77, CLOSING, 0 },
	    SYN_ACK,
	    { CL, R, 0, 0, ANSWERED, 0 },
	    { HO, A, CHECK, 101, ANSWERED, 0 } } },
	{ "the host refuses",
	  TCP,
	  { SYN,
	    { HO, R | A, 0, 101, CLOSED, 0 },
	    { HO, A, 0, 101, CLOSED, 0 } } },
	{ "a forged ACK draws a RST; the client's SYN-ACK comes again",
	  TCP,
	  { SYN, SYN_ACK, { HO, R, 77, 0, CLOSED, 0 }, SYN_ACK, SHAKEN } },
	{ "the client resets",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, R, 101, 0, CLOSING, OK },
	    { CL, R | A, 101, 1, CLOSING, OK } } },
	{ "a forged RST: the host goes on",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, R, 3, 0, CLOSING, OK },
	    { CL, A, 101, 1, CLOSING, OK },
	    { HO, A | P, 1, 101, ESTABLISHED, OK } } },
	{ "a RST after a FIN: no way back",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, F | A, 101, 1, CLOSING, OK | FC },
	    { CL, R, 102, 0, CLOSING, OK | FC },
	    { HO, A, 1, 101, CLOSING, OK | FC } } },
	{ "a client that resets while it opens",
	  TCP,
	  { SYN,
	    { CL, R, 101, 0, OPENING, 0 },
	    SYN_ACK,
	    { CL, R, 101, 0, ANSWERED, 0 } } },
	{ "the host resets",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { HO, R, 1, 0, CLOSED, OK },
	    { CL, A, 101, 1, CLOSED, OK },
	    { CL, F | A, 101, 1, CLOSED, OK } } },
	{ "the host resets, yet goes on (its standby knows better)",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { HO, R, 1, 0, CLOSED, OK },
	    { HO, A, 1, 101, ESTABLISHED, OK } } },
	{ "the host resets after a FIN: no way back",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, F | A, 101, 1, CLOSING, OK | FC },
	    { HO, R, 1, 0, CLOSED, OK | FC },
	    { HO, A, 1, 101, CLOSED, OK | FC } } },
	{ "both close at once",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { HO, F | A, 1, 101, CLOSING, OK | FH },
	    { CL, F | A, 101, 1, CLOSED, OK | FC | FH },
	    { HO, A, 1, 101, CLOSED, OK | FC | FH } } },
	{ "a host that accepts again has forgotten the closing one",
	  TCP,
	  { SYN,
	    SYN_ACK,
	    SHAKEN,
	    { CL, F | A, 101, 1, CLOSING, OK | FC },
	    { CL, S, 9000, 0, CLOSING, OK | FC },
	    { HO, S | A, ISN, 9001, ANSWERED, 0 },
	    { CL, A, 9001, CHECK, ESTABLISHED, OK } } },
	{ "direct server return: only the client is heard",
	  TCP,
	  { SYN,
	    { CL, A, 101, 1, ESTABLISHED, 0 },
	    { CL, A | P, 101, 1, ESTABLISHED, 0 },
	    { CL, F | A, 101, 1, CLOSING, FC },
	    { CL, A, 102, 2, CLOSING, FC } } },
	{ "found in the middle, by the client's data",
	  TCP,
	  { { CL, A | P, 500, 600, OPENING, 0 },
	    { CL, A | P, 550, 600, ESTABLISHED, 0 },
	    { HO, A | P, 600, 600, ESTABLISHED, OK } } },
	{ "found in the middle, the host speaks first",
	  TCP,
	  { { CL, A, 500, 600, OPENING, 0 },
	    { HO, A | P, 600, 500, ESTABLISHED, OK } } },
	{ "found at its end",
	  TCP,
	  { { CL, F | A, 500, 600, OPENING, 0 },
	    { HO, F | A, 600, 501, CLOSING, OK | FH } } },
	{ "a SYN of the host is no answer",
	  TCP,
	  { SYN, { HO, S, 9, 0, OPENING, 0 } } },
	{ "UDP: question, answer, question",
	  UDP,
	  { { CL, 0, 0, 0, OPENING, 0 },
	    { CL, 0, 0, 0, OPENING, 0 },
	    { HO, 0, 0, 0, ANSWERED, 0 },
	    { HO, 0, 0, 0, ANSWERED, 0 },
	    { CL, 0, 0, 0, ESTABLISHED, OK },
	    { HO, 0, 0, 0, ESTABLISHED, OK },
	    { CL, 0, 0, 0, ESTABLISHED, OK } } },
	{ "ESP: what would be flags and numbers of TCP means nothing",
	  ESP,
	  { { CL, S, 0, 0, OPENING, 0 },
	    { HO, R, 5, 5, ANSWERED, 0 },
	    { CL, F | R, 6, 6, ESTABLISHED, OK },
	    { HO, R, 5, 5, ESTABLISHED, OK } } },
};

static void test_conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]);
	     i++) {
		const struct conversation *t = &conversations[i];
		struct baton_flow f = flow_first(OWNER, NOW);

		for (int j = 0; t->packet[j].who != END; j++) {
			const struct packet *p = &t->packet[j];
			const struct flow_event ev = { t->protocol, p->tcp,
						       p->seq, p->ack };

			if (j)
				f = flow_next(f, dir_of(p->who), &ev, NOW + j);
			if (f.state != p->state || f.flags != p->flags)
				fail_msg("%s: after packet %d: state %d, flags "
					 "%d instead of %d, %d",
					 t->name, j + 1, f.state, f.flags,
					 p->state, p->flags);
			assert_int_equal(f.owner, OWNER);
			assert_int_equal(f.seen, NOW + j);
		}
	}
}

static void test_first(void **state)
{
	struct baton_flow f = flow_first(OWNER, NOW);

	(void)state;
	assert_int_equal(f.owner, OWNER);
	assert_int_equal(f.state, BATON_FLOW_OPENING);
	assert_int_equal(f.flags, 0);
	assert_int_equal(f.seen, NOW);
	assert_int_equal(f.check, 0);
}

/* Every state and set of flags, every packet of either side. */
static void for_all(void (*check)(struct baton_flow f, enum flow_dir dir,
				  const struct flow_event *ev))
{
	static const uint8_t protocols[] = { FLOW_PROTOCOL_TCP, UDP, ESP };

	for (int state = 0; state < BATON_NR_FLOW_STATES; state++)
		for (int flags = 0; flags < 8; flags++)
			for (int p = 0; p < 3; p++)
				for (int n = 0; n < 256 * 8; n++) {
					struct baton_flow f = {
						.owner = OWNER,
						.state = state,
						.flags = flags,
						.seen = NOW,
						.check = 1000,
					};
					struct flow_event ev = {
						.protocol = protocols[p],
						.tcp_flags = n,
						.seq = n & 256 ? 1000 : 999,
						.ack = n & 512 ? 1000 : 999,
					};

					check(f, n >> 10, &ev);
				}
}

/* Said twice within one stamp, the second time changes nothing. */
static void check_repeat(struct baton_flow f, enum flow_dir dir,
			 const struct flow_event *ev)
{
	union baton_flow_word once, twice;

	once.flow = flow_next(f, dir, ev, NOW);
	twice.flow = flow_next(once.flow, dir, ev, NOW);
	assert_int_equal(once.word, twice.word);
	assert_int_equal(once.flow.owner, OWNER);
	assert_int_equal(once.flow.seen, NOW);
}

static void test_what_is_repeated_changes_nothing(void **state)
{
	(void)state;
	for_all(check_repeat);
}

/* Only the evidence that the header lists confirms. */
static void check_confirmation(struct baton_flow f, enum flow_dir dir,
			       const struct flow_event *ev)
{
	struct baton_flow after = flow_next(f, dir, ev, NOW);
	uint8_t tcp = ev->tcp_flags;
	bool evidence;

	if (f.flags & OK || !(after.flags & OK))
		return;
	if (ev->protocol != FLOW_PROTOCOL_TCP)
		evidence = dir == FLOW_FROM_CLIENT && f.state == ANSWERED;
	else if (dir == FLOW_FROM_CLIENT)
		evidence = f.state == ANSWERED && ev->ack == f.check &&
			   (tcp & (S | R | A)) == A;
	else
		evidence = !(tcp & (S | R)) && f.state != CLOSED &&
			   !(f.state == ANSWERED && ev->seq == f.check);
	assert_true(evidence);
}

static void test_nothing_else_confirms(void **state)
{
	(void)state;
	for_all(check_confirmation);
}

/* A client, whose packets may be forged, cannot close; nor take what is
 * confirmed back. */
static void check_client_is_powerless(struct baton_flow f, enum flow_dir dir,
				      const struct flow_event *ev)
{
	struct baton_flow after = flow_next(f, dir, ev, NOW);

	if (dir != FLOW_FROM_CLIENT)
		return;
	if (f.flags & OK)
		assert_true(after.flags & OK);
	if (f.state != CLOSED && !(f.flags & FH))
		assert_int_not_equal(after.state, CLOSED);
}

static void test_client_alone_cannot_close(void **state)
{
	(void)state;
	for_all(check_client_is_powerless);
}

static void check_reopened(struct baton_flow f, enum flow_dir dir,
			   const struct flow_event *ev)
{
	bool want = f.state == CLOSED && ev->protocol == FLOW_PROTOCOL_TCP &&
		    ev->tcp_flags & S && !(ev->tcp_flags & (A | R));

	(void)dir;
	assert_int_equal(!!flow_is_reopened(f, ev), want);
}

static void test_reopened(void **state)
{
	(void)state;
	for_all(check_reopened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_what_is_repeated_changes_nothing),
		cmocka_unit_test(test_nothing_else_confirms),
		cmocka_unit_test(test_client_alone_cannot_close),
		cmocka_unit_test(test_reopened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
