// SPDX-License-Identifier: GPL-2.0-only
#include "fill.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "xdpbench.h"

#define TOLERANCE 10000 /* one in so many may be missing */
#define CHUNK 1000000 /* packets a time */

int fill_generator(struct generator *g, const struct bench_switch *s,
		   const char *objects, const char *service,
		   struct generator_spec spec, int sinks)
{
	struct baton_service_info info;
	int err = bench_service(s, service, &info);

	if (err < 0)
		return err;
	spec.vip.family = info.family;
	spec.port = ntohs(info.port);
	memcpy(spec.vip.word, info.vip, sizeof(info.vip));
	return generator_load(g, objects, &spec, sinks);
}

int fill_counted(const struct bench_switch *s,
		 const uint64_t before[BATON_NR_REASONS],
		 uint64_t counts[BATON_NR_REASONS])
{
	int err = bench_counters(s, counts);
	int i;

	for (i = 0; !err && i < BATON_NR_REASONS; i++)
		counts[i] -= before[i];
	return err;
}

/* Each flow twice: the second packet finds the first one's. */
static int send_all(const struct bench_switch *s, const struct generator *g,
		    uint32_t flows)
{
	uint64_t before[BATON_NR_REASONS], counts[BATON_NR_REASONS];
	uint32_t left = 2 * flows, now;
	int ifindex = if_nametoindex(PORT);
	int err = bench_counters(s, before);

	for (; !err && left; left -= now) {
		now = left < CHUNK ? left : CHUNK;
		err = generator_time(g, ifindex, now, NULL);
	}
	if (!err)
		err = fill_counted(s, before, counts);
	if (!err && counts[BATON_FORWARD_OVERFLOW] > 2 * flows / TOLERANCE)
		err = bench_fail(-ENOSPC, "%llu of %u packets overflowed",
				 counts[BATON_FORWARD_OVERFLOW] + 0ULL,
				 2 * flows);
	return err;
}

int fill_flows(const struct bench_switch *s, const char *objects,
	       const char *service, const char *owner, uint32_t flows)
{
	struct generator_spec spec = { .flows = flows, .sequential = true };
	int entry = bench_attached(PORT);
	int id = bench_owner(s, owner);
	struct generator g;
	int64_t known;
	int err;

	if (entry < 0 || id < 0)
		return -ENOENT;
	err = fill_generator(&g, s, objects, service, spec, -1);
	if (!err)
		err = generator_aim(&g, entry);
	if (!err)
		err = send_all(s, &g, flows);
	generator_free(&g);
	close(entry);
	if (err)
		return err;
	known = bench_flows(s, id);
	if (known < (int64_t)(flows - flows / TOLERANCE))
		return bench_fail(-ENOENT, "owner %s has %lld flows, not %u",
				  owner, (long long)known, flows);
	return 0;
}
