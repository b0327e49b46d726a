/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading what the data plane records (rows K2, K3; baton/recorder.h), while it
 * goes on recording.
 */
#ifndef LIB_RECORDER_H
#define LIB_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/recorder.h"
#include "lib/pinned.h"

/* The mapped maps. */
struct recorder {
	const struct baton_record_ring *ring; /* by CPU */
	const struct baton_record *record; /* `slots` for each CPU */
	const struct baton_record_frame *frame; /* likewise */
	uint32_t cpus;
	uint32_t slots;
};

/* A record that was read whole, and where it lies. */
struct recorded {
	struct baton_record record;
	uint32_t slot;
};

/*
 * The maps that are pinned in `dir`. 0, or a negative errno with a message.
 */
int recorder_open(struct recorder *r, const char *dir,
		  char error[PINNED_ERROR]);
void recorder_close(struct recorder *r);

/* Has it ever recorded anything? */
bool recorder_has_any(const struct recorder *r);

/*
 * Copy the records of the owners for which `wanted` (by owner id) is not 0, of
 * each CPU from the oldest to the newest. `to` has room for cpus * slots; how
 * many there are.
 */
size_t recorder_read(const struct recorder *r, const uint16_t *wanted,
		     struct recorded *to);

/* Copy the frame, baton_record_kept() bytes. -ESTALE: it is being written over. */
int recorder_frame(const struct recorder *r, const struct recorded *d,
		   void *to);

#endif
