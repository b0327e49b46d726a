// SPDX-License-Identifier: GPL-2.0-only
#include "replay_select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton/hash.h"
#include "lib/prefault.h"

#define WARM 2048 /* records: memory for more is touched when it is needed */

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

/* Room before the place that a connection's numbers are counted from, so that
 * what comes before it is not taken for what comes long after. */
#define MARGIN (1U << 30)

struct replay_connection {
	const struct baton_record *key; /* some record of it; NULL: free */
	uint64_t began; /* time of the SYN that began the present one */
	uint32_t syn; /* its sequence number */
	uint32_t ack; /* the newest of the host */
	bool has_syn, has_ack, has_base;
	bool reset; /* by the host */
	uint32_t base; /* sequence number that `at` is counted from */
};

int replay_work_make(struct replay_work *w, size_t n)
{
	size_t slots = 1;

	while (slots < 2 * n)
		slots *= 2;
	w->n = n;
	w->found = malloc(n * sizeof(*w->found));
	w->picks = malloc(n * sizeof(*w->picks));
	w->connections = malloc(slots * sizeof(*w->connections));
	if (!w->found || !w->picks || !w->connections) {
		replay_work_free(w);
		return -ENOMEM;
	}
	if (n > WARM)
		n = WARM;
	prefault(w->found, n * sizeof(*w->found));
	prefault(w->picks, n * sizeof(*w->picks));
	prefault(w->connections, n * sizeof(*w->connections));
	return 0;
}

void replay_work_free(struct replay_work *w)
{
	free(w->found);
	free(w->picks);
	free(w->connections);
	memset(w, 0, sizeof(*w));
}

/* a after b? RFC 9293, section 3.4 */
static bool after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static uint32_t end_of(const struct baton_record *r)
{
	return r->seq + r->payload + !!(r->tcp_flags & SYN) +
	       !!(r->tcp_flags & FIN);
}

static bool begins(const struct baton_record *r)
{
	return r->direction == BATON_RECORD_TO_HOST &&
	       (r->tcp_flags & (SYN | ACK | RST)) == SYN;
}

/* --- connections ------------------------------------------------------------ */

static bool same_connection(const struct baton_record *a,
			    const struct baton_record *b)
{
	return a->port == b->port && a->vip_port == b->vip_port &&
	       a->service == b->service && a->owner == b->owner &&
	       !memcmp(a->client, b->client, sizeof(a->client));
}

static uint32_t hash_of(const struct baton_record *r)
{
	uint64_t words[2];

	memcpy(words, r->client, sizeof(words));
	return baton_mix(baton_mix(words[0] ^ (uint64_t)r->port << 48 ^
				   (uint64_t)r->vip_port << 32 ^ r->service) ^
			 words[1] ^ r->owner);
}

static struct replay_connection *connection_of(struct replay_work *w,
					       uint32_t mask,
					       const struct baton_record *r)
{
	uint32_t i = hash_of(r) & mask;

	while (w->connections[i].key &&
	       !same_connection(w->connections[i].key, r))
		i = (i + 1) & mask;
	if (!w->connections[i].key)
		w->connections[i] = (struct replay_connection){ .key = r };
	return &w->connections[i];
}

/* One that is sent again begins nothing. */
static void note_syn(struct replay_connection *c, const struct baton_record *r)
{
	if (c->has_syn && c->syn == r->seq) {
		if (r->time < c->began)
			c->began = r->time;
	} else if (!c->has_syn || r->time > c->began) {
		c->has_syn = true;
		c->began = r->time;
		c->syn = r->seq;
	}
}

/* Of one before that had the same addresses and ports? */
static bool is_past(const struct replay_connection *c,
		    const struct baton_record *r)
{
	return c->has_syn && r->time < c->began;
}

static void note_host(struct replay_connection *c, const struct baton_record *r)
{
	if (is_past(c, r))
		return;
	if (r->tcp_flags & RST)
		c->reset = true;
	if (r->tcp_flags & ACK && (!c->has_ack || after(r->ack, c->ack))) {
		c->ack = r->ack;
		c->has_ack = true;
	}
}

/* --- packets ------------------------------------------------------------------ */

static bool is_owed(const struct replay_connection *c,
		    const struct baton_record *r, uint64_t now)
{
	if (c->reset || is_past(c, r))
		return false;
	if (!c->has_ack && r->time + REPLAY_BLIND < now)
		return false;
	if (r->tcp_flags & RST)
		return !c->has_ack || !after(c->ack, r->seq);
	return end_of(r) != r->seq && (!c->has_ack || after(end_of(r), c->ack));
}

static uint32_t place(struct replay_connection *c, uint32_t seq)
{
	if (!c->has_base) {
		c->has_base = true;
		c->base = (c->has_ack ? c->ack : seq) - MARGIN;
	}
	return seq - c->base;
}

/* What is the same packet again: the newest first. */
static int by_place(const void *a, const void *b, void *found)
{
	const struct replay_pick *p = a, *q = b;
	const struct recorded *r = (struct recorded *)found + p->found;
	const struct recorded *s = (struct recorded *)found + q->found;

	if (p->connection != q->connection)
		return p->connection < q->connection ? -1 : 1;
	if (p->at != q->at)
		return p->at < q->at ? -1 : 1;
	if (p->end != q->end)
		return p->end > q->end ? -1 : 1;
	if (r->record.time != s->record.time)
		return r->record.time > s->record.time ? -1 : 1;
	return p->found > q->found ? -1 : p->found < q->found;
}

/* Leave out what others of the connection hold, and see what is missing. The
 * number of picks that are left. */
static size_t thin_out(struct replay_work *w, size_t n,
		       struct replay_counts *counts)
{
	struct replay_counts *c = NULL;
	uint32_t last = UINT32_MAX, end = 0;
	bool complete = true, empty = true;
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		const struct replay_pick p = w->picks[i];
		const struct baton_record *r = &w->found[p.found].record;
		const struct replay_connection *of =
			&w->connections[p.connection];

		if (p.connection != last) {
			last = p.connection;
			c = &counts[r->owner];
			end = of->has_ack ? MARGIN : p.at;
			complete = empty = true;
		}
		if ((int32_t)(p.end - end) <= 0 && !(r->tcp_flags & RST))
			continue;
		if (baton_record_kept(r) < r->length) {
			c->too_large++;
			c->incomplete += complete;
			complete = false;
			continue;
		}
		if (p.at > end) {
			c->incomplete += complete;
			complete = false;
		}
		c->connections += empty;
		empty = false;
		if ((int32_t)(p.end - end) > 0)
			end = p.end;
		w->picks[left++] = p;
	}
	return left;
}

size_t replay_select(struct replay_work *w, size_t nr_found, const uint16_t *to,
		     bool again, uint64_t now, struct replay_counts *counts)
{
	uint32_t mask = 1;
	size_t n = 0;

	while (mask < 2 * nr_found)
		mask *= 2;
	memset(w->connections, 0, mask * sizeof(*w->connections));
	mask--;
	for (size_t i = 0; i < nr_found; i++) {
		const struct baton_record *r = &w->found[i].record;

		if (begins(r))
			note_syn(connection_of(w, mask, r), r);
	}
	for (size_t i = 0; i < nr_found; i++) {
		const struct baton_record *r = &w->found[i].record;

		if (r->direction == BATON_RECORD_TO_CLIENT)
			note_host(connection_of(w, mask, r), r);
	}
	for (size_t i = 0; i < nr_found; i++) {
		const struct baton_record *r = &w->found[i].record;
		struct replay_connection *c;

		if (r->direction != BATON_RECORD_TO_HOST ||
		    (r->host == to[r->owner] && !again))
			continue;
		c = connection_of(w, mask, r);
		if (!is_owed(c, r, now))
			continue;
		w->picks[n++] = (struct replay_pick){
			.found = i,
			.connection = c - w->connections,
			.at = place(c, r->seq),
			.end = place(c, end_of(r)),
		};
	}
	qsort_r(w->picks, n, sizeof(*w->picks), by_place, w->found);
	return thin_out(w, n, counts);
}
