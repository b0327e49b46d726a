/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters, and what they grew by between two looks. */
#ifndef BATON_STATS_H
#define BATON_STATS_H

#include "command.h"

command_print show_stats, show_status;

/*
 * Add what the counters of `now` grew by per second since `before` (both are
 * the data of a `stats` answer): "packets_s" and "bits_s" beside every
 * "packets" and "bytes". Counters that shrank grew by nothing.
 */
void stats_rates(json_t *now, const json_t *before, double seconds);

/* Counters of reasons, added up by verdict; the caller's. */
json_t *stats_by_verdict(const json_t *reasons);

#endif
