// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket, with the loop in a thread of its own and clients here:
 * some well-behaved, some not. Whatever one of them does, the others are
 * served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "batond/control.h"
#include "fixture.h"
#include "lib/jsonline.h"

#define TIMEOUT 20000 /* ms, for what should take none */
#define LINE_BYTES (256 << 10) /* docs/control.md */
#define QUEUE_BYTES (4 << 20)

static struct fixture *f;
static char path[80];
static pthread_t thread;
static uv_async_t wake;

/* What the loop's thread is asked to do. */
static struct {
	bool stop;
	int events; /* to tell */
	char letter; /* that they consist of */
	pthread_mutex_t lock;
	pthread_cond_t done;
} work = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .done = PTHREAD_COND_INITIALIZER };

static void on_wake(uv_async_t *async)
{
	static char much[500];

	(void)async;
	memset(much, work.letter, sizeof(much) - 1);
	pthread_mutex_lock(&work.lock);
	while (work.events) {
		event(&f->b.events, LOG_L_INFO, "test", NULL, "%s", much);
		work.events--;
	}
	pthread_cond_signal(&work.done);
	if (work.stop) {
		control_close(&f->b);
		uv_close((uv_handle_t *)&wake, NULL);
		uv_stop(&f->b.loop);
	}
	pthread_mutex_unlock(&work.lock);
}

static void *loop(void *arg)
{
	(void)arg;
	uv_run(&f->b.loop, UV_RUN_DEFAULT);
	return NULL;
}

/* Let so many events happen, and wait until they have. */
static void tell_in(int n, char letter)
{
	pthread_mutex_lock(&work.lock);
	work.events = n;
	work.letter = letter;
	uv_async_send(&wake);
	while (work.events)
		pthread_cond_wait(&work.done, &work.lock);
	pthread_mutex_unlock(&work.lock);
}

static void tell(int n)
{
	tell_in(n, 'x');
}

static int setup(void **state)
{
	(void)state;
	f = fixture_new();
	snprintf(path, sizeof(path), "%s/run/batond.sock", f->dir);
	fixture_configure(f, "switch: {}\n");
	work.stop = false;
	must(!uv_async_init(&f->b.loop, &wake, on_wake));
	must(!control_open(&f->b, path));
	must(!pthread_create(&thread, NULL, loop, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pthread_mutex_lock(&work.lock);
	work.stop = true;
	uv_async_send(&wake);
	pthread_mutex_unlock(&work.lock);
	pthread_join(thread, NULL);
	fixture_free(f);
	return 0;
}

/* --- clients ------------------------------------------------------------------ */

static int dial(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, path);
	must(s >= 0 && !connect(s, (struct sockaddr *)&to, sizeof(to)));
	return s;
}

static void say(int s, const char *text)
{
	must(send(s, text, strlen(text), MSG_NOSIGNAL) ==
	     (ssize_t)strlen(text));
}

/* The next line as an object, a new reference; NULL at the end. */
static json_t *hear(struct jsonline *c)
{
	json_t *answer;
	int err = jsonline_receive(c, &answer, TIMEOUT);

	if (err && err != -EPIPE)
		fail_msg("no answer: %s", strerror(-err));
	return answer;
}

static void assert_answer(struct jsonline *c, bool ok, const char *says)
{
	json_t *answer = hear(c);
	const char *why;

	assert_non_null(answer);
	assert_int_equal(json_is_true(json_object_get(answer, "ok")), ok);
	why = json_string_value(json_object_get(answer, "error"));
	if (says && (!why || !strstr(why, says)))
		fail_msg("says %s, not %s", why ? why : "nothing", says);
	json_decref(answer);
}

static void assert_end(struct jsonline *c)
{
	assert_null(hear(c));
	jsonline_close(c);
}

/* Somebody else is served. */
static void assert_served(void)
{
	struct jsonline c = { .fd = dial() };

	say(c.fd, "{\"do\": \"status\"}\n");
	assert_answer(&c, true, NULL);
	jsonline_close(&c);
}

/* The same, once the loop has noticed that others have gone. */
static void until_served(void)
{
	static const char request[] = "{\"do\": \"status\"}\n";
	uint64_t give_up = clock_ns() + TIMEOUT * 1000000ULL;

	for (bool served = false; !served;) {
		struct jsonline c = { .fd = dial() };
		json_t *answer;

		assert_true(clock_ns() < give_up);
		/* it may be turned away before it has spoken */
		(void)!send(c.fd, request, strlen(request), MSG_NOSIGNAL);
		answer = hear(&c);
		served = answer != NULL;
		json_decref(answer);
		jsonline_close(&c);
	}
}

/* --- the socket --------------------------------------------------------------- */

static void test_the_socket_is_ours_alone(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_served();
}

static void test_a_path_that_cannot_be(void **state)
{
	struct fixture *other = fixture_new();

	(void)state;
	assert_true(control_open(&other->b, "/proc/nowhere/x.sock") < 0);
	control_close(&other->b);
	fixture_free(other);
}

/* --- lines -------------------------------------------------------------------- */

static void test_garbage(void **state)
{
	static const char *const lines[] = { "wombat\n",  "[]\n",
					     "7\n",	  "\"do\"\n",
					     "{\"do\"\n", "\xff\xfe\n",
					     "{} {}\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct jsonline c = { .fd = dial() };

		say(c.fd, lines[i]);
		assert_answer(&c, false, "not a request");
		assert_end(&c);
	}
	assert_served();
}

static void test_objects_that_are_no_requests(void **state)
{
	struct jsonline c = { .fd = dial() };

	(void)state;
	say(c.fd, "{}\n{\"do\": 7}\n{\"do\": null}\n{\"do\": \"wombat\"}\n");
	assert_answer(&c, false, "\"do\"");
	assert_answer(&c, false, "\"do\"");
	assert_answer(&c, false, "\"do\"");
	assert_answer(&c, false, "wombat");
	say(c.fd, "\n\n{\"do\": \"status\"}\n");
	assert_answer(&c, true, NULL);
	jsonline_close(&c);
}

static void test_pieces_of_lines(void **state)
{
	static const char text[] = "{\"do\": \"status\"}\n";
	struct jsonline c = { .fd = dial() };

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		must(send(c.fd, text + i, 1, 0) == 1);
		if (i % 4 == 0)
			assert_served();
	}
	assert_answer(&c, true, NULL);
	say(c.fd, "{\"do\": \"status\"}\n{\"do\": \"nothing\"}\n{\"do\": ");
	assert_answer(&c, true, NULL);
	assert_answer(&c, false, "nothing");
	say(c.fd, "\"status\"}\n");
	assert_answer(&c, true, NULL);
	say(c.fd, "{\"do\": ");
	jsonline_close(&c);
	assert_served();
}

/* A line of `length` bytes, its end included, with a request in front. */
static char *long_line(size_t length)
{
	static const char start[] = "{\"do\": \"status\", \"x\": \"";
	char *line = malloc(length + 1);

	must(line);
	memset(line, 'x', length);
	memcpy(line, start, sizeof(start) - 1);
	memcpy(line + length - 3, "\"}\n", 4);
	return line;
}

static void test_the_longest_line(void **state)
{
	struct jsonline c = { .fd = dial() };
	char *line = long_line(LINE_BYTES);

	(void)state;
	say(c.fd, line);
	assert_answer(&c, true, NULL);
	say(c.fd, line);
	assert_answer(&c, true, NULL);
	free(line);
	jsonline_close(&c);
}

static void test_a_line_that_is_too_long(void **state)
{
	struct jsonline c = { .fd = dial() };
	char *line = long_line(LINE_BYTES + 1);

	(void)state;
	/* Without its end: what comes after the limit is not even read. */
	line[LINE_BYTES] = '\0';
	say(c.fd, line);
	assert_answer(&c, false, "256 KiB");
	assert_end(&c);
	free(line);
	assert_served();
}

/* A reason that was cut within a character is still an answer. */
static void test_reasons_are_always_json(void **state)
{
	char line[256] = "{\"do\": \"";
	struct jsonline c = { .fd = dial() };

	(void)state;
	for (int shift = 0; shift < 2; shift++) {
		line[8] = '\0';
		strcat(line, shift ? "x" : "");
		for (int i = 0; i < 60; i++)
			strcat(line, "\xc3\xa9");
		strcat(line, "\"}\n");
		say(c.fd, line);
		assert_answer(&c, false, "no such request");
	}
	jsonline_close(&c);
}

static void test_many_clients(void **state)
{
	enum { MANY = 256 }; /* at once; docs do not promise more */
	struct jsonline c[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++)
		c[i] = (struct jsonline){ .fd = dial() };
	for (int i = 0; i < MANY; i++)
		say(c[i].fd, "{\"do\": \"config.show\"}\n");
	for (int i = 0; i < MANY; i++)
		assert_answer(&c[i], true, NULL);
	/* one too many is turned away, and there is room again later */
	{
		struct jsonline more = { .fd = dial() };

		assert_end(&more);
	}
	for (int i = 0; i < MANY; i++)
		jsonline_close(&c[i]);
	until_served();
}

/* --- who does not read --------------------------------------------------------- */

/* Ask until the other side has had enough. */
static void test_answers_that_nobody_reads(void **state)
{
	static const char request[] = "{\"do\": \"stats\"}\n";
	int s = dial();
	struct pollfd p = { .fd = s, .events = POLLOUT };
	char buffer[1 << 16];
	ssize_t n, total = 0;

	(void)state;
	fcntl(s, F_SETFL, O_NONBLOCK);
	do {
		n = send(s, request, strlen(request), MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			must(poll(&p, 1, TIMEOUT) == 1);
	} while (n > 0 || errno == EAGAIN);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	assert_served();
	/* no more was kept for it than is said, and what the kernel held */
	while ((n = recv(s, buffer, sizeof(buffer), 0)) > 0)
		total += n;
	assert_true(total < 2 * QUEUE_BYTES);
	close(s);
}

/* An answer alone may be longer than that, for who reads it. */
static void test_an_answer_that_is_long(void **state)
{
	enum { MANY = 2000 };
	struct jsonline c = { .fd = dial() };
	json_t *answer;
	char *text;
	size_t n;

	(void)state;
	tell_in(MANY, '\1'); /* in JSON, six characters */
	say(c.fd, "{\"do\": \"event.show\", \"last\": 1000000}\n");
	answer = hear(&c);
	assert_non_null(answer);
	assert_int_equal(json_array_size(json_object_get(answer, "data")),
			 MANY);
	text = json_dumps(answer, JSON_COMPACT);
	n = strlen(text);
	free(text);
	json_decref(answer);
	assert_true(n > QUEUE_BYTES);
	assert_served();
	jsonline_close(&c);
}

/* --- watching ------------------------------------------------------------------ */

static json_int_t seq_of(json_t *line)
{
	json_t *e = json_object_get(line, "event");

	return json_integer_value(json_object_get(e, "seq"));
}

static void test_watching(void **state)
{
	struct jsonline c = { .fd = dial() };
	json_int_t first = 0;

	(void)state;
	tell(3);
	say(c.fd, "{\"do\": \"event.watch\", \"last\": 2}\n");
	{
		json_t *answer = hear(&c), *last;

		last = json_object_get(answer, "data");
		assert_int_equal(json_array_size(last), 2);
		first = json_integer_value(
			json_object_get(json_array_get(last, 1), "seq"));
		json_decref(answer);
	}
	tell(5);
	for (int i = 1; i <= 5; i++) {
		json_t *line = hear(&c);

		assert_int_equal(seq_of(line), first + i);
		json_decref(line);
	}
	/* It may go on asking. */
	say(c.fd, "{\"do\": \"status\"}\n");
	assert_answer(&c, true, NULL);
	jsonline_close(&c);
	tell(1);
	assert_served();
}

/*
 * One who watches and does not read misses events, is told how many, and is
 * neither waited for nor cut off; one who reads misses none meanwhile.
 */
static void test_a_watcher_that_does_not_read(void **state)
{
	enum { ROUND = 100, ROUNDS = 60 };
	struct jsonline slow = { .fd = dial() }, quick = { .fd = dial() };
	json_int_t seen = 0, lost = 0, last = 0, expected;
	json_t *line;

	(void)state;
	say(slow.fd, "{\"do\": \"event.watch\", \"last\": 0}\n");
	say(quick.fd, "{\"do\": \"event.watch\", \"last\": 0}\n");
	assert_answer(&slow, true, NULL);
	assert_answer(&quick, true, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		tell(ROUND);
		for (int j = 0; j < ROUND; j++) {
			line = hear(&quick);
			assert_non_null(line);
			assert_true(!last || seq_of(line) == last + 1);
			last = seq_of(line);
			json_decref(line);
		}
	}
	assert_served();

	/* Now it reads; the next event comes with the number of the lost. */
	expected = ROUND * ROUNDS;
	while (seen + lost < expected) {
		if (!lost && seen && seen % ROUND == 0)
			tell(1), expected++;
		line = hear(&slow);
		assert_non_null(line);
		if (json_object_get(line, "lost"))
			lost += json_integer_value(json_object_get(line, "los"
									 "t"));
		else
			seen++;
		json_decref(line);
	}
	assert_true(lost > 0);
	assert_int_equal(seen + lost, expected);
	jsonline_close(&slow);
	jsonline_close(&quick);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_socket_is_ours_alone),
		cmocka_unit_test(test_a_path_that_cannot_be),
		TEST(test_garbage),
		TEST(test_objects_that_are_no_requests),
		TEST(test_pieces_of_lines),
		TEST(test_the_longest_line),
		TEST(test_a_line_that_is_too_long),
		TEST(test_reasons_are_always_json),
		TEST(test_many_clients),
		TEST(test_answers_that_nobody_reads),
		TEST(test_an_answer_that_is_long),
		TEST(test_watching),
		TEST(test_a_watcher_that_does_not_read),
	};
#undef TEST

	signal(SIGPIPE, SIG_IGN);
	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
