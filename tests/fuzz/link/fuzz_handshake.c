// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever comes to a listening node from someone who has no key: it proves
 * nothing, and what it makes the node keep or answer is bounded.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link/link_tls.h"

static bool nobody(void *arg, const char *name, const struct link_public *key)
{
	(void)arg, (void)name, (void)key;
	return true; /* even so: there is a signature to make */
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct link_tls_node node;
	struct link_tls tls;
	int n = 0;

	if (!node.ctx) {
		struct link_key *key;

		require(!link_key_make(&key));
		require(!link_tls_node_init(&node, "me", key));
		link_key_free(key);
		node.known = nobody;
	}
	require(!link_tls_open(&tls, &node, false, NULL));
	while (size && !n) {
		size_t cut = 1 + data[0] * 8;

		cut = cut < size ? cut : size;
		link_tls_feed(&tls, data, cut);
		n = link_tls_handshake(&tls);
		data += cut;
		size -= cut;
		require(n <= 0 && !*tls.peer);
		require(link_bytes_left(&tls.out) < 8192);
	}
	link_tls_free(&tls);
	return 0;
}
