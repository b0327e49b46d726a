/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The process that probes for batond and moves owners when a host dies. It is
 * a process of its own so that detection goes on while batond is stopped,
 * upgraded or dead; it is no timer in the kernel, because nothing there could
 * send the probes.
 *
 * It shares with batond what struct batond holds in front of its own members,
 * and the maps. It answers, at an abstract socket whose name is that of the
 * pinned maps, with what another batond needs to take it over: the shared
 * memory, and the descriptor that says that something is noted.
 */
#ifndef BATOND_PROBER_PROCESS_H
#define BATOND_PROBER_PROCESS_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "batond.h"

/* The answer; with it come the descriptors, in this order. */
struct prober_handover {
	uint64_t shared; /* bytes of the shared memory */
	uint64_t layout; /* sizes of what lies in it */
	char version[64]; /* of batond */
};

enum { HANDOVER_MEMORY, HANDOVER_NOTES, NR_HANDOVER };

/* What this batond would answer. */
struct prober_handover prober_handover(void);

/* Where the prober of the maps in `bpffs` answers. 0 or a negative errno. */
int prober_address(const char *bpffs, struct sockaddr_un *at, socklen_t *len);

/*
 * Make the process. b->shared_fd, b->notes_fd and the data plane are open.
 * `listener` is bound to its address; it is closed here. The pid, or a
 * negative errno.
 */
pid_t prober_process_start(struct batond *b, int listener);

/* Give up what neither batond nor a prober that it makes later needs. */
int prober_process_privileges(void);

#endif
