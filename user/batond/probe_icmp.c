// SPDX-License-Identifier: GPL-2.0-only
#include "probe_icmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

int probe_icmp_open(int family)
{
	const struct icmp_filter only = { ~(1U << ICMP_DEST_UNREACH) };
	struct icmp6_filter only6;
	int type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int s, err;

	ICMP6_FILTER_SETBLOCKALL(&only6);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &only6);
	s = family == 6 ? socket(AF_INET6, type, IPPROTO_ICMPV6)
			: socket(AF_INET, type, IPPROTO_ICMP);
	if (s < 0)
		return -errno;
	err = family == 6 ? setsockopt(s, IPPROTO_ICMPV6, ICMP6_FILTER, &only6,
				       sizeof(only6))
			  : setsockopt(s, SOL_RAW, ICMP_FILTER, &only,
				       sizeof(only));
	(void)err; /* it is filtered here as well */
	return s;
}

/* What is left of a packet, and how to get at it without reading beyond. */
struct rest {
	const uint8_t *at;
	size_t len;
};

static bool take(struct rest *r, void *header, size_t size, size_t advance)
{
	if (r->len < size || r->len < advance)
		return false;
	memcpy(header, r->at, size);
	r->at += advance;
	r->len -= advance;
	return true;
}

/* Takes the IPv4 header with its options. */
static bool take_ip4(struct rest *r, struct iphdr *ip)
{
	struct rest peek = *r;

	return take(&peek, ip, sizeof(*ip), 0) && ip->version == 4 &&
	       ip->ihl >= 5 && take(r, ip, sizeof(*ip), ip->ihl * 4);
}

static bool quotes4(struct rest r, struct rest *udp, struct addr *to)
{
	struct iphdr outer, quoted;
	struct icmphdr icmp;

	if (!take_ip4(&r, &outer) || outer.protocol != IPPROTO_ICMP ||
	    !take(&r, &icmp, sizeof(icmp), sizeof(icmp)) ||
	    icmp.type != ICMP_DEST_UNREACH || !take_ip4(&r, &quoted) ||
	    quoted.protocol != IPPROTO_UDP)
		return false;
	*to = (struct addr){ .family = 4 };
	to->word[0] = quoted.daddr;
	*udp = r;
	return true;
}

static bool quotes6(struct rest r, struct rest *udp, struct addr *to)
{
	struct icmp6_hdr icmp;
	struct ip6_hdr quoted;

	if (!take(&r, &icmp, sizeof(icmp), sizeof(icmp)) ||
	    icmp.icmp6_type != ICMP6_DST_UNREACH ||
	    !take(&r, &quoted, sizeof(quoted), sizeof(quoted)) ||
	    quoted.ip6_nxt != IPPROTO_UDP)
		return false;
	*to = (struct addr){ .family = 6 };
	memcpy(to->word, &quoted.ip6_dst, 16);
	*udp = r;
	return true;
}

bool probe_icmp_quotes(int family, const void *data, size_t len, uint16_t port,
		       struct addr *to)
{
	struct rest r = { data, len }, rest;
	struct udphdr udp;

	return (family == 6 ? quotes6(r, &rest, to) : quotes4(r, &rest, to)) &&
	       take(&rest, &udp, sizeof(udp), sizeof(udp)) &&
	       ntohs(udp.dest) == port;
}
