// SPDX-License-Identifier: GPL-2.0-only
/* TCP segments as packets. tests/fuzz has what no test thinks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/segment.h"

static const struct segment all = {
	.tuple = {
		.local_port = 443,
		.remote_port = 50000,
	},
	.seq = 0xf1020304,
	.ack = 0xf5060708,
	.window = 0xf90a,
	.flags = SEGMENT_SYN | SEGMENT_ACK | SEGMENT_PSH | SEGMENT_ECE,
	.timestamps = true,
	.sack = true,
	.sack_block = true,
	.ts_value = 0xf1121314,
	.ts_echo = 0xf5161718,
	.mss = 1460,
	.scale = 9,
	.sack_start = 0xf1222324,
	.sack_end = 0xf5262728,
	.payload = (const uint8_t *)"hello, ",
	.length = 7,
};

static struct segment of_family(int family)
{
	struct segment s = all;

	s.tuple.family = family;
	if (family == 4) {
		inet_pton(AF_INET, "192.0.2.10", s.tuple.local);
		inet_pton(AF_INET, "198.51.100.2", s.tuple.remote);
	} else {
		inet_pton(AF_INET6, "2001:db8:200::10", s.tuple.local);
		inet_pton(AF_INET6, "2001:db8:100::2", s.tuple.remote);
	}
	return s;
}

static void assert_same(const struct segment *a, const struct segment *b)
{
	struct segment x = *a, y = *b;

	assert_int_equal(x.length, y.length);
	if (x.length)
		assert_memory_equal(x.payload, y.payload, x.length);
	x.payload = y.payload = NULL;
	assert_memory_equal(&x.tuple, &y.tuple, sizeof(x.tuple));
	assert_int_equal(x.seq, y.seq);
	assert_int_equal(x.ack, y.ack);
	assert_int_equal(x.window, y.window);
	assert_int_equal(x.flags, y.flags);
	assert_int_equal(x.timestamps, y.timestamps);
	assert_int_equal(x.ts_value, y.ts_value);
	assert_int_equal(x.ts_echo, y.ts_echo);
	assert_int_equal(x.sack, y.sack);
	assert_int_equal(x.mss, y.mss);
	assert_int_equal(x.scale, y.scale);
	assert_int_equal(x.sack_block, y.sack_block);
	assert_int_equal(x.sack_start, y.sack_start);
	assert_int_equal(x.sack_end, y.sack_end);
}

static void assert_back(const struct segment *s)
{
	uint8_t packet[2048];
	int len = segment_build(s, packet, sizeof(packet));
	struct segment read;

	assert_true(len > 0);
	assert_true(segment_is_sound(packet, len));
	assert_int_equal(segment_parse(&read, packet, len, false), 0);
	assert_same(&read, s);
}

static void test_what_is_built_is_read(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct segment s = of_family(family);

		assert_back(&s);
		s.sack_block = false;
		s.sack_start = s.sack_end = 0;
		assert_back(&s);
		s.length = 0;
		assert_back(&s);
		s.scale = SEGMENT_NO_SCALE;
		assert_back(&s);
		s.mss = 0;
		s.sack = false;
		s.flags = SEGMENT_ACK;
		assert_back(&s);
		s.timestamps = false;
		s.ts_value = s.ts_echo = 0;
		assert_back(&s);
		s.flags = SEGMENT_RST; /* ack is said only with ACK */
		s.ack = 0;
		assert_back(&s);
	}
}

static void test_options_of_a_syn_are_nobody_elses(void **state)
{
	struct segment s = of_family(4), read;
	uint8_t packet[256];
	int len;

	(void)state;
	s.flags = SEGMENT_ACK;
	len = segment_build(&s, packet, sizeof(packet));
	assert_int_equal(segment_parse(&read, packet, len, false), 0);
	s.mss = 0;
	s.sack = false;
	s.scale = SEGMENT_NO_SCALE;
	assert_same(&read, &s);
}

static void test_inbound_is_the_other_way_round(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct segment s = of_family(family), read;
		uint8_t packet[256];
		int len = segment_build(&s, packet, sizeof(packet));

		assert_int_equal(segment_parse(&read, packet, len, true), 0);
		assert_memory_equal(read.tuple.local, s.tuple.remote, 16);
		assert_memory_equal(read.tuple.remote, s.tuple.local, 16);
		assert_int_equal(read.tuple.local_port, 50000);
		assert_int_equal(read.tuple.remote_port, 443);
	}
}

/* IPv6 with hop-by-hop, routing and destination options; what scapy makes of
 * IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrHopByHop() /
 * IPv6ExtHdrRouting(type=4) / IPv6ExtHdrDestOpt() /
 * TCP(sport=1, dport=2, seq=3, ack=4, flags="A") / "x" */
static const uint8_t extended[] = {
	0x60, 0x00, 0x00, 0x00, 0x00, 0x2d, 0x00, 0x40, 0x20, 0x01, 0x0d,
	0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x2b, 0x00, 0x01, 0x04,
	0x00, 0x00, 0x00, 0x00, 0x3c, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x06, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x04, 0x50,
	0x10, 0x20, 0x00, 0xbc, 0x54, 0x00, 0x00, 0x78,
};

static void test_extension_headers(void **state)
{
	uint8_t packet[sizeof(extended)];
	struct segment s;

	(void)state;
	memcpy(packet, extended, sizeof(packet));
	assert_int_equal(segment_parse(&s, packet, sizeof(packet), true), 0);
	assert_int_equal(s.tuple.local_port, 2);
	assert_int_equal(s.seq, 3);
	assert_int_equal(s.ack, 4);
	assert_int_equal(s.length, 1);
	assert_int_equal(*s.payload, 'x');
	assert_true(segment_is_sound(packet, sizeof(packet)));

	packet[51] = 1; /* segments left: it goes on elsewhere */
	assert_int_equal(segment_parse(&s, packet, sizeof(packet), true),
			 -EBADMSG);
	packet[51] = 0;
	packet[40] = IPPROTO_FRAGMENT;
	assert_int_equal(segment_parse(&s, packet, sizeof(packet), true),
			 -EBADMSG);
}

static void test_ip_options(void **state)
{
	struct segment s = of_family(4), read;
	uint8_t packet[256], longer[256];
	int len = segment_build(&s, packet, sizeof(packet));

	(void)state;
	memcpy(longer, packet, 20);
	memset(longer + 20, 1, 8);
	memcpy(longer + 28, packet + 20, len - 20);
	longer[0] = 0x47;
	longer[3] += 8;
	assert_int_equal(segment_parse(&read, longer, len + 8, false), 0);
	assert_same(&read, &s);
	longer[0] = 0x44;
	assert_int_equal(segment_parse(&read, longer, len + 8, false),
			 -EBADMSG);
}

static void test_fragments_are_none_of_ours(void **state)
{
	struct segment s = of_family(4), read;
	uint8_t packet[256];
	int len = segment_build(&s, packet, sizeof(packet));

	(void)state;
	packet[6] = 0x20; /* more */
	assert_int_equal(segment_parse(&read, packet, len, false), -EBADMSG);
	packet[6] = 0;
	packet[7] = 1; /* a later one */
	assert_int_equal(segment_parse(&read, packet, len, false), -EBADMSG);
	packet[7] = 0;
	assert_int_equal(segment_parse(&read, packet, len, false), 0);
	packet[9] = IPPROTO_UDP;
	assert_int_equal(segment_parse(&read, packet, len, false), -EBADMSG);
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct segment s = of_family(family), read;
		uint8_t packet[256];
		int len = segment_build(&s, packet, sizeof(packet));

		for (int n = 0; n < len; n++) {
			uint8_t *cut = malloc(n ?: 1); /* of its very size */

			memcpy(cut, packet, n);
			assert_int_equal(segment_parse(&read, cut, n, true),
					 -EBADMSG);
			assert_false(segment_is_sound(cut, n));
			free(cut);
		}
		/* what the link appended is not part of it */
		assert_int_equal(segment_parse(&read, packet, len + 6, false),
				 0);
		assert_same(&read, &s);
	}
}

/* The headers are enough, and less is not. */
static void test_the_head_of_a_packet(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct segment s = of_family(family), read;
		uint8_t packet[256];
		int len = segment_build(&s, packet, sizeof(packet));
		int head = len - s.length;

		for (int n = 0; n <= len; n++) {
			uint8_t *cut = malloc(n ?: 1); /* of its very size */
			int err;

			memcpy(cut, packet, n);
			err = segment_parse_head(&read, cut, n, len);
			assert_int_equal(err, n < head ? -EBADMSG : 0);
			free(cut);
			if (err)
				continue;
			assert_null(read.payload);
			read.payload = s.payload;
			assert_same(&read, &s);
		}
		/* it cannot be shorter than it says, nor than what is there */
		assert_int_equal(segment_parse_head(&read, packet, head,
						    len - 1),
				 -EBADMSG);
		assert_int_equal(segment_parse_head(&read, packet, len, head),
				 -EBADMSG);
	}
}

static void test_every_flipped_bit_shows(void **state)
{
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct segment s = of_family(family);
		int tcp = family == 4 ? 20 : 40;
		uint8_t packet[256];
		int len = segment_build(&s, packet, sizeof(packet));

		for (int bit = tcp * 8; bit < len * 8; bit++) {
			packet[bit / 8] ^= 1 << bit % 8;
			assert_false(segment_is_sound(packet, len));
			packet[bit / 8] ^= 1 << bit % 8;
		}
		packet[tcp - 1] ^= 1; /* the destination */
		assert_false(segment_is_sound(packet, len));
	}
}

static void test_a_joined_packet(void **state)
{
	uint8_t *payload = malloc(65535), *packet = malloc(65600);
	struct segment s, read;
	int len;

	(void)state;
	for (int i = 0; i < 65535; i++)
		payload[i] = i * 7;
	for (int family = 4; family <= 6; family += 2) {
		s = of_family(family);
		s.payload = payload;
		s.length = 65535 - 60 - (family == 4 ? 20 : 0);
		s.sack_block = false;
		s.sack_start = s.sack_end = 0;
		len = segment_build(&s, packet, 65600);
		assert_true(len > 65000);
		assert_int_equal(segment_parse(&read, packet, len, false), 0);
		assert_same(&read, &s);
		assert_true(segment_is_sound(packet, len));
		s.length += 60;
		assert_int_equal(segment_build(&s, packet, 65600), -EMSGSIZE);
	}
	s.length = 100;
	assert_int_equal(segment_build(&s, packet, 100), -EMSGSIZE);
	free(payload);
	free(packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_built_is_read),
		cmocka_unit_test(test_options_of_a_syn_are_nobody_elses),
		cmocka_unit_test(test_inbound_is_the_other_way_round),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_ip_options),
		cmocka_unit_test(test_fragments_are_none_of_ours),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_the_head_of_a_packet),
		cmocka_unit_test(test_every_flipped_bit_shows),
		cmocka_unit_test(test_a_joined_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
