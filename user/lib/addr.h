/* SPDX-License-Identifier: GPL-2.0-only */
/* IP and link-layer addresses as values and as text. */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_TEXT 46 /* INET6_ADDRSTRLEN */
#define MAC_TEXT 18

/* family: 0 (unset), 4 or 6. IPv4 uses the first word, the others are zero. */
struct addr {
	__be32 word[4];
	uint8_t family;
};

int addr_parse(struct addr *a, const char *text); /* 0 or -EINVAL */
const char *addr_format(const struct addr *a, char text[ADDR_TEXT]);
bool addr_equal(const struct addr *a, const struct addr *b);

/* May it be the address of one machine, as others see it? */
bool addr_is_unicast(const struct addr *a);

/* Fill *ss, which is zeroed first; the length, 0 for an unset address. */
socklen_t addr_sockaddr(const struct addr *a, uint16_t port,
			struct sockaddr_storage *ss);

int mac_parse(uint8_t mac[6], const char *text); /* 0 or -EINVAL */
const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT]);
bool mac_is_zero(const uint8_t mac[6]);

#endif
