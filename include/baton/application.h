/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What libbaton and baton-proxy say to each other on the proxy's unix socket
 * (SOCK_SEQPACKET): one record for each message. Applications need nothing of
 * this, they use baton/protect.h.
 *
 * Both ends are on one machine: numbers are in host byte order, addresses and
 * ports in network byte order.
 */
#ifndef BATON_APPLICATION_H
#define BATON_APPLICATION_H

#include <stdint.h>

#define BATON_APPLICATION_VERSION 1

/* X(NAME, number) */
#define BATON_APPLICATION_KINDS(X)                                             \
	X(HELLO, 1) /* both ways, first: version; the answer has `status` */   \
	X(CONNECTION, 2) /* to the application, with a descriptor */           \
	X(COMMITTED, 3) /* to the proxy: handle, input, output */              \
	X(END, 4) /* to the proxy: handle; the connection ends there */        \
	X(ABORT, 5) /* to the proxy: handle; it is to be reset */

enum baton_application_kind {
#define X(name, number) BATON_APPLICATION_##name = number,
	BATON_APPLICATION_KINDS(X)
#undef X
};

#define BATON_APPLICATION_RESUMED 1 /* it has been with an application before */

struct baton_application_message {
	uint8_t kind;
	uint8_t flags;
	uint8_t version; /* of HELLO */
	uint8_t family; /* 4 or 6 */
	uint32_t handle; /* of a connection, as long as both ends live */
	int32_t status; /* 0 or a negative errno */
	uint32_t epoch; /* of the owner */
	uint16_t client_port, vip_port;
	uint32_t zero;
	uint64_t id; /* of a connection, everywhere and for good */
	uint64_t input, output; /* positions in both streams */
	uint8_t client[16], vip[16]; /* IPv4 in the first four bytes */
};

#endif
