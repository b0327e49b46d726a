/* SPDX-License-Identifier: GPL-2.0-only */
/* Texts of configurations, for the tests of batond/config.h */
#ifndef TEST_CONFIG_TEXT_H
#define TEST_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "batond/config.h"

#define FILE_NAME "test.yaml"

#define KEY "switch: {probe-key: /etc/key}\n"
#define HOSTS                                                                  \
	KEY "hosts:\n"                                                         \
	    "- {name: a, address: 10.0.0.1}\n"                                 \
	    "- {name: b, address: 10.0.0.2}\n"
#define OWNERS                                                                 \
	HOSTS "owners:\n"                                                      \
	      "- {name: web-a, host: a}\n"                                     \
	      "- {name: web-b, host: b}\n"
#define SERVICES OWNERS "services:\n"
#define WEB                                                                    \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [web-a]}"
#define IPSEC "- {name: vpn, vip: 192.0.2.1, protocol: ipsec, owners: [web-a]}"

static inline int parse_text(struct config *c, const char *text,
			     struct config_errors *e)
{
	memset(e, 0, sizeof(*e));
	return config_parse(c, FILE_NAME, text, strlen(text), e);
}

static inline void expect_good(struct config *c, const char *text)
{
	struct config_errors e;

	if (parse_text(c, text, &e))
		fail_msg("%s\nabout:\n%s", e.text, text);
	assert_null(e.text);
}

#endif
