// SPDX-License-Identifier: GPL-2.0-only
/* The asking side of a control socket, and the other one, in one loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/jsonclient.h"
#include "lib/jsonserver.h"
#include "lib/log.h"

static uv_loop_t loop;
static struct jsonserver *server;
static struct jsonclient client;
static char path[64];
static int ups, downs, objects, asked, gone;
static char all[256]; /* that came */

/* --- both sides ------------------------------------------------------------------ */

static json_t *answer(void *arg, struct jsonserver_client *c, const char *what,
		      const json_t *request, char why[JSONSERVER_WHY])
{
	(void)arg;
	(void)request;
	asked++;
	if (!strcmp(what, "watch"))
		jsonserver_watch(c);
	if (strcmp(what, "fail"))
		return json_string(what);
	snprintf(why, JSONSERVER_WHY, "it fails");
	return NULL;
}

static void on_gone(void *arg, const struct jsonserver_client *c)
{
	(void)arg;
	(void)c;
	gone++;
}

static void serve(void)
{
	assert_int_equal(jsonserver_open(&server, &loop, path, answer, NULL),
			 0);
	jsonserver_on_gone(server, on_gone);
}

static void on_up(void *arg)
{
	assert_ptr_equal(arg, &client);
	ups++;
}

static void on_down(void *arg, const char *why)
{
	(void)arg;
	assert_non_null(why);
	downs++;
}

static void on_object(void *arg, const json_t *object)
{
	const char *text = json_string_value(json_object_get(object, "data"));

	(void)arg;
	objects++;
	text = text ?: json_string_value(json_object_get(object, "error"));
	text = text ?: json_string_value(json_object_get(object, "event"));
	snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s;",
		 text ?: "");
}

static int setup(void **state)
{
	static const struct jsonclient_callbacks callbacks = {
		.up = on_up, .object = on_object, .down = on_down
	};

	(void)state;
	log_init("test", LOG_L_ERROR);
	uv_loop_init(&loop);
	snprintf(path, sizeof(path), "/tmp/baton-jsonclient-%d", getpid());
	ups = downs = objects = asked = gone = 0;
	all[0] = '\0';
	jsonclient_open(&client, &loop, path, &callbacks, &client);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	jsonclient_close(&client);
	if (server)
		jsonserver_close(server);
	server = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	unlink(path);
	return uv_loop_close(&loop);
}

static void run_until(const int *count, int reaches)
{
	while (*count < reaches)
		uv_run(&loop, UV_RUN_ONCE);
}

static bool ask(const char *what)
{
	return jsonclient_send(&client, json_pack("{s:s}", "do", what));
}

/* --- what happens ------------------------------------------------------------------ */

static void it_asks_and_is_told(void **state)
{
	json_t *event = json_string("news");

	(void)state;
	serve();
	run_until(&ups, 1);
	assert_true(ask("this") && ask("fail") && ask("watch"));
	run_until(&objects, 3);
	jsonserver_event(server, event);
	json_decref(event);
	run_until(&objects, 4);
	assert_string_equal(all, "this;it fails;watch;news;");
}

/* It waits for a server that is not there yet, and for the next one; it tells once
 * that there is none. */
static void it_comes_back(void **state)
{
	(void)state;
	run_until(&downs, 1);
	assert_false(ask("nobody"));
	serve();
	run_until(&ups, 1);
	assert_true(ask("this"));
	run_until(&objects, 1);
	jsonserver_close(server);
	assert_int_equal(gone, 1);
	server = NULL;
	run_until(&downs, 2);
	assert_false(ask("nobody"));
	serve();
	run_until(&ups, 2);
	assert_int_equal(downs, 2);
	assert_true(ask("that"));
	run_until(&objects, 2);
	assert_string_equal(all, "this;that;");
}

/* Whoever asked is gone before the answer. */
static void it_closes(void **state)
{
	(void)state;
	serve();
	run_until(&ups, 1);
	for (int i = 0; i < 100; i++)
		assert_true(ask("this"));
	jsonclient_close(&client);
	run_until(&gone, 1);
	assert_int_equal(objects, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_asks_and_is_told),
		T(it_comes_back),
		T(it_closes),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
