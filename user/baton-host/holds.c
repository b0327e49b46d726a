// SPDX-License-Identifier: GPL-2.0-only
#include "holds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/speak/own_json.h"
#include "lib/why.h"

#define MOST 1024 /* as many as a host can say */

struct hold {
	struct hold *next;
	const struct jsonserver_client *of;
	char owner[BATON_NAME_LEN];
	struct own_holding said;
};

/* Taken out of the list, if it is there. */
static struct hold *
take_out(struct holds *h, const struct jsonserver_client *of, const char *owner)
{
	struct hold **at = &h->first, *found;

	while (*at &&
	       ((*at)->of != of || (owner && strcmp((*at)->owner, owner))))
		at = &(*at)->next;
	found = *at;
	if (!found)
		return NULL;
	*at = found->next;
	h->nr--;
	return found;
}

int holds_take(struct holds *h, const struct jsonserver_client *of,
	       const json_t *request, char owner[BATON_NAME_LEN],
	       char why[JSONSERVER_WHY])
{
	struct own_holding said;
	struct hold *one;
	int err = own_json_take_holding(request, owner, &said, why,
					JSONSERVER_WHY);

	if (err)
		return err;
	one = take_out(h, of, owner);
	if (!one && h->nr == MOST)
		return why_set(why, JSONSERVER_WHY, -ENOSPC,
			       "\"owner\": %d are held already", MOST);
	one = one ?: malloc(sizeof(*one));
	if (!one)
		return why_set(why, JSONSERVER_WHY, -ENOMEM, "out of memory");
	one->of = of;
	one->said = said;
	memcpy(one->owner, owner, sizeof(one->owner));
	one->next = h->first;
	h->first = one;
	h->nr++;
	return 0;
}

const struct own_holding *holds_find(const struct holds *h, const char *owner)
{
	for (const struct hold *one = h->first; one; one = one->next)
		if (!strcmp(one->owner, owner))
			return &one->said;
	return NULL;
}

bool holds_drop(struct holds *h, const struct jsonserver_client *of,
		char owner[BATON_NAME_LEN])
{
	struct hold *one = take_out(h, of, NULL);

	if (!one)
		return false;
	memcpy(owner, one->owner, sizeof(one->owner));
	free(one);
	return true;
}
