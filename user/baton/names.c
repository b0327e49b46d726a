// SPDX-License-Identifier: GPL-2.0-only
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load(const char *bpffs, const char *map, size_t size, void *values,
		int *nr, char error[PINNED_ERROR])
{
	*nr = pinned_array(bpffs, map, size, values, error);
	return *nr < 0 ? *nr : 0;
}

int names_load(struct names *n, const char *bpffs, char error[PINNED_ERROR])
{
	void *services = NULL, *owners = NULL, *hosts = NULL, *words = NULL;
	int err;

	memset(n, 0, sizeof(*n));
	err = load(bpffs, "service_info", sizeof(*n->services), &services,
		   &n->nr_services, error);
	if (!err)
		err = load(bpffs, "owner_info", sizeof(*n->owners), &owners,
			   &n->nr_owners, error);
	if (!err)
		err = load(bpffs, "host_info", sizeof(*n->hosts), &hosts,
			   &n->nr_hosts, error);
	if (!err)
		err = load(bpffs, "owners", sizeof(*n->words), &words,
			   &n->nr_words, error);
	n->services = services;
	n->owners = owners;
	n->hosts = hosts;
	n->words = words;
	if (err)
		names_free(n);
	return err;
}

void names_free(struct names *n)
{
	free(n->services);
	free(n->owners);
	free(n->hosts);
	free(n->words);
	memset(n, 0, sizeof(*n));
}

/* X(kind, table): tables of records that begin with a name */
#define NAMED(X)                                                               \
	X(service, services)                                                   \
	X(owner, owners)                                                       \
	X(host, hosts)

/* Names in maps need not end in NUL; a name that is too long matches none. */
static bool same(const char name[BATON_NAME_LEN], const char *text)
{
	return name[0] && !strncmp(name, text, BATON_NAME_LEN);
}

static const char *text_of(const char *name, uint16_t id, char text[NAMES_TEXT])
{
	if (!id)
		snprintf(text, NAMES_TEXT, "-");
	else if (!name || !name[0])
		snprintf(text, NAMES_TEXT, "#%u", id);
	else
		snprintf(text, NAMES_TEXT, "%.*s", BATON_NAME_LEN, name);
	return text;
}

#define X(kind, table)                                                         \
	uint16_t names_find_##kind(const struct names *n, const char *name)    \
	{                                                                      \
		for (int id = 1; id < n->nr_##table; id++)                     \
			if (same(n->table[id].name, name))                     \
				return id;                                     \
		return 0;                                                      \
	}                                                                      \
	const char *names_##kind##_text(const struct names *n, uint16_t id,    \
					char text[NAMES_TEXT])                 \
	{                                                                      \
		return text_of(id < n->nr_##table ? n->table[id].name : NULL,  \
			       id, text);                                      \
	}
NAMED(X)
#undef X

const struct baton_service_info *names_service(const struct names *n,
					       uint16_t id)
{
	if (!id || id >= n->nr_services || !n->services[id].family)
		return NULL;
	return &n->services[id];
}

uint16_t names_host_of(const struct names *n, uint16_t owner)
{
	return owner < n->nr_words ? n->words[owner].host : 0;
}
