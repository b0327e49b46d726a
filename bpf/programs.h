/* SPDX-License-Identifier: GPL-2.0-only */
/* The slots that one program jumps to another through: enum baton_stage. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "baton/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, BATON_STAGES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} programs SEC(".maps");

#endif
