/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The controller as a whole: what its parts share. The first members are also
 * those of the process that probes (prober_process.h); prober.lock guards them.
 */
#ifndef BATOND_BATOND_H
#define BATOND_BATOND_H

#include <stdalign.h>
#include <stddef.h>
#include <uv.h>

#include "apps.h"
#include "captures.h"
#include "cluster.h"
#include "config.h"
#include "dataplane.h"
#include "events.h"
#include "ids.h"
#include "lib/clock.h"
#include "lib/rtnl.h"
#include "news.h"
#include "ownership.h"
#include "prober.h"
#include "replay.h"
#include "speak.h"
#include "supervisor.h"

/* What happened in the prober's process and is still to be told. */
enum note_kind {
	NOTE_UP,
	NOTE_DOWN,
	NOTE_WORD,
	NOTE_BFD,
	NOTE_APP,
	NOTE_DAMPED,
	NOTE_MOVE,
	NOTE_HELD,
};

/* Of a BFD session, when something was noted. */
struct note_bfd {
	bool used; /* the host is watched by BFD */
	uint8_t state, diag, remote_state, remote_diag;
};

struct note {
	enum note_kind kind;
	uint16_t host;
	uint8_t word;
	struct note_bfd bfd;
	uint64_t at; /* ns, CLOCK_BOOTTIME */

	/* DOWN: what condemned it */
	enum detect_rule rule;
	struct detect_profile profile;
	uint64_t silent; /* ns since the last answer */
	uint64_t sequence; /* of the last probe sent */
	uint32_t unanswered; /* probes, of the last that were sent */
	uint64_t rtt; /* ns, the last that was measured */

	struct probe_app app; /* APP */
	uint32_t penalty; /* DAMPED */
	bool suppressed; /* likewise; else free again */

	/* MOVE and HELD */
	struct move move;
	uint64_t flip_ns; /* time that the store took (MOVE) */
	struct replay_result replayed; /* since the decision (MOVE) */
	uint32_t nr_others; /* more than OTHERS_KEPT: some are left out */
	struct other others[OTHERS_KEPT];
};

#define NOTES_MAX 16384

/* What resolving a host came to, for people. */
enum resolved { RESOLVED_NOT, RESOLVED_NO_ROUTE, RESOLVED_NO_PORT, RESOLVED };

struct host_path {
	enum resolved state;
	char interface[RTNL_NAME];
};

#define PORT_NOTES 5

struct port {
	char interface[RTNL_NAME];
	uint32_t ifindex;
	struct xdp_state xdp;
	char notes[PORT_NOTES][XDP_WHY]; /* what is amiss with it */
	size_t nr_notes;
	bool link_up;
};

/* What the last full sweep of the flow table counted. */
struct census {
	uint64_t slots[FLOWMAP_FAMILIES];
	uint64_t used[FLOWMAP_FAMILIES];
	uint64_t confirmed[FLOWMAP_FAMILIES];
	uint64_t by_state[FLOWMAP_FAMILIES][BATON_NR_FLOW_STATES];
	uint64_t by_owner[BATON_MAX_OWNERS];
	uint64_t ended; /* ns; 0: none has ended yet */
};

#define ABANDONED_MAX 1024

struct sweep {
	int family; /* where the sweep is */
	uint32_t bucket;
	uint16_t now; /* stamp */
	struct census census, next;
	uint64_t expired;
	/* slots with a key and no flow: freed when the next sweep finds them
	 * so again; the data plane is not that slow */
	struct {
		__u64 *words;
		__u64 key;
	} abandoned[2][ABANDONED_MAX];
	size_t nr_abandoned[2];
};

/* The largest page that there is: shared memory is mapped over the start. */
#define BATOND_ALIGN 65536

struct batond {
	/* shared with the prober's process: no pointers, no descriptors */
	alignas(BATOND_ALIGN) struct cluster cluster;
	struct ownership ownership;
	struct prober prober;
	struct news news;
	struct apps apps;
	bool drains[BATON_MAX_HOSTS]; /* the operator wants it */
	struct note notes[NOTES_MAX];
	uint32_t nr_notes, lost_notes;

	/* batond's own */
	alignas(BATOND_ALIGN) const char *path; /* of the configuration file */
	struct config config; /* that runs */
	char digest[65]; /* of the file that it is based on */
	struct dataplane dp;
	struct ids hosts, owners, services;
	uint64_t ring_members[BATON_MAX_SERVICES]; /* what rings hold: hash */
	struct host_path path_to[BATON_MAX_HOSTS];
	struct port ports[BATON_MAX_PORTS];
	size_t nr_ports;
	struct sweep sweep;
	struct events events;
	struct replay replay;
	struct captures captures;
	struct speak speak;
	uint64_t started;

	int shared_fd; /* memory that the shared members lie in */
	int notes_fd; /* eventfd: something is noted */
	struct supervisor supervisor;
	struct rtnl *rtnl, *monitor;
	uv_loop_t loop;
};

/* Bytes of the shared members. */
#define BATOND_SHARED offsetof(struct batond, path)

/* Name of a host or owner for messages; "?" when it has none any more. */
const char *host_name(const struct batond *b, uint16_t id);
const char *owner_name(const struct batond *b, uint16_t id);

#endif
