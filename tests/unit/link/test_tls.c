// SPDX-License-Identifier: GPL-2.0-only
/* TLS between nodes that know each other's keys, and with those who do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link/link_tls.h"

struct end {
	struct link_tls_node node;
	struct link_tls tls;
	struct link_key *key;
	struct link_public public;
	const char *name;
	/* whom it knows */
	const char *known_name;
	struct link_public known;
	int result;
};

static bool knows(void *arg, const char *name, const struct link_public *key)
{
	const struct end *e = arg;

	return !strcmp(name, e->known_name) &&
	       !memcmp(key, &e->known, sizeof(*key));
}

static void end_init(struct end *e, const char *name)
{
	memset(e, 0, sizeof(*e));
	e->name = name;
	assert_int_equal(link_key_make(&e->key), 0);
	link_key_public(e->key, &e->public);
	assert_int_equal(link_tls_node_init(&e->node, name, e->key), 0);
	e->node.known = knows;
	e->node.arg = e;
}

static void know(struct end *e, const struct end *other)
{
	e->known_name = other->name;
	e->known = other->public;
}

static void end_free(struct end *e)
{
	link_tls_free(&e->tls);
	link_tls_node_free(&e->node);
	link_key_free(e->key);
}

static void pair_init(struct end *a, struct end *b)
{
	end_init(a, "a");
	end_init(b, "b");
	know(a, b);
	know(b, a);
}

/* What one end has for the other, at once; the handshake goes on. */
static void pass(struct end *from, struct end *to)
{
	struct link_bytes *out = &from->tls.out;

	link_tls_feed(&to->tls, out->bytes + out->start, link_bytes_left(out));
	if (!to->result)
		to->result = link_tls_handshake(&to->tls);
	else if (to->result > 0 && !SSL_is_init_finished(to->tls.ssl))
		to->result = -EPROTO;
}

static void passed(struct end *from)
{
	link_bytes_skip(&from->tls.out, link_bytes_left(&from->tls.out));
}

static void shake(struct end *a, struct end *b)
{
	char text[64];
	ssize_t n;
	int i;

	assert_int_equal(link_tls_open(&a->tls, &a->node, true, b->name), 0);
	assert_int_equal(link_tls_open(&b->tls, &b->node, false, NULL), 0);
	b->result = 0;
	a->result = link_tls_handshake(&a->tls);
	assert_int_equal(a->result, 0);
	for (i = 0; i < 4; i++) {
		pass(a, b);
		passed(a);
		pass(b, a);
		/* a server's alert comes after the client has finished */
		if (a->result > 0) {
			n = link_tls_read(&a->tls, text, sizeof(text));
			assert_true(n <= 0);
			a->result = n < 0 ? n : a->result;
		}
		passed(b);
	}
}

/* Give all that waits at one end to the other, and read what comes of it. */
static ssize_t carry(struct end *from, struct end *to, char *text, size_t size)
{
	struct link_bytes *out = &from->tls.out;
	size_t got = 0;
	ssize_t n;

	link_tls_feed(&to->tls, out->bytes + out->start, link_bytes_left(out));
	while ((n = link_tls_read(&to->tls, text + got, size - got)) > 0)
		got += n;
	passed(from);
	return n < 0 ? n : (ssize_t)got;
}

static void nodes_that_know_each_other(void **state)
{
	struct end a, b;
	char text[64];

	(void)state;
	pair_init(&a, &b);
	shake(&a, &b);
	assert_int_equal(a.result, 1);
	assert_int_equal(b.result, 1);
	assert_string_equal(a.tls.peer, "b");
	assert_string_equal(b.tls.peer, "a");
	assert_string_equal(SSL_get_version(a.tls.ssl), "TLSv1.3");
	assert_string_equal(SSL_get_cipher(a.tls.ssl), "TLS_AES_128_GCM_"
						       "SHA256");
	assert_int_equal(link_tls_write(&a.tls, "hello", 5), 0);
	assert_int_equal(carry(&a, &b, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	link_tls_end(&a.tls);
	assert_int_equal(carry(&a, &b, text, sizeof(text)), -EPIPE);
	end_free(&a);
	end_free(&b);
}

/* The one who is not known gets no further, whichever end it is. */
static void a_key_that_is_not_the_known_one(void **state)
{
	struct end a, b, other;

	(void)state;
	pair_init(&a, &b);
	end_init(&other, "a");
	know(&b, &other);
	shake(&a, &b);
	assert_int_equal(b.result, -EPROTO);
	assert_non_null(strstr(b.tls.why, "its key"));
	assert_int_equal(a.result, -EPROTO);
	link_tls_free(&a.tls);
	link_tls_free(&b.tls);

	know(&b, &a);
	know(&a, &other);
	a.known_name = "b";
	shake(&a, &b);
	assert_int_equal(a.result, -EPROTO);
	assert_non_null(strstr(a.tls.why, "its key"));
	assert_int_not_equal(b.result, 1);
	end_free(&a);
	end_free(&b);
	end_free(&other);
}

static bool knows_all(void *arg, const char *name,
		      const struct link_public *key)
{
	(void)arg, (void)name, (void)key;
	return true;
}

/* The ablation: it is the pinned key that keeps strangers out. */
static void without_pinned_keys_anyone_comes_in(void **state)
{
	struct end a, b, other;

	(void)state;
	pair_init(&a, &b);
	end_init(&other, "a");
	know(&b, &other);
	b.node.known = knows_all;
	shake(&a, &b);
	assert_int_equal(a.result, 1);
	assert_int_equal(b.result, 1);
	end_free(&a);
	end_free(&b);
	end_free(&other);
}

/* A node that is known may not pass for another one. */
static void a_name_that_is_not_ones_own(void **state)
{
	struct end a, b, c;

	(void)state;
	pair_init(&a, &b);
	end_init(&c, "c");
	know(&a, &c);
	know(&c, &a);
	c.name = "b"; /* whom a calls; but c answers */
	shake(&a, &c);
	assert_int_equal(a.result, -EPROTO);
	assert_non_null(strstr(a.tls.why, "another node"));
	assert_int_not_equal(c.result, 1);
	end_free(&a);
	end_free(&b);
	end_free(&c);
}

/* Ends that would speak otherwise: each is changed in one thing. */
static void expect_refusal(void (*change)(SSL_CTX *))
{
	struct end a, b;

	pair_init(&a, &b);
	change(a.node.ctx);
	shake(&a, &b);
	assert_int_equal(b.result, -EPROTO);
	assert_int_not_equal(a.result, 1);
	end_free(&a);
	end_free(&b);
}

static void only_tls12(SSL_CTX *ctx)
{
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set1_sigalgs_list(ctx, "ed25519:ECDSA+SHA256");
}

static void other_cipher(SSL_CTX *ctx)
{
	SSL_CTX_set_ciphersuites(ctx, "TLS_CHACHA20_POLY1305_SHA256");
}

static void other_group(SSL_CTX *ctx)
{
	SSL_CTX_set1_groups_list(ctx, "P-256");
}

static int no_certificate_now(SSL *ssl, void *arg)
{
	(void)arg;
	SSL_certs_clear(ssl);
	return 1;
}

static void no_certificate(SSL_CTX *ctx)
{
	SSL_CTX_set_cert_cb(ctx, no_certificate_now, NULL);
}

static void any_other_way_to_speak_is_refused(void **state)
{
	(void)state;
	expect_refusal(only_tls12);
	expect_refusal(other_cipher);
	expect_refusal(other_group);
	expect_refusal(no_certificate);
}

static void no_session_can_be_taken_up_again(void **state)
{
	struct end a, b;
	SSL_SESSION *session;

	(void)state;
	pair_init(&a, &b);
	shake(&a, &b);
	session = SSL_get0_session(a.tls.ssl);
	assert_false(SSL_SESSION_is_resumable(session));
	assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
	end_free(&a);
	end_free(&b);
}

/* --- records that were touched on the way -------------------------------------- */

static uint64_t seed = 7;

static uint64_t chance(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 33;
}

enum harm { FLIPPED, CUT, REPEATED, REORDERED, NR_HARMS };

/* Three records; what arrives of them; nothing but whole good ones is read. */
static void harm(enum harm how)
{
	char text[300], expected[300];
	struct link_bytes *out;
	uint8_t bytes[1024];
	size_t ends[3], n, i;
	struct end a, b;
	ssize_t got;

	pair_init(&a, &b);
	shake(&a, &b);
	out = &a.tls.out;
	for (i = 0; i < 3; i++) {
		memset(expected + 100 * i, 'a' + i, 100);
		link_tls_write(&a.tls, expected + 100 * i, 100);
		ends[i] = link_bytes_left(out);
	}
	n = ends[2];
	memcpy(bytes, out->bytes + out->start, n);
	switch (how) {
	case FLIPPED:
		/* in the second */
		bytes[ends[0] + chance() % (ends[1] - ends[0])] ^=
			1 << chance() % 8;
		break;
	case CUT:
		i = ends[0] + chance() % (ends[1] - ends[0]);
		memmove(bytes + i, bytes + i + 1, n - i - 1);
		n--;
		break;
	case REPEATED:
		memcpy(bytes + ends[0], bytes, ends[0]);
		break;
	default:
		memcpy(bytes + ends[0], out->bytes + out->start + ends[1],
		       ends[2] - ends[1]);
	}
	link_tls_feed(&b.tls, bytes, n);
	memset(text, 0, sizeof(text));
	for (i = 0;
	     (got = link_tls_read(&b.tls, text + i, sizeof(text) - i)) > 0;)
		i += got;
	assert_int_equal(i, 100);
	assert_memory_equal(text, expected, 100);
	/* a length that was made longer waits for what never comes */
	assert_true(got == -EPROTO || (got == 0 && how != REPEATED));
	assert_true(link_tls_read(&b.tls, text, sizeof(text)) <= 0);
	passed(&a);
	end_free(&a);
	end_free(&b);
}

static void a_record_that_was_touched_ends_it(void **state)
{
	int how, i;

	(void)state;
	for (how = 0; how < NR_HARMS; how++) {
		for (i = 0; i < 20; i++)
			harm(how);
	}
}

static void garbage_instead_of_a_handshake(void **state)
{
	uint8_t bytes[600];
	struct end a, b;
	size_t i, j;
	int n;

	(void)state;
	pair_init(&a, &b);
	for (i = 0; i < 500; i++) {
		link_tls_open(&b.tls, &b.node, false, NULL);
		for (j = 0; j < sizeof(bytes); j++)
			bytes[j] = chance();
		if (i % 2) /* what begins as it should */
			memcpy(bytes, "\x16\x03\x01\x00\xf0\x01\x00", 7);
		link_tls_feed(&b.tls, bytes, sizeof(bytes));
		n = link_tls_handshake(&b.tls);
		assert_true(n == 0 || n == -EPROTO);
		assert_true(link_bytes_left(&b.tls.out) < 16384);
		link_tls_free(&b.tls);
	}
	end_free(&a);
	end_free(&b);
}

/* Sending keys are renewed under way, and nobody notices. */
static void keys_are_renewed(void **state)
{
	char text[64];
	struct end a, b;
	int i;

	(void)state;
	pair_init(&a, &b);
	shake(&a, &b);
	a.tls.key_records = 3;
	for (i = 0; i < 20; i++) {
		assert_int_equal(link_tls_write(&a.tls, &i, sizeof(i)), 0);
		assert_int_equal(carry(&a, &b, text, sizeof(text)), sizeof(i));
		assert_memory_equal(text, &i, sizeof(i));
		assert_int_equal(a.tls.records, (i + 1) % 3);
	}
	end_free(&a);
	end_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_that_know_each_other),
		cmocka_unit_test(a_key_that_is_not_the_known_one),
		cmocka_unit_test(without_pinned_keys_anyone_comes_in),
		cmocka_unit_test(a_name_that_is_not_ones_own),
		cmocka_unit_test(any_other_way_to_speak_is_refused),
		cmocka_unit_test(no_session_can_be_taken_up_again),
		cmocka_unit_test(a_record_that_was_touched_ends_it),
		cmocka_unit_test(garbage_instead_of_a_handshake),
		cmocka_unit_test(keys_are_renewed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
