// SPDX-License-Identifier: GPL-2.0-only
/* Events: in memory, in their file, and to who listens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "batond/events.h"
#include "lib/clock.h"

#define S 1000000000ULL

static struct events e;
static char dir[40], path[64], old[64];

static int setup(void **state)
{
	(void)state;
	log_init("test", LOG_L_ERROR);
	strcpy(dir, "/tmp/baton-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/events.jsonl", dir);
	snprintf(old, sizeof(old), "%s/events.jsonl.1", dir);
	return events_open(&e, dir);
}

static int teardown(void **state)
{
	(void)state;
	events_close(&e);
	unlink(path);
	unlink(old);
	return rmdir(dir);
}

static void reopen(void)
{
	events_close(&e);
	assert_int_equal(events_open(&e, dir), 0);
}

static void tell(int n)
{
	for (int i = 0; i < n; i++)
		event(&e, LOG_L_INFO, "test", NULL, "number %d", i);
}

static json_int_t number(const json_t *object, const char *field)
{
	json_t *value = json_object_get(object, field);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static const char *text(const json_t *object, const char *field)
{
	const char *value = json_string_value(json_object_get(object, field));

	assert_non_null(value);
	return value;
}

/* The sequence numbers that are shown must be first .. last; 0, 0: none. */
static void assert_shown(size_t last, uint64_t after, json_int_t first,
			 json_int_t end)
{
	json_t *shown = events_show(&e, last, after);

	assert_int_equal(json_array_size(shown), end ? end - first + 1 : 0);
	for (size_t i = 0; i < json_array_size(shown); i++)
		assert_int_equal(number(json_array_get(shown, i), "seq"),
				 first + i);
	json_decref(shown);
}

static void test_an_event_has_its_fields(void **state)
{
	json_t *shown, *one;

	(void)state;
	event(&e, LOG_L_WARNING, "kind", json_pack("{s:s}", "host", "a"),
	      "host %s: %d", "a", 7);
	shown = events_show(&e, 1, 0);
	one = json_array_get(shown, 0);
	assert_int_equal(number(one, "seq"), 1);
	assert_string_equal(text(one, "kind"), "kind");
	assert_string_equal(text(one, "severity"), "warning");
	assert_string_equal(text(one, "text"), "host a: 7");
	assert_string_equal(text(one, "host"), "a");
	assert_true(number(one, "mono_ns") > 0);
	assert_true((uint64_t)number(one, "mono_ns") <= clock_ns());
	json_decref(shown);
}

static void test_severities(void **state)
{
	static const char *const names[] = { "error", "warning", "notice",
					     "info", "info" };
	json_t *shown;

	(void)state;
	for (int i = LOG_L_ERROR; i <= LOG_L_DEBUG; i++)
		event(&e, i, "test", NULL, "x");
	shown = events_show(&e, 10, 0);
	for (int i = LOG_L_ERROR; i <= LOG_L_DEBUG; i++)
		assert_string_equal(text(json_array_get(shown, i), "severity"),
				    names[i]);
	json_decref(shown);
}

/* ns since 1970 of "2024-02-29T12:34:56.123456Z" */
static uint64_t read_time(const char *rfc3339)
{
	struct tm tm = { 0 };
	const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	unsigned int us;
	int len = 0;

	assert_non_null(rest);
	assert_int_equal(sscanf(rest, ".%6uZ%n", &us, &len), 1);
	assert_int_equal(len, strlen(".123456Z"));
	assert_int_equal(rest[len], '\0');
	return timegm(&tm) * S + us * 1000;
}

static uint64_t wall_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * S + t.tv_nsec;
}

/* The wall clock's time is that of the stamp, not of the telling. */
static void test_time_of_a_stamp(void **state)
{
	const uint64_t before = 3600 * S + 5 * 1000000;
	uint64_t first = wall_now(), then;
	json_t *shown;

	(void)state;
	event_at(&e, clock_ns() - before, LOG_L_INFO, "test", NULL, "x");
	shown = events_show(&e, 1, 0);
	then = read_time(text(json_array_get(shown, 0), "time"));
	json_decref(shown);
	/* microseconds are cut, and two clocks are read one after the other */
	assert_in_range(then, first - before - 1000000,
			wall_now() - before + 1000000);
}

static void test_show(void **state)
{
	(void)state;
	assert_shown(50, 0, 0, 0);
	tell(10);
	assert_shown(50, 0, 1, 10);
	assert_shown(3, 0, 8, 10);
	assert_shown(0, 0, 0, 0);
	assert_shown(50, 4, 5, 10);
	assert_shown(2, 4, 9, 10);
	assert_shown(50, 10, 0, 0);
	assert_shown(50, 1000, 0, 0);
	assert_shown(SIZE_MAX, UINT64_MAX >> 1, 0, 0);
}

static void test_the_ring_keeps_the_last(void **state)
{
	(void)state;
	tell(EVENTS_KEPT + 100);
	assert_shown(SIZE_MAX, 0, 101, EVENTS_KEPT + 100);
	assert_shown(1, 0, EVENTS_KEPT + 100, EVENTS_KEPT + 100);
	assert_shown(SIZE_MAX, 50, 101, EVENTS_KEPT + 100);
}

static void count(json_t *event, void *arg)
{
	int *seen = arg;

	assert_int_equal(number(event, "seq"), ++*seen);
}

static void test_a_listener_hears_all(void **state)
{
	int seen = 0;

	(void)state;
	e.listener = count;
	e.arg = &seen;
	tell(5);
	assert_int_equal(seen, 5);
}

/* --- the file ------------------------------------------------------------ */

/* Every line must be an object, in sequence from `first`; how many. */
static size_t check_file(const char *file, json_int_t first)
{
	char line[4096];
	FILE *f = fopen(file, "r");
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		json_t *j = json_loads(line, 0, NULL);

		assert_non_null(j);
		assert_int_equal(number(j, "seq"), first + n);
		json_decref(j);
		n++;
	}
	fclose(f);
	return n;
}

static void append(const char *file, const char *what)
{
	FILE *f = fopen(file, "a");

	assert_non_null(f);
	fputs(what, f);
	fclose(f);
}

static void test_the_file_has_all(void **state)
{
	struct stat st;

	(void)state;
	tell(100);
	assert_int_equal(check_file(path, 1), 100);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_sequence_goes_on(void **state)
{
	(void)state;
	tell(100);
	reopen();
	assert_shown(3, 0, 98, 100);
	tell(3);
	assert_shown(5, 0, 99, 103);
	assert_int_equal(check_file(path, 1), 103);
}

/* A disk that was full, or a power cut: no line is spoiled by half a one. */
static void test_half_a_line(void **state)
{
	(void)state;
	tell(3);
	append(path, "{\"seq\":4,\"time\":\"20");
	reopen();
	tell(1);
	assert_int_equal(check_file(path, 1), 4);
}

static void test_only_half_a_line(void **state)
{
	(void)state;
	append(path, "{\"seq\":");
	reopen();
	tell(1);
	assert_int_equal(check_file(path, 1), 1);
}

static void test_rotation(void **state)
{
	struct stat st;
	size_t n;

	(void)state;
	tell(2);
	/* as if it had been filled */
	e.written = EVENTS_FILE_MAX;
	tell(1);
	assert_int_equal(check_file(old, 1), 2);
	n = check_file(path, 3);
	assert_int_equal(n, 1);
	tell(5);
	assert_int_equal(check_file(path, 3), 6);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, e.written);
}

/* Whenever batond ends, rotation has left the last number behind. */
static void test_sequence_goes_on_after_rotation(void **state)
{
	(void)state;
	tell(2);
	e.written = EVENTS_FILE_MAX;
	tell(1);
	reopen();
	tell(1);
	assert_shown(50, 0, 3, 4);
	assert_int_equal(check_file(path, 3), 2);
}

static void test_the_file_is_bounded(void **state)
{
	char *much = malloc(500);
	struct stat st;

	(void)state;
	memset(much, 'x', 499);
	much[499] = '\0';
	e.written = EVENTS_FILE_MAX - 2000;
	for (int i = 0; i < 10; i++) {
		event(&e, LOG_L_INFO, "test", NULL, "%s", much);
		assert_true(e.written <= EVENTS_FILE_MAX);
	}
	free(much);
	assert_int_equal(stat(old, &st), 0);
}

static void test_without_a_directory(void **state)
{
	struct events memory;

	(void)state;
	assert_true(events_open(&memory, "/proc/nowhere/at/all") < 0);
	event(&memory, LOG_L_INFO, "test", NULL, "kept");
	assert_int_equal(memory.next, 2);
	events_close(&memory);
}

/* Cut in the middle of a character, a text is still a text. */
static void test_text_that_is_cut(void **state)
{
	char much[2000];
	json_t *shown;
	size_t i;

	(void)state;
	for (i = 0; i + 2 < sizeof(much); i += 2)
		memcpy(much + i, "\xc3\xa9", 2);
	much[i] = '\0';
	event(&e, LOG_L_INFO, "test", NULL, "%s", much);
	event(&e, LOG_L_INFO, "test", NULL, "x%s", much);
	shown = events_show(&e, 2, 0);
	for (i = 0; i < 2; i++)
		assert_true(strlen(text(json_array_get(shown, i), "text")) >
			    400);
	json_decref(shown);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_event_has_its_fields),
		TEST(test_severities),
		TEST(test_time_of_a_stamp),
		TEST(test_show),
		TEST(test_the_ring_keeps_the_last),
		TEST(test_a_listener_hears_all),
		TEST(test_the_file_has_all),
		TEST(test_sequence_goes_on),
		TEST(test_half_a_line),
		TEST(test_only_half_a_line),
		TEST(test_rotation),
		TEST(test_sequence_goes_on_after_rotation),
		TEST(test_the_file_is_bounded),
		TEST(test_without_a_directory),
		TEST(test_text_that_is_cut),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
