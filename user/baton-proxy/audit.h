/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a standby have what it confirms? Its owner asks, now and then, for a
 * digest of one connection: of its sequence numbers and of some bytes that are
 * kept, with a number that is new. Messages take effect in their order, so both
 * know the same when the question is asked and when it is answered. Who has
 * thrown the bytes away cannot answer. That it would take over cannot be asked.
 *
 * Pure. Formats: docs/wire.md, PROVE and PROOF.
 */
#ifndef BATON_PROXY_AUDIT_H
#define BATON_PROXY_AUDIT_H

#include <sys/types.h>

#include "replica.h"

#define AUDIT_NONCE 16
#define AUDIT_DIGEST 32
#define AUDIT_QUESTION 88 /* bytes: client's tuple, nonce, two ranges */
#define AUDIT_ANSWER (AUDIT_NONCE + AUDIT_DIGEST)
#define AUDIT_BYTES (64u << 10) /* of each side, at most */

/* What was asked, and what is to be answered. */
struct audit {
	uint8_t question[AUDIT_QUESTION];
	uint8_t nonce[AUDIT_NONCE];
	uint8_t digest[AUDIT_DIGEST];
};

/* Ask about a connection; `random` chooses which bytes. The nonce is set. */
void audit_ask(struct audit *a, const struct conn *c, uint64_t random);

/* Answer a question about a connection of the service: the length, AUDIT_NONCE
 * if it is not known here. Or -EBADMSG: it is none. */
ssize_t audit_answer(const struct replica *r, uint16_t service,
		     const uint8_t *question, size_t len,
		     uint8_t answer[AUDIT_ANSWER]);

enum audit_verdict {
	AUDIT_OTHER, /* it answers something else */
	AUDIT_RIGHT,
	AUDIT_WRONG,
	AUDIT_LACKS, /* it says itself that it does not have it */
};

enum audit_verdict audit_check(const struct audit *a, const uint8_t *answer,
			       size_t len);

#endif
