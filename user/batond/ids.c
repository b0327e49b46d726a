// SPDX-License-Identifier: GPL-2.0-only
#include "ids.h"

#include <stdio.h>
#include <string.h>

void ids_init(struct ids *ids, uint16_t limit)
{
	memset(ids, 0, sizeof(*ids));
	ids->limit = limit;
}

uint16_t ids_find(const struct ids *ids, const char *name)
{
	for (uint16_t i = 1; *name && i <= ids->top; i++)
		if (!strcmp(ids->name[i], name))
			return i;
	return 0;
}

const char *ids_name(const struct ids *ids, uint16_t id)
{
	return id && id <= ids->top && ids->name[id][0] ? ids->name[id] : NULL;
}

uint16_t ids_get(struct ids *ids, const char *name)
{
	uint16_t id = ids_find(ids, name);

	for (uint16_t i = 1; !id && i < ids->limit; i++)
		if (!ids->name[i][0] && !ids->rest[i])
			id = i;
	if (id)
		ids_put(ids, id, name);
	return id;
}

void ids_put(struct ids *ids, uint16_t id, const char *name)
{
	snprintf(ids->name[id], BATON_NAME_LEN, "%s", name);
	ids->rest[id] = 0;
	if (id > ids->top)
		ids->top = id;
}

void ids_drop(struct ids *ids, uint16_t id)
{
	ids->name[id][0] = '\0';
	ids->rest[id] = 2;
}

void ids_swept(struct ids *ids)
{
	for (uint16_t i = 1; i <= ids->top; i++)
		if (ids->rest[i])
			ids->rest[i]--;
}
