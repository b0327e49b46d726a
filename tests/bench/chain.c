// SPDX-License-Identifier: GPL-2.0-only
#include "chain.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATIENCE 500000000 /* ns without a frame: no more will come */

static uint64_t load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* The first sink makes the map that the others and the source use. */
static int open_sink(struct chain *c, const char *objects, int i, bool check)
{
	struct sink_config config = { .sink = i, .check = check };
	struct bpf_object *obj;
	int err = 0;

	obj = bench_open(objects, "sink", &config, sizeof(config));
	if (!obj)
		return -EINVAL;
	c->sink[i] = obj;
	if (i)
		err = bpf_map__reuse_fd(bpf_object__find_map_by_name(obj, "sink"
									  "s"),
					c->sinks);
	if (!err)
		err = bpf_object__load(obj);
	if (err)
		return bench_fail(err, "sink: load");
	if (!i)
		c->sinks = bench_map(obj, "sinks");
	return 0;
}

static int open_sinks(struct chain *c, const char *objects,
		      const struct chain_end ends[SINKS], bool check)
{
	int i, err = 0;

	for (i = 0; !err && i < SINKS && ends[i].netns; i++) {
		err = open_sink(c, objects, i, check);
		if (!err)
			err = bench_enter(ends[i].netns);
		if (!err)
			err = bench_attach(ends[i].interface,
					   bench_program(c->sink[i], "bench_"
								     "sink"));
	}
	if (err)
		return err;
	c->record = bench_mmap(c->sinks, SINKS * sizeof(*c->record));
	return c->record ? 0 : -ENOMEM;
}

int chain_open(struct chain *c, const struct bench_options *o,
	       const struct bench_switch *s, const char *client,
	       const struct chain_end ends[SINKS], uint32_t flows, bool check)
{
	struct generator_spec spec = {
		.flows = flows,
		.stamp = check,
		.wait = true,
	};
	int err;

	memset(c, 0, sizeof(*c));
	c->bare = bench_load(o->objects, "bare");
	if (!c->bare)
		return -EINVAL;
	err = open_sinks(c, o->objects, ends, check);
	if (!err)
		err = fill_generator(&c->source, s, o->objects, "bench4", spec,
				     c->sinks);
	if (!err)
		err = generator_aim(&c->source, bench_program(c->bare, "bare_"
								       "tx"));
	if (!err)
		err = bench_enter(o->client);
	if (err)
		return err;
	/* A program on the interface makes its driver take frames of XDP. */
	c->ifindex = if_nametoindex(client);
	return bench_attach(client, bench_program(c->bare, "bare_pass"));
}

void chain_close(struct chain *c)
{
	int i;

	generator_free(&c->source);
	for (i = 0; i < SINKS; i++)
		bpf_object__close(c->sink[i]);
	bpf_object__close(c->bare);
}

int chain_reset(struct chain *c)
{
	memset(c->record, 0, SINKS * sizeof(*c->record));
	return generator_reset(&c->source);
}

int chain_send(const struct chain *c, uint32_t repeat)
{
	return generator_live(&c->source, c->ifindex, repeat);
}

uint64_t chain_arrived(const struct chain *c)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < SINKS; i++)
		n += load(&c->record[i].packets);
	return n;
}

int64_t chain_settle(const struct chain *c, uint64_t *sent)
{
	uint64_t arrived = chain_arrived(c), now, since = bench_now();
	int err = generator_sent(&c->source, sent);

	while (!err && arrived < *sent && bench_now() - since < PATIENCE) {
		now = chain_arrived(c);
		if (now != arrived)
			since = bench_now();
		arrived = now;
	}
	return err ? err : (int64_t)(*sent - arrived);
}
