/* SPDX-License-Identifier: GPL-2.0-only */
/* What ids in the flow table stand for, as read from the pinned maps. */
#ifndef BATON_NAMES_H
#define BATON_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "baton/maps.h"
#include "lib/pinned.h"

struct names {
	struct baton_service_info *services;
	struct baton_owner_info *owners;
	struct baton_host_info *hosts;
	union baton_owner *words; /* which host plays which owner */
	int nr_services, nr_owners, nr_hosts, nr_words;
};

/* 0, or a negative errno with a message. */
int names_load(struct names *n, const char *bpffs, char error[PINNED_ERROR]);
void names_free(struct names *n);

/* The id of a name, 0 if there is none. */
uint16_t names_find_service(const struct names *n, const char *name);
uint16_t names_find_owner(const struct names *n, const char *name);
uint16_t names_find_host(const struct names *n, const char *name);

/* The record of a service, NULL if there is none. */
const struct baton_service_info *names_service(const struct names *n,
					       uint16_t id);

/* The host that plays an owner, 0 if none does. */
uint16_t names_host_of(const struct names *n, uint16_t owner);

/* Text for an id: its name; "-" for 0; "#id" when it has no name. */
#define NAMES_TEXT 40
const char *names_owner_text(const struct names *n, uint16_t id,
			     char text[NAMES_TEXT]);
const char *names_host_text(const struct names *n, uint16_t id,
			    char text[NAMES_TEXT]);
const char *names_service_text(const struct names *n, uint16_t id,
			       char text[NAMES_TEXT]);

#endif
