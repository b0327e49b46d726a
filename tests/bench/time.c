// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a packet costs in the switch's program, over and over with
 * BPF_PROG_TEST_RUN: the times of the generator with each program behind it,
 * the bare ones among them. The differences are bench.py's concern.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "generator.h"
#include "xdpbench.h"

#define MANY 1000000

enum program { BARE, LRU, BATON };

/* X(name, generator, program, the owner's host) */
#define CASES(X)                                                               \
	X(bare_1flow, ONE4, BARE, NULL)                                        \
	X(xdp_1flow_l2, ONE4, BATON, "l2")                                     \
	X(xdp_1flow_ipip, ONE4, BATON, "ipip")                                 \
	X(lru_1flow, ONE4, LRU, NULL)                                          \
	X(bare_1m, MANY4, BARE, NULL)                                          \
	X(xdp_1m_l2, MANY4, BATON, "l2")                                       \
	X(xdp_1m_ipip, MANY4, BATON, "ipip")                                   \
	X(lru_1m, MANY4, LRU, NULL)                                            \
	X(bare_1flow_v6, ONE6, BARE, NULL)                                     \
	X(xdp_1flow_l2_v6, ONE6, BATON, "l2")                                  \
	X(bare_1m_v6, MANY6, BARE, NULL)                                       \
	X(xdp_1m_l2_v6, MANY6, BATON, "l2")

/* X(NAME, service, flows, sequential) */
#define GENERATORS(X)                                                          \
	X(FILL4, "bench4", MANY, true)                                         \
	X(FILL6, "bench6", MANY, true)                                         \
	X(ONE4, "bench4", 1, false)                                            \
	X(MANY4, "bench4", MANY, false)                                        \
	X(ONE6, "bench6", 1, false)                                            \
	X(MANY6, "bench6", MANY, false)

enum generator_id {
#define X(name, service, flows, sequential) name,
	GENERATORS(X)
#undef X
		NR_GENERATORS,
};

static const struct {
	const char *service;
	uint32_t flows;
	bool sequential;
} generators[] = {
#define X(name, service, flows, sequential)                                    \
	[name] = { service, flows, sequential },
	GENERATORS(X)
#undef X
};

static const struct {
	const char *name;
	enum generator_id generator;
	enum program program;
	const char *host;
} cases[] = {
#define X(name, generator, program, host) { #name, generator, program, host },
	CASES(X)
#undef X
};

#define NR_CASES (sizeof(cases) / sizeof(cases[0]))

struct setup {
	struct bench_switch sw;
	struct bpf_object *yardstick;
	struct generator generator[NR_GENERATORS];
	int program[BATON + 1];
	int owner, ifindex;
};

static int load_generators(struct setup *s, const char *objects)
{
	struct baton_service_info info;
	struct generator_spec spec;
	int i, err;

	for (i = 0; i < NR_GENERATORS; i++) {
		err = bench_service(&s->sw, generators[i].service, &info);
		if (err < 0)
			return err;
		spec = (struct generator_spec){
			.flows = generators[i].flows,
			.sequential = generators[i].sequential,
			.vip.family = info.family,
			.port = be16toh(info.port),
		};
		memcpy(spec.vip.word, info.vip, sizeof(info.vip));
		err = generator_load(&s->generator[i], objects, &spec, -1);
		if (err)
			return err;
	}
	return 0;
}

/* Run frames through a program; counts[] is what the switch counted. */
static int run(const struct setup *s, enum generator_id g, enum program p,
	       uint32_t repeat, double *ns, uint64_t counts[BATON_NR_REASONS])
{
	uint64_t before[BATON_NR_REASONS];
	int err, i;

	err = generator_aim(&s->generator[g], s->program[p]);
	if (!err)
		err = bench_counters(&s->sw, before);
	if (!err)
		err = generator_time(&s->generator[g], s->ifindex, repeat, ns);
	if (!err)
		err = bench_counters(&s->sw, counts);
	for (i = 0; !err && i < BATON_NR_REASONS; i++)
		counts[i] -= before[i];
	return err;
}

/*
 * All flows twice, so that each is known and established. A few may find no
 * room; more than one in 10,000 would be another measurement.
 */
static int fill(const struct setup *s, enum generator_id g)
{
	uint64_t counts[BATON_NR_REASONS];
	int err = run(s, g, BATON, 2 * MANY, NULL, counts);
	int64_t flows;

	if (err)
		return err;
	if (counts[BATON_FORWARD_OVERFLOW] > MANY / 10000)
		return bench_fail(-ENOSPC, "%llu of %d packets overflowed",
				  counts[BATON_FORWARD_OVERFLOW] + 0ULL,
				  2 * MANY);
	flows = bench_flows(&s->sw, s->owner);
	if (flows < MANY - MANY / 10000)
		return bench_fail(-ENOENT, "only %lld of %d flows are known",
				  (long long)flows, MANY);
	return 0;
}

/* A measurement of something else than known flows is none. */
static int check(const char *name, uint32_t repeat,
		 const uint64_t counts[BATON_NR_REASONS])
{
	if (counts[BATON_FORWARD_FLOW] > repeat / 100 * 99)
		return 0;
	return bench_fail(-EBADMSG, "%s: %llu of %u packets of known flows",
			  name, counts[BATON_FORWARD_FLOW] + 0ULL, repeat);
}

static int measure(struct setup *s, unsigned int i, uint32_t repeat)
{
	uint64_t counts[BATON_NR_REASONS];
	double ns;
	int err;

	if (cases[i].host)
		bench_move(&s->sw, s->owner, bench_host(&s->sw, cases[i].host));
	err = run(s, cases[i].generator, cases[i].program, repeat, &ns, counts);
	if (!err && cases[i].program == BATON)
		err = check(cases[i].name, repeat, counts);
	if (!err)
		bench_result(cases[i].name, ns / repeat);
	return err;
}

static bool is_wanted(unsigned int i, const char *only)
{
	return !only || strstr(cases[i].name, only) || cases[i].program == BARE;
}

/* The yardstick's way out is the port too; its owner is all zero. */
static int load_yardstick(struct setup *s, const char *objects)
{
	__u32 zero = 0, ifindex = s->ifindex;
	int err;

	s->yardstick = bench_open(objects, "yardstick", NULL, 0);
	if (!s->yardstick)
		return -EINVAL;
	err = bpf_object__load(s->yardstick);
	if (err)
		return bench_fail(err, "yardstick: load");
	s->program[BARE] = bench_program(s->yardstick, "bare_tx");
	s->program[LRU] = bench_program(s->yardstick, "lru_forwarder");
	if (bpf_map_update_elem(bench_map(s->yardstick, "ports"), &zero,
				&ifindex, BPF_ANY))
		return bench_fail(-errno, "yardstick: ports");
	return 0;
}

static int set_up(struct setup *s, const struct bench_options *o)
{
	uint64_t counts[BATON_NR_REASONS];
	int err = bench_switch_open(&s->sw, o->bpffs);

	if (err)
		return err;
	s->owner = bench_owner(&s->sw, "bench");
	s->ifindex = if_nametoindex(o->port);
	s->program[BATON] = bench_attached(o->port);
	if (s->owner < 0 || !s->ifindex || s->program[BATON] < 0)
		return -ENOENT;
	err = load_yardstick(s, o->objects);
	if (!err)
		err = load_generators(s, o->objects);
	if (!err)
		err = fill(s, FILL4);
	if (!err)
		err = fill(s, FILL6);
	if (!err)
		err = run(s, FILL4, LRU, MANY, NULL, counts);
	return err;
}

int bench_time(const struct bench_options *o)
{
	struct setup s = { 0 };
	uint32_t round;
	unsigned int i;
	int err;

	err = bench_pin(o->cpu);
	if (!err)
		err = set_up(&s, o);
	for (round = 0; !err && round < o->rounds; round++)
		for (i = 0; !err && i < NR_CASES; i++)
			if (is_wanted(i, o->only))
				err = measure(&s, i, o->repeat);
	for (i = 0; i < NR_GENERATORS; i++)
		generator_free(&s.generator[i]);
	bpf_object__close(s.yardstick);
	return err;
}
