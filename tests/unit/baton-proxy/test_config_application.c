// SPDX-License-Identifier: GPL-2.0-only
/* Services with an application instead of a server: what goes together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "baton-proxy/config.h"

#define SERVICE(more)                                                          \
	"  - {name: a, vip: 192.0.2.10, port: 80, owner: w, " more "}\n"
#define OTHER(more)                                                            \
	"  - {name: b, vip: 192.0.2.11, port: 80, owner: w, " more "}\n"
#define APPLICATION "application: /run/baton/a.sock, policy: committed"
#define SERVER "server: 10.9.0.2, server-port: 80, source: 192.0.2.110"

static void assert_read(const char *services, const char *complaint)
{
	struct config_errors e = { 0 };
	struct config c;
	char text[1024];
	int err;

	snprintf(text, sizeof(text), "node: n\nservices:\n%s", services);
	err = config_parse(&c, "proxy.yaml", text, strlen(text), &e);
	if (complaint) {
		assert_true(err < 0);
		assert_non_null(strstr(e.text, complaint));
	} else {
		assert_int_equal(err, 0);
	}
	config_errors_free(&e);
	config_free(&c);
}

static void test_good(void **state)
{
	(void)state;
	assert_read(SERVICE(APPLICATION), NULL);
	assert_read(SERVICE(APPLICATION ", user: www-data"), NULL);
	assert_read(SERVICE(SERVER ", policy: relayed"), NULL);
	assert_read(SERVICE(APPLICATION) OTHER(SERVER), NULL);
}

static void test_wrong(void **state)
{
	const char *together = "policy: an application and committed go "
			       "together";
	const char *besides = "application: expected no server, source";

	(void)state;
	assert_read(SERVICE("application: /run/baton/a.sock"), together);
	assert_read(SERVICE("application: /run/baton/a.sock, policy: relayed"),
		    together);
	assert_read(SERVICE(SERVER ", policy: committed"), together);
	assert_read(SERVICE("policy: stored"), "server");
	assert_read(SERVICE(APPLICATION ", " SERVER), besides);
	assert_read(SERVICE(APPLICATION ", proxy-protocol: v1"), besides);
	assert_read(SERVICE(APPLICATION ", transparent: yes"), besides);
	assert_read(SERVICE("application: a.sock, policy: committed"), "starts "
								       "with "
								       "/");
	assert_read(SERVICE(APPLICATION) OTHER(APPLICATION), "service a has "
							     "the same socket");
}

/* Nodes that disagree about who serves store nothing for each other. */
static void test_tag(void **state)
{
	struct config_service a = { .name = "a" }, b = a;

	(void)state;
	assert_int_equal(config_service_tag(&a), config_service_tag(&b));
	b.application = "/run/baton/a.sock";
	assert_int_not_equal(config_service_tag(&a), config_service_tag(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_tag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
