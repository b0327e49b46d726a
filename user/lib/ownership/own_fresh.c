// SPDX-License-Identifier: GPL-2.0-only
#include "own_fresh.h"

static uint64_t age(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* 0 stands for "none", so it is no challenge. */
static uint64_t fresh_challenge(own_random_fn *random, void *arg)
{
	uint64_t challenge;

	do
		challenge = random(arg);
	while (!challenge);
	return challenge;
}

static void begin(struct own_fresh *f, uint64_t now, own_random_fn *random,
		  void *arg)
{
	f->challenge[0] = fresh_challenge(random, arg);
	f->challenge[1] = 0;
	f->issued = now;
}

void own_fresh_init(struct own_fresh *f, uint64_t now, own_random_fn *random,
		    void *arg)
{
	*f = (struct own_fresh){ 0 };
	begin(f, now, random, arg);
}

void own_fresh_turn(struct own_fresh *f, uint64_t now, own_random_fn *random,
		    void *arg)
{
	uint64_t old = age(now, f->issued), previous = f->challenge[0];

	if (old < OWN_TURN)
		return;
	begin(f, now, random, arg);
	/* what waited while this node was stopped is not new */
	if (old < 2 * OWN_TURN)
		f->challenge[1] = previous;
}

/* Is it one of ours, given lately? */
static bool is_in_force(const struct own_fresh *f, uint64_t echo, uint64_t now)
{
	uint64_t old = age(now, f->issued);

	if (!echo)
		return false;
	return (echo == f->challenge[0] && old < 2 * OWN_TURN) ||
	       (echo == f->challenge[1] && old < OWN_TURN);
}

enum own_freshness own_fresh_judge(const struct own_fresh *f,
				   const struct own_header *h, uint64_t now)
{
	if (!is_in_force(f, h->echo, now))
		return OWN_STALE;
	return h->boot == f->boot && h->sequence <= f->sequence ? OWN_REPLAYED
								: OWN_FRESH;
}

bool own_fresh_take(struct own_fresh *f, const struct own_header *h,
		    uint64_t now, own_random_fn *random, void *arg)
{
	bool another = f->boot != h->boot;

	f->boot = h->boot;
	f->sequence = h->sequence;
	f->heard = now;
	f->echo = h->nonce;
	if (another)
		begin(f, now, random, arg);
	return another;
}
