/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a server is told of its client before the client's first byte: the PROXY
 * protocol, versions 1 (a line of text) and 2 (binary), of HAProxy's
 * specification. Pure.
 */
#ifndef BATON_PROXY_PROXY_HEADER_H
#define BATON_PROXY_PROXY_HEADER_H

#include <stddef.h>

#include "segment.h"

/* X(NAME, label) */
#define PROXY_HEADERS(X)                                                       \
	X(OFF, "off")                                                          \
	X(V1, "v1")                                                            \
	X(V2, "v2")

enum proxy_header {
#define X(name, label) PROXY_HEADER_##name,
	PROXY_HEADERS(X)
#undef X
		NR_PROXY_HEADERS,
};

#define PROXY_HEADER_MAX 108 /* of version 1, its NUL included */

/* The header of a connection, by its client's side: the length, 0 for OFF. */
size_t proxy_header_make(enum proxy_header version, const struct tuple *client,
			 uint8_t header[PROXY_HEADER_MAX]);

#endif
