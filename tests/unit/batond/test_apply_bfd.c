// SPDX-License-Identifier: GPL-2.0-only
/* From the configuration of BFD to its sessions, with keys from files. */
#include <fcntl.h>
#include <sys/stat.h>

#include "applied.h"
#include "batond/apply_bfd.h"

static char path[80];

static void write_key(const char *text, size_t len, mode_t mode)
{
	int fd;

	snprintf(path, sizeof(path), "%s/bfd.key", f->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	must(!fchmod(fd, mode) && !close(fd));
}

/* A host a that speaks BFD with that key, or what is said of it. */
static const char *speaks(const char *bfd)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "hosts:\n- {name: a, address: 10.0.0.1, %s}\n", bfd);
	return text;
}

static const char *with_key(void)
{
	static char bfd[256];

	snprintf(bfd, sizeof(bfd),
		 "detect: bfd, bfd: {auth: {type: meticulous-sha1, id: 7, "
		 "key-file: %s}}",
		 path);
	return speaks(bfd);
}

static const struct bfd_host *session(void)
{
	return &b->prober.bfd.host[host("a")];
}

static void test_a_session_as_configured(void **state)
{
	const struct bfd_settings *s;

	(void)state;
	fixture_configure(f, speaks("detect: bfd, bfd: {min-rx: 20ms}"));
	assert_true(session()->active);
	s = &session()->session.settings;
	assert_int_equal(s->min_tx, 10000);
	assert_int_equal(s->min_rx, 20000);
	assert_int_equal(s->multiplier, 3);
	assert_int_equal(s->key.type, BFD_AUTH_NONE);
	assert_false(b->prober.target[host("a")].active);
	assert_int_equal(b->cluster.host[host("a")].state, HOST_UNKNOWN);
}

static void test_other_settings_are_the_same_session(void **state)
{
	uint32_t discriminator;

	(void)state;
	fixture_configure(f, speaks("detect: bfd"));
	discriminator = session()->session.discriminator;
	fixture_configure(f, speaks("detect: bfd, bfd: {multiplier: 9}"));
	assert_int_equal(session()->session.settings.multiplier, 9);
	assert_int_equal(session()->session.discriminator, discriminator);
}

static void test_another_way_to_detect(void **state)
{
	(void)state;
	fixture_configure(f, speaks("detect: bfd"));
	fixture_configure(f, speaks("detect: none"));
	assert_true(session()->leaving);
	assert_int_equal(b->cluster.host[host("a")].state, HOST_UP);
	fixture_configure(f, speaks("detect: bfd"));
	assert_false(session()->leaving);
	fixture_configure(f, "");
	assert_int_equal(b->prober.bfd.nr, 1);
	assert_true(b->prober.bfd.host[1].leaving);
}

static void test_keys(void **state)
{
	static const char most[] = "twenty characters...";
	const struct bfd_key *key;

	(void)state;
	write_key("a secret\n", 9, 0600);
	fixture_configure(f, with_key());
	key = &session()->session.settings.key;
	assert_int_equal(key->type, BFD_AUTH_METICULOUS_SHA1);
	assert_int_equal(key->id, 7);
	assert_memory_equal(key->secret, "a secret\0\0\0\0\0\0\0\0\0\0\0\0",
			    20);
	/* It is read again with the configuration. */
	write_key(most, 20, 0400);
	fixture_configure(f, with_key());
	assert_memory_equal(key->secret, most, 20);
}

static void test_keys_that_are_none(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} cases[] = {
		{ "", 0600, "1 to 20 characters" },
		{ "\n", 0600, "1 to 20 characters" },
		{ "twenty-one characters", 0600, "1 to 20 characters" },
		{ "twenty-one characters\n", 0600, "1 to 20 characters" },
		{ "two\nlines\n", 0600, "1 to 20 characters" },
		{ "a secret", 0640, "chmod 600" },
		{ "a secret", 0604, "chmod 600" },
	};
	char why[APPLY_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_key(cases[i].text, strlen(cases[i].text), cases[i].mode);
		assert_true(is_refused(with_key(), why));
		assert_non_null(strstr(why, path));
		assert_non_null(strstr(why, cases[i].why));
		/* The whole of it: nothing has changed. */
		assert_int_equal(host("a"), 0);
	}
	must(!unlink(path));
	assert_true(is_refused(with_key(), why));
	assert_non_null(strstr(why, "cannot read the BFD key: No such file"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_session_as_configured),
		T(other_settings_are_the_same_session),
		T(another_way_to_detect),
		T(keys),
		T(keys_that_are_none),
	};

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
