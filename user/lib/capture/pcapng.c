// SPDX-License-Identifier: GPL-2.0-only
#include "pcapng.h"

#include <string.h>

/* Section 4, and for options section 3.5 */
enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6 };
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d, ETHERNET = 1 };
enum { OPT_END = 0, OPT_COMMENT = 1 };
enum { SHB_APPLICATION = 4, IF_NAME = 2, IF_RESOLUTION = 9, PACKET_FLAGS = 2 };
enum { INBOUND = 1, NANOSECONDS = 9 };

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void put(FILE *f, const void *data, size_t n)
{
	static const char zeros[4];

	fwrite(data, 1, n, f);
	fwrite(zeros, 1, padded(n) - n, f);
}

static void put32(FILE *f, uint32_t n)
{
	fwrite(&n, sizeof(n), 1, f);
}

static void put_option(FILE *f, uint16_t code, const void *value, uint16_t n)
{
	fwrite(&code, sizeof(code), 1, f);
	fwrite(&n, sizeof(n), 1, f);
	put(f, value, n);
}

static size_t option_size(size_t n)
{
	return 4 + padded(n);
}

/* Type and length at the start, the length again at the end. */
static uint32_t begin(FILE *f, uint32_t type, size_t body)
{
	uint32_t length = 12 + body;

	put32(f, type);
	put32(f, length);
	return length;
}

void pcapng_begin(FILE *f, const char *application)
{
	size_t n = strlen(application);
	uint32_t length;

	length = begin(f, SECTION, 16 + option_size(n) + option_size(0));
	put32(f, BYTE_ORDER_MAGIC);
	put32(f, 1); /* version 1.0: two halves, the minor one in the second */
	put32(f, UINT32_MAX); /* length of the section: not told */
	put32(f, UINT32_MAX);
	put_option(f, SHB_APPLICATION, application, n);
	put_option(f, OPT_END, NULL, 0);
	put32(f, length);
}

void pcapng_interface(FILE *f, const char *name, uint32_t longest)
{
	const uint8_t resolution = NANOSECONDS;
	size_t n = strlen(name);
	uint32_t length;

	length = begin(f, INTERFACE,
		       8 + option_size(n) + option_size(sizeof(resolution)) +
			       option_size(0));
	put32(f, ETHERNET);
	put32(f, longest);
	put_option(f, IF_NAME, name, n);
	put_option(f, IF_RESOLUTION, &resolution, sizeof(resolution));
	put_option(f, OPT_END, NULL, 0);
	put32(f, length);
}

void pcapng_packet(FILE *f, const struct pcapng_packet *p)
{
	const uint32_t flags = INBOUND;
	size_t n = strlen(p->comment);
	uint32_t length;

	length = begin(f, PACKET,
		       20 + padded(p->kept) + option_size(n) +
			       option_size(sizeof(flags)) + option_size(0));
	put32(f, p->interface);
	put32(f, p->time >> 32);
	put32(f, p->time);
	put32(f, p->kept);
	put32(f, p->length);
	put(f, p->data, p->kept);
	put_option(f, OPT_COMMENT, p->comment, n);
	put_option(f, PACKET_FLAGS, &flags, sizeof(flags));
	put_option(f, OPT_END, NULL, 0);
	put32(f, length);
}
