// SPDX-License-Identifier: GPL-2.0-only
#include "audit.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "message.h"

struct wire_range {
	__be64 from;
	__be32 length;
	__be32 zero;
};

/* Behind the client's tuple */
struct wire_question {
	uint8_t nonce[AUDIT_NONCE];
	struct wire_range range[NR_SIDES];
};

/* Of a side, in front of its bytes */
struct wire_state {
	__be32 seq_in, seq_out;
	__be64 received;
};

#define TUPLE (AUDIT_QUESTION - sizeof(struct wire_question))

/* False: not all of these bytes are there. */
static bool digest(const struct conn *c, const struct wire_question *q,
		   uint8_t out[AUDIT_DIGEST])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, q->nonce, sizeof(q->nonce), AUDIT_DIGEST);
	for (int i = 0; i < NR_SIDES; i++) {
		const struct track *t = &c->side[i].track;
		const struct wire_state state = { htonl(t->seq_in),
						  htonl(t->seq_out),
						  htobe64(t->received) };
		uint32_t length = ntohl(q->range[i].length);
		const uint8_t *bytes = NULL;

		if (length &&
		    track_bytes(t, be64toh(q->range[i].from), &bytes) < length)
			return false;
		crypto_generichash_update(&h, (const uint8_t *)&state,
					  sizeof(state));
		crypto_generichash_update(&h, bytes, length);
	}
	crypto_generichash_final(&h, out, AUDIT_DIGEST);
	return true;
}

void audit_ask(struct audit *a, const struct conn *c, uint64_t random)
{
	struct wire_question q = { 0 };
	uint8_t tuple[MESSAGE_TUPLES_MAX];

	memcpy(q.nonce, a->nonce, sizeof(q.nonce));
	for (int i = 0; i < NR_SIDES; i++) {
		const struct track *t = &c->side[i].track;
		uint32_t length = t->kept < AUDIT_BYTES ? t->kept : AUDIT_BYTES;
		uint64_t from =
			t->received - t->kept + random % (t->kept - length + 1);

		q.range[i] = (struct wire_range){ .from = htobe64(from),
						  .length = htonl(length) };
	}
	message_put_client(&c->side[CLIENT].tuple, tuple);
	memcpy(a->question, tuple, TUPLE);
	memcpy(a->question + TUPLE, &q, sizeof(q));
	digest(c, &q, a->digest);
}

ssize_t audit_answer(const struct replica *r, uint16_t service,
		     const uint8_t *question, size_t len,
		     uint8_t answer[AUDIT_ANSWER])
{
	struct wire_question q;
	struct tuple client;
	struct side *side;

	if (len != AUDIT_QUESTION || message_client(question, len, &client))
		return -EBADMSG;
	memcpy(&q, question + TUPLE, sizeof(q));
	for (int i = 0; i < NR_SIDES; i++)
		if (ntohl(q.range[i].length) > AUDIT_BYTES || q.range[i].zero)
			return -EBADMSG;
	memcpy(answer, q.nonce, AUDIT_NONCE);
	side = replica_find(r, &client);
	if (!side || side_conn(side)->service != service ||
	    !digest(side_conn(side), &q, answer + AUDIT_NONCE))
		return AUDIT_NONCE;
	return AUDIT_ANSWER;
}

enum audit_verdict audit_check(const struct audit *a, const uint8_t *answer,
			       size_t len)
{
	if (len < AUDIT_NONCE || memcmp(answer, a->nonce, AUDIT_NONCE))
		return AUDIT_OTHER;
	if (len == AUDIT_NONCE)
		return AUDIT_LACKS;
	return len == AUDIT_ANSWER && !memcmp(answer + AUDIT_NONCE, a->digest,
					      AUDIT_DIGEST)
		       ? AUDIT_RIGHT
		       : AUDIT_WRONG;
}
