/* SPDX-License-Identifier: GPL-2.0-only */
/* The pinned maps of the host's program, opened (see baton/host.h). */
#ifndef LIB_AGENT_PINS_H
#define LIB_AGENT_PINS_H

#include <stddef.h>
#include <stdint.h>

#include "baton/host.h"
#include "lib/addr.h"

enum pin {
#define X(name, from, to) PIN_##name,
	BATON_HOST_MAPS(X)
#undef X
		NR_PINS,
};

extern const char *const pin_names[NR_PINS];

struct pins {
	int fd[NR_PINS];
	struct baton_host_settings *settings; /* mapped, so the next */
	struct baton_host_app *applications; /* BATON_PROBE_APPS */
	struct baton_host_lease *lease;
	/* in `heartbeats`; NULL: none was there when they were opened */
	struct baton_heartbeat_page *page[BATON_PROBE_APPS];
	uint32_t settings_id;
};

/* None is open. */
void pins_init(struct pins *p);

/* All of them, or none: -ENOENT when some are missing, -EPROTO when they
 * follow another version of baton/host.h. */
int pins_open(struct pins *p, const char *dir);
void pins_close(struct pins *p);

/* The last sign of life of the application at this place: CLOCK_BOOTTIME, ns;
 * 0: never. */
uint64_t pins_last_sign(const struct pins *p, uint32_t index);

/* What it says of itself: enum baton_app_state. */
uint32_t pins_said(const struct pins *p, uint32_t index);

/* Make a page and put it there: whoever has an earlier one writes in vain. Its
 * descriptor, the caller's to close, or a negative errno. */
int pins_new_page(struct pins *p, uint32_t index);

/* Remove those that are there. */
void pins_unpin(const char *dir);

void pins_key(const struct addr *a, struct baton_host_address *key);
void pins_addr(const struct baton_host_address *key, struct addr *a);

#endif
