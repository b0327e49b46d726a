// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cut a host off, such that it hears nothing any more while its link stays
 * up, and see how long its owner stays with it. Then join it again.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "bench.h"
#include "xdpbench.h"

#define TIMEOUT 5000000000ULL /* ns */
#define POLL 50000 /* ns, of an answer in milliseconds */

/* The time of the move, 0 if there was none. */
static uint64_t wait_move(const struct bench_switch *s, int owner, int host)
{
	const struct timespec pause = { .tv_nsec = POLL };
	uint64_t start = bench_now();
	union baton_owner now;

	do {
		now.word = __atomic_load_n(&s->owners[owner].word,
					   __ATOMIC_RELAXED);
		if (now.host != host)
			return bench_now();
		nanosleep(&pause, NULL);
	} while (bench_now() - start < TIMEOUT);
	return 0;
}

int bench_cut(const struct bench_options *o)
{
	struct bpf_object *bare = bench_load(o->objects, "bare");
	struct bench_switch s;
	uint64_t start, moved;
	int owner, host, entry, err;

	err = bench_switch_open(&s, o->bpffs);
	if (!err)
		err = bench_enter(o->host_a);
	if (err || !bare)
		return -EINVAL;
	owner = bench_owner(&s, OWNER);
	host = bench_host(&s, HOST_A);
	entry = bench_attached("h0");
	if (owner < 0 || host < 0 || entry < 0)
		return -ENOENT;
	if (s.owners[owner].host != host)
		return bench_fail(-EINVAL, "host %s is not the owner's",
				  HOST_A);
	start = bench_now();
	err = bench_attach("h0", bench_program(bare, "bare_drop"));
	if (err)
		return err;
	moved = wait_move(&s, owner, host);
	err = bench_attach("h0", entry);
	bpf_object__close(bare);
	if (err)
		return err;
	if (!moved)
		return bench_fail(-ETIMEDOUT, "the owner stayed");
	bench_result("detect", (moved - start) / 1e6);
	return 0;
}
