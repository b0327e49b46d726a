// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/key_file.h"
#include "lib/why.h"

#define TEXT_SIZE 1024 /* of the file; Ed25519 needs about 120 */

/* OpenSSL wipes an EVP_PKEY when it frees it. */
struct link_key {
	EVP_PKEY *pkey;
};

/* Takes the EVP_PKEY over. */
static int wrap(struct link_key **key, EVP_PKEY *pkey)
{
	struct link_key *k = pkey ? malloc(sizeof(*k)) : NULL;

	if (!k) {
		EVP_PKEY_free(pkey);
		return pkey ? -ENOMEM : -EIO;
	}
	k->pkey = pkey;
	*key = k;
	return 0;
}

int link_key_make(struct link_key **key)
{
	return wrap(key, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

void link_key_free(struct link_key *key)
{
	if (key)
		EVP_PKEY_free(key->pkey);
	free(key);
}

void link_key_public(const struct link_key *key, struct link_public *p)
{
	size_t size = sizeof(p->bytes);

	/* cannot fail: the key is an Ed25519 one */
	memset(p, 0, sizeof(*p));
	EVP_PKEY_get_raw_public_key(key->pkey, p->bytes, &size);
}

void link_key_seed(const struct link_key *key, uint8_t seed[LINK_PUBLIC_LEN])
{
	size_t size = LINK_PUBLIC_LEN;

	/* cannot fail, as above */
	memset(seed, 0, size);
	EVP_PKEY_get_raw_private_key(key->pkey, seed, &size);
}

EVP_PKEY *link_key_pkey(const struct link_key *key)
{
	return key->pkey;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return fsync(fd) ? -errno : 0;
}

int link_key_write(const struct link_key *key, const char *path, char *why,
		   size_t size)
{
	/* a BIO of secure memory is wiped when it is freed */
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int fd, err;

	if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL,
						   0, NULL, NULL)) {
		BIO_free(bio);
		return why_set(why, size, -ENOMEM, "%s: out of memory", path);
	}
	len = BIO_get_mem_data(bio, &text);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	err = fd < 0 ? -errno : write_all(fd, text, len);
	if (err == -EEXIST)
		why_set(why, size, err,
			"%s: exists already, and a key is never overwritten: "
			"choose another name, or remove it first",
			path);
	else if (err)
		why_set(why, size, err, "%s: cannot write the node key: %s",
			path, strerror(-err));
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && err)
		unlink(path);
	BIO_free(bio);
	return err;
}

/* A key with a password is refused rather than asked for on a terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

int link_key_read(struct link_key **key, const char *path, char *why,
		  size_t size)
{
	char text[TEXT_SIZE];
	int n = key_file_read(path, "node key", text, sizeof(text), why, size);
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (n < 0)
		return n;
	bio = BIO_new_mem_buf(text, n);
	if (bio)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	explicit_bzero(text, sizeof(text));
	if (!pkey || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(pkey);
		return why_set(why, size, -EINVAL,
			       "%s: expected an Ed25519 private key in PEM, as "
			       "`baton key new` makes it",
			       path);
	}
	n = wrap(key, pkey);
	return n ? why_set(why, size, n, "%s: out of memory", path) : 0;
}

void link_public_format(const struct link_public *p,
			char text[LINK_PUBLIC_TEXT])
{
	EVP_EncodeBlock((unsigned char *)text, p->bytes, sizeof(p->bytes));
}

int link_public_parse(struct link_public *p, const char *text)
{
	unsigned char bytes[LINK_PUBLIC_LEN + 1];
	char again[LINK_PUBLIC_TEXT];

	if (strlen(text) != LINK_PUBLIC_TEXT - 1 ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)text,
			    LINK_PUBLIC_TEXT - 1) != sizeof(bytes))
		return -EINVAL;
	memcpy(p->bytes, bytes, sizeof(p->bytes));
	/* one key has one text: bits that count for nothing are zero */
	link_public_format(p, again);
	return strcmp(again, text) ? -EINVAL : 0;
}

const char *link_public_check(const void *text)
{
	struct link_public key;

	return link_public_parse(&key, *(char *const *)text)
		       ? "the public key that `baton key show` prints for its "
			 "file"
		       : NULL;
}
