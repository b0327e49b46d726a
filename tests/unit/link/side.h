/* SPDX-License-Identifier: GPL-2.0-only */
/* A session on its own, and what it has sent. */
#ifndef TEST_LINK_SIDE_H
#define TEST_LINK_SIDE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link/link_session.h"

#define MS 1000000ULL
#define START (1000 * MS)

#define PING (250 * MS)
#define SILENT (2000 * MS)
#define HELLO (5000 * MS)
#define LATE (1000 * MS)

/* A session, and what it has sent. */
struct side {
	struct link_session session;
	struct link_owners owners;
	struct link_frame last;
	uint8_t payload[128];
	unsigned int sent;
};

static inline void keep(void *arg, const struct link_frame *f)
{
	struct side *s = arg;

	assert_true(link_length_fits(f->type, f->length));
	s->last = *f;
	memcpy(s->payload, f->payload ? f->payload : (const uint8_t *)"",
	       f->length);
	s->last.payload = s->payload;
	s->sent++;
}

static inline void side_init(struct side *s, uint8_t role)
{
	memset(s, 0, sizeof(*s));
	link_owners_set(&s->owners, 7, role, 5);
	s->session.times = (struct link_times){ PING, SILENT, HELLO, LATE };
	s->session.owners = &s->owners;
	s->session.send = keep;
	s->session.arg = s;
	link_session_start(&s->session, "me", "peer", START);
	assert_int_equal(s->last.type, BATON_LINK_HELLO);
	assert_string_equal((const char *)s->payload, "me");
}

static inline void side_free(struct side *s)
{
	link_owners_free(&s->owners);
}

static inline struct link_event receive(struct side *s,
					const struct link_frame *f)
{
	return link_session_receive(&s->session, f, START);
}

static inline struct link_event greet(struct side *s, const char *name)
{
	struct baton_link_hello hello = { 0 };

	memcpy(hello.node, name, strlen(name));
	return receive(s, &(struct link_frame){ .type = BATON_LINK_HELLO,
						.length = sizeof(hello),
						.payload = (uint8_t *)&hello });
}

static inline void side_up(struct side *s, uint8_t role)
{
	side_init(s, role);
	assert_int_equal(greet(s, "peer").kind, LINK_UP);
	assert_int_equal(s->session.state, LINK_STATE_UP);
}

static inline struct link_frame data(uint8_t type, uint64_t sequence)
{
	return (struct link_frame){ .type = type,
				    .owner = 7,
				    .epoch = 5,
				    .role = BATON_LINK_ROLE_OWNER,
				    .sequence = sequence };
}

static inline int64_t send(struct side *s, uint8_t type)
{
	struct link_frame f = data(type, 0);

	return link_session_number(&s->session, &f, START);
}

static inline void broken(struct link_event e, enum baton_link_reason reason)
{
	assert_int_equal(e.kind, LINK_BROKEN);
	assert_int_equal(e.reason, reason);
}

#endif
