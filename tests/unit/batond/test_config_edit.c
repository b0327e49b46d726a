// SPDX-License-Identifier: GPL-2.0-only
/* Objects of a running configuration: added, changed, removed by request. */
#include "config_text.h"

#include "batond/config_schema.h"

struct fixture {
	struct config c, before;
	struct config_errors e;
};

static int setup(void **state)
{
	static struct fixture f;

	expect_good(&f.c, SERVICES WEB);
	assert_int_equal(config_copy(&f.before, &f.c), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	config_free(&f->c);
	config_free(&f->before);
	config_errors_free(&f->e);
	return 0;
}

static void good(struct fixture *f, int err)
{
	if (err)
		fail_msg("%s", f->e.text);
	assert_null(f->e.text);
	assert_false(yaml_equal(&config_schema, &f->c, &f->before));
}

/* Refused with this error and one message, and nothing has changed. */
static void bad(struct fixture *f, int err, int want, const char *message)
{
	assert_int_equal(err, want);
	assert_int_equal(f->e.count, 1);
	if (!strstr(f->e.text, message))
		fail_msg("expected %s in %s", message, f->e.text);
	assert_true(yaml_equal(&config_schema, &f->c, &f->before));
	config_errors_free(&f->e);
}

static int add(struct fixture *f, const char *kind, const char *text)
{
	return config_put(&f->c, kind, text, false, &f->e);
}

static int set(struct fixture *f, const char *kind, const char *text)
{
	return config_put(&f->c, kind, text, true, &f->e);
}

static int del(struct fixture *f, const char *kind, const char *name)
{
	return config_drop(&f->c, kind, name, &f->e);
}

static void test_add(void **state)
{
	struct fixture *f = *state;
	struct config_host *h;

	good(f, add(f, "host",
		    "{\"name\": \"c\", \"address\": \"10.0.0.3\", "
		    "\"capacity\": 7, \"detect\": \"bfd\"}"));
	assert_int_equal(f->c.nr_hosts, 3);
	h = config_host(&f->c, "c");
	assert_non_null(h);
	assert_int_equal(h->capacity, 7);
	assert_int_equal(h->priority, 100);
	assert_int_equal(h->line, 0);
	assert_int_equal(h->detect, CONFIG_DETECT_BFD);
	/* What an edit does not mention stays. */
	good(f, set(f, "host", "{\"name\": \"c\", \"capacity\": 8}"));
	h = config_host(&f->c, "c");
	assert_int_equal(h->detect, CONFIG_DETECT_BFD);
	good(f, set(f, "host", "{\"name\": \"c\", \"probe\": false}"));
	h = config_host(&f->c, "c");
	assert_int_equal(h->detect, CONFIG_DETECT_NONE);
	good(f, add(f, "owner",
		    "{\"name\": \"o\", \"host\": \"c\", \"standbys\": "
		    "[\"a\"]}"));
	assert_string_equal(config_owner(&f->c, "o")->standbys[0], "a");
	good(f, add(f, "service",
		    "{\"name\": \"dns\", \"vip\": \"192.0.2.1\", \"protocol\": "
		    "\"udp\", \"port\": 53, \"owners\": [\"o\", "
		    "{\"name\": \"web-a\", \"weight\": 3}]}"));
	assert_int_equal(config_service(&f->c, "dns")->owners[1].weight, 3);
}

static void test_add_refused(void **state)
{
	struct fixture *f = *state;

	bad(f, add(f, "host", "{\"name\": \"a\", \"address\": \"10.0.0.3\"}"),
	    -EEXIST, "host \"a\" exists");
	bad(f, add(f, "host", "{\"name\": \"c\"}"), -EINVAL,
	    "host \"c\": address is missing");
	bad(f, add(f, "host", "{\"address\": \"10.0.0.3\"}"), -EINVAL,
	    "host: name is missing");
	bad(f, add(f, "host", "{\"name\": \"c\", \"address\": \"10.0.0.1\"}"),
	    -EINVAL, "is that of host \"a\" (line 3)");
	bad(f, add(f, "host", "{\"name\": \"c\", \"adress\": 1, \"address\":"),
	    -EINVAL, "not YAML");
	bad(f, add(f, "host", "[]"), -EINVAL, "host: name is missing");
	bad(f, add(f, "hots", "{}"), -EINVAL, "unknown kind");
	bad(f, add(f, "owner", "{\"name\": \"o\", \"host\": \"x\"}"), -EINVAL,
	    "owner \"o\": there is no host \"x\"");
	bad(f,
	    add(f, "host",
		"{\"name\": \"a2345678901234567890123456789012345\", "
		"\"address\": \"10.0.0.3\"}"),
	    -EINVAL, "expected a name");
}

/* Fields that are not given keep their values, lists are replaced. */
static void test_set(void **state)
{
	struct fixture *f = *state;
	struct config_service *s;
	struct config_host *h;

	good(f, set(f, "host", "{\"name\": \"b\", \"capacity\": 5}"));
	good(f, set(f, "host", "{\"priority\": 6, \"name\": \"b\"}"));
	h = config_host(&f->c, "b");
	assert_int_equal(h->capacity, 5);
	assert_int_equal(h->priority, 6);
	assert_int_equal(h->address.family, 4);
	assert_int_equal(f->c.nr_hosts, 2);

	/* null is the default */
	good(f, set(f, "host", "{\"name\": \"b\", \"capacity\": null}"));
	assert_int_equal(config_host(&f->c, "b")->capacity, 100);

	good(f, set(f, "service",
		    "{\"name\": \"web\", \"owners\": [\"web-b\", "
		    "{\"name\": \"web-a\", \"weight\": 0}]}"));
	s = config_service(&f->c, "web");
	assert_int_equal(s->nr_owners, 2);
	assert_string_equal(s->owners[0].name, "web-b");
	assert_int_equal(s->owners[0].weight, 1);
	assert_int_equal(s->port, 80);

	good(f,
	     set(f, "owner", "{\"name\": \"web-a\", \"standbys\": [\"b\"]}"));
	good(f, set(f, "owner", "{\"name\": \"web-a\", \"drain\": true}"));
	assert_string_equal(config_owner(&f->c, "web-a")->standbys[0], "b");
	good(f, set(f, "owner", "{\"name\": \"web-a\", \"standbys\": []}"));
	assert_string_equal(config_owner(&f->c, "web-a")->standbys[0], "");
	assert_true(config_owner(&f->c, "web-a")->drain);
}

static void test_set_refused(void **state)
{
	struct fixture *f = *state;

	bad(f, set(f, "host", "{\"name\": \"x\", \"capacity\": 5}"), -ENOENT,
	    "there is no host \"x\"");
	bad(f, set(f, "host", "{\"capacity\": 5}"), -EINVAL, "name is missing");
	bad(f, set(f, "host", "{\"name\": \"a\", \"capacity\": 0}"), -EINVAL,
	    "host \"a\": capacity: expected a whole number");
	bad(f, set(f, "host", "{\"name\": \"a\", \"address\": \"10.0.0.2\"}"),
	    -EINVAL, "address 10.0.0.2 is that of");
	bad(f, set(f, "host", "{\"name\": \"a\", \"address\": null}"), -EINVAL,
	    "address is missing");
	bad(f, set(f, "service", "{\"name\": \"web\", \"owners\": []}"),
	    -EINVAL, "has no owner");
	bad(f,
	    set(f, "service", "{\"name\": \"web\", \"protocol\": \"ipsec\"}"),
	    -EINVAL, "expected no port");
	bad(f, set(f, "owner", "{\"name\": \"web-a\", \"standbys\": [\"a\"]}"),
	    -EINVAL, "is its home");
}

/* A port that was not needed before must be given with the new protocol. */
static void test_set_protocol(void **state)
{
	struct fixture *f = *state;

	good(f, set(f, "service",
		    "{\"name\": \"web\", \"protocol\": \"ipsec\", "
		    "\"port\": null}"));
	assert_int_equal(config_service(&f->c, "web")->port, 0);
	assert_int_equal(set(f, "service",
			     "{\"name\": \"web\", \"protocol\": \"udp\"}"),
			 -EINVAL);
	assert_non_null(strstr(f->e.text, "port is missing"));
	config_errors_free(&f->e);
	good(f, set(f, "service",
		    "{\"name\": \"web\", \"protocol\": \"udp\", "
		    "\"port\": \"any\"}"));
	good(f, set(f, "service", "{\"name\": \"web\", \"port\": 53}"));
	assert_int_equal(config_service(&f->c, "web")->port, 53);
}

static void test_drop(void **state)
{
	struct fixture *f = *state;

	bad(f, del(f, "host", "x"), -ENOENT, "there is no host \"x\"");
	bad(f, del(f, "thing", "x"), -EINVAL, "unknown kind");
	bad(f, del(f, "host", "a"), -EBUSY,
	    "host \"a\" is in use by owner \"web-a\"");
	bad(f, del(f, "owner", "web-a"), -EBUSY,
	    "owner \"web-a\" is in use by service \"web\"");
	good(f, add(f, "service",
		    "{\"name\": \"server\", \"vip\": \"10.9.0.1\", "
		    "\"protocol\": \"tcp\", \"port\": 8080, "
		    "\"back-of\": \"web\"}"));
	assert_int_equal(del(f, "service", "web"), -EBUSY);
	config_errors_free(&f->e);
	assert_int_equal(del(f, "service", "server"), 0);
	good(f,
	     set(f, "owner", "{\"name\": \"web-b\", \"standbys\": [\"a\"]}"));
	good(f, del(f, "service", "web"));
	good(f, del(f, "owner", "web-a"));
	assert_int_equal(f->c.nr_owners, 1);
	assert_string_equal(f->c.owners[0].name, "web-b");
	/* a standby is in use, too */
	assert_int_equal(del(f, "host", "a"), -EBUSY);
	config_errors_free(&f->e);
	good(f, del(f, "owner", "web-b"));
	good(f, del(f, "host", "a"));
	good(f, del(f, "host", "b"));
	assert_int_equal(f->c.nr_hosts + f->c.nr_owners + f->c.nr_services, 0);
	good(f, add(f, "host", "{name: a, address: 10.0.0.1}"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_add),		 TEST(test_add_refused),
		TEST(test_set),		 TEST(test_set_refused),
		TEST(test_set_protocol), TEST(test_drop),
	};

	return cmocka_run_group_tests_name("config_edit", tests, NULL, NULL);
}
