// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever a peer sends as a message, or as a connection's snapshot, changes
 * the replica or is refused. The first byte is the kind; a length of two bytes
 * is in front of each message.
 */
#include <stdlib.h>

#include "baton-proxy/audit.h"
#include "baton-proxy/message.h"

static void take(struct replica *r, uint8_t kind, const uint8_t *body,
		 size_t len)
{
	uint8_t answer[AUDIT_ANSWER];
	struct tuple lacking;
	struct conn *c;

	if (kind % NR_MESSAGES == MESSAGE_PROVE)
		audit_answer(r, 0, body, len, answer);
	if (kind % NR_MESSAGES != MESSAGE_CONN) {
		message_take(r, 0, kind % NR_MESSAGES, body, len, 1, &lacking);
		return;
	}
	c = message_take_conn(r, 0, body, len, 0);
	if (c && !conn_is_sound(c))
		abort();
}

/* Whatever has happened to them, these are connections. */
static void check(const struct replica *r)
{
	for (const struct conn *c = r->conns[0]; c; c = c->next) {
		uint8_t *bytes;
		ssize_t len = message_put_conn(c, &bytes);

		if (len < 0 || !conn_is_sound(c))
			abort();
		free(bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct replica r;

	if (replica_init(&r, 1))
		abort();
	while (len > 3) {
		size_t n = data[1] << 8 | data[2];

		if (n > len - 3)
			n = len - 3;
		take(&r, data[0], data + 3, n);
		data += 3 + n;
		len -= 3 + n;
		check(&r);
	}
	replica_free(&r);
	return 0;
}
