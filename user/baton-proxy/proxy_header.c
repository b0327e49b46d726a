// SPDX-License-Identifier: GPL-2.0-only
#include "proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Version 2, command PROXY; families with SOCK_STREAM */
#define V2_PROXY 0x21
#define V2_TCP4 0x11
#define V2_TCP6 0x21

static size_t make_v1(const struct tuple *client, char *header)
{
	int family = client->family == 4 ? AF_INET : AF_INET6;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	inet_ntop(family, client->remote, from, sizeof(from));
	inet_ntop(family, client->local, to, sizeof(to));
	return snprintf(header, PROXY_HEADER_MAX, "PROXY TCP%d %s %s %u %u\r\n",
			client->family, from, to, client->remote_port,
			client->local_port);
}

static size_t make_v2(const struct tuple *client, uint8_t *header)
{
	static const uint8_t signature[] = {
		0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
		0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
	};
	size_t address = client->family == 4 ? 4 : 16;
	__be16 ports[] = { htons(client->remote_port),
			   htons(client->local_port) };
	__be16 length = htons(2 * address + sizeof(ports));
	uint8_t *at = header;

	at = (uint8_t *)memcpy(at, signature, sizeof(signature)) +
	     sizeof(signature);
	*at++ = V2_PROXY;
	*at++ = client->family == 4 ? V2_TCP4 : V2_TCP6;
	at = (uint8_t *)memcpy(at, &length, sizeof(length)) + sizeof(length);
	at = (uint8_t *)memcpy(at, client->remote, address) + address;
	at = (uint8_t *)memcpy(at, client->local, address) + address;
	memcpy(at, ports, sizeof(ports));
	return at + sizeof(ports) - header;
}

size_t proxy_header_make(enum proxy_header version, const struct tuple *client,
			 uint8_t header[PROXY_HEADER_MAX])
{
	switch (version) {
	case PROXY_HEADER_V1:
		return make_v1(client, (char *)header);
	case PROXY_HEADER_V2:
		return make_v2(client, header);
	default:
		return 0;
	}
}
