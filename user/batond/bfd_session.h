/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BFD sessions with all hosts that are watched so (RFC 5881: one hop, one
 * session with a host). They have no sockets and no clocks, and lie in shared
 * memory: no pointers, by host id.
 */
#ifndef BATOND_BFD_SESSION_H
#define BATOND_BFD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/abi.h"
#include "bfd.h"
#include "lib/addr.h"

struct bfd_host {
	bool active;
	bool leaving; /* it is told so until `gone`, then forgotten */
	bool told_up; /* what bfd_round.session last told of the session */
	uint16_t next; /* host in the same bucket; 0: none */
	struct addr address;
	uint64_t gone;
	uint64_t unsent; /* packets that the kernel would not send */
	struct bfd session;
};

#define BFD_BUCKETS 1024 /* of addresses */

struct bfd_sessions {
	struct bfd_host host[BATON_MAX_HOSTS];
	uint16_t bucket[BFD_BUCKETS];
	uint16_t top; /* highest id that was ever active */
	uint16_t nr; /* that are active */
	uint64_t discarded[BFD_NR_DISCARDS]; /* that came from no host */
	uint16_t source_port[2]; /* IPv4, IPv6; they outlive the process */
	int error; /* of the sockets; 0: none */
};

/*
 * Have a session with a host: a new one, or the one that there is, with these
 * settings from now on. `random`: 64 bits nobody can guess. See bfd_init() for
 * `grace`.
 */
void bfd_sessions_set(struct bfd_sessions *s, uint16_t host,
		      const struct addr *address,
		      const struct bfd_settings *settings, uint64_t random,
		      uint64_t now, uint64_t grace);

/* End it, in a way that the host takes for meant. */
void bfd_sessions_clear(struct bfd_sessions *s, uint16_t host, uint64_t now);

/* What has arrived at BFD_PORT. */
struct bfd_datagram {
	const uint8_t *data;
	size_t len;
	struct addr from;
	int ttl; /* or hop limit; -1: unknown */
};

/* Who the datagram was from, and what that changes; 0 if it was discarded. */
uint16_t bfd_sessions_take(struct bfd_sessions *s, const struct bfd_datagram *d,
			   uint64_t now, enum bfd_change *change);

/* What a round needs, and whom it tells. */
struct bfd_round {
	/* 0, or a negative errno */
	int (*send)(void *arg, const struct addr *to, const void *data,
		    size_t len);
	uint32_t (*random)(void *arg);
	/* The verdict on a host has changed. */
	void (*change)(void *arg, uint16_t host, enum bfd_change change,
		       uint64_t now);
	/* Its session is up, or is not up any more. */
	void (*session)(void *arg, uint16_t host, uint64_t now);
	void *arg;
};

/* Judge all, and send what is due within `together` ns; when to come back. All
 * that had arrived at `now` must have been taken. */
uint64_t bfd_sessions_round(struct bfd_sessions *s, const struct bfd_round *r,
			    uint64_t now, uint64_t together);

#endif
