// SPDX-License-Identifier: GPL-2.0-only
#include "segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#define TCP_HEADER 20
#define TTL 64

/* TCP's options: kinds, and their whole lengths (RFC 9293, 7323, 2018) */
enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMPS = 8,

	LEN_MSS = 4,
	LEN_SCALE = 3,
	LEN_SACK_PERMITTED = 2,
	LEN_SACK = 10, /* with one block */
	LEN_TIMESTAMPS = 10,
};

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint8_t *put16(uint8_t *at, uint16_t n)
{
	at[0] = n >> 8;
	at[1] = n;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t n)
{
	return put16(put16(at, n >> 16), n);
}

/* --- the IP header --------------------------------------------------------- */

/* What is known of a packet when its IP headers have been read. */
struct outer {
	uint8_t family;
	const uint8_t *source, *destination;
	const uint8_t *tcp;
	size_t len; /* of TCP's header and payload */
};

/* Of `whole` bytes the first `len` are there. */
static int read_ipv4(struct outer *o, const uint8_t *at, size_t len,
		     size_t whole)
{
	size_t header, total;

	if (len < sizeof(struct iphdr))
		return -EBADMSG;
	header = (at[0] & 0xf) * 4;
	total = get16(at + 2);
	if (header < sizeof(struct iphdr) || header > len || total < header ||
	    total > whole)
		return -EBADMSG;
	if (get16(at + 6) & (IP_MF | IP_OFFMASK) || at[9] != IPPROTO_TCP)
		return -EBADMSG;
	o->family = 4;
	o->source = at + 12;
	o->destination = at + 16;
	o->tcp = at + header;
	o->len = total - header;
	return 0;
}

/* Extension headers that end systems may meet in front of TCP; a packet with
 * another (ESP, a fragment's) is not what we can read. */
static bool is_extension(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_DSTOPTS;
}

static int read_ipv6(struct outer *o, const uint8_t *at, size_t len,
		     size_t whole)
{
	const uint8_t *here = at + len;
	size_t left;
	uint8_t next;

	if (len < sizeof(struct ip6_hdr))
		return -EBADMSG;
	left = get16(at + 4);
	if (left > whole - sizeof(struct ip6_hdr))
		return -EBADMSG;
	next = at[6];
	o->family = 6;
	o->source = at + 8;
	o->destination = at + 24;
	at += sizeof(struct ip6_hdr);
	while (is_extension(next)) {
		size_t n;

		if (left < 8 || here - at < 8)
			return -EBADMSG;
		n = (at[1] + 1) * 8;
		/* Segments left: the destination is not the last one, and
		 * TCP's checksum is about another. */
		if (n > left || n > (size_t)(here - at) ||
		    (next == IPPROTO_ROUTING && at[3]))
			return -EBADMSG;
		next = at[0];
		at += n;
		left -= n;
	}
	if (next != IPPROTO_TCP)
		return -EBADMSG;
	o->tcp = at;
	o->len = left;
	return 0;
}

/* All headers are there, if not all of the packet. */
static int read_head(struct outer *o, const uint8_t *at, size_t len,
		     size_t whole)
{
	int version = len ? at[0] >> 4 : 0;
	int err = version == 4	 ? read_ipv4(o, at, len, whole)
		  : version == 6 ? read_ipv6(o, at, len, whole)
				 : -EBADMSG;
	size_t header, here;

	if (err)
		return err;
	here = at + len - o->tcp;
	if (o->len < TCP_HEADER || here < TCP_HEADER)
		return -EBADMSG;
	header = (o->tcp[12] >> 4) * 4;
	return header < TCP_HEADER || header > o->len || header > here
		       ? -EBADMSG
		       : 0;
}

static int read_outer(struct outer *o, const uint8_t *at, size_t len)
{
	return read_head(o, at, len, len);
}

/* --- reading --------------------------------------------------------------- */

/* An option that is not as long as its kind must be counts as not there, as it
 * does for kernels. */
static void read_option(struct segment *s, const uint8_t *at, uint8_t len)
{
	bool syn = s->flags & SEGMENT_SYN;

	if (at[0] == OPTION_MSS && len == LEN_MSS && syn) {
		s->mss = get16(at + 2);
	} else if (at[0] == OPTION_SCALE && len == LEN_SCALE && syn) {
		s->scale = at[2] < SEGMENT_SCALE_MAX ? at[2]
						     : SEGMENT_SCALE_MAX;
	} else if (at[0] == OPTION_SACK_PERMITTED &&
		   len == LEN_SACK_PERMITTED && syn) {
		s->sack = true;
	} else if (at[0] == OPTION_TIMESTAMPS && len == LEN_TIMESTAMPS) {
		s->timestamps = true;
		s->ts_value = get32(at + 2);
		s->ts_echo = get32(at + 6);
	} else if (at[0] == OPTION_SACK && len >= LEN_SACK && len % 8 == 2) {
		s->sack_block = true;
		s->sack_start = get32(at + 2);
		s->sack_end = get32(at + 6);
	}
}

static void read_options(struct segment *s, const uint8_t *at, size_t left)
{
	while (left && *at != OPTION_END) {
		if (*at == OPTION_NOP) {
			at++, left--;
			continue;
		}
		if (left < 2 || at[1] < 2 || at[1] > left)
			return; /* what follows cannot be told apart */
		read_option(s, at, at[1]);
		left -= at[1];
		at += at[1];
	}
}

static void read_tuple(struct tuple *t, const struct outer *o, bool inbound)
{
	size_t n = o->family == 4 ? 4 : 16;
	const uint8_t *local = inbound ? o->destination : o->source;
	const uint8_t *remote = inbound ? o->source : o->destination;

	memcpy(t->local, local, n);
	memcpy(t->remote, remote, n);
	t->local_port = get16(o->tcp + (inbound ? 2 : 0));
	t->remote_port = get16(o->tcp + (inbound ? 0 : 2));
	t->family = o->family;
}

static void read_segment(struct segment *s, const struct outer *o, bool inbound)
{
	size_t header = (o->tcp[12] >> 4) * 4;

	*s = (struct segment){
		.seq = get32(o->tcp + 4),
		.ack = get32(o->tcp + 8),
		.flags = o->tcp[13],
		.window = get16(o->tcp + 14),
		.scale = SEGMENT_NO_SCALE,
		.payload = o->tcp + header,
		.length = o->len - header,
	};
	read_tuple(&s->tuple, o, inbound);
	read_options(s, o->tcp + TCP_HEADER, header - TCP_HEADER);
}

int segment_parse(struct segment *s, const void *packet, size_t len,
		  bool inbound)
{
	struct outer o;

	if (read_outer(&o, packet, len))
		return -EBADMSG;
	read_segment(s, &o, inbound);
	return 0;
}

int segment_parse_head(struct segment *s, const void *packet, size_t len,
		       size_t whole)
{
	struct outer o;

	if (len > whole || read_head(&o, packet, len, whole))
		return -EBADMSG;
	read_segment(s, &o, false);
	s->payload = NULL;
	return 0;
}

/* --- checksums (RFC 1071) -------------------------------------------------- */

static uint64_t sum(uint64_t n, const uint8_t *at, size_t len)
{
	for (; len >= 2; at += 2, len -= 2)
		n += get16(at);
	return len ? n + (at[0] << 8) : n;
}

static uint16_t fold(uint64_t n)
{
	while (n >> 16)
		n = (n & 0xffff) + (n >> 16);
	return ~n;
}

/* With the pseudo header (RFC 9293, section 3.1; RFC 8200, section 8.1). */
static uint16_t tcp_sum(const struct outer *o)
{
	size_t n = o->family == 4 ? 4 : 16;

	return fold(sum(sum(sum(IPPROTO_TCP + o->len, o->source, n),
			    o->destination, n),
			o->tcp, o->len));
}

bool segment_is_sound(const void *packet, size_t len)
{
	struct outer o;

	return !read_outer(&o, packet, len) && !tcp_sum(&o);
}

/* --- writing --------------------------------------------------------------- */

static uint8_t *write_options(const struct segment *s, uint8_t *at)
{
	bool syn = s->flags & SEGMENT_SYN;

	if (syn && s->mss) {
		*at++ = OPTION_MSS;
		*at++ = LEN_MSS;
		at = put16(at, s->mss);
	}
	if (syn && s->scale != SEGMENT_NO_SCALE) {
		*at++ = OPTION_NOP;
		*at++ = OPTION_SCALE;
		*at++ = LEN_SCALE;
		*at++ = s->scale;
	}
	if (syn && s->sack) {
		*at++ = OPTION_NOP;
		*at++ = OPTION_NOP;
		*at++ = OPTION_SACK_PERMITTED;
		*at++ = LEN_SACK_PERMITTED;
	}
	if (s->timestamps) {
		*at++ = OPTION_NOP;
		*at++ = OPTION_NOP;
		*at++ = OPTION_TIMESTAMPS;
		*at++ = LEN_TIMESTAMPS;
		at = put32(put32(at, s->ts_value), s->ts_echo);
	}
	if (s->sack_block) {
		*at++ = OPTION_NOP;
		*at++ = OPTION_NOP;
		*at++ = OPTION_SACK;
		*at++ = LEN_SACK;
		at = put32(put32(at, s->sack_start), s->sack_end);
	}
	return at;
}

/* The length; *o says where TCP's part is. */
static size_t write_ip(const struct segment *s, uint8_t *at, size_t tcp_len,
		       struct outer *o)
{
	size_t ip_len = s->tuple.family == 4 ? 20 : 40, n;

	memset(at, 0, ip_len);
	if (s->tuple.family == 4) {
		n = 4;
		at[0] = 4 << 4 | 5;
		put16(at + 2, ip_len + tcp_len);
		put16(at + 6, IP_DF); /* so no identifier is needed: RFC 6864 */
		at[8] = TTL;
		at[9] = IPPROTO_TCP;
		o->source = at + 12;
	} else {
		n = 16;
		at[0] = 6 << 4;
		put16(at + 4, tcp_len);
		at[6] = IPPROTO_TCP;
		at[7] = TTL;
		o->source = at + 8;
	}
	memcpy(at + (o->source - at), s->tuple.local, n);
	memcpy(at + (o->source - at) + n, s->tuple.remote, n);
	if (s->tuple.family == 4)
		put16(at + 10, fold(sum(0, at, ip_len)));
	o->family = s->tuple.family;
	o->destination = o->source + n;
	o->tcp = at + ip_len;
	o->len = tcp_len;
	return ip_len + tcp_len;
}

int segment_build(const struct segment *s, void *packet, size_t size)
{
	size_t ip_len = s->tuple.family == 4 ? 20 : 40;
	uint8_t header[60] = { 0 }, *at = packet;
	size_t header_len = write_options(s, header + TCP_HEADER) - header;
	size_t tcp_len = header_len + (size_t)s->length;
	struct outer o;

	/* IPv4 counts its own header, IPv6 does not. */
	if (tcp_len + (s->tuple.family == 4 ? ip_len : 0) > UINT16_MAX ||
	    ip_len + tcp_len > size)
		return -EMSGSIZE;
	put16(header, s->tuple.local_port);
	put16(header + 2, s->tuple.remote_port);
	put32(header + 4, s->seq);
	put32(header + 8, s->flags & SEGMENT_ACK ? s->ack : 0);
	header[12] = header_len / 4 << 4;
	header[13] = s->flags;
	put16(header + 14, s->window);
	memcpy(at + ip_len, header, header_len);
	if (s->length)
		memcpy(at + ip_len + header_len, s->payload, s->length);
	write_ip(s, at, tcp_len, &o);
	put16(at + ip_len + 16, tcp_sum(&o));
	return ip_len + tcp_len;
}

/* --- changing -------------------------------------------------------------- */

/* The checksum of IPv4's header; IPv6 has none. */
static void sum_ip(uint8_t *at, const struct outer *o)
{
	if (o->family != 4)
		return;
	put16(at + 10, 0);
	put16(at + 10, fold(sum(0, at, o->tcp - at)));
}

/* No-operations instead of a SACK option: the header stays as long as it is. */
static void blot_sack(uint8_t *at, size_t left)
{
	while (left && *at != OPTION_END) {
		uint8_t len = *at == OPTION_NOP ? 1 : left < 2 ? 0 : at[1];

		if (!len || len > left || (len == 1 && *at != OPTION_NOP))
			return;
		if (*at == OPTION_SACK)
			memset(at, OPTION_NOP, len);
		at += len;
		left -= len;
	}
}

void segment_set_ack(void *packet, size_t len, uint32_t ack, uint16_t window,
		     bool sack)
{
	uint8_t *at = packet, *tcp;
	struct outer o;

	if (read_outer(&o, packet, len))
		return;
	tcp = at + (o.tcp - at);
	put32(tcp + 8, ack);
	put16(tcp + 14, window);
	if (!sack)
		blot_sack(tcp + TCP_HEADER, (tcp[12] >> 4) * 4 - TCP_HEADER);
	put16(tcp + 16, 0);
	put16(tcp + 16, tcp_sum(&o));
	sum_ip(at, &o);
}

int segment_strip(void *to, size_t size, const void *packet, size_t len)
{
	const uint8_t *from = packet;
	uint8_t *at = to, *tcp;
	size_t ip, header;
	struct outer o;

	if (read_outer(&o, packet, len))
		return -EBADMSG;
	ip = o.tcp - from;
	header = (o.tcp[12] >> 4) * 4;
	if (ip + header > size)
		return -EMSGSIZE;
	memcpy(at, packet, ip + header);
	tcp = at + ip;
	put32(tcp + 4, get32(tcp + 4) + (o.len - header) +
			       !!(tcp[13] & (SEGMENT_SYN | SEGMENT_FIN)));
	tcp[13] &= SEGMENT_ACK | SEGMENT_ECE;
	put16(tcp + 18, 0); /* nothing is urgent */
	if (o.family == 4)
		put16(at + 2, ip + header);
	else
		put16(at + 4, ip - sizeof(struct ip6_hdr) + header);
	return ip + header;
}
