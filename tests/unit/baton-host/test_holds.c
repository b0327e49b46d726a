// SPDX-License-Identifier: GPL-2.0-only
/* What programs say that they hold, and what they are told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "baton-host/holds.h"
#include "lib/speak/own_json.h"

#define WHY 256

static struct holds holds;
static const char clients[2]; /* only their addresses count */

static const struct jsonserver_client *client(int i)
{
	return (const void *)&clients[i];
}

static int say(int by, const char *owner, uint64_t incarnation)
{
	const struct own_holding h = { .incarnation = incarnation,
				       .role = BATON_OWNERSHIP_ROLE_STANDBY };
	json_t *request = own_json_holding(owner, &h);
	char why[JSONSERVER_WHY], taken[BATON_NAME_LEN];
	int err = holds_take(&holds, client(by), request, taken, why);

	json_decref(request);
	if (!err)
		assert_string_equal(taken, owner);
	return err;
}

static uint64_t held(const char *owner)
{
	const struct own_holding *h = holds_find(&holds, owner);

	return h ? h->incarnation : 0;
}

static void the_newest_counts_while_it_is_there(void **state)
{
	char owner[BATON_NAME_LEN];
	int nr = 0;

	(void)state;
	assert_int_equal(say(0, "web", 1), 0);
	assert_int_equal(say(0, "db", 2), 0);
	assert_int_equal(say(1, "web", 3), 0);
	assert_int_equal(held("web"), 3);
	assert_int_equal(say(0, "web", 4), 0);
	assert_int_equal(held("web"), 4);
	while (holds_drop(&holds, client(0), owner))
		nr++;
	assert_int_equal(nr, 2);
	assert_int_equal(held("web"), 3);
	assert_int_equal(held("db"), 0);
	assert_true(holds_drop(&holds, client(1), owner));
	assert_int_equal(holds.nr, 0);
}

static void no_more_than_can_be_told(void **state)
{
	char owner[BATON_NAME_LEN];

	(void)state;
	for (int i = 0; i < 1024; i++) {
		snprintf(owner, sizeof(owner), "web-%d", i);
		assert_int_equal(say(0, owner, 1), 0);
	}
	assert_int_equal(say(0, "web-1024", 1), -ENOSPC);
	assert_int_equal(say(0, "web-7", 2), 0);
	while (holds_drop(&holds, client(0), owner))
		;
}

static void a_holding_comes_back(void **state)
{
	const struct own_holding all[] = {
		{ .role = BATON_OWNERSHIP_ROLE_OWNER,
		  .epoch = UINT64_MAX,
		  .incarnation = UINT64_MAX - 1,
		  .waits = 511,
		  .claim = UINT32_MAX },
		{ .role = BATON_OWNERSHIP_ROLE_STANDBY,
		  .complete = 1,
		  .lag = UINT32_MAX },
		{ 0 },
	};
	char owner[BATON_NAME_LEN], why[WHY];
	struct own_holding h;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_t *j = own_json_holding("web", &all[i]);

		assert_int_equal(own_json_take_holding(j, owner, &h, why, WHY),
				 0);
		assert_int_equal(h.role, all[i].role);
		assert_int_equal(h.complete, all[i].complete);
		assert_true(h.epoch == all[i].epoch);
		assert_true(h.incarnation == all[i].incarnation);
		assert_int_equal(h.waits, all[i].waits);
		assert_int_equal(h.claim, all[i].claim);
		assert_int_equal(h.lag, all[i].lag);
		json_decref(j);
	}
}

static void what_cannot_be(void **state)
{
	static const struct {
		const char *field, *value;
	} cases[] = {
		{ "owner", "\"\"" },
		{ "owner", "\"a-name-that-is-longer-than-names-may-be\"" },
		{ "owner", "7" },
		{ "role", "\"king\"" },
		{ "role", "null" },
		{ "epoch", "1" },
		{ "epoch", "\"\"" },
		{ "epoch", "\"0x1\"" },
		{ "epoch", "\"11111111111111111\"" },
		{ "incarnation", "\"-1\"" },
		{ "incarnation", "\"F\"" },
		{ "waits", "512" },
		{ "waits", "-1" },
		{ "waits", "1.0" },
		{ "claim", "4294967296" },
		{ "complete", "1" },
		{ "lag", "\"0\"" },
		/* of who is not what could say so */
		{ "waits", "1" },
		{ "claim", "1" },
		{ "complete", "true" },
		{ "lag", "1" },
	};
	char owner[BATON_NAME_LEN], why[WHY], expected[64];
	struct own_holding none = { 0 }, h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = own_json_holding("web", &none);

		json_object_set_new(j, cases[i].field,
				    json_loads(cases[i].value, JSON_DECODE_ANY,
					       NULL));
		assert_int_equal(own_json_take_holding(j, owner, &h, why, WHY),
				 -EINVAL);
		snprintf(expected, sizeof(expected), "\"%s\": expected ",
			 cases[i].field);
		assert_memory_equal(why, expected, strlen(expected));
		json_object_del(j, cases[i].field);
		assert_int_equal(own_json_take_holding(j, owner, &h, why, WHY),
				 -EINVAL);
		json_decref(j);
	}
}

static void assert_same(const struct own_word *a, const struct own_word *b)
{
	json_t *of_a = own_json_word(a), *of_b = own_json_word(b);

	assert_true(json_equal(of_a, of_b));
	json_decref(of_a);
	json_decref(of_b);
}

static void a_word_comes_back(void **state)
{
	struct own_word w = { .owner = { .name = "web",
					 .host = 2,
					 .epoch = 7ULL << 32 | 9,
					 .incarnation = 1,
					 .home = 1,
					 .standbys = { 2, 3 },
					 .complete = 5,
					 .claim = 4 },
			      .self = 3,
			      .keys = 3 },
			got;
	json_t *j;
	char why[WHY];

	(void)state;
	memset(w.key[0].bytes, 0xa5, sizeof(w.key[0].bytes));
	memset(w.key[1].bytes, 0x5a, sizeof(w.key[1].bytes));
	j = own_json_word(&w);
	assert_int_equal(own_json_take_word(j, &got, why, WHY), 0);
	assert_same(&got, &w);
	json_array_clear(json_object_get(j, "places"));
	assert_int_equal(own_json_take_word(j, &got, why, WHY), 0);
	json_array_append_new(json_object_get(j, "places"),
			      json_pack("{s:i, s:s}", "host", 1, "key", "?"));
	assert_int_equal(own_json_take_word(j, &got, why, WHY), -EINVAL);
	assert_non_null(strstr(why, "\"key\""));
	json_object_del(j, "places");
	assert_int_equal(own_json_take_word(j, &got, why, WHY), -EINVAL);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_counts_while_it_is_there),
		cmocka_unit_test(no_more_than_can_be_told),
		cmocka_unit_test(a_holding_comes_back),
		cmocka_unit_test(what_cannot_be),
		cmocka_unit_test(a_word_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
