/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock that the data plane stamps flows with. */
#ifndef BATOND_KERNEL_CLOCK_H
#define BATOND_KERNEL_CLOCK_H

#include <stdint.h>

/*
 * Jiffies per second, by running the program `clock` (bpf/clock.bpf.c) for a
 * tenth of a second. 0 or a negative errno.
 */
int kernel_clock_hz(int program, uint32_t *hz);

#endif
