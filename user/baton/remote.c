// SPDX-License-Identifier: GPL-2.0-only
#include "remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/jsonline.h"
#include "show.h"
#include "stats.h"

/* Why there is no answer, and what to do about it. */
static int unreachable(const struct options *o, int err)
{
	const char *s = o->socket;

	switch (-err) {
	case ENOENT:
	case ECONNREFUSED:
		return complain(STATUS_UNREACHABLE,
				"batond does not listen on %s; start it "
				"(systemctl start batond), or name its socket "
				"with -s",
				s);
	case EACCES:
	case EPERM:
		return complain(STATUS_UNREACHABLE,
				"%s: not allowed; try as the user that runs "
				"batond (root)",
				s);
	case EAGAIN:
	case ETIMEDOUT:
		return complain(STATUS_UNREACHABLE,
				"%s: batond did not answer within %g s; is it "
				"stopped or overloaded? (-t waits longer)",
				s, o->timeout_ms / 1000.0);
	case EPIPE:
		return complain(STATUS_UNREACHABLE,
				"%s: closed before the answer was complete; "
				"see batond's log",
				s);
	case EBADMSG:
		return complain(STATUS_UNREACHABLE,
				"%s: the answer is not a JSON object; is this "
				"batond's socket?",
				s);
	case EMSGSIZE:
		return complain(STATUS_UNREACHABLE,
				"%s: the answer is longer than %zu MiB", s,
				JSONLINE_MAX >> 20);
	default:
		return complain(STATUS_UNREACHABLE, "%s: %s", s,
				strerror(-err));
	}
}

const json_t *remote_data(const json_t *answer, int *status)
{
	const json_t *ok = json_object_get(answer, "ok");
	const json_t *error = json_object_get(answer, "error");
	const json_t *data = json_object_get(answer, "data");

	*status = STATUS_OK;
	if (json_is_true(ok))
		return data ? data : json_null();
	if (json_is_false(ok) && json_is_string(error))
		*status = complain(STATUS_REFUSED, "%s",
				   json_string_value(error));
	else
		*status = complain(STATUS_UNREACHABLE, "the answer says "
						       "neither data nor "
						       "error; is "
						       "batond of another "
						       "release?");
	return NULL;
}

static void print_json(const struct options *o, FILE *f, const json_t *data)
{
	json_dumpf(data, f, JSON_ENCODE_ANY | (o->pretty ? JSON_INDENT(2) : 0));
	putc('\n', f);
}

void remote_print(const struct verb *v, const struct options *o, FILE *f,
		  const json_t *data, const json_t *args)
{
	if (o->json)
		print_json(o, f, data);
	else
		v->print(o, f, data, args);
}

/* Ask and wait for the answer, which is the caller's: NULL after a complaint */
static json_t *exchange(struct jsonline *c, const char *request,
			const json_t *args, const struct options *o,
			int *status)
{
	json_t *ask = json_pack("{s:s}", "do", request), *answer = NULL;
	int err;

	json_object_update(ask, (json_t *)args);
	err = jsonline_send(c, ask, o->timeout_ms);
	json_decref(ask);
	/* A daemon that hangs up may have said why before. */
	if (!err || err == -EPIPE)
		err = jsonline_receive(c, &answer, o->timeout_ms);
	if (err)
		*status = unreachable(o, err);
	return answer;
}

static int reach(struct jsonline *c, const struct options *o)
{
	int err = jsonline_connect(c, o->socket);

	return err ? unreachable(o, err) : STATUS_OK;
}

int remote_ask(const struct verb *v, json_t *args, const struct options *o)
{
	const json_t *data;
	struct jsonline c;
	json_t *answer;
	int status = reach(&c, o);

	if (status)
		return status;
	answer = exchange(&c, v->request, args, o, &status);
	if (answer) {
		data = remote_data(answer, &status);
		if (data)
			remote_print(v, o, stdout, data, args);
		json_decref(answer);
	}
	jsonline_close(&c);
	return status;
}

/* One line of a watch: an event, or the number of those that were skipped. */
static void print_news(const struct options *o, const json_t *line)
{
	const json_t *event = json_object_get(line, "event");

	if (o->json)
		print_json(o, stdout, event ? event : line);
	else if (event)
		show_event(o, stdout, event);
	else
		printf("(%.0f events left out: they came faster than they "
		       "were read)\n",
		       show_number(line, "lost"));
}

/* The events that the answer itself holds, as lines like those to come. */
static void print_past(const struct verb *v, const struct options *o,
		       const json_t *data, const json_t *args)
{
	const json_t *event;
	size_t i;

	if (!o->json)
		v->print(o, stdout, data, args);
	else
		json_array_foreach(data, i, event) print_json(o, stdout, event);
}

int remote_follow(const struct verb *v, json_t *args, const struct options *o)
{
	struct jsonline c;
	const json_t *data;
	json_t *line;
	int status = reach(&c, o), err;

	if (status)
		return status;
	line = exchange(&c, v->request, args, o, &status);
	if (line) {
		data = remote_data(line, &status);
		if (data)
			print_past(v, o, data, args);
		json_decref(line);
	}
	while (!status && !fflush(stdout)) {
		err = jsonline_receive(&c, &line, -1);
		if (err) {
			status = unreachable(o, err);
			break;
		}
		print_news(o, line);
		json_decref(line);
	}
	jsonline_close(&c);
	return status;
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Data of a request, and of the one that goes with it; the caller's. */
static json_t *gather(struct jsonline *c, const struct verb *v,
		      const struct options *o, int *status)
{
	json_t *answer, *result = NULL;
	const json_t *data;

	answer = exchange(c, v->request, NULL, o, status);
	data = answer ? remote_data(answer, status) : NULL;
	if (data)
		result = json_deep_copy(data);
	json_decref(answer);
	if (!result || !v->also)
		return result;
	answer = exchange(c, v->also, NULL, o, status);
	data = answer ? remote_data(answer, status) : NULL;
	if (data)
		json_object_set(result, v->also, (json_t *)data);
	json_decref(answer);
	return result;
}

/* Draw over the last drawing: each line ends by clearing what stood there. */
static void redraw(const char *text)
{
	const char *newline;

	fputs("\033[H", stdout);
	for (; (newline = strchr(text, '\n')); text = newline + 1) {
		fwrite(text, 1, newline - text, stdout);
		fputs("\033[K\n", stdout);
	}
	fputs("\033[J", stdout);
}

static void draw(const struct verb *v, const struct options *o,
		 const json_t *data, const json_t *args)
{
	size_t size;
	char *text;
	FILE *f;

	if (!o->redraw || o->json) {
		remote_print(v, o, stdout, data, args);
		if (!o->json)
			putchar('\n');
		return;
	}
	f = open_memstream(&text, &size);
	if (!f)
		return;
	v->print(o, f, data, args);
	if (!fclose(f))
		redraw(text);
	free(text);
}

int remote_redraw(const struct verb *v, json_t *args, const struct options *o)
{
	json_int_t every = json_integer_value(json_object_get(args, "seconds"));
	json_t *data, *before = NULL;
	double now, last = 0;
	struct jsonline c;
	int status = reach(&c, o);

	if (status)
		return status;
	if (o->redraw && !o->json)
		fputs("\033[2J", stdout);
	while (!status && (data = gather(&c, v, o, &status))) {
		now = seconds_now();
		stats_rates(data, before, now - last);
		draw(v, o, data, args);
		json_decref(before);
		before = data;
		last = now;
		if (fflush(stdout))
			break;
		nanosleep(&(struct timespec){ .tv_sec = every ? every : 1 },
			  NULL);
	}
	json_decref(before);
	jsonline_close(&c);
	return status;
}
