// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

void check_init(struct check *c, const struct check_rules *rules,
		enum check_state state)
{
	*c = (struct check){ .rules = *rules, .state = state };
}

uint64_t check_deadline(const struct check *c)
{
	if (!c->started)
		return 0;
	return c->started + (c->running ? c->rules.timeout : c->rules.interval);
}

enum check_step check_step(struct check *c, uint64_t now)
{
	if (now < check_deadline(c))
		return CHECK_WAIT;
	if (c->running)
		return CHECK_EXPIRE;
	c->running = true;
	c->started = now;
	return CHECK_BEGIN;
}

static bool become(struct check *c, enum check_state state)
{
	bool changed = c->state != state;

	c->state = state;
	c->against = 0;
	return changed;
}

bool check_result(struct check *c, bool good)
{
	uint32_t enough = good ? c->rules.rise : c->rules.fall;

	c->running = false;
	if (c->state == (good ? CHECK_UP : CHECK_DOWN) ||
	    (good && c->state == CHECK_UNKNOWN))
		return become(c, good ? CHECK_UP : CHECK_DOWN);
	if (++c->against < enough)
		return false;
	return become(c, good ? CHECK_UP : CHECK_DOWN);
}

bool check_ended(struct check *c)
{
	return become(c, CHECK_DOWN);
}
