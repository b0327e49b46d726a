/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of everything: CLOCK_BOOTTIME in ns, which never jumps, and goes
 * on while the machine is suspended. What is to grow from one boot to the next
 * takes the time of day: seconds since 1970, in 32 bits until 2106.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline uint32_t clock_of_day(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

#endif
