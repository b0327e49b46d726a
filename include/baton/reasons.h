/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet left the switch as it did. Every packet is counted under
 * exactly one reason, in the `counters` map, whose index is the reason.
 *
 * X(NAME, verdict, label, text)
 *   verdict: PASS     to the kernel of the switch, untouched
 *            FORWARD  toward the host of its owner
 *            RETURN   from a host toward the client
 *            ANSWER   the switch answered it with an ICMP error
 *            DROP     dropped
 *
 * The order is ABI: append within the list only together with BATON_ABI.
 */
#ifndef BATON_REASONS_H
#define BATON_REASONS_H

#define BATON_REASONS(X)                                                       \
	X(PASS_NOT_IP, PASS, "pass_not_ip", "neither IPv4 nor IPv6")           \
	X(PASS_NOT_SERVICE, PASS, "pass_not_service", "no service's packet")   \
	X(PASS_UNREADABLE, PASS, "pass_unreadable",                            \
	  "malformed, but not addressed to a VIP")                             \
	X(PASS_NO_ROUTE, PASS, "pass_no_route",                                \
	  "a host's answer that the kernel must route")                        \
	X(FORWARD_FLOW, FORWARD, "forward_flow", "known connection")           \
	X(FORWARD_NEW, FORWARD, "forward_new", "new connection, now known")    \
	X(FORWARD_PENDING, FORWARD, "forward_pending",                         \
	  "new connection, being recorded by another CPU")                     \
	X(FORWARD_OVERFLOW, FORWARD, "forward_overflow",                       \
	  "no room to record it; sent by consistent hashing")                  \
	X(FORWARD_FRAGMENT, FORWARD, "forward_fragment",                       \
	  "fragment, sent where its datagram goes")                            \
	X(FORWARD_FRAGMENT_EARLY, FORWARD, "forward_fragment_early",           \
	  "fragment that came before its datagram's first")                    \
	X(FORWARD_SPI, FORWARD, "forward_spi", "ESP or IKE, by its SPI")       \
	X(FORWARD_ICMP, FORWARD, "forward_icmp",                               \
	  "ICMP error, by the packet that it quotes")                          \
	X(RETURN_FLOW, RETURN, "return_flow", "answer of the owner's host")    \
	X(RETURN_FRAGMENT, RETURN, "return_fragment",                          \
	  "fragment of an answer of the owner's host")                         \
	X(RETURN_ICMP, RETURN, "return_icmp",                                  \
	  "ICMP error of the owner's host")                                    \
	X(ANSWER_TTL, ANSWER, "answer_ttl", "time or hop limit exceeded")      \
	X(ANSWER_TOO_BIG, ANSWER, "answer_too_big",                            \
	  "larger than the path to the host takes")                            \
	X(DROP_ICMP_RATE, DROP, "drop_icmp_rate",                              \
	  "would be answered with ICMP, but the rate is used up")              \
	X(DROP_NO_ICMP, DROP, "drop_no_icmp",                                  \
	  "would be answered with ICMP, but must not be (RFC 1122, 4443)")     \
	X(DROP_FENCE, DROP, "drop_fence",                                      \
	  "from a VIP, by a host that does not own the connection")            \
	X(DROP_FENCE_FRAGMENT, DROP, "drop_fence_fragment",                    \
	  "from a VIP, a fragment whose first was not seen")                   \
	X(DROP_MALFORMED_IP, DROP, "drop_malformed_ip",                        \
	  "IP header or length that cannot be right")                          \
	X(DROP_MALFORMED_L4, DROP, "drop_malformed_l4",                        \
	  "transport header cut off or wrong")                                 \
	X(DROP_MALFORMED_QUOTE, DROP, "drop_malformed_quote",                  \
	  "ICMP error that quotes too little to tell whose it is")             \
	X(DROP_EXTENSIONS, DROP, "drop_extensions",                            \
	  "more IPv6 extension headers than are followed")                     \
	X(DROP_NO_OWNER, DROP, "drop_no_owner",                                \
	  "the service has no owner to send it to")                            \
	X(DROP_NO_HOST, DROP, "drop_no_host", "no host plays the owner")       \
	X(DROP_UNRESOLVED, DROP, "drop_unresolved",                            \
	  "the host's link address is not known yet")                          \
	X(DROP_HEADROOM, DROP, "drop_headroom",                                \
	  "the driver left no room for an outer header")                       \
	X(DROP_INTERNAL, DROP, "drop_internal",                                \
	  "cannot happen; a bug if it does")

enum baton_verdict {
	BATON_VERDICT_PASS,
	BATON_VERDICT_FORWARD,
	BATON_VERDICT_RETURN,
	BATON_VERDICT_ANSWER,
	BATON_VERDICT_DROP,
};

enum baton_reason {
#define X(name, verdict, label, text) BATON_##name,
	BATON_REASONS(X)
#undef X
		BATON_NR_REASONS,
};

#endif
