/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the host's XDP program did with a packet. Every packet is counted under
 * exactly one reason, in the host's `counters` map, whose index is the reason.
 *
 * X(NAME, verdict, label, text)
 *   verdict: PASS    to the kernel of the host, untouched
 *            DECAP   to the kernel, freed of its outer header
 *            ANSWER  sent back as the answer to a probe
 *            DROP    dropped
 *
 * The order is ABI: append within the list only together with BATON_HOST_ABI.
 */
#ifndef BATON_HOST_REASONS_H
#define BATON_HOST_REASONS_H

#define BATON_HOST_REASONS(X)                                                  \
	X(PASS_OTHER, PASS, "pass_other", "neither probe nor tunnel")          \
	X(PASS_UNREADABLE, PASS, "pass_unreadable",                            \
	  "Ethernet or IP header that cannot be right")                        \
	X(PASS_STRANGER, PASS, "pass_stranger",                                \
	  "probe or tunnel, but not from an address in switches:")             \
	X(PASS_FRAGMENT, PASS, "pass_fragment",                                \
	  "probe or tunnel from a switch, but fragmented on the way")          \
	X(PASS_OPTIONS, PASS, "pass_options",                                  \
	  "probe or tunnel from a switch, but with IPv4 options")              \
	X(PASS_NOT_VIP, PASS, "pass_not_vip",                                  \
	  "tunnelled, but not to an address in vips:, or from one in "         \
	  "servers:")                                                          \
	X(PASS_GUE, PASS, "pass_gue",                                          \
	  "GUE, but not variant 0 with a bare IP packet in it")                \
	X(DECAP_IPIP, DECAP, "decap_ipip", "IP in IP, outer header removed")   \
	X(DECAP_GUE, DECAP, "decap_gue", "GUE, outer headers removed")         \
	X(ANSWER_PROBE, ANSWER, "answer_probe", "probe answered")              \
	X(DROP_PROBE_MALFORMED, DROP, "drop_probe_malformed",                  \
	  "on the probe port, but no probe")                                   \
	X(DROP_PROBE_FORGED, DROP, "drop_probe_forged",                        \
	  "probe made without the key, or with another one")                   \
	X(DROP_PROBE_REPLAY, DROP, "drop_probe_replay",                        \
	  "probe seen before, or older than one seen before")                  \
	X(DROP_INNER, DROP, "drop_inner",                                      \
	  "tunnelled packet whose own header cannot be right")                 \
	X(DROP_ECN, DROP, "drop_ecn",                                          \
	  "congestion on the way of a packet that cannot tell (RFC 6040)")     \
	X(DROP_LEASE, DROP, "drop_lease",                                      \
	  "on its way out, from a VIP, after the host's lease had lapsed")     \
	X(DROP_FAILED, DROP, "drop_failed",                                    \
	  "on its way out, from an application that has failed")               \
	X(DROP_INTERNAL, DROP, "drop_internal",                                \
	  "cannot happen; a bug if it does")

enum baton_host_verdict {
	BATON_HOST_VERDICT_PASS,
	BATON_HOST_VERDICT_DECAP,
	BATON_HOST_VERDICT_ANSWER,
	BATON_HOST_VERDICT_DROP,
};

enum baton_host_reason {
#define X(name, verdict, label, text) BATON_HOST_##name,
	BATON_HOST_REASONS(X)
#undef X
		BATON_NR_HOST_REASONS,
};

#endif
