/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration of baton-host, as a value; nothing here touches the
 * system. */
#ifndef BATON_HOST_CONFIG_H
#define BATON_HOST_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/probe.h"
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

/* X(NAME, label): how it is told that an application lives */
#define APP_CHECKS(X)                                                          \
	X(HEARTBEAT, "heartbeat") /* it writes its page (libbaton) */          \
	X(TCP, "tcp") /* it takes a connection */                              \
	X(HTTP, "http") /* it answers a request */                             \
	X(COMMAND, "command") /* a command ends with status 0 */               \
	X(PROCESS, "process") /* its process is there */

enum app_check {
#define X(name, label) APP_##name,
	APP_CHECKS(X)
#undef X
		NR_APP_CHECKS,
};

struct config_application {
	char name[BATON_APP_NAME_LEN];
	enum app_check check;
	struct addr address; /* TCP, HTTP */
	uint16_t port; /* likewise, host byte order */
	char *path; /* HTTP: "/..." */
	char *command; /* COMMAND: of /bin/sh */
	char *pidfile; /* beside any check; PROCESS needs it */
	char *user; /* HEARTBEAT: who may write the page; NULL: root */
	uint32_t limit_ms; /* without a sign of life */
	uint32_t interval_ms; /* between checks */
	uint32_t timeout_ms; /* of a check */
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
	bool lease; /* obey leases that the switch gives */
	struct config_interface *lease_interfaces; /* beside `interfaces` */
	size_t nr_lease_interfaces;
	char *heartbeats; /* socket where applications get their page */
	struct config_application *applications;
	size_t nr_applications;
	int line;
};

/* 0, or a negative errno with at least one message. Free in both cases. */
int config_read(struct config *c, const char *path, struct config_errors *e);
int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e);
void config_free(struct config *c);

/* For what points into the list of the one: it goes on with the other, whose
 * list is equal. */
void config_swap_applications(struct config *a, struct config *b);

/* Does going from one to the other take a new start of the agent? Then the
 * key of a field that says so, else NULL. */
const char *config_needs_restart(const struct config *from,
				 const struct config *to);

#endif
