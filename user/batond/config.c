// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <errno.h>
#include <string.h>

#include "config_check.h"
#include "config_schema.h"

/* `err` is of the reading. Whatever went wrong, say what else is wrong. */
static int finish(struct config *c, const char *file, int err,
		  struct config_errors *e)
{
	int wrong = 0;

	if (!err || err == -EINVAL)
		wrong = config_check(c, file, !err, e);
	if (!err)
		err = wrong;
	if (err)
		config_free(c);
	return err;
}

int config_read(struct config *c, const char *path, struct config_errors *e)
{
	memset(c, 0, sizeof(*c));
	return finish(c, path, yaml_read_file(&config_schema, c, path, e), e);
}

int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e)
{
	struct yaml_source source = { .file = name, .text = text, .len = len };

	memset(c, 0, sizeof(*c));
	return finish(c, name, yaml_read(&config_schema, c, &source, e), e);
}

int config_write(const struct config *c, FILE *f)
{
	return yaml_write(&config_schema, c, f);
}

int config_copy(struct config *to, const struct config *from)
{
	return yaml_copy(&config_schema, to, from);
}

void config_free(struct config *c)
{
	yaml_clear(&config_schema, c);
}

/* The object of this name in a list of config.h, whose first member it is */
#define FIND(list, count, wanted)                                              \
	do {                                                                   \
		size_t i;                                                      \
                                                                               \
		for (i = 0; i < (count); i++) {                                \
			if (!strcmp((list)[i].name, (wanted)))                 \
				return &(list)[i];                             \
		}                                                              \
		return NULL;                                                   \
	} while (0)

struct config_host *config_host(const struct config *c, const char *name)
{
	FIND(c->hosts, c->nr_hosts, name);
}

struct config_owner *config_owner(const struct config *c, const char *name)
{
	FIND(c->owners, c->nr_owners, name);
}

struct config_service *config_service(const struct config *c, const char *name)
{
	FIND(c->services, c->nr_services, name);
}

struct config_bfd config_bfd(const struct config *c,
			     const struct config_host *h)
{
	const struct config_bfd *own = &h->bfd, *all = &c->bfd;

	return (struct config_bfd){
		.min_tx = own->min_tx ?: all->min_tx,
		.min_rx = own->min_rx ?: all->min_rx,
		.multiplier = own->multiplier ?: all->multiplier,
		.auth = own->auth.type ? own->auth : all->auth,
	};
}

const struct detect_profile *config_profile(const struct config *c,
					    const struct config_host *h)
{
	const char *name = *h->profile ? h->profile : c->profile;
	const struct config_builtin *b;
	size_t i;

	for (i = 0; i < c->nr_profiles; i++) {
		if (!strcmp(c->profiles[i].name, name))
			return &c->profiles[i].p;
	}
	for (b = config_builtins; b->name; b++) {
		if (!strcmp(b->name, name))
			return &b->p;
	}
	return NULL;
}
