/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host that comes and goes takes nothing over until it has been quiet for a
 * while: the scheme of RFC 2439, section 4. Each time that it goes down its
 * penalty grows by `step`; the penalty halves in each `half_life`.
 * Above `suppress` the host is suppressed, until it is below `reuse` again, or
 * for `longest` at most.
 *
 * Pure; times are nanoseconds.
 */
#ifndef BATOND_DAMPENING_H
#define BATOND_DAMPENING_H

#include <stdbool.h>
#include <stdint.h>

struct dampening_rule {
	uint64_t half_life; /* 0: no dampening */
	uint32_t step; /* penalty of one time */
	uint32_t suppress, reuse; /* penalties, reuse < suppress */
	uint64_t longest;
};

struct dampening {
	uint32_t penalty; /* at `since` */
	uint64_t since;
	uint64_t suppressed; /* since when; 0: it is not */
};

/* What is left of the penalty. */
uint32_t dampening_penalty(const struct dampening *d,
			   const struct dampening_rule *rule, uint64_t now);

/* It went down. Is it suppressed from now on, and was not before? */
bool dampening_down(struct dampening *d, const struct dampening_rule *rule,
		    uint64_t now);

/* Time goes by. Is it free from now on, and was not before? */
bool dampening_tick(struct dampening *d, const struct dampening_rule *rule,
		    uint64_t now);

/* When it will be free if it stays quiet; 0: it is not suppressed. */
uint64_t dampening_until(const struct dampening *d,
			 const struct dampening_rule *rule);

#endif
