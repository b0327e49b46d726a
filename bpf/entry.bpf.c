// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is attached to a port, alone or beside other programs through libxdp's
 * dispatcher: a jump to the program in slot 0. It never needs to change, so
 * an upgrade of the switch replaces the slot, for all ports at once, and a
 * packet runs through the old program or the new one.
 */
#include "programs.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags")
int baton_entry(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &programs, BATON_STAGE_SHORT);
	return XDP_PASS; /* the slot is empty: behave as if not attached */
}
