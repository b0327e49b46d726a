// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "lib/clock.h"

static int jiffies(int program, uint32_t *value)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet,
		    .data_size_in = sizeof(packet));
	int err = bpf_prog_test_run_opts(program, &run);

	*value = run.retval;
	return err;
}

/*
 * Jiffies per second. The kernel does not tell (CONFIG_HZ is in a file that
 * may not be there), so ticks are counted against the clock, and the result
 * is the nearest of the values that a kernel can be built with.
 */
int kernel_clock_hz(int program, uint32_t *hz)
{
	static const uint32_t known[] = { 100, 250, 300, 1000 };
	uint32_t first, last, best = 0;
	uint64_t start, passed;
	double rate, off = 1e9;
	int err;

	err = jiffies(program, &first);
	if (err)
		return err;
	start = clock_ns();
	do {
		usleep(5000);
		err = jiffies(program, &last);
		if (err)
			return err;
		passed = clock_ns() - start;
	} while (passed < 100000000);
	rate = (last - first) * 1e9 / passed;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		double d = rate > known[i] ? rate / known[i] : known[i] / rate;

		if (d < off) {
			off = d;
			best = known[i];
		}
	}
	*hz = best;
	return 0;
}
