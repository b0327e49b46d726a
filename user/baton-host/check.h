/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When to check an application, and what to make of the results. No sockets
 * and no clock: times are arguments, in ns of one clock.
 */
#ifndef BATON_HOST_CHECK_H
#define BATON_HOST_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct check_rules {
	uint64_t interval; /* ns from the start of an attempt to the next */
	uint64_t timeout; /* ns that an attempt may take */
	uint32_t rise; /* good ones in a row that make it up again */
	uint32_t fall; /* bad ones in a row that make it down */
};

/* Before the first verdict it is neither up nor down: the first good attempt
 * makes it up, and as many bad ones as ever make it down. */
enum check_state { CHECK_UNKNOWN, CHECK_UP, CHECK_DOWN };

struct check {
	struct check_rules rules;
	enum check_state state;
	bool running; /* an attempt is */
	uint32_t against; /* results in a row that contradict the state */
	uint64_t started; /* the newest attempt */
};

enum check_step {
	CHECK_WAIT, /* until check_deadline() */
	CHECK_BEGIN, /* start an attempt */
	CHECK_EXPIRE, /* give the attempt up, its time is over */
};

/* The first attempt is due at once. `state` is what was known before. */
void check_init(struct check *c, const struct check_rules *rules,
		enum check_state state);

/* What is to be done now? The check takes it as done. */
enum check_step check_step(struct check *c, uint64_t now);

/* The moment to call check_step() again, which may have passed. */
uint64_t check_deadline(const struct check *c);

/* The attempt has ended, or has been given up, which is not good. Is the state
 * another one now? */
bool check_result(struct check *c, bool good);

/* It is known to have ended: down, without counting. Is that new? */
bool check_ended(struct check *c);

#endif
