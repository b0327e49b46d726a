// SPDX-License-Identifier: GPL-2.0-only
/* What may be said when, and what comes of time. */
#include "side.h"

/*
 * Each frame that would be right in the state up, in each state. Before it, a
 * STREAM of this node is number 1, and a ping of it waits for an answer.
 */
static void every_frame_in_every_state(void **state)
{
#define BECOMES(kind) (LINK_##kind + 1) /* 0: it has no place */
	static const uint8_t right[LINK_NR_STATES][BATON_LINK_TYPE_END] = {
		[LINK_STATE_HELLO] = { [BATON_LINK_HELLO] = BECOMES(UP),
				       [BATON_LINK_CLOSE] = BECOMES(CLOSED) },
		[LINK_STATE_UP] = { [BATON_LINK_SNAPSHOT_BEGIN] =
					    BECOMES(FRAME),
				    [BATON_LINK_SNAPSHOT] = BECOMES(REFUSED),
				    [BATON_LINK_SNAPSHOT_END] =
					    BECOMES(REFUSED),
				    [BATON_LINK_STREAM] = BECOMES(FRAME),
				    [BATON_LINK_ACK] = BECOMES(ACKED),
				    [BATON_LINK_REFUSED] = BECOMES(TOLD),
				    [BATON_LINK_PING] = BECOMES(NOTHING),
				    [BATON_LINK_PONG] = BECOMES(NOTHING),
				    [BATON_LINK_CLOSE] = BECOMES(CLOSED) },
	};
	const __be32 reason = htobe32(BATON_LINK_BAD_EPOCH_OLD);
	unsigned int in, type;

	(void)state;
	for (in = 0; in < LINK_NR_STATES; in++) {
		for (type = 1; type < BATON_LINK_TYPE_END; type++) {
			struct link_frame f = { .type = type, .sequence = 1 };
			struct link_event e;
			struct side s;

			if (in == LINK_STATE_HELLO)
				side_init(&s, BATON_LINK_ROLE_STANDBY);
			else
				side_up(&s, BATON_LINK_ROLE_STANDBY);
			s.session.sent = s.session.ping = 1;
			s.session.ping_at = START;
			s.session.state = in;
			if (link_type_is_data(type))
				f = data(type, 1);
			f.payload = (const uint8_t *)&reason;
			if (type == BATON_LINK_HELLO)
				e = greet(&s, "peer");
			else
				e = receive(&s, &f);
			if (right[in][type])
				assert_int_equal(BECOMES(NOTHING) + e.kind,
						 right[in][type]);
			else
				broken(e, BATON_LINK_BAD_STATE);
			side_free(&s);
		}
	}
}

static void hello_is_of_the_node_that_was_proven(void **state)
{
	struct side s;

	(void)state;
	side_init(&s, BATON_LINK_ROLE_STANDBY);
	broken(greet(&s, "pee"), BATON_LINK_BAD_NAME);
	broken(greet(&s, "peers"), BATON_LINK_BAD_NAME);
	assert_int_equal(s.session.state, LINK_STATE_HELLO);
	side_free(&s);
}

static void sequences_have_no_gap_and_no_return(void **state)
{
	static const uint64_t wrong[] = { 0, 1, 2, 4, 5, UINT64_MAX };
	struct link_frame f;
	struct side s;
	size_t i;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	for (i = 1; i <= 2; i++) {
		f = data(BATON_LINK_STREAM, i);
		assert_int_equal(receive(&s, &f).kind, LINK_FRAME);
	}
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		f = data(BATON_LINK_STREAM, wrong[i]);
		broken(receive(&s, &f), BATON_LINK_BAD_SEQUENCE);
	}
	f = data(BATON_LINK_STREAM, 3);
	assert_int_equal(receive(&s, &f).kind, LINK_FRAME);
	side_free(&s);
}

static void snapshots_begin_and_end(void **state)
{
	static const struct {
		uint8_t type;
		int kind;
	} steps[] = {
		{ BATON_LINK_SNAPSHOT, LINK_REFUSED },
		{ BATON_LINK_SNAPSHOT_END, LINK_REFUSED },
		{ BATON_LINK_SNAPSHOT_BEGIN, LINK_FRAME },
		{ BATON_LINK_SNAPSHOT, LINK_FRAME },
		{ BATON_LINK_STREAM, LINK_FRAME },
		{ BATON_LINK_SNAPSHOT_BEGIN, LINK_FRAME },
		{ BATON_LINK_SNAPSHOT, LINK_FRAME },
		{ BATON_LINK_SNAPSHOT_END, LINK_FRAME },
		{ BATON_LINK_SNAPSHOT_END, LINK_REFUSED },
		{ BATON_LINK_SNAPSHOT, LINK_REFUSED },
	};
	struct link_frame f;
	struct side s;
	size_t i;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		f = data(steps[i].type, i + 1);
		assert_int_equal(receive(&s, &f).kind, steps[i].kind);
	}
	side_free(&s);
}

static void snapshots_are_bounded(void **state)
{
	struct link_frame f;
	unsigned int i;
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	for (i = 0; i < LINK_SNAPSHOTS; i++) {
		f = data(BATON_LINK_SNAPSHOT_BEGIN, i + 1);
		f.channel = i;
		assert_int_equal(receive(&s, &f).kind, LINK_FRAME);
	}
	f = data(BATON_LINK_SNAPSHOT_BEGIN, ++i);
	f.channel = i;
	assert_int_equal(receive(&s, &f).kind, LINK_REFUSED);
	/* those of an epoch that is over make room */
	f = data(BATON_LINK_SNAPSHOT_BEGIN, ++i);
	f.channel = i;
	f.epoch = 6;
	assert_int_equal(receive(&s, &f).kind, LINK_FRAME);
	assert_int_equal(s.session.theirs.nr, 1);
	side_free(&s);
}

static void a_standby_tells_no_snapshot(void **state)
{
	struct link_frame f = data(BATON_LINK_SNAPSHOT_BEGIN, 1);
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_OWNER);
	f.role = BATON_LINK_ROLE_STANDBY;
	broken(receive(&s, &f), BATON_LINK_BAD_ROLE);
	side_free(&s);
}

/* The sender is told which frame, why, and the epoch that is known. */
static void what_is_refused_is_told(void **state)
{
	struct link_frame f = data(BATON_LINK_STREAM, 1);
	struct link_event e;
	struct side from, to;

	(void)state;
	side_up(&from, BATON_LINK_ROLE_OWNER);
	side_up(&to, BATON_LINK_ROLE_STANDBY);
	assert_int_equal(send(&from, BATON_LINK_STREAM), 1);
	link_owners_set(&to.owners, 7, BATON_LINK_ROLE_OWNER, 6);
	e = receive(&to, &f);
	assert_int_equal(e.kind, LINK_REFUSED);
	assert_int_equal(e.reason, BATON_LINK_BAD_EPOCH_OLD);
	assert_int_equal(to.last.type, BATON_LINK_REFUSED);
	assert_int_equal(to.last.epoch, 6);
	e = receive(&from, &to.last);
	assert_int_equal(e.kind, LINK_TOLD);
	assert_int_equal(e.reason, BATON_LINK_BAD_EPOCH_OLD);
	assert_true(e.deposed);
	/* and cannot go on as if nothing were */
	assert_int_equal(send(&from, BATON_LINK_STREAM), -ESTALE);
	/* the connection goes on, and the sequence with it */
	f = data(BATON_LINK_STREAM, 2);
	f.owner = f.epoch = f.role = 0;
	assert_int_equal(receive(&to, &f).kind, LINK_FRAME);
	side_free(&from);
	side_free(&to);
}

static void acknowledgements_only_grow(void **state)
{
	static const uint64_t wrong[] = { 0, 1, 2, 4, UINT64_MAX };
	struct link_frame f = { .type = BATON_LINK_ACK };
	struct side s;
	size_t i;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_OWNER);
	for (i = 1; i <= 3; i++)
		assert_int_equal(send(&s, BATON_LINK_STREAM), i);
	f.sequence = 2;
	assert_int_equal(receive(&s, &f).kind, LINK_ACKED);
	assert_int_equal(s.session.acked, 2);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		f.sequence = wrong[i];
		broken(receive(&s, &f), BATON_LINK_BAD_ACKED);
	}
	f.sequence = 3;
	assert_int_equal(receive(&s, &f).kind, LINK_ACKED);
	side_free(&s);
}

static void a_batch_has_one_acknowledgement(void **state)
{
	struct link_frame f;
	unsigned int before;
	struct side s;
	int i;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	for (i = 1; i <= 100; i++) {
		f = data(BATON_LINK_STREAM, i);
		receive(&s, &f);
		assert_int_equal(link_session_store(&s.session, i), 0);
	}
	assert_int_equal(link_session_store(&s.session, 101), -EINVAL);
	before = s.sent;
	link_session_flush(&s.session);
	link_session_flush(&s.session);
	assert_int_equal(s.sent, before + 1);
	assert_int_equal(s.last.type, BATON_LINK_ACK);
	assert_int_equal(s.last.sequence, 100);
	side_free(&s);
}

static struct link_event tick(struct side *s, uint64_t from, uint64_t to)
{
	struct link_event e = { 0 };
	uint64_t t;

	for (t = from; t <= to && e.kind == LINK_NOTHING; t += 50 * MS)
		e = link_session_tick(&s->session, t);
	return e;
}

static void silence_is_asked_then_believed(void **state)
{
	struct link_frame pong = { .type = BATON_LINK_PONG, .sequence = 1 };
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	tick(&s, START, START + PING - 1);
	assert_int_equal(s.sent, 1);
	tick(&s, START + PING, START + PING);
	assert_int_equal(s.last.type, BATON_LINK_PING);
	assert_int_equal(s.last.sequence, 1);
	tick(&s, START + PING, START + SILENT - 1);
	assert_int_equal(s.sent, 2);
	link_session_receive(&s.session, &pong, START + SILENT - 1);
	assert_int_equal(s.session.round_trip, SILENT - PING - 1);
	/* answered once */
	broken(link_session_receive(&s.session, &pong, START + SILENT),
	       BATON_LINK_BAD_SEQUENCE);
	s.session.heard = START + SILENT;
	broken(tick(&s, START + SILENT, START + 2 * SILENT),
	       BATON_LINK_BAD_SILENT);
	side_free(&s);
}

static void a_ping_is_answered_once(void **state)
{
	struct link_frame ping = { .type = BATON_LINK_PING, .sequence = 1 };
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	receive(&s, &ping);
	link_session_flush(&s.session);
	assert_int_equal(s.last.type, BATON_LINK_PONG);
	assert_int_equal(s.last.sequence, 1);
	broken(receive(&s, &ping), BATON_LINK_BAD_SEQUENCE);
	side_free(&s);
}

/* A program that slept for longer than `silent` blames nobody for it. */
static void ones_own_sleep_is_not_silence(void **state)
{
	uint64_t later = START + 10 * SILENT;
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_STANDBY);
	tick(&s, START, START + PING);
	assert_int_equal(link_session_tick(&s.session, later).kind,
			 LINK_NOTHING);
	assert_int_equal(tick(&s, later, later + SILENT - PING - 1).kind,
			 LINK_NOTHING);
	broken(tick(&s, later + SILENT - PING, later + SILENT),
	       BATON_LINK_BAD_SILENT);
	side_free(&s);
}

static void a_hello_that_does_not_come(void **state)
{
	struct side s;

	(void)state;
	side_init(&s, BATON_LINK_ROLE_STANDBY);
	assert_int_equal(tick(&s, START, START + HELLO - 1).kind, LINK_NOTHING);
	broken(tick(&s, START + HELLO - 1, START + HELLO + PING),
	       BATON_LINK_BAD_SLOW);
	side_free(&s);
}

/* Reported when nothing moves, and again, but not while something does. */
static void late_acknowledgements_are_reported(void **state)
{
	struct link_frame ping = { .type = BATON_LINK_PING };
	struct link_frame ack = { .type = BATON_LINK_ACK };
	struct link_event e;
	unsigned int late = 0;
	struct side s;
	uint64_t t;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_OWNER);
	for (t = 0; t < 4; t++)
		send(&s, BATON_LINK_STREAM);
	for (t = START; t < START + 10 * LATE; t += 50 * MS) {
		ping.sequence++; /* it lives */
		link_session_receive(&s.session, &ping, t);
		if (t == START + LATE / 2 || t == START + LATE + LATE / 4) {
			ack.sequence++;
			link_session_receive(&s.session, &ack, t);
		}
		e = link_session_tick(&s.session, t);
		assert_in_range(e.kind, 0, LINK_ACK_LATE);
		if (e.kind == LINK_ACK_LATE) {
			late++;
			assert_true(t >= START + 2 * LATE + LATE / 4);
		}
	}
	/* a second after the last ACK, and each second from then on */
	assert_int_equal(late, 8);
	ack.sequence = 4;
	link_session_receive(&s.session, &ack, t);
	assert_int_equal(tick(&s, t, t + SILENT - 1).kind, LINK_NOTHING);
	side_free(&s);
}

static void nothing_is_said_after_close(void **state)
{
	struct side s;

	(void)state;
	side_up(&s, BATON_LINK_ROLE_OWNER);
	link_session_close(&s.session, BATON_LINK_BAD_SILENT);
	assert_int_equal(s.last.type, BATON_LINK_CLOSE);
	assert_int_equal(link_frame_reason(&s.last), BATON_LINK_BAD_SILENT);
	link_session_close(&s.session, BATON_LINK_BAD_SILENT);
	assert_int_equal(s.sent, 2);
	assert_int_equal(send(&s, BATON_LINK_STREAM), -ENOTCONN);
	assert_int_equal(link_session_store(&s.session, 0), -ENOTCONN);
	side_free(&s);
}

static void what_a_component_may_send(void **state)
{
	struct link_frame f = data(BATON_LINK_ACK, 0);
	struct side s;

	(void)state;
	side_init(&s, BATON_LINK_ROLE_OWNER);
	assert_int_equal(send(&s, BATON_LINK_STREAM), -ENOTCONN);
	greet(&s, "peer");
	assert_int_equal(link_session_number(&s.session, &f, START), -EINVAL);
	f = (struct link_frame){ .type = BATON_LINK_STREAM, .epoch = 1 };
	assert_int_equal(link_session_number(&s.session, &f, START), -EINVAL);
	f = data(BATON_LINK_STREAM, 0);
	f.length = BATON_LINK_DATA_MAX + 1;
	assert_int_equal(link_session_number(&s.session, &f, START), -EMSGSIZE);
	assert_int_equal(send(&s, BATON_LINK_SNAPSHOT), -EPROTO);
	assert_int_equal(send(&s, BATON_LINK_SNAPSHOT_END), -EPROTO);
	assert_int_equal(s.session.sent, 0);
	assert_int_equal(send(&s, BATON_LINK_SNAPSHOT_BEGIN), 1);
	assert_int_equal(send(&s, BATON_LINK_SNAPSHOT_END), 2);
	side_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_in_every_state),
		cmocka_unit_test(hello_is_of_the_node_that_was_proven),
		cmocka_unit_test(sequences_have_no_gap_and_no_return),
		cmocka_unit_test(snapshots_begin_and_end),
		cmocka_unit_test(snapshots_are_bounded),
		cmocka_unit_test(a_standby_tells_no_snapshot),
		cmocka_unit_test(what_is_refused_is_told),
		cmocka_unit_test(acknowledgements_only_grow),
		cmocka_unit_test(a_batch_has_one_acknowledgement),
		cmocka_unit_test(silence_is_asked_then_believed),
		cmocka_unit_test(a_ping_is_answered_once),
		cmocka_unit_test(ones_own_sleep_is_not_silence),
		cmocka_unit_test(a_hello_that_does_not_come),
		cmocka_unit_test(late_acknowledgements_are_reported),
		cmocka_unit_test(nothing_is_said_after_close),
		cmocka_unit_test(what_a_component_may_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
