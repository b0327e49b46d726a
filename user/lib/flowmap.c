// SPDX-License-Identifier: GPL-2.0-only
#include "lib/flowmap.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "baton/flowtable.h"
#include "baton/ring.h"

/* A slot that changes all the time is read again this often, then left out. */
#define READ_TRIES 8

#define SLOT_WORDS(n) ((size_t)BATON_FLOW_WORDS(n))
#define BUCKET_WORDS(n) (BATON_FLOW_SLOTS * SLOT_WORDS(n))

static const struct {
	const char *map;
	size_t bucket;
	int n;
} families[] = {
	[FLOWMAP_4] = { "flows4", sizeof(struct baton_flow4_bucket), 1 },
	[FLOWMAP_6] = { "flows6", sizeof(struct baton_flow6_bucket), 3 },
};

static int map_table(struct flowmap *m, enum flowmap_family family,
		     __u32 buckets, const char *dir, bool writable,
		     char error[PINNED_ERROR])
{
	const char *name = families[family].map;
	size_t bucket = families[family].bucket;
	__u32 entries;
	void *words;
	int fd;

	/* The kernel lets no descriptor that is only for reading be mapped. */
	fd = pinned_map(dir, name, BPF_MAP_TYPE_ARRAY, bucket, true, &entries,
			error);
	if (fd < 0)
		return fd;
	if (entries != buckets) {
		close(fd);
		snprintf(error, PINNED_ERROR,
			 "%s/%s: has %u buckets, but %s/meta says %u", dir,
			 name, entries, dir, buckets);
		return -EPROTO;
	}
	words = mmap(NULL, bucket * buckets,
		     writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		     fd, 0);
	close(fd);
	if (words == MAP_FAILED) {
		int err = errno;

		snprintf(error, PINNED_ERROR, "%s/%s: cannot be mapped: %s",
			 dir, name, strerror(err));
		return -err;
	}
	m->table[family] = (struct flowmap_table){
		.words = words,
		.buckets = buckets,
		.n = families[family].n,
	};
	return 0;
}

int flowmap_open(struct flowmap *m, const char *dir, bool writable,
		 char error[PINNED_ERROR])
{
	char path[4096];
	int err;

	memset(m, 0, sizeof(*m));
	m->clock = -1;
	err = pinned_meta(dir, &m->meta, error);
	if (!err)
		err = map_table(m, FLOWMAP_4, m->meta.flow4_buckets, dir,
				writable, error);
	if (!err)
		err = map_table(m, FLOWMAP_6, m->meta.flow6_buckets, dir,
				writable, error);
	if (err) {
		flowmap_close(m);
		return err;
	}
	snprintf(path, sizeof(path), "%s/clock", dir);
	m->clock = bpf_obj_get(path);
	return 0;
}

void flowmap_close(struct flowmap *m)
{
	for (int i = 0; i < FLOWMAP_FAMILIES; i++)
		if (m->table[i].words)
			munmap(m->table[i].words,
			       families[i].bucket * m->table[i].buckets);
	if (m->clock >= 0)
		close(m->clock);
	memset(m, 0, sizeof(*m));
	m->clock = -1;
}

const struct flowmap_table *flowmap_table(const struct flowmap *m,
					  const struct addr *client)
{
	return &m->table[client->family == 4 ? FLOWMAP_4 : FLOWMAP_6];
}

int flowmap_encode(const struct flowmap_key *key, __u64 words[3])
{
	if (key->client.family == 4) {
		union baton_flow4_words
			w = { .key = {
				      .client = key->client.word[0],
				      .port = htons(key->port),
				      .service = key->service,
			      } };

		words[0] = w.word[0];
		return 1;
	} else {
		union baton_flow6_words w = { .key = {
						      .tag = baton_flow_tag(
							      key->client.word),
						      .port = htons(key->port),
						      .service = key->service,
					      } };

		memcpy(w.key.client, key->client.word, sizeof(w.key.client));
		memcpy(words, w.word, sizeof(w.word));
		return 3;
	}
}

void flowmap_decode(const struct flowmap_slot *slot, struct flowmap_key *key)
{
	memset(key, 0, sizeof(*key));
	if (slot->n == 1) {
		union baton_flow4_words w = { .word = { slot->key[0] } };

		key->client.family = 4;
		key->client.word[0] = w.key.client;
		key->port = ntohs(w.key.port);
		key->service = w.key.service;
	} else {
		union baton_flow6_words w;

		memcpy(w.word, slot->key, sizeof(w.word));
		key->client.family = 6;
		memcpy(key->client.word, w.key.client, sizeof(w.key.client));
		key->port = ntohs(w.key.port);
		key->service = w.key.service;
	}
}

uint16_t flowmap_service(const struct flowmap_slot *slot)
{
	/* Port and service end the first word of both families' keys. */
	union baton_flow4_words w = { .word = { slot->key[0] } };

	return w.key.service;
}

static inline __u64 flow_word(const struct baton_flow *flow)
{
	union baton_flow_word w = { .flow = *flow };

	return w.word;
}

/* False: free, or changing faster than it can be read. */
static inline bool read_slot(__u64 *words, int n, struct flowmap_slot *slot)
{
	union baton_flow_word w;

	for (int tries = 0; tries < READ_TRIES; tries++) {
		slot->key[0] = baton_load(&words[0]);
		if (!slot->key[0])
			return false;
		w.word = baton_load(&words[n]);
		for (int i = 1; i < n; i++)
			slot->key[i] = baton_load(&words[i]);
		if (baton_load(&words[0]) != slot->key[0] ||
		    baton_load(&words[n]) != w.word)
			continue;
		slot->words = words;
		slot->n = n;
		slot->flow = w.flow;
		return true;
	}
	return false;
}

static inline int walk(const struct flowmap_table *t, __u32 first, __u32 end,
		       int n, flowmap_visit *visit, void *arg)
{
	__u64 *words = t->words + first * BUCKET_WORDS(n);
	__u64 *stop = t->words + end * BUCKET_WORDS(n);
	struct flowmap_slot slot;
	int err;

	for (; words < stop; words += SLOT_WORDS(n)) {
		if (!read_slot(words, n, &slot))
			continue;
		err = visit(&slot, arg);
		if (err)
			return err;
	}
	return 0;
}

int flowmap_walk(const struct flowmap_table *t, __u32 first, __u32 count,
		 flowmap_visit *visit, void *arg)
{
	__u32 end;

	if (first >= t->buckets)
		return 0;
	end = count < t->buckets - first ? first + count : t->buckets;
	/* Constants, so that each family gets a loop of its own. */
	return t->n == 1 ? walk(t, first, end, 1, visit, arg)
			 : walk(t, first, end, 3, visit, arg);
}

/* Where a key may be: its words and its two buckets. */
struct place {
	const struct flowmap_table *table;
	__u64 key[3];
	__u64 *bucket[2];
	int n;
};

static bool place_of(const struct flowmap *m, const struct flowmap_key *key,
		     struct place *p)
{
	__u64 hash;

	memset(p, 0, sizeof(*p));
	p->table = flowmap_table(m, &key->client);
	p->n = flowmap_encode(key, p->key);
	if (!p->table->buckets)
		return false;
	hash = baton_hash(m->meta.seed, p->key, p->n);
	p->bucket[0] =
		p->table->words +
		baton_bucket1(hash, p->table->buckets) * BUCKET_WORDS(p->n);
	p->bucket[1] =
		p->table->words +
		baton_bucket2(hash, p->table->buckets) * BUCKET_WORDS(p->n);
	return true;
}

bool flowmap_find(const struct flowmap *m, const struct flowmap_key *key,
		  struct flowmap_slot *slot)
{
	struct baton_found found = { 0 };
	union baton_flow_word w;
	struct place p;

	if (!place_of(m, key, &p) ||
	    (!baton_bucket_find(p.bucket[0], p.key, p.n, &found) &&
	     !baton_bucket_find(p.bucket[1], p.key, p.n, &found)))
		return false;
	w.word = found.seen;
	slot->words = found.slot;
	slot->n = p.n;
	slot->flow = w.flow;
	memcpy(slot->key, p.key, sizeof(slot->key));
	return true;
}

int flowmap_insert(const struct flowmap *m, const struct flowmap_key *key,
		   const struct baton_flow *flow, uint16_t now)
{
	__u64 word = flow_word(flow);
	struct flowmap_slot slot;
	struct place p;

	if (!place_of(m, key, &p))
		return -ENOSPC;
	if (flowmap_find(m, key, &slot))
		return -EEXIST;
	if (baton_bucket_claim(p.bucket[0], p.key, p.n, word) ||
	    baton_bucket_claim(p.bucket[1], p.key, p.n, word) ||
	    baton_bucket_displace(p.bucket[0], p.key, p.n, word, now) ||
	    baton_bucket_displace(p.bucket[1], p.key, p.n, word, now))
		return 0;
	return -ENOSPC;
}

bool flowmap_update(const struct flowmap_slot *slot,
		    const struct baton_flow *flow)
{
	return baton_slot_update(slot->words, slot->n, flow_word(&slot->flow),
				 flow_word(flow));
}

bool flowmap_free(const struct flowmap_slot *slot)
{
	return baton_slot_free(slot->words, slot->n, flow_word(&slot->flow));
}

int flowmap_now(const struct flowmap *m, uint16_t *now)
{
	char frame[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = sizeof(frame));

	if (m->clock < 0)
		return -ENOENT;
	if (bpf_prog_test_run_opts(m->clock, &opts))
		return -errno;
	*now = opts.retval >> m->meta.stamp_shift;
	return 0;
}

uint16_t flowmap_age(uint16_t now, uint16_t seen)
{
	uint16_t age = now - seen;

	/* A stamp from just ahead would else look like the oldest of all. */
	return age >= 0xff00 ? 0 : age;
}

double flowmap_seconds(const struct baton_meta *meta, uint32_t stamps)
{
	return (double)stamps * (double)(1ULL << meta->stamp_shift) / meta->hz;
}

__u32 flowmap_ring_index(const struct baton_meta *meta,
			 const struct flowmap_key *key, bool client_hash)
{
	struct flowmap_key k = *key;
	__u64 words[3];
	int n;

	if (client_hash)
		k.port = 0;
	n = flowmap_encode(&k, words);
	return baton_ring_index(meta->seed, words, n, meta->ring_size);
}
