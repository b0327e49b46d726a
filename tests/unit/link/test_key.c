// SPDX-License-Identifier: GPL-2.0-only
/* Keys of nodes and their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/link/link_key.h"

static char folder[64], path[128], why[256];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/baton-key-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/node.key", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static struct link_key *make(void)
{
	struct link_key *key;

	assert_int_equal(link_key_make(&key), 0);
	return key;
}

static void what_is_written_is_read(void **state)
{
	struct link_key *key = make(), *again;
	struct link_public a, b;
	struct stat st;

	(void)state;
	assert_int_equal(link_key_write(key, path, why, sizeof(why)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(link_key_read(&again, path, why, sizeof(why)), 0);
	link_key_public(key, &a);
	link_key_public(again, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	link_key_free(key);
	link_key_free(again);
}

static void no_key_is_overwritten(void **state)
{
	struct link_key *first = make(), *second = make(), *read;
	struct link_public a, b;

	(void)state;
	assert_int_equal(link_key_write(first, path, why, sizeof(why)), 0);
	assert_int_equal(link_key_write(second, path, why, sizeof(why)),
			 -EEXIST);
	assert_non_null(strstr(why, "never overwritten"));
	assert_int_equal(link_key_read(&read, path, why, sizeof(why)), 0);
	link_key_public(first, &a);
	link_key_public(read, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	link_key_free(first);
	link_key_free(second);
	link_key_free(read);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t open_modes[] = { 0640, 0604, 0660, 0644, 0610 };
	struct link_key *key = make(), *read;
	size_t i;

	(void)state;
	link_key_write(key, path, why, sizeof(why));
	link_key_free(key);
	for (i = 0; i < sizeof(open_modes) / sizeof(*open_modes); i++) {
		chmod(path, open_modes[i]);
		assert_int_equal(link_key_read(&read, path, why, sizeof(why)),
				 -EACCES);
		assert_non_null(strstr(why, "chmod 600"));
	}
}

static void what_is_no_key_is_refused(void **state)
{
	/* the last is a key, but one of X25519 */
	static const char *const texts[] = {
		"",
		"nothing",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE "
		"KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VuBCIEIHgc1X3mNnYVLoKJYTj+sQ1LkmRwRrYNwI9ZfsEE\n"
		"AAAA\n-----END PRIVATE KEY-----\n",
	};
	struct link_key *read;
	size_t i;

	(void)state;
	assert_int_equal(link_key_read(&read, path, why, sizeof(why)), -ENOENT);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

		assert_int_equal(write(fd, texts[i], strlen(texts[i])),
				 strlen(texts[i]));
		close(fd);
		assert_int_equal(link_key_read(&read, path, why, sizeof(why)),
				 -EINVAL);
		assert_non_null(strstr(why, "baton key new"));
	}
}

static void a_public_key_has_one_text(void **state)
{
	struct link_key *key = make();
	char text[LINK_PUBLIC_TEXT], changed[LINK_PUBLIC_TEXT + 1];
	struct link_public p, back;
	const char *c;

	(void)state;
	link_key_public(key, &p);
	link_public_format(&p, text);
	assert_int_equal(strlen(text), LINK_PUBLIC_TEXT - 1);
	assert_int_equal(link_public_parse(&back, text), 0);
	assert_memory_equal(&p, &back, sizeof(p));
	strcpy(changed, text);
	changed[LINK_PUBLIC_TEXT - 2] = 'A'; /* 33 bytes, no "=" */
	assert_int_equal(link_public_parse(&back, changed), -EINVAL);
	strcpy(changed, text);
	changed[3] = '!';
	assert_int_equal(link_public_parse(&back, changed), -EINVAL);
	/* the last sign before "=" says 4 bits: its 2 low ones are zero */
	strcpy(changed, text);
	for (c = "BCDFGH"; *c; c++) {
		changed[LINK_PUBLIC_TEXT - 3] = *c;
		assert_int_equal(link_public_parse(&back, changed), -EINVAL);
	}
	assert_int_equal(link_public_parse(&back, ""), -EINVAL);
	snprintf(changed, sizeof(changed), "%s=", text);
	assert_int_equal(link_public_parse(&back, changed), -EINVAL);
	link_key_free(key);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(no_key_is_overwritten),
		TEST(a_key_that_others_may_read_is_refused),
		TEST(what_is_no_key_is_refused),
		TEST(a_public_key_has_one_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
