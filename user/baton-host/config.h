/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration of baton-host, as a value; nothing here touches the
 * system. */
#ifndef BATON_HOST_CONFIG_H
#define BATON_HOST_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/config_errors.h"
#include "lib/xdp.h"

struct config_interface {
	char name[IFNAMSIZ];
	int line;
};

struct config_address {
	struct addr addr;
	int line;
};

struct config {
	char interface[IFNAMSIZ]; /* "": see interfaces */
	struct config_interface *interfaces; /* after reading: all of them */
	size_t nr_interfaces;
	enum xdp_mode mode;
	char *bpffs;
	char *probe_key; /* path, NULL: no probes are answered */
	uint16_t probe_port; /* host byte order, so the next */
	uint16_t gue_port; /* 0: no GUE */
	struct config_address *switches;
	size_t nr_switches;
	struct config_address *vips;
	size_t nr_vips;
	bool manage_vips;
	int line;
};

/* 0, or a negative errno with at least one message. Free in both cases. */
int config_read(struct config *c, const char *path, struct config_errors *e);
int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e);
void config_free(struct config *c);

/* Does going from one to the other take a new start of the agent? Then the
 * key of a field that says so, else NULL. */
const char *config_needs_restart(const struct config *from,
				 const struct config *to);

#endif
