/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration of batond, as a value: read from a file, checked, edited
 * by the control socket, compared with the one that runs, and written out
 * again. Nothing here touches the system.
 */
#ifndef BATOND_CONFIG_H
#define BATOND_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "baton/abi.h"
#include "baton/maps.h"
#include "baton/ownership.h"
#include "baton/probe.h"
#include "detect.h"
#include "lib/addr.h"
#include "lib/config_errors.h"
#include "lib/xdp.h"

/* X(NAME, label): who notices that a host is dead */
#define CONFIG_DETECTS(X)                                                      \
	X(PROBE, "probe") /* batond's probes, which the agent answers */       \
	X(BFD, "bfd") /* a BFD session with it */                              \
	X(NONE, "none") /* nobody: it is as good as up */

enum config_detect {
#define X(name, label) CONFIG_DETECT_##name,
	CONFIG_DETECTS(X)
#undef X
};

/* X(NAME, label): authentication of BFD packets (RFC 5880 section 6.7.4) */
#define CONFIG_BFD_AUTHS(X)                                                    \
	X(NONE, "none")                                                        \
	X(SHA1, "sha1")                                                        \
	X(METICULOUS_SHA1, "meticulous-sha1")

enum config_bfd_auth {
	CONFIG_BFD_UNSET, /* as detection: says; there: none */
#define X(name, label) CONFIG_BFD_##name,
	CONFIG_BFD_AUTHS(X)
#undef X
};

/* Of a host, or of all that do not say: what is 0 or NULL is unset. */
struct config_bfd {
	uint32_t min_tx, min_rx; /* us; default 10 ms */
	uint8_t multiplier; /* default 3 */
	struct {
		enum config_bfd_auth type;
		uint8_t id;
		char *key_file;
	} auth; /* as a whole */
};

/* Idle times in seconds, by kind of connection and state; see timeouts: */
#define CONFIG_TIMEOUTS(X)                                                     \
	X(tcp_opening, 10)                                                     \
	X(tcp_established, 7200)                                               \
	X(tcp_closing, 60)                                                     \
	X(tcp_closed, 5)                                                       \
	X(udp_opening, 30)                                                     \
	X(udp_established, 180)                                                \
	X(ipsec, 3600)

struct config_port {
	char interface[16]; /* IFNAMSIZ */
	enum xdp_mode mode; /* AUTO: as config.mode says */
	int line; /* of the file, for messages; 0 when not from a file */
};

struct config_host {
	char name[BATON_NAME_LEN];
	struct addr address; /* where probes and tunnels go */
	enum baton_forward forward;
	char interface[16]; /* port toward it, "": by the routing table */
	uint8_t mac[6]; /* zero: resolved by the kernel */
	uint16_t vlan; /* 0: untagged */
	uint16_t gue_port; /* host byte order, default 6080 */
	uint32_t priority; /* higher is preferred, default 100 */
	uint32_t capacity; /* relative, default 100 */
	char profile[BATON_NAME_LEN]; /* "": the default of detection: */
	enum config_detect detect;
	struct config_bfd bfd; /* see config_bfd() */
	bool drain; /* takes no owner over; its owners get no new connections */
	bool maintenance; /* nothing moves from it or to it by itself */
	bool lease; /* it speaks for VIPs only while it answers probes */
	char *key; /* public, base64: link_public_parse(); NULL: none */
	int line;
};

struct config_owner {
	char name[BATON_NAME_LEN];
	char host[BATON_NAME_LEN]; /* home */
	enum baton_standby_policy policy;
	char standbys[BATON_MAX_STANDBYS][BATON_NAME_LEN]; /* "" ends; none:
							    * every host */
	bool drain; /* keeps its connections, gets no new ones */
	bool failback; /* by itself, when its home has been ready ... */
	uint32_t failback_after_ms; /* ... for so long */
	int line;
};

struct config_service_owner {
	char name[BATON_NAME_LEN];
	uint32_t weight; /* default 1, 0: none */
};

enum { CONFIG_IPSEC = 0xff }; /* protocol of a service: ESP and IKE */

struct config_service {
	char name[BATON_NAME_LEN];
	struct addr vip;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or CONFIG_IPSEC */
	uint16_t port; /* host byte order; 0: every port ("any") */
	bool client_hash; /* affinity: client */
	bool recorded; /* recorder: its packets are kept; TCP only */
	char back_of[BATON_NAME_LEN]; /* whose connections; "": its own */
	char application[BATON_APP_NAME_LEN]; /* what serves it; "": unknown */
	struct config_service_owner *owners;
	size_t nr_owners;
	int line;
};

struct config_profile {
	char name[BATON_NAME_LEN];
	struct detect_profile p;
	int line;
};

struct config {
	char *bpffs; /* default /sys/fs/bpf/baton */
	char *control; /* default /run/baton/batond.sock */
	char *state; /* directory, default /var/lib/baton */
	uint32_t flows4; /* default 4000000 */
	uint32_t flows6; /* default 1000000 */
	uint32_t ring_size; /* default 16381 */
	uint32_t record_packets; /* the recorder's room, default 8192 */
	char *standby_hook; /* path of a program; NULL: none */
	uint32_t standby_hook_after_ms;
	uint32_t captures; /* files of failovers that are kept, default 16 */
	enum xdp_mode mode; /* of ports that do not say */
	bool fence; /* default true */
	struct addr address4, address6; /* source of ICMP; family 0: unset */
	uint32_t icmp_per_second; /* default 1000 */
	char *probe_key_file; /* NULL: none */
	uint16_t probe_port; /* default BATON_PROBE_PORT */
	char *node_key_file; /* NULL: hosts are told nothing */
	uint16_t ownership_port; /* default BATON_OWNERSHIP_PORT */
	int line; /* of switch: */

	struct config_port *ports;
	size_t nr_ports;
	struct config_host *hosts;
	size_t nr_hosts;
	struct config_owner *owners;
	size_t nr_owners;
	struct config_service *services;
	size_t nr_services;
	struct config_profile *profiles; /* without those that are built in:
					  * default, fast and vm, which may be
					  * redefined; see config_profile() */
	size_t nr_profiles;

	char profile[BATON_NAME_LEN]; /* of hosts that do not say */
	struct config_bfd bfd; /* likewise */
	int detection_line;
	uint32_t startup_grace_ms; /* default 3000 */
	uint32_t min_move_interval_ms; /* between moves of one owner; 0 */
	int guards_line;
	bool maintenance; /* nothing moves by itself */
	bool dry_run;
	struct {
		uint32_t half_life_ms; /* 0: off */
		uint32_t penalty, suppress, reuse;
		uint32_t max_ms;
	} dampening;
	uint32_t max_down_percent; /* of hosts at once, default 60: when
				       * more die together, nothing moves */
	struct {
#define X(name, seconds) uint32_t name;
		CONFIG_TIMEOUTS(X)
#undef X
	} timeouts;
};

/* All return 0, or a negative errno with at least one message in errors. */
int config_read(struct config *c, const char *path, struct config_errors *e);
int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e);

/*
 * One object as text, in the syntax of the file: the mapping that would stand
 * in the list `kind` ("host", "owner", "service"). config_put adds it, or with
 * `replace` merges the fields that it gives into the object of that name.
 * config_drop removes by name; -ENOENT, or -EBUSY when others refer to it.
 * Both leave *c unchanged on error and check the result as a whole.
 */
int config_put(struct config *c, const char *kind, const char *text,
	       bool replace, struct config_errors *e);
int config_drop(struct config *c, const char *kind, const char *name,
		struct config_errors *e);

/* Write in the syntax of the file; what is read back is equal. */
int config_write(const struct config *c, FILE *f);

int config_copy(struct config *to, const struct config *from);
void config_free(struct config *c);

/* How many ports, hosts, owners and services one has and the other has not, or
 * has otherwise. */
uint32_t config_changes(const struct config *a, const struct config *b);

/* NULL when there is none */
struct config_host *config_host(const struct config *c, const char *name);
struct config_owner *config_owner(const struct config *c, const char *name);
struct config_service *config_service(const struct config *c, const char *name);
const struct detect_profile *config_profile(const struct config *c,
					    const struct config_host *h);

static inline enum baton_failback config_failback(const struct config_owner *o)
{
	return !o->failback	      ? BATON_FAILBACK_MANUAL
	       : o->failback_after_ms ? BATON_FAILBACK_AFTER
				      : BATON_FAILBACK_AUTO;
}

/* What holds for the host; key_file is that of *c. */
struct config_bfd config_bfd(const struct config *c,
			     const struct config_host *h);

#endif
