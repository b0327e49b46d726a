// SPDX-License-Identifier: GPL-2.0-only
/* Lines of JSON in a loop, with the other end of the connection in our hands. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/jsonpipe.h"

static uv_loop_t loop;
static struct jsonpipe p;
static int far; /* the other end */
static char all[256]; /* what came: "1;" for {"n": 1}, [] and ! for no objects */
static size_t longest; /* of the texts "x" */
static int ended, unsent, closed;
static bool hangs_up; /* in each callback */

/* --- both ends ------------------------------------------------------------------- */

static void on_line(void *arg, const json_t *value, const char *why)
{
	json_t *n = json_object_get(value, "n");
	char *end = all + strlen(all);

	assert_ptr_equal(arg, &p);
	assert_int_equal(closed, 0);
	longest = json_string_length(json_object_get(value, "x"));
	if (n)
		sprintf(end, "%d;", (int)json_integer_value(n));
	else if (json_is_array(value))
		strcpy(end, "[];");
	else if (!value && *why)
		strcpy(end, "!;");
	if (hangs_up)
		assert_true(jsonpipe_close(&p));
}

static void on_end(void *arg, int err)
{
	assert_ptr_equal(arg, &p);
	assert_false(uv_is_closing((uv_handle_t *)&p.uv));
	ended = err;
	if (err == UV_ENOBUFS)
		assert_int_equal(jsonpipe_send(&p, json_pack("{}")), 0);
	jsonpipe_close(&p);
}

static void on_unsent(void *arg, int err)
{
	assert_ptr_equal(arg, &p);
	assert_false(uv_is_closing((uv_handle_t *)&p.uv));
	unsent = err;
}

static void on_closed(void *arg)
{
	assert_ptr_equal(arg, &p);
	closed++;
}

static int setup(void **state)
{
	static const struct jsonpipe_callbacks callbacks = {
		.line = on_line,
		.end = on_end,
		.unsent = on_unsent,
		.closed = on_closed,
	};
	int fd[2];

	(void)state;
	ended = unsent = closed = longest = 0;
	hangs_up = false;
	all[0] = '\0';
	uv_loop_init(&loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	far = fd[1];
	jsonpipe_init(&p, &loop, &callbacks, &p);
	assert_int_equal(jsonpipe_send(&p, json_object()), UV_ENOTCONN);
	assert_int_equal(uv_pipe_open(&p.uv, fd[0]), 0);
	assert_int_equal(jsonpipe_send(&p, json_object()), UV_ENOTCONN);
	return jsonpipe_begin(&p);
}

static int teardown(void **state)
{
	(void)state;
	jsonpipe_close(&p);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(closed, 1);
	close(far);
	return uv_loop_close(&loop);
}

static void turn(void)
{
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* It is said at once, and heard at once. */
static void say(const char *text)
{
	assert_int_equal(send(far, text, strlen(text), 0), strlen(text));
	turn();
}

/* A line of so many bytes in all, in pieces that a socket holds. */
static void say_long(size_t length)
{
	char *line = malloc(length);

	memset(line, 'x', length);
	memcpy(line, "{\"x\":\"", 6);
	memcpy(line + length - 3, "\"}\n", 3);
	for (size_t at = 0, n; at < length; at += n) {
		n = length - at < 1 << 14 ? length - at : 1 << 14;
		assert_int_equal(send(far, line + at, n, MSG_NOSIGNAL), n);
		turn();
	}
	free(line);
}

/* --- what comes ------------------------------------------------------------------- */

static void it_comes_in_pieces(void **state)
{
	static const char text[] = "{\"n\":1}\n{\"n\":2}\n";

	(void)state;
	for (size_t i = 0; text[i]; i++)
		say((char[]){ text[i], '\0' });
	assert_string_equal(all, "1;2;");
	say("{\"n\":3}\n{\"n\"");
	assert_string_equal(all, "1;2;3;");
	say(":4}\n{");
	assert_string_equal(all, "1;2;3;4;");
}

static void empty_lines_are_none(void **state)
{
	(void)state;
	say("\n\n{\"n\":1}\n\n\n{\"n\":2}\n\n");
	say("\n");
	assert_string_equal(all, "1;2;");
}

/* Its user decides what becomes of it then. */
static void what_is_no_object_is_told(void **state)
{
	(void)state;
	say("[]\nwombat\n7\n\"n\"\n{\"n\"\n\xff\n{} {}\n \n{\"n\":1}\n");
	assert_string_equal(all, "[];!;!;!;!;!;!;!;1;");
	assert_int_equal(ended, 0);
}

static void a_line_has_a_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		say_long(JSONPIPE_LINE);
		assert_int_equal(longest, JSONPIPE_LINE - 9);
	}
	assert_int_equal(ended, 0);
	longest = 0;
	say_long(JSONPIPE_LINE - 1);
	assert_int_equal(longest, JSONPIPE_LINE - 10);
}

/* Who sent it may still be told so. */
static void a_line_is_too_long(void **state)
{
	char text[8] = "";
	char *line = malloc(JSONPIPE_LINE);

	(void)state;
	memset(line, 'x', JSONPIPE_LINE);
	for (int at = 0; at < JSONPIPE_LINE; at += 1 << 14) {
		assert_int_equal(ended, 0);
		assert_int_equal(send(far, line + at, 1 << 14, 0), 1 << 14);
		turn();
	}
	free(line);
	assert_int_equal(ended, UV_ENOBUFS);
	assert_int_equal(closed, 1);
	assert_int_equal(recv(far, text, sizeof(text), 0), 3);
	assert_string_equal(text, "{}\n");
	assert_string_equal(all, "");
}

static void half_a_line_is_none(void **state)
{
	(void)state;
	say("{\"n\":1}\n{\"n\":2}");
	shutdown(far, SHUT_WR);
	turn();
	assert_string_equal(all, "1;");
	assert_int_equal(ended, UV_EOF);
}

/* --- what goes -------------------------------------------------------------------- */

static void it_sends(void **state)
{
	char text[32] = "";

	(void)state;
	assert_int_equal(jsonpipe_send(&p, json_pack("{s:i}", "n", 1)), 0);
	assert_int_equal(jsonpipe_send(&p, json_pack("{s:s}", "x", "\n")), 0);
	turn();
	assert_int_equal(recv(far, text, sizeof(text), 0), 19);
	assert_string_equal(text, "{\"n\":1}\n{\"x\":\"\\n\"}\n");
}

/* One by itself may be longer than what may wait. */
static void nobody_reads(void **state)
{
	char *much = malloc(JSONPIPE_QUEUE + 1);

	(void)state;
	memset(much, 'x', JSONPIPE_QUEUE);
	much[JSONPIPE_QUEUE] = '\0';
	assert_int_equal(jsonpipe_send(&p, json_pack("{s:s}", "x", much)), 0);
	while (p.uv.write_queue_size <= JSONPIPE_QUEUE)
		assert_int_equal(
			jsonpipe_send(&p, json_pack("{s:s}", "x", much)), 0);
	assert_int_equal(jsonpipe_send(&p, json_object()), UV_ETIMEDOUT);
	free(much);
	/* what waits is dropped without a word */
	assert_true(jsonpipe_close(&p));
	turn();
	assert_int_equal(unsent, 0);
}

static void nobody_can_read(void **state)
{
	(void)state;
	shutdown(far, SHUT_RD);
	assert_int_equal(jsonpipe_send(&p, json_object()), 0);
	assert_int_equal(unsent, 0);
	turn();
	assert_int_equal(unsent, UV_EPIPE);
	/* the other direction is another matter */
	say("{\"n\":1}\n");
	assert_string_equal(all, "1;");
	assert_int_equal(ended, 0);
}

/* --- hanging up ------------------------------------------------------------------- */

static void it_hangs_up_when_it_is_told(void **state)
{
	(void)state;
	hangs_up = true;
	say("{\"n\":1}\n{\"n\":2}\n{\"n\":3}");
	assert_string_equal(all, "1;");
	assert_int_equal(ended, 0);
	assert_int_equal(closed, 1);
	assert_false(jsonpipe_close(&p));
	assert_int_equal(jsonpipe_send(&p, json_object()), UV_ENOTCONN);
}

/* What was there, or failed, before is not told after it. */
static void it_is_silent_then(void **state)
{
	(void)state;
	assert_int_equal(send(far, "{\"n\":1}\n", 8, 0), 8);
	shutdown(far, SHUT_RDWR);
	assert_int_equal(jsonpipe_send(&p, json_object()), 0);
	assert_true(jsonpipe_close(&p));
	assert_int_equal(jsonpipe_send(&p, json_object()), UV_ENOTCONN);
	assert_int_equal(closed, 0);
	turn();
	assert_int_equal(closed, 1);
	assert_string_equal(all, "");
	assert_int_equal(ended, 0);
	assert_int_equal(unsent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_comes_in_pieces),
		T(empty_lines_are_none),
		T(what_is_no_object_is_told),
		T(a_line_has_a_limit),
		T(a_line_is_too_long),
		T(half_a_line_is_none),
		T(it_sends),
		T(nobody_reads),
		T(nobody_can_read),
		T(it_hangs_up_when_it_is_told),
		T(it_is_silent_then),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
