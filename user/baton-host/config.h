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

struct config_word {
	char *text;
};

/* What is silenced while an application has failed: see baton/host.h. */
struct config_silence {
	struct addr vip; /* unset: nothing */
	uint8_t protocol; /* IPPROTO_..., 0: any */
	uint16_t port; /* host byte order, 0: any */
};

struct config_application {
	char name[BATON_APP_NAME_LEN];
	enum app_check check;
	struct addr address; /* TCP, HTTP */
	uint16_t port; /* likewise, host byte order */
	char *path; /* HTTP: "/..." */
	uint16_t status; /* HTTP: what is expected; 0: 200 to 399 */
	struct config_word *command; /* COMMAND: the first one is a path */
	size_t nr_command;
	char *pidfile; /* beside any check; PROCESS needs it */
	char *user; /* HEARTBEAT: who may write the page; NULL: root */
	uint32_t limit_ms; /* without a sign of life */
	uint32_t interval_ms; /* between checks */
	uint32_t timeout_ms; /* of a check */
	uint32_t rise, fall; /* checks in a row: see check.h */
	struct config_silence silence;
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
	struct config_address *servers; /* to which it speaks as its clients */
	size_t nr_servers;
	bool manage_vips;
	bool lease; /* obey leases that the switch gives */
	struct config_interface *lease_interfaces; /* beside `interfaces` */
	size_t nr_lease_interfaces;
	bool leave_on_exit; /* ended by SIGTERM, it says that it leaves */
	char *heartbeats; /* socket where applications get their page */
	char *node_key; /* path, NULL: it does not speak of who owns what */
	char *switch_key; /* the switch's public key, base64 */
	uint16_t ownership_port; /* host byte order; the same at the switch */
	char *control; /* socket on which it is asked; if it has a node key */
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

/* Is there something that the TC program is for? */
bool config_needs_egress(const struct config *c);

/* Is the interface in the list? */
bool config_names(const struct config_interface *list, size_t n,
		  const char *name);

/* Does going from one to the other take a new start of the agent? Then the
 * key of a field that says so, else NULL. */
const char *config_needs_restart(const struct config *from,
				 const struct config *to);

#endif
