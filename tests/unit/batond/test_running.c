// SPDX-License-Identifier: GPL-2.0-only
/* What was changed by hand, over restarts and reloads; and the file itself. */
#include "asking.h"

#include "batond/running.h"

/* What the next batond would run. */
static void restart(bool adopted, struct config *c)
{
	struct config_errors errors = { 0 };

	config_free(&b->config);
	memset(&b->config, 0, sizeof(b->config));
	must(!config_read(c, file, &errors));
	assert_int_equal(running_read(b, c, adopted), 0);
}

static bool has_host(const struct config *c, const char *name)
{
	return config_host(c, name) != NULL;
}

#define ADD_C                                                                  \
	"{\"do\": \"host.add\", \"object\": {\"name\": \"c\", "                \
	"\"address\": \"10.0.0.3\"}}"

static void test_changes_survive_a_restart(void **state)
{
	struct config c;

	(void)state;
	assert_json("{\"do\": \"reload\"}", "changes", "0");
	obey(ADD_C);
	restart(true, &c);
	assert_true(has_host(&c, "c"));
	config_free(&c);
	/* and another */
	restart(true, &c);
	assert_true(has_host(&c, "c"));
	config_free(&c);
	/* not that of the machine: then nothing is adopted */
	restart(false, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_changes_end_with_the_file(void **state)
{
	struct config c;

	(void)state;
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	write_config(PARTS "# touched\n");
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_changes_end_with_a_reload(void **state)
{
	struct config c;

	(void)state;
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	assert_size(SHOW("host"), 3);
	assert_json("{\"do\": \"reload\"}", "changes", "1");
	assert_size(SHOW("host"), 2);
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_a_file_that_is_wrong(void **state)
{
	(void)state;
	write_config("wombats: []\n");
	refuse("{\"do\": \"reload\"}", "wombats");
	assert_size(SHOW("host"), 2);
	unlink(file);
	refuse("{\"do\": \"reload\"}", file);
	assert_size(SHOW("host"), 2);
}

/* Whatever stands in running.yaml, the file alone is always good enough. */
static void test_a_spoiled_running_file(void **state)
{
	struct config c;
	char path[80], first[256];
	FILE *out;

	(void)state;
	snprintf(path, sizeof(path), "%s/running.yaml", f->dir);
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	out = fopen(path, "r+");
	must(out && fgets(first, sizeof(first), out));
	fseek(out, 0, SEEK_CUR);
	fputs("}}}\n", out);
	must(!fclose(out));
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	assert_true(has_host(&c, "a"));
	config_free(&c);
	must(!truncate(path, 0));
	restart(true, &c);
	assert_true(has_host(&c, "a"));
	config_free(&c);
}

/* Where nothing can be written the change is made, and people are warned. */
static void test_an_unwritable_directory(void **state)
{
	(void)state;
	free(b->config.state);
	b->config.state = strdup("/proc/nowhere");
	obey(ADD_C);
	assert_size(SHOW("host"), 3);
	assert_size("{\"do\": \"event.show\"}", b->events.next - 1);
	assert_json("{\"do\": \"event.show\", \"last\": 2}", "kind",
		    "\"not_saved\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_changes_survive_a_restart),
		TEST(test_changes_end_with_the_file),
		TEST(test_changes_end_with_a_reload),
		TEST(test_a_file_that_is_wrong),
		TEST(test_a_spoiled_running_file),
		TEST(test_an_unwritable_directory),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
