/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Give the new host of an owner the packets that the old one did not
 * acknowledge (row K3), out of what the data plane recorded.
 *
 * Each packet goes through the switch's own program once more, by
 * BPF_PROG_TEST_RUN, which finds its way and writes its headers as it does for
 * all others; a packet socket then sends what comes out.
 */
#ifndef BATOND_REPLAY_H
#define BATOND_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane.h"
#include "lib/recorder.h"
#include "replay_select.h"

struct batond;
struct note;

struct replay_result {
	struct replay_counts counts;
	uint64_t took; /* ns until the last packet was sent; 0: nothing is
			* recorded */
};

struct replay {
	struct recorder recorder;
	struct replay_work work;
	uint8_t *frames; /* of the picks: room for all there can be */
	int socket;
};

/* 0, or a negative errno: -ENOMEM, or why there is no packet socket. */
int replay_open(struct replay *r, const struct dataplane *d);
void replay_close(struct replay *r);

/*
 * Carry out, for all moves among the notes at once, and note what came of it.
 * Main thread, as soon as it learns of them: until then new packets overtake
 * those that are recorded.
 */
void replay(struct batond *b, struct note *notes, uint32_t n);

/*
 * The same for an owner that has moved, for a host that was not ready before:
 * all that is not acknowledged, also what was sent to the host. Main thread.
 */
void replay_again(struct batond *b, uint16_t owner, struct replay_result *to);

#endif
