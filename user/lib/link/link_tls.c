// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a peer may send before it is known: its certificate has about 300. */
#define CERTIFICATE_MAX 4096

/* One read of a record layer takes several records when they are there. */
#define READ_AHEAD (64 << 10)

void link_bytes_free(struct link_bytes *b)
{
	free(b->bytes);
	*b = (struct link_bytes){ 0 };
}

void link_bytes_skip(struct link_bytes *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

static int bytes_add(struct link_bytes *b, const void *more, size_t n)
{
	if (b->size - b->end < n) {
		size_t size = b->size ? b->size : 4 * LINK_TLS_RECORD;
		uint8_t *bytes;

		while (size - b->end < n)
			size *= 2;
		bytes = realloc(b->bytes, size);
		if (!bytes)
			return -ENOMEM;
		b->bytes = bytes;
		b->size = size;
	}
	memcpy(b->bytes + b->end, more, n);
	b->end += n;
	return 0;
}

/* --- a BIO over t->in and t->out: one copy less than one of memory --------- */

static int bio_read(BIO *bio, char *to, size_t size, size_t *n)
{
	struct link_tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*n = size < t->in_left ? size : t->in_left;
	if (!*n) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(to, t->in, *n);
	t->in += *n;
	t->in_left -= *n;
	return 1;
}

static int bio_write(BIO *bio, const char *from, size_t size, size_t *n)
{
	struct link_tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*n = bytes_add(&t->out, from, size) ? 0 : size;
	return *n > 0;
}

static long bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (!method) {
		method = BIO_meth_new(
			BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
		BIO_meth_set_read_ex(method, bio_read);
		BIO_meth_set_write_ex(method, bio_write);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	return method;
}

/* --- who the node is, and who the peer is ---------------------------------- */

static bool certificate_name(X509 *cert, char name[BATON_LINK_NAME_LEN])
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int n = X509_NAME_get_text_by_NID(subject, NID_commonName, name,
					  BATON_LINK_NAME_LEN);

	/* a NUL in a name would let it end early */
	return n > 0 && X509_NAME_entry_count(subject) == 1 &&
	       strlen(name) == (size_t)n;
}

static bool certificate_key(X509 *cert, struct link_public *key)
{
	EVP_PKEY *pkey = X509_get0_pubkey(cert);
	size_t size = sizeof(key->bytes);

	return pkey && EVP_PKEY_get_id(pkey) == EVP_PKEY_ED25519 &&
	       EVP_PKEY_get_raw_public_key(pkey, key->bytes, &size) &&
	       size == sizeof(key->bytes);
}

/*
 * Takes the place of OpenSSL's verification: instead of a chain to someone who
 * is trusted, the pinned key.
 */
static int verify(X509_STORE_CTX *store, void *arg)
{
	X509 *cert = X509_STORE_CTX_get0_cert(store);
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct link_tls *t = SSL_get_app_data(ssl);
	char name[BATON_LINK_NAME_LEN];
	struct link_public key;

	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	if (!cert || !certificate_name(cert, name) ||
	    !certificate_key(cert, &key)) {
		snprintf(t->why, sizeof(t->why),
			 "its certificate is not one of a node");
		return 0;
	}
	if (t->expected && strcmp(t->expected, name)) {
		snprintf(t->why, sizeof(t->why),
			 "it is another node than the one expected");
		return 0;
	}
	if (!t->node->known(t->node->arg, name, &key)) {
		snprintf(t->why, sizeof(t->why),
			 "its key is not the one that is known for its name");
		return 0;
	}
	memcpy(t->peer, name, sizeof(name));
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/*
 * No field but name and key is looked at by anyone, and a node whose clock is
 * wrong must still be able to speak: it is valid for all time.
 */
static X509 *certificate(const char *name, EVP_PKEY *pkey)
{
	X509 *cert = X509_new();
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

	if (cert && X509_set_version(cert, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	    ASN1_TIME_set_string(X509_getm_notBefore(cert), "19700101000000"
							    "Z") &&
	    ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") &&
	    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
				       (const unsigned char *)name, -1, -1,
				       0) &&
	    X509_set_issuer_name(cert, subject) &&
	    X509_set_pubkey(cert, pkey) && X509_sign(cert, pkey, NULL))
		return cert;
	X509_free(cert);
	return NULL;
}

/* Everything that TLS leaves open is closed: one way to speak. */
static bool configure(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATE_MAX);
	SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
	SSL_CTX_set_verify(
		ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	return SSL_CTX_set_num_tickets(ctx, 0) &&
	       SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") &&
	       SSL_CTX_set1_groups_list(ctx, "X25519") &&
	       SSL_CTX_set1_sigalgs_list(ctx, "ed25519");
}

int link_tls_node_init(struct link_tls_node *n, const char *name,
		       const struct link_key *key)
{
	EVP_PKEY *pkey = link_key_pkey(key);
	X509 *cert = certificate(name, pkey);
	int err = cert ? 0 : -EINVAL;

	n->ctx = SSL_CTX_new(TLS_method());
	if (!err && (!n->ctx || !configure(n->ctx) ||
		     SSL_CTX_use_certificate(n->ctx, cert) != 1 ||
		     SSL_CTX_use_PrivateKey(n->ctx, pkey) != 1))
		err = -ENOMEM;
	X509_free(cert);
	if (err)
		link_tls_node_free(n);
	ERR_clear_error();
	return err;
}

void link_tls_node_free(struct link_tls_node *n)
{
	SSL_CTX_free(n->ctx);
	n->ctx = NULL;
}

/* --- a connection ------------------------------------------------------------ */

int link_tls_open(struct link_tls *t, struct link_tls_node *node, bool calls,
		  const char *expected)
{
	BIO *bio = bio_method() ? BIO_new(bio_method()) : NULL;

	*t = (struct link_tls){ .node = node,
				.expected = expected,
				.key_records = LINK_TLS_KEY_RECORDS,
				.ssl = bio ? SSL_new(node->ctx) : NULL };
	if (!t->ssl) {
		BIO_free(bio);
		return -ENOMEM;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	if (calls)
		SSL_set_connect_state(t->ssl);
	else
		SSL_set_accept_state(t->ssl);
	return 0;
}

void link_tls_free(struct link_tls *t)
{
	SSL_free(t->ssl);
	link_bytes_free(&t->out);
	*t = (struct link_tls){ 0 };
}

void link_tls_feed(struct link_tls *t, const void *bytes, size_t n)
{
	t->in = bytes;
	t->in_left = n;
}

/* The outcome of an SSL_ function that did not succeed. */
static int outcome(struct link_tls *t, int returned)
{
	int error = SSL_get_error(t->ssl, returned);
	const char *text;

	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return 0;
	if (error == SSL_ERROR_ZERO_RETURN)
		return -EPIPE;
	text = ERR_reason_error_string(ERR_peek_error());
	if (!*t->why)
		snprintf(t->why, sizeof(t->why), "%s",
			 text ? text : "no TLS 1.3");
	ERR_clear_error();
	return -EPROTO;
}

int link_tls_handshake(struct link_tls *t)
{
	int n;

	ERR_clear_error();
	n = SSL_do_handshake(t->ssl);
	if (n == 1)
		return 1;
	n = outcome(t, n);
	return n == -EPIPE ? -EPROTO : n;
}

ssize_t link_tls_read(struct link_tls *t, void *text, size_t size)
{
	size_t n;

	/* it would say so itself, but takes its time */
	if (!t->in_left && !SSL_has_pending(t->ssl))
		return 0;
	ERR_clear_error();
	if (SSL_read_ex(t->ssl, text, size, &n))
		return n;
	return outcome(t, 0);
}

int link_tls_write(struct link_tls *t, const void *text, size_t n)
{
	size_t written;

	if (!n)
		return 0;
	ERR_clear_error();
	t->records += (n + LINK_TLS_RECORD - 1) / LINK_TLS_RECORD;
	if (t->records >= t->key_records) {
		t->records = 0;
		if (!SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED))
			return -EPROTO;
	}
	if (SSL_write_ex(t->ssl, text, n, &written) && written == n)
		return 0;
	outcome(t, 0);
	return -EPROTO;
}

void link_tls_end(struct link_tls *t)
{
	ERR_clear_error();
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}
