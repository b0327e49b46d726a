/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing pcapng (draft-ietf-opsawg-pcapng) in this machine's byte order: one
 * section of Ethernet frames with times in ns. Errors of writing are those of
 * the stream.
 */
#ifndef LIB_CAPTURE_PCAPNG_H
#define LIB_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_packet {
	uint32_t interface; /* in the order in which they were written */
	uint64_t time; /* ns since 1970 */
	const void *data;
	uint32_t kept, length; /* bytes here, and on the wire */
	const char *comment;
};

void pcapng_begin(FILE *f, const char *application);
void pcapng_interface(FILE *f, const char *name, uint32_t longest);
/* One that was received. */
void pcapng_packet(FILE *f, const struct pcapng_packet *p);

#endif
