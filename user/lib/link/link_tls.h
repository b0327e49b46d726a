/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS 1.3 (RFC 8446) between nodes that know each other's keys: bytes in, bytes
 * out, plain text in, plain text out; no sockets. Each end shows a certificate
 * made for the purpose, which says its name (CN) and its Ed25519 key; nobody
 * has signed it, and all that counts is that the other end knows this key under
 * this name, and that the handshake is signed with it. No tickets, resumption
 * or early data: each connection is proven anew.
 */
#ifndef LIB_LINK_TLS_H
#define LIB_LINK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baton/link.h"
#include "lib/link/link_key.h"

/* Bytes that wait. Those before `start` are gone. */
struct link_bytes {
	uint8_t *bytes;
	size_t start, end, size;
};

void link_bytes_free(struct link_bytes *b);
void link_bytes_skip(struct link_bytes *b, size_t n);
static inline size_t link_bytes_left(const struct link_bytes *b)
{
	return b->end - b->start;
}

#define LINK_TLS_RECORD 16384 /* plain text in a record, RFC 8446 5.1 */

/*
 * Sending keys are renewed after so many records: AES-GCM wears out after
 * 2^24.5 full ones (RFC 8446 5.5).
 */
#define LINK_TLS_KEY_RECORDS (1u << 22)

/* This node, as it shows itself. */
struct link_tls_node {
	struct ssl_ctx_st *ctx;
	/* Is this the key of the node of this name? */
	bool (*known)(void *arg, const char *name,
		      const struct link_public *key);
	void *arg;
};

/* 0, -ENOMEM or -EINVAL (name). The key may be freed afterwards. */
int link_tls_node_init(struct link_tls_node *n, const char *name,
		       const struct link_key *key);
void link_tls_node_free(struct link_tls_node *n);

/* One connection. Does not move while it is open. */
struct link_tls {
	struct link_tls_node *node;
	struct ssl_st *ssl;
	const char *expected; /* the peer's name; NULL: anyone known */
	char peer[BATON_LINK_NAME_LEN]; /* once proven */
	const uint8_t *in; /* what link_tls_feed() gave, and nobody took yet */
	size_t in_left;
	struct link_bytes out; /* for the other end */
	uint32_t records, key_records;
	char why[128]; /* of -EPROTO */
};

/* 0 or -ENOMEM. Whoever calls is the client. */
int link_tls_open(struct link_tls *t, struct link_tls_node *node, bool calls,
		  const char *expected);
void link_tls_free(struct link_tls *t); /* also one that is all zero */

/*
 * Bytes from the other end; they must remain until link_tls_handshake() or
 * link_tls_read() says 0.
 */
void link_tls_feed(struct link_tls *t, const void *bytes, size_t n);

/*
 * Go on with the handshake: 1 done, 0 more bytes are needed, -EPROTO refused by
 * either end, t->why says why. In t->out there may be something in any case.
 */
int link_tls_handshake(struct link_tls *t);

/*
 * Plain text: its length, 0 when more bytes are needed, -EPIPE after the
 * other's end of data, -EPROTO for a damaged record.
 */
ssize_t link_tls_read(struct link_tls *t, void *text, size_t size);

/* Encrypt into t->out: 0, -ENOMEM or -EPROTO. */
int link_tls_write(struct link_tls *t, const void *text, size_t n);

/* Say that there is no more. */
void link_tls_end(struct link_tls *t);

#endif
