// SPDX-License-Identifier: GPL-2.0-only
#include "flowcmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "flowprint.h"
#include "hashed.h"
#include "lib/flowmap.h"
#include "names.h"

/* Everything that a command on connections works with. */
struct context {
	const struct options *options;
	struct flowmap map;
	struct names names;
	struct filter filter;
	int now; /* stamp, -1: unknown */
};

static void close_context(struct context *c)
{
	flowmap_close(&c->map);
	names_free(&c->names);
}

static int open_context(struct context *c, const json_t *args,
			const struct options *o, bool writable)
{
	char error[PINNED_ERROR > COMMAND_ERROR ? PINNED_ERROR : COMMAND_ERROR];
	uint16_t now;
	int err;

	memset(c, 0, sizeof(*c));
	c->options = o;
	if (flowmap_open(&c->map, o->bpffs, writable, error))
		return complain(STATUS_UNREACHABLE, "%s", error);
	if (names_load(&c->names, o->bpffs, error)) {
		close_context(c);
		return complain(STATUS_UNREACHABLE, "%s", error);
	}
	err = filter_parse(&c->filter, args, &c->names, error);
	if (err) {
		close_context(c);
		return complain(err == -EINVAL ? STATUS_USAGE : STATUS_REFUSED,
				"%s", error);
	}
	c->now = flowmap_now(&c->map, &now) ? -1 : now;
	return STATUS_OK;
}

struct walk {
	const struct context *context;
	struct flowprint *print; /* NULL: only count */
	uint64_t found;
};

static int visit(const struct flowmap_slot *slot, void *arg)
{
	struct walk *w = arg;
	const struct filter *f = &w->context->filter;
	struct flowmap_key key;

	if (!filter_match(f, &w->context->names, slot))
		return 0;
	if (f->limit >= 0 && w->found >= (uint64_t)f->limit)
		return 1;
	w->found++;
	if (w->print) {
		flowmap_decode(slot, &key);
		flowprint_row(w->print, &key, slot->flow.owner, &slot->flow);
	}
	return 0;
}

static void walk_tables(const struct context *c, struct walk *w)
{
	uint8_t family = c->filter.client.family;
	int stop = 0;

	if (family != 6)
		stop = flowmap_walk(&c->map.table[FLOWMAP_4], 0, UINT32_MAX,
				    visit, w);
	if (family != 4 && !stop)
		flowmap_walk(&c->map.table[FLOWMAP_6], 0, UINT32_MAX, visit, w);
}

static void print_count(const struct options *o, uint64_t n)
{
	printf(o->json ? "{\"flows\": %llu}\n" : "%llu\n",
	       (unsigned long long)n);
}

/* One connection, by its key: recorded, or as consistent hashing would have
 * it. */
static int show_one(const struct context *c, const struct flowmap_key *key,
		    struct flowprint *p)
{
	char error[PINNED_ERROR];
	struct flowmap_slot slot;
	int owner;

	if (flowmap_find(&c->map, key, &slot) && slot.flow.owner) {
		if (filter_match(&c->filter, &c->names, &slot))
			flowprint_row(p, key, slot.flow.owner, &slot.flow);
		return STATUS_OK;
	}
	owner = hashed_owner(c->options->bpffs, &c->map.meta, &c->names, key,
			     error);
	if (owner < 0)
		return complain(STATUS_UNREACHABLE, "%s", error);
	flowprint_row(p, key, (uint16_t)owner, NULL);
	return STATUS_OK;
}

int flow_show(const struct verb *v, json_t *args, const struct options *o)
{
	struct walk w = { 0 };
	struct flowmap_key key;
	struct flowprint p;
	struct context c;
	int status = open_context(&c, args, o, false);

	(void)v;
	if (status)
		return status;
	w.context = &c;
	if (json_is_true(json_object_get(args, "count"))) {
		walk_tables(&c, &w);
		print_count(o, w.found);
		close_context(&c);
		return STATUS_OK;
	}
	w.print = &p;
	flowprint_start(&p, o, stdout, &c.names, &c.map.meta, c.now);
	if (filter_is_key(&c.filter, &c.names, &key))
		status = show_one(&c, &key, &p);
	else
		walk_tables(&c, &w);
	flowprint_end(&p);
	close_context(&c);
	return status;
}

/* Open for changing the one connection that the arguments name. */
static int open_key(struct context *c, const json_t *args,
		    const struct options *o, struct flowmap_key *key)
{
	int status = open_context(c, args, o, true);

	if (status)
		return status;
	if (filter_is_key(&c->filter, &c->names, key))
		return STATUS_OK;
	close_context(c);
	return complain(STATUS_USAGE, "client ADDRESS, port N and service NAME "
				      "are needed, "
				      "to name one connection");
}

/* A flow as if its host had announced it. */
static int record(const struct context *c, const struct flowmap_key *key)
{
	struct baton_flow flow = {
		.owner = c->filter.owner,
		.state = BATON_FLOW_ESTABLISHED,
		.flags = BATON_FLOW_CONFIRMED,
		.seen = (uint16_t)c->now,
	};

	if (c->now < 0)
		return -ENODATA;
	return flowmap_insert(&c->map, key, &flow, (uint16_t)c->now);
}

/*
 * The data plane updates the same flows, so a change that it interferes with
 * is computed again from what is there now.
 */
static int give(const struct context *c, const struct flowmap_key *key)
{
	struct flowmap_slot slot;
	struct baton_flow flow;
	int err = -EAGAIN;

	for (int tries = 0; tries < 1000 && err == -EAGAIN; tries++) {
		if (!flowmap_find(&c->map, key, &slot)) {
			err = record(c, key);
			if (err == -EEXIST)
				err = -EAGAIN;
			continue;
		}
		flow = slot.flow;
		flow.owner = c->filter.owner;
		if (slot.flow.owner && flowmap_update(&slot, &flow))
			err = 0;
	}
	return err;
}

int flow_set(const struct verb *v, json_t *args, const struct options *o)
{
	struct flowmap_key key;
	struct context c;
	int status = open_key(&c, args, o, &key), err;

	(void)v;
	if (status)
		return status;
	err = c.filter.owner ? give(&c, &key) : -EINVAL;
	close_context(&c);
	switch (-err) {
	case 0:
		return STATUS_OK;
	case EINVAL:
		return complain(STATUS_USAGE, "owner NAME is needed");
	case ENODATA:
		return complain(STATUS_REFUSED,
				"not recorded, and cannot be: %s/clock, which "
				"tells the time, does not run",
				o->bpffs);
	case ENOSPC:
		return complain(STATUS_REFUSED, "no room: its two buckets are "
						"full of "
						"confirmed connections");
	default:
		return complain(STATUS_REFUSED, "it changes too fast; try "
						"again");
	}
}

int flow_del(const struct verb *v, json_t *args, const struct options *o)
{
	struct flowmap_slot slot;
	struct flowmap_key key;
	struct context c;
	int status = open_key(&c, args, o, &key);
	bool found = false, freed = false;

	(void)v;
	if (status)
		return status;
	for (int tries = 0; tries < 1000 && !freed; tries++) {
		found = flowmap_find(&c.map, &key, &slot);
		if (!found)
			break;
		freed = slot.flow.owner && flowmap_free(&slot);
	}
	close_context(&c);
	if (!found)
		return complain(STATUS_REFUSED, "there is no such connection");
	return freed ? STATUS_OK
		     : complain(STATUS_REFUSED, "it changes too fast; try "
						"again");
}
