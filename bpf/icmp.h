/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP (RFC 792), as far as the switch knows it. The kernel's linux/icmp.h
 * pulls in headers of the C library, which have no place in a BPF program.
 */
#ifndef ICMP_H
#define ICMP_H

#include <linux/types.h>

#define ICMP_DEST_UNREACH 3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12

#define ICMP_FRAG_NEEDED 4 /* code of ICMP_DEST_UNREACH */

/* ICMPv6 begins in the same way. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

#endif
