/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's XDP program: maps pinned, program attached. All of it outlives
 * the agent; the next one adopts what is as it should be and replaces the
 * rest. The only part of the agent that loads BPF objects.
 */
#ifndef BATON_HOST_DATAPATH_H
#define BATON_HOST_DATAPATH_H

#include <stdbool.h>

#include "config.h"
#include "lib/agent/pins.h"

#define DATAPATH_WHY 512

struct datapath {
	struct pins pins;
	const char *dir;
	uint8_t tag[8]; /* of the program that this agent would load */
	bool adopted; /* maps were there */
	int lock;
};

/* Maps, found or made. 0, or a negative errno with `why` filled. */
int datapath_open(struct datapath *d, const char *dir, char why[DATAPATH_WHY]);
void datapath_close(struct datapath *d);

/* Attach to one interface: 0; or 1 if it has this program already. `why` is
 * always filled, as by xdp_attach(). */
int datapath_attach(struct datapath *d, const char *ifname, enum xdp_mode mode,
		    struct xdp_state *state, char why[DATAPATH_WHY]);

/* Take our program off every interface that the configuration does not name;
 * without a configuration, off every interface. */
int datapath_detach(const struct pins *p, const struct config *keep,
		    char why[DATAPATH_WHY]);

/* The TC program, loaded: a descriptor, or a negative errno with `why`. */
int datapath_lease_program(struct datapath *d, char why[DATAPATH_WHY]);

#endif
