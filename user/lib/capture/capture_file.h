/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the recorder holds of some owners' connections, both ways, as a file in
 * the pcapng format (row K2): the last moments before a failure. The switch
 * may go on recording meanwhile.
 */
#ifndef LIB_CAPTURE_FILE_H
#define LIB_CAPTURE_FILE_H

#include "lib/recorder.h"

#define CAPTURE_NAME 80 /* room for a name or what stands for one */

/* How a file calls services and hosts, by their ids: both write into `text` and
 * return it. */
struct capture_names {
	const char *(*service)(void *arg, uint16_t id, char text[CAPTURE_NAME]);
	const char *(*host)(void *arg, uint16_t id, char text[CAPTURE_NAME]);
	void *arg;
};

struct capture_counts {
	uint64_t written;
	uint64_t lost; /* packets that were written over meanwhile */
};

/*
 * Write the packets of the owners for which `wanted` (by owner id,
 * BATON_MAX_OWNERS) is not 0 to a new file that only its owner can read; one of
 * the same name is replaced. 0 or a negative errno; then no file is left that
 * this call has made.
 */
int capture_write(const struct recorder *r, const uint16_t *wanted,
		  const char *path, const struct capture_names *names,
		  struct capture_counts *counts);

#endif
