// SPDX-License-Identifier: GPL-2.0-only
#include "bfd.h"

#include <string.h>

#define US 1000ULL
#define SLOW 1000000U /* us; least interval unless up (section 6.8.3) */
#define NEVER UINT64_MAX

/* Sequence numbers may run ahead by so many times the multiplier (6.7.4). */
#define WINDOW 3

/* So many times the multiplier must a driver that is always late look in vain:
 * it must not be blind for good. */
#define PATIENCE 4

static uint32_t longer(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- intervals -------------------------------------------------------------- */

/* What we tell as DesiredMinTxInterval */
static uint32_t desired_tx(const struct bfd *b)
{
	return b->state == BFD_UP ? b->settings.min_tx
				  : longer(b->settings.min_tx, SLOW);
}

uint32_t bfd_tx_interval(const struct bfd *b)
{
	return longer(b->pace, b->remote.min_rx);
}

uint32_t bfd_rx_interval(const struct bfd *b)
{
	return longer(b->listen, b->remote.min_tx);
}

uint64_t bfd_detect_time(const struct bfd *b)
{
	return b->remote.multiplier * US * bfd_rx_interval(b);
}

uint64_t bfd_remote_detect_time(const struct bfd *b)
{
	return b->settings.multiplier * US * bfd_tx_interval(b);
}

/* How long a host may take until there is a session */
static uint64_t patience(const struct bfd *b)
{
	return 2 * b->settings.multiplier * US * SLOW;
}

/* Does the host want packets from us by the clock? (section 6.8.7) */
static bool is_periodic(const struct bfd *b)
{
	if (!b->remote.min_rx)
		return false;
	return !b->remote.demand || b->polling || b->state != BFD_UP ||
	       b->remote.state != BFD_UP;
}

/* Shortened at random by up to a quarter; with a multiplier of 1 by a tenth at
 * least, as the host has no patience at all then. */
static uint64_t jittered(const struct bfd *b, uint32_t random)
{
	uint64_t interval = US * bfd_tx_interval(b);
	uint64_t most = interval / 4;
	uint64_t least = b->settings.multiplier == 1 ? interval / 10 : 0;

	return interval - least - random % (most - least + 1);
}

/* --- state ------------------------------------------------------------------ */

static void forget_poll(struct bfd *b)
{
	b->polling = false;
	b->poll_again = false;
	b->pace = desired_tx(b);
	b->listen = b->settings.min_rx;
}

static void enter(struct bfd *b, enum bfd_state state, enum bfd_diag diag,
		  uint64_t now)
{
	bool was_up = b->state == BFD_UP;

	b->ups += state == BFD_UP;
	b->downs += was_up;
	b->state = state;
	b->diag = diag;
	b->since = now;
	b->urgent = true;
	forget_poll(b);
	if (state != BFD_UP)
		return;
	/* The interval that we promise, and keep, is another one from now on. */
	b->polling = true;
	b->last_tx = now;
}

void bfd_init(struct bfd *b, const struct bfd_settings *settings,
	      uint32_t discriminator, uint32_t random, uint64_t now,
	      uint64_t grace)
{
	*b = (struct bfd){
		.settings = *settings,
		.state = BFD_DOWN,
		.discriminator = discriminator,
		.remote = { .state = BFD_DOWN,
			    .multiplier = settings->multiplier,
			    .min_tx = SLOW,
			    .min_rx = 1 },
		.next_tx = now,
		.looked = now,
		.tx_sequence = random,
		.since = now,
	};
	forget_poll(b);
	b->excused = now + patience(b);
	if (b->excused < grace)
		b->excused = grace;
}

/* Tell the host; what it must know before it holds waits (section 6.8.3). */
static void begin_poll(struct bfd *b)
{
	b->poll_again = b->polling;
	b->polling = true;
	if (b->settings.min_tx < b->pace)
		b->pace = b->settings.min_tx;
	if (b->settings.min_rx > b->listen)
		b->listen = b->settings.min_rx;
}

void bfd_configure(struct bfd *b, const struct bfd_settings *settings)
{
	struct bfd_settings old = b->settings;

	if (!memcmp(&old, settings, sizeof(old)))
		return;
	b->settings = *settings;
	b->urgent = true;
	if (memcmp(&old.key, &settings->key, sizeof(old.key)))
		b->rx_sequence_known = false;
	if (b->state != BFD_UP)
		forget_poll(b);
	else if (old.min_tx != settings->min_tx ||
		 old.min_rx != settings->min_rx)
		begin_poll(b);
}

void bfd_admin_down(struct bfd *b, uint64_t now)
{
	if (b->state != BFD_ADMIN_DOWN)
		enter(b, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN, now);
}

/* --- sending ---------------------------------------------------------------- */

static bool is_due(const struct bfd *b, uint64_t now)
{
	return b->final || b->urgent || (is_periodic(b) && now >= b->next_tx);
}

bool bfd_transmit(struct bfd *b, uint64_t now, uint32_t random,
		  struct bfd_packet *p)
{
	if (!is_due(b, now))
		return false;
	*p = (struct bfd_packet){
		.state = b->state,
		.diag = b->diag,
		.poll = b->polling && !b->final,
		.final = b->final,
		.multiplier = b->settings.multiplier,
		.my_discriminator = b->discriminator,
		.your_discriminator = b->remote.discriminator,
		.min_tx = desired_tx(b),
		.min_rx = b->settings.min_rx,
		.authenticated = b->settings.key.type != BFD_AUTH_NONE,
		.auth_type = b->settings.key.type,
		.key_id = b->settings.key.id,
	};
	/* More often than keyed SHA1 needs, and as it may. */
	if (p->authenticated)
		p->sequence = ++b->tx_sequence;
	/* An answer to a poll comes beside those by the clock. */
	if (b->urgent || now >= b->next_tx)
		b->next_tx = now + jittered(b, random);
	b->final = false;
	b->urgent = false;
	return true;
}

/* Does the host miss a packet of ours by now? */
static bool is_late(const struct bfd *b, uint64_t now)
{
	return is_periodic(b) && b->last_tx &&
	       now > b->last_tx + 2 * US * bfd_tx_interval(b);
}

void bfd_sent(struct bfd *b, uint64_t now)
{
	if (is_late(b, now)) {
		uint64_t late_by = now - b->last_tx;

		/* An earlier one weighs as long as nothing has come since. */
		if (b->heard > b->late_tx || late_by > b->late_by)
			b->late_by = late_by;
		b->late_tx = now;
	}
	b->last_tx = now;
	b->sent++;
}

/* --- receiving -------------------------------------------------------------- */

static enum bfd_discard
check_auth(const struct bfd *b, const struct bfd_packet *p, const uint8_t *data)
{
	const struct bfd_key *key = &b->settings.key;
	uint32_t ahead = p->sequence - b->rx_sequence;

	if (key->type == BFD_AUTH_NONE)
		return p->authenticated ? BFD_DISCARD_AUTH_UNEXPECTED
					: BFD_TAKEN;
	if (!p->authenticated)
		return BFD_DISCARD_AUTH_MISSING;
	if (p->auth_type != key->type)
		return BFD_DISCARD_AUTH_TYPE;
	if (p->key_id != key->id)
		return BFD_DISCARD_AUTH_KEY;
	if (b->rx_sequence_known &&
	    (ahead > (uint32_t)WINDOW * p->multiplier ||
	     (!ahead && key->type == BFD_AUTH_METICULOUS_SHA1)))
		return BFD_DISCARD_AUTH_SEQUENCE;
	return bfd_auth_is_right(data, key) ? BFD_TAKEN
					    : BFD_DISCARD_AUTH_DIGEST;
}

/* The host has heard what we last told. */
static void end_poll(struct bfd *b)
{
	if (b->poll_again)
		b->poll_again = false;
	else if (b->polling)
		forget_poll(b);
}

static void take_remote(struct bfd *b, const struct bfd_packet *p, uint64_t now)
{
	b->remote.state = p->state;
	b->remote.diag = p->diag;
	b->remote.multiplier = p->multiplier;
	b->remote.demand = p->demand;
	b->remote.discriminator = p->my_discriminator;
	b->remote.min_tx = p->min_tx;
	b->remote.min_rx = p->min_rx;
	if (p->final)
		end_poll(b);
	if (p->poll)
		b->final = true;
	/* It may want packets sooner than it did. */
	b->next_tx = earlier(b->next_tx, now + US * bfd_tx_interval(b));
}

/* X(state, what the host says, next state): section 6.8.6, what is not here
 * stays as it is. */
#define TRANSITIONS(X)                                                         \
	X(DOWN, DOWN, INIT)                                                    \
	X(DOWN, INIT, UP)                                                      \
	X(INIT, ADMIN_DOWN, DOWN)                                              \
	X(INIT, INIT, UP)                                                      \
	X(INIT, UP, UP)                                                        \
	X(UP, ADMIN_DOWN, DOWN)                                                \
	X(UP, DOWN, DOWN)

static enum bfd_state next_state(enum bfd_state state, enum bfd_state said)
{
	switch (state << 2 | said) {
#define X(from, when, to)                                                      \
	case BFD_##from << 2 | BFD_##when:                                     \
		return BFD_##to;
		TRANSITIONS(X)
#undef X
	}
	return state;
}

/* Did the host lose us for a reason that lies here? */
static bool is_our_fault(const struct bfd *b, uint64_t now)
{
	return b->remote.diag == BFD_DIAG_EXPIRED &&
	       (is_late(b, now) ||
		(b->late_tx && now < b->late_tx + bfd_remote_detect_time(b)));
}

/* `ours`: it is our fault that there is no session. */
static void excuse(struct bfd *b, bool ours, uint64_t now)
{
	if (b->remote.state == BFD_ADMIN_DOWN)
		b->excused = NEVER;
	else if (ours || b->excused == NEVER)
		b->excused = now + patience(b);
}

enum bfd_discard bfd_receive(struct bfd *b, const struct bfd_packet *p,
			     const uint8_t *data, uint64_t now,
			     enum bfd_change *change)
{
	enum bfd_discard discard = check_auth(b, p, data);
	enum bfd_state next;
	bool excused;

	*change = BFD_SAME;
	if (!discard && b->state == BFD_ADMIN_DOWN)
		discard = BFD_DISCARD_ADMIN_DOWN;
	if (discard) {
		b->discarded[discard]++;
		return discard;
	}
	/* Only now is it known to be the host's (RFC 5880, erratum 7083). */
	b->rx_sequence = p->sequence;
	b->rx_sequence_known = p->authenticated;
	take_remote(b, p, now);
	b->received++;
	b->heard = now;
	b->silence = 0;
	if (now > b->looked)
		b->looked = now;

	next = next_state(b->state, p->state);
	excused = b->state == BFD_UP && is_our_fault(b, now);
	if (next == BFD_UP && b->state != BFD_UP)
		enter(b, BFD_UP, BFD_DIAG_NONE, now);
	else if (next == BFD_DOWN && b->state != BFD_DOWN)
		enter(b, BFD_DOWN, BFD_DIAG_SIGNALED_DOWN, now);
	else if (next != b->state)
		enter(b, next, b->diag, now);
	if (b->verdict != BFD_DEAD)
		excuse(b, excused, now);
	if (b->state != BFD_UP)
		return BFD_TAKEN;
	b->excused = 0;
	if (b->verdict != BFD_ALIVE)
		*change = BFD_WENT_UP;
	b->verdict = BFD_ALIVE;
	return BFD_TAKEN;
}

/* --- silence ---------------------------------------------------------------- */

static void listen_until(struct bfd *b, uint64_t now)
{
	uint64_t interval = US * bfd_rx_interval(b), gap;

	if (now <= b->looked)
		return;
	gap = now - b->looked;
	b->silence += gap > 2 * interval ? interval / PATIENCE
					 : earlier(gap, interval);
	b->looked = now;
}

/* Has the host ended the session, as it had to, and we did not hear it? */
static bool was_our_fault(const struct bfd *b)
{
	return b->state == BFD_UP && b->late_tx && b->heard <= b->late_tx &&
	       b->late_by >= bfd_remote_detect_time(b);
}

static void expire(struct bfd *b, uint64_t now)
{
	bool ours = was_our_fault(b);

	enter(b, BFD_DOWN, BFD_DIAG_EXPIRED, now);
	if (!ours)
		return;
	b->excused = now + patience(b);
	/* Then it is not up, either, and slow. */
	b->remote.min_tx = longer(b->remote.min_tx, SLOW);
}

enum bfd_change bfd_check(struct bfd *b, uint64_t now)
{
	uint64_t detect = bfd_detect_time(b);
	bool silent;

	listen_until(b, now);
	silent = b->silence >= detect;
	if (silent)
		b->remote.discriminator = 0;
	if (b->silence >= 2 * detect)
		b->rx_sequence_known = false; /* section 6.8.1 */
	if (silent && (b->state == BFD_UP || b->state == BFD_INIT))
		expire(b, now);
	if (b->state == BFD_UP || b->verdict == BFD_DEAD)
		return BFD_SAME;
	silent = b->silence >= bfd_detect_time(b);
	if (b->excused == NEVER ||
	    (now < b->excused && !(silent && b->verdict == BFD_ALIVE)))
		return BFD_SAME;
	b->verdict = BFD_DEAD;
	return BFD_WENT_DOWN;
}

uint64_t bfd_deadline(const struct bfd *b)
{
	uint64_t interval = US * bfd_rx_interval(b), left = interval, at;

	if (is_due(b, 0))
		return 0;
	if (b->silence < bfd_detect_time(b))
		left = earlier(left, bfd_detect_time(b) - b->silence);
	at = earlier(b->looked + left, is_periodic(b) ? b->next_tx : NEVER);
	return b->state != BFD_UP && b->verdict != BFD_DEAD &&
			       b->excused > b->looked
		       ? earlier(at, b->excused)
		       : at;
}
