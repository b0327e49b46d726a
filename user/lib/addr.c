// SPDX-License-Identifier: GPL-2.0-only
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int addr_parse(struct addr *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, a->word) == 1)
		a->family = 4;
	else if (inet_pton(AF_INET6, text, a->word) == 1)
		a->family = 6;
	else
		return -EINVAL;
	return 0;
}

const char *addr_format(const struct addr *a, char text[ADDR_TEXT])
{
	int af = a->family == 4 ? AF_INET : AF_INET6;

	if (!a->family || !inet_ntop(af, a->word, text, ADDR_TEXT))
		text[0] = '\0';
	return text;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family &&
	       !memcmp(a->word, b->word, sizeof(a->word));
}

bool addr_is_unicast(const struct addr *a)
{
	const struct in6_addr *in6 = (const struct in6_addr *)a->word;
	uint32_t in = ntohl(a->word[0]);

	if (a->family == 4)
		return in >> 24 && in >> 24 != IN_LOOPBACKNET &&
		       !IN_MULTICAST(in) && !IN_BADCLASS(in);
	return a->family == 6 && !IN6_IS_ADDR_UNSPECIFIED(in6) &&
	       !IN6_IS_ADDR_LOOPBACK(in6) && !IN6_IS_ADDR_MULTICAST(in6) &&
	       !IN6_IS_ADDR_V4MAPPED(in6);
}

socklen_t addr_sockaddr(const struct addr *a, uint16_t port,
			struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, a->word, 4);
		return sizeof(*in);
	}
	if (a->family == 6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, a->word, 16);
		return sizeof(*in6);
	}
	return 0;
}

int mac_parse(uint8_t mac[6], const char *text)
{
	/* Six pairs of digits; sscanf alone would take blanks and signs. */
	if (strlen(text) != MAC_TEXT - 1 ||
	    strspn(text, "0123456789abcdefABCDEF:") != MAC_TEXT - 1 ||
	    sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		return -EINVAL;
	return 0;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_TEXT])
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !memcmp(mac, zero, sizeof(zero));
}
