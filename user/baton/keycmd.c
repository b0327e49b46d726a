// SPDX-License-Identifier: GPL-2.0-only
#include "keycmd.h"

#include "lib/link/link_key.h"

/* The line that the configurations of other nodes hold. */
static void print_public(const struct link_key *key, const struct options *o)
{
	struct link_public public;
	char text[LINK_PUBLIC_TEXT];

	link_key_public(key, &public);
	link_public_format(&public, text);
	printf(o->json ? "{\"public\": \"%s\"}\n" : "%s\n", text);
}

static int finish(struct link_key *key, int err, const char *why,
		  const struct options *o)
{
	if (!err)
		print_public(key, o);
	link_key_free(key);
	return err ? complain(STATUS_REFUSED, "%s", why) : STATUS_OK;
}

int key_new(const struct verb *verb, json_t *args, const struct options *o)
{
	const char *path = json_string_value(json_object_get(args, "name"));
	struct link_key *key = NULL;
	char why[512] = "the node key cannot be made";
	int err = link_key_make(&key);

	(void)verb;
	if (!err)
		err = link_key_write(key, path, why, sizeof(why));
	return finish(key, err, why, o);
}

int key_show(const struct verb *verb, json_t *args, const struct options *o)
{
	const char *path = json_string_value(json_object_get(args, "name"));
	struct link_key *key = NULL;
	char why[512];
	int err = link_key_read(&key, path, why, sizeof(why));

	(void)verb;
	return finish(key, err, why, o);
}
