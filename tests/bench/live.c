// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a packet costs from the client's interface to the host's: through the
 * switch's program with a million connections, and for comparison through a
 * program that only redirects, with one.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>

#include "chain.h"

enum { SWITCHED, BARE, NR_CHAINS };

/* The time of a packet, ns; lost frames would make it a lie. */
static int measure(struct chain *c, const char *name, uint32_t repeat)
{
	uint64_t start, sent;
	int64_t lost;
	int err;

	err = chain_reset(c);
	start = bench_now();
	if (!err)
		err = chain_send(c, repeat);
	if (err)
		return err;
	lost = chain_settle(c, &sent);
	if (lost < 0)
		return lost;
	if (lost || sent < repeat / 2)
		return bench_fail(-EBADMSG, "%s: %lld of %llu frames lost",
				  name, (long long)lost,
				  (unsigned long long)sent);
	bench_result(name, (double)(bench_now() - start) / sent);
	return 0;
}

static int open_bare_switch(const struct bench_options *o,
			    struct bpf_object **obj)
{
	__u32 zero = 0, out;
	int err = bench_enter(o->sw);

	*obj = bench_load(o->objects, "bare");
	if (err || !*obj)
		return -EINVAL;
	out = if_nametoindex("q1");
	if (bpf_map_update_elem(bench_map(*obj, "ports"), &zero, &out, BPF_ANY))
		return bench_fail(-errno, "bare: ports");
	return bench_attach("q0", bench_program(*obj, "bare_redirect"));
}

int bench_live(const struct bench_options *o)
{
	const struct chain_end switched[SINKS] = { { o->host_a, "h0" } };
	const struct chain_end bare[SINKS] = { { o->host_a, "h1" } };
	struct chain chain[NR_CHAINS] = { 0 };
	struct bpf_object *redirect = NULL;
	struct bench_switch s;
	uint32_t round;
	int err, i;

	err = bench_pin(o->cpu);
	if (!err)
		err = bench_switch_open(&s, o->bpffs);
	if (!err)
		err = open_bare_switch(o, &redirect);
	if (!err)
		err = fill_flows(&s, o->objects, "bench4", OWNER, MANY);
	if (!err)
		err = bench_move_to(&s, OWNER, HOST_A);
	if (!err)
		err = chain_open(&chain[SWITCHED], o, &s, "c0", switched, MANY,
				 false);
	if (!err)
		err = chain_open(&chain[BARE], o, &s, "c1", bare, 1, false);
	for (round = 0; !err && round < o->rounds; round++) {
		err = measure(&chain[SWITCHED], "live_1m", o->repeat);
		if (!err)
			err = measure(&chain[BARE], "live_bare_redirect",
				      o->repeat);
	}
	for (i = 0; i < NR_CHAINS; i++)
		chain_close(&chain[i]);
	bpf_object__close(redirect);
	return err;
}
