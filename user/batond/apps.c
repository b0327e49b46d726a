// SPDX-License-Identifier: GPL-2.0-only
#include "apps.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "probe_wire.h"

static bool is_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nr_services; i++)
		if (!strcmp(c->services[i].application, name))
			return true;
	return false;
}

void apps_configure(struct apps *a, const struct config *c)
{
	for (int i = 0; i < APPS_MAX; i++)
		if (a->name[i][0] && !is_named(c, a->name[i])) {
			a->name[i][0] = '\0';
			a->tag[i] = 0;
		}
	for (size_t s = 0; s < c->nr_services; s++) {
		const char *name = c->services[s].application;
		int i = 0;

		if (!name[0] || apps_named(a, name))
			continue;
		/* The configuration's check has counted them. */
		while (i < APPS_MAX - 1 && a->name[i][0])
			i++;
		snprintf(a->name[i], sizeof(a->name[i]), "%s", name);
		a->tag[i] = baton_tag(name);
	}
}

uint64_t apps_named(const struct apps *a, const char *name)
{
	for (int i = 0; i < APPS_MAX; i++)
		if (name[0] && !strcmp(a->name[i], name))
			return 1ULL << i;
	return 0;
}

uint64_t apps_tagged(const struct apps *a, uint32_t tag)
{
	for (int i = 0; i < APPS_MAX; i++)
		if (tag && a->tag[i] == tag)
			return 1ULL << i;
	return 0;
}

uint64_t apps_needed(const struct apps *a, const struct config *c,
		     const char *owner)
{
	uint64_t needs = 0;

	for (size_t s = 0; s < c->nr_services; s++) {
		const struct config_service *service = &c->services[s];

		for (size_t i = 0; i < service->nr_owners; i++)
			if (!strcmp(service->owners[i].name, owner))
				needs |= apps_named(a, service->application);
	}
	return needs;
}

uint64_t apps_in(const struct apps *a, const struct probe_app *told,
		 enum baton_app_state state)
{
	uint64_t found = 0;

	for (int i = 0; i < BATON_PROBE_APPS; i++)
		if (told[i].state == state)
			found |= apps_tagged(a, told[i].tag);
	return found;
}
