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
#include <string.h>

#include "fill.h"
#include "xdpbench.h"

enum program { BARE, LRU, BATON, COPIER, NR_PROGRAMS };

/* X(NAME, service, flows, payload): what packets come */
#define GENERATORS(X)                                                          \
	X(ONE4, "bench4", 1, 0)                                                \
	X(MANY4, "bench4", MANY, 0)                                            \
	X(ONE6, "bench6", 1, 0)                                                \
	X(MANY6, "bench6", MANY, 0)                                            \
	X(LARGE4, "bench4", 1, 1460)                                           \
	X(RECORDED4, "recorded4", 1, 1460)

/* X(name, generator, program, the owner's host); the bare one first */
#define CASES(X)                                                               \
	X(bare_1flow, ONE4, BARE, NULL)                                        \
	X(xdp_1flow_l2, ONE4, BATON, HOST_A)                                   \
	X(xdp_1flow_ipip, ONE4, BATON, HOST_IPIP)                              \
	X(lru_1flow, ONE4, LRU, NULL)                                          \
	X(bare_1m, MANY4, BARE, NULL)                                          \
	X(xdp_1m_l2, MANY4, BATON, HOST_A)                                     \
	X(xdp_1m_ipip, MANY4, BATON, HOST_IPIP)                                \
	X(lru_1m, MANY4, LRU, NULL)                                            \
	X(bare_1flow_v6, ONE6, BARE, NULL)                                     \
	X(xdp_1flow_l2_v6, ONE6, BATON, HOST_A)                                \
	X(bare_1m_v6, MANY6, BARE, NULL)                                       \
	X(xdp_1m_l2_v6, MANY6, BATON, HOST_A)                                  \
	X(bare_1460, LARGE4, BARE, NULL)                                       \
	X(copy_1460, LARGE4, COPIER, NULL)                                     \
	X(plain_1460, LARGE4, BATON, HOST_A)                                   \
	X(record_1460, RECORDED4, BATON, HOST_A)

enum generator_id {
#define X(name, service, flows, payload) name,
	GENERATORS(X)
#undef X
		NR_GENERATORS,
};

static const struct {
	const char *service;
	uint32_t flows;
	uint16_t payload;
} generators[] = {
#define X(name, service, flows, payload) [name] = { service, flows, payload },
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
	struct bpf_object *bare, *yardstick;
	struct generator generator[NR_GENERATORS];
	int program[NR_PROGRAMS];
	int ifindex;
};

static bool is_wanted(unsigned int i, const char *only)
{
	return !only || strstr(cases[i].name, only) || cases[i].program == BARE;
}

/* The time of `repeat` packets, ns, or a negative errno. */
static double run(const struct setup *s, enum generator_id g, enum program p,
		  uint32_t repeat)
{
	double ns;
	int err = generator_aim(&s->generator[g], s->program[p]);

	if (!err)
		err = generator_time(&s->generator[g], s->ifindex, repeat, &ns);
	return err ? err : ns;
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
	uint64_t before[BATON_NR_REASONS], counts[BATON_NR_REASONS];
	double ns;
	int err = 0;

	if (cases[i].host)
		err = bench_move_to(&s->sw, OWNER, cases[i].host);
	if (!err)
		err = bench_counters(&s->sw, before);
	if (err)
		return err;
	ns = run(s, cases[i].generator, cases[i].program, repeat);
	if (ns < 0)
		return ns;
	err = fill_counted(&s->sw, before, counts);
	if (!err && cases[i].program == BATON)
		err = check(cases[i].name, repeat, counts);
	if (!err)
		bench_result(cases[i].name, ns / repeat);
	return err;
}

static uint64_t misses(const struct setup *s)
{
	uint64_t value[8] = { 0 };
	__u32 zero = 0;

	bpf_map_lookup_elem(bench_map(s->yardstick, ".bss"), &zero, value);
	return value[0];
}

/* The yardstick's way out is the port too; its owner is all zero. */
static int load_yardstick(struct setup *s, const char *objects)
{
	__u32 zero = 0, ifindex = s->ifindex;

	s->yardstick = bench_load(objects, "yardstick");
	if (!s->yardstick)
		return -EINVAL;
	s->program[LRU] = bench_program(s->yardstick, "lru_forwarder");
	s->program[COPIER] = bench_program(s->yardstick, "copier");
	if (bpf_map_update_elem(bench_map(s->yardstick, "ports"), &zero,
				&ifindex, BPF_ANY))
		return bench_fail(-errno, "yardstick: ports");
	return 0;
}

static int fill_yardstick(const struct setup *s, const char *objects)
{
	struct generator_spec spec = { .flows = MANY, .sequential = true };
	struct generator g;
	int err;

	err = fill_generator(&g, &s->sw, objects, "bench4", spec, -1);
	if (!err)
		err = generator_aim(&g, s->program[LRU]);
	if (!err)
		err = generator_time(&g, s->ifindex, MANY, NULL);
	generator_free(&g);
	return err;
}

static int set_up(struct setup *s, const struct bench_options *o)
{
	struct generator_spec spec = { 0 };
	int i, err;

	err = bench_switch_open(&s->sw, o->bpffs);
	if (!err)
		err = bench_enter(o->sw);
	if (err)
		return err;
	s->ifindex = if_nametoindex(PORT);
	s->program[BATON] = bench_attached(PORT);
	if (!s->ifindex || s->program[BATON] < 0)
		return -ENOENT;
	s->bare = bench_load(o->objects, "bare");
	if (!s->bare)
		return -EINVAL;
	s->program[BARE] = bench_program(s->bare, "bare_tx");
	err = load_yardstick(s, o->objects);
	for (i = 0; !err && i < NR_GENERATORS; i++) {
		spec.flows = generators[i].flows;
		spec.payload = generators[i].payload;
		err = fill_generator(&s->generator[i], &s->sw, o->objects,
				     generators[i].service, spec, -1);
	}
	if (!err)
		err = fill_flows(&s->sw, o->objects, "bench4", OWNER, MANY);
	if (!err)
		err = fill_flows(&s->sw, o->objects, "bench6", OWNER, MANY);
	return err ? err : fill_yardstick(s, o->objects);
}

int bench_time(const struct bench_options *o)
{
	struct setup s = { 0 };
	uint64_t missed = 0;
	uint32_t round;
	unsigned int i;
	int err;

	err = bench_pin(o->cpu);
	if (!err)
		err = set_up(&s, o);
	if (!err)
		missed = misses(&s);
	for (round = 0; !err && round < o->rounds; round++)
		for (i = 0; !err && i < NR_CASES; i++)
			if (is_wanted(i, o->only))
				err = measure(&s, i, o->repeat);
	if (!err && misses(&s) - missed > o->repeat / 100)
		err = bench_fail(-EBADMSG, "the LRU hash forgot flows");
	for (i = 0; i < NR_GENERATORS; i++)
		generator_free(&s.generator[i]);
	bpf_object__close(s.bare);
	bpf_object__close(s.yardstick);
	return err;
}
