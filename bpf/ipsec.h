/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IPsec gateways (row I4): ESP, IKE, and both inside UDP port 4500. A packet
 * goes where its SPI was announced to belong, else where the SPI went before,
 * else where its client's packets go: an ESP SA so finds the host that
 * negotiated it. SPIs from unknown senders can only displace each other
 * (`spis_learned` is an LRU), never an announced one.
 */
#ifndef IPSEC_H
#define IPSEC_H

#include "maps.h"
#include "parse.h"

#define PORT_IKE 500
#define PORT_IKE_NAT 4500 /* RFC 3948: IKE behind 4 zero bytes, or ESP */

enum spi_kind { SPI_NONE, SPI_ESP, SPI_IKE };

/*
 * The SPI of a packet to or from the gateway's `port`. An SPI of ESP was
 * chosen by the receiver, IKE's initiator SPI is the same both ways.
 */
static __noinline int packet_spi(struct xdp_md *ctx, const struct packet *p,
				 __be16 port, struct baton_spi_key *key)
{
	__u32 at = p->l4 + sizeof(struct udphdr);
	__u32 end = p->l3 + p->length;
	__be32 marker;

	key->spi[1] = 0;
	if (p->kind == PACKET_ESP) {
		key->spi[0] = p->spi;
		return SPI_ESP;
	}
	if (port == bpf_htons(PORT_IKE_NAT)) {
		if (at + sizeof(marker) > end ||
		    bpf_xdp_load_bytes(ctx, at, &marker, sizeof(marker)))
			return SPI_NONE;
		if (marker) {
			key->spi[0] = marker;
			return SPI_ESP;
		}
		at += sizeof(marker);
	}
	/* The initiator's SPI stands first: RFC 7296 section 3.1. */
	if (at + sizeof(key->spi) > end ||
	    bpf_xdp_load_bytes(ctx, at, key->spi, sizeof(key->spi)))
		return SPI_NONE;
	return SPI_IKE;
}

static __always_inline __u16 spi_owner(const struct baton_spi_key *key)
{
	struct baton_spi *s = bpf_map_lookup_elem(&spis, key);

	if (!s)
		s = bpf_map_lookup_elem(&spis_learned, key);
	return s ? s->owner : 0;
}

static __always_inline void learn_spi(const struct baton_spi_key *key,
				      __u16 owner)
{
	struct baton_spi s = { .owner = owner };

	bpf_map_update_elem(&spis_learned, key, &s, BPF_ANY);
}

#endif
