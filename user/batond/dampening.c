// SPDX-License-Identifier: GPL-2.0-only
#include "dampening.h"

static uint64_t age(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* Halved for each whole half-life, and evenly within one: near enough to the
 * exponential, from which it differs by at most 6 %. */
uint32_t dampening_penalty(const struct dampening *d,
			   const struct dampening_rule *rule, uint64_t now)
{
	uint64_t past = age(now, d->since), whole, rest;
	uint32_t penalty;

	if (!rule->half_life)
		return 0;
	whole = past / rule->half_life;
	rest = past % rule->half_life;
	if (whole >= 32)
		return 0;
	penalty = d->penalty >> whole;
	return penalty -
	       (uint32_t)((double)penalty / 2 * rest / rule->half_life);
}

bool dampening_down(struct dampening *d, const struct dampening_rule *rule,
		    uint64_t now)
{
	if (!rule->half_life)
		return false;
	d->penalty = dampening_penalty(d, rule, now) + rule->step;
	d->since = now;
	if (d->suppressed || d->penalty < rule->suppress)
		return false;
	d->suppressed = now ? now : 1;
	return true;
}

bool dampening_tick(struct dampening *d, const struct dampening_rule *rule,
		    uint64_t now)
{
	if (!d->suppressed)
		return false;
	if (rule->half_life && age(now, d->suppressed) < rule->longest &&
	    dampening_penalty(d, rule, now) > rule->reuse)
		return false;
	d->suppressed = 0;
	return true;
}

uint64_t dampening_until(const struct dampening *d,
			 const struct dampening_rule *rule)
{
	uint64_t end = d->suppressed + rule->longest, at = d->since;
	uint32_t penalty = d->penalty;

	if (!d->suppressed)
		return 0;
	while (penalty / 2 >= rule->reuse && penalty && at < end) {
		penalty /= 2;
		at += rule->half_life;
	}
	if (penalty > rule->reuse)
		at += (double)(penalty - rule->reuse) * 2 / penalty *
		      rule->half_life;
	return at < end ? at : end;
}
