/* SPDX-License-Identifier: GPL-2.0-only */
/* A connection's packets on their way out, for the tests of the clamp. */
#ifndef CLAMPED_H
#define CLAMPED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "baton-proxy/clamp.h"

#define SCALE 3
#define UNA 0xfffffff0u /* of ours; wraps soon */
#define FIRST 0xffffff00u /* of the client's; wraps as well */

struct out {
	uint8_t packet[2048];
	int len;
	struct segment s; /* as the kernel meant it */
	struct segment left; /* as it leaves, unless it is dropped */
};

static struct clamp c;
static struct clamp_limit limit;

static inline int begin(void **state)
{
	(void)state;
	c = (struct clamp){ 0 };
	limit = (struct clamp_limit){ FIRST, UNA, SCALE };
	return 0;
}

static inline struct segment pure(uint32_t ack, uint32_t window)
{
	struct segment s = {
		.tuple = { .family = 4, .local_port = 80, .remote_port = 9 },
		.seq = UNA,
		.ack = ack,
		.window = window >> SCALE,
		.flags = SEGMENT_ACK,
		.scale = SEGMENT_NO_SCALE,
		.timestamps = true,
		.ts_value = 7,
		.ts_echo = 8,
	};

	inet_pton(AF_INET, "192.0.2.10", s.tuple.local);
	inet_pton(AF_INET, "198.51.100.2", s.tuple.remote);
	return s;
}

static inline enum clamp_verdict leave(struct out *o, const struct segment *s)
{
	enum clamp_verdict v;

	o->len = segment_build(s, o->packet, sizeof(o->packet));
	assert_true(o->len > 0);
	assert_int_equal(segment_parse(&o->s, o->packet, o->len, false), 0);
	v = clamp_out(&c, &limit, &o->s, o->packet, o->len);
	assert_true(segment_is_sound(o->packet, o->len));
	assert_int_equal(segment_parse(&o->left, o->packet, o->len, false), 0);
	return v;
}

static inline uint32_t edge(const struct segment *s)
{
	return s->ack + ((uint32_t)s->window << SCALE);
}

static inline struct segment from_client(uint32_t seq)
{
	return (struct segment){ .seq = seq,
				 .length = 500,
				 .flags = SEGMENT_ACK };
}

#endif
