// SPDX-License-Identifier: GPL-2.0-only
#include "remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "show.h"
#include "stats.h"

/* Why there is no answer, and what to do about it. */
static int unreachable(const struct options *o, int err)
{
	const char *s = o->socket, *daemon = o->daemon;

	switch (-err) {
	case ENOENT:
	case ECONNREFUSED:
		return complain(STATUS_UNREACHABLE,
				"%s does not listen on %s; start it "
				"(systemctl start %s), or name its socket "
				"with -s",
				daemon, s, daemon);
	case EACCES:
	case EPERM:
		return complain(STATUS_UNREACHABLE,
				"%s: not allowed; try as the user that runs "
				"%s (root)",
				s, daemon);
	case EAGAIN:
	case ETIMEDOUT:
		return complain(STATUS_UNREACHABLE,
				"%s: %s did not answer within %g s; is it "
				"stopped or overloaded? (-t waits longer)",
				s, daemon, o->timeout_ms / 1000.0);
	case EPIPE:
		return complain(STATUS_UNREACHABLE,
				"%s: closed before the answer was complete; "
				"see %s's log",
				s, daemon);
	case EBADMSG:
		return complain(STATUS_UNREACHABLE,
				"%s: the answer is not a JSON object; is this "
				"%s's socket?",
				s, daemon);
	case EMSGSIZE:
		return complain(STATUS_UNREACHABLE,
				"%s: the answer is longer than %zu MiB", s,
				JSONLINE_MAX >> 20);
	default:
		return complain(STATUS_UNREACHABLE, "%s: %s", s,
				strerror(-err));
	}
}

const json_t *remote_data(const json_t *answer, const struct options *o,
			  int *status)
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
		*status = complain(STATUS_UNREACHABLE,
				   "the answer says neither data nor error; "
				   "is %s of another release?",
				   o->daemon);
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

int remote_open(struct remote *r, const struct options *o)
{
	int err = jsonline_connect(&r->line, o->socket);

	r->options = o;
	return err ? unreachable(o, err) : STATUS_OK;
}

void remote_close(struct remote *r)
{
	jsonline_close(&r->line);
}

/* Ask and wait for the answer, which is the caller's: NULL after a complaint */
static json_t *exchange(struct remote *r, const char *request,
			const json_t *args, int *status)
{
	json_t *ask = json_pack("{s:s}", "do", request), *answer = NULL;
	const struct options *o = r->options;
	int err;

	json_object_update(ask, (json_t *)args);
	err = jsonline_send(&r->line, ask, o->timeout_ms);
	json_decref(ask);
	/* A daemon that hangs up may have said why before. */
	if (!err || err == -EPIPE)
		err = jsonline_receive(&r->line, &answer, o->timeout_ms);
	if (err)
		*status = unreachable(o, err);
	return answer;
}

json_t *remote_request(struct remote *r, const char *request,
		       const json_t *args, int *status)
{
	json_t *answer = exchange(r, request, args, status);
	const json_t *data = answer ? remote_data(answer, r->options, status)
				    : NULL;

	json_incref((json_t *)data);
	json_decref(answer);
	return (json_t *)data;
}

int remote_ask(const struct verb *v, json_t *args, const struct options *o)
{
	struct remote r;
	json_t *data;
	int status = remote_open(&r, o);

	if (status)
		return status;
	data = remote_request(&r, v->request, args, &status);
	if (data)
		remote_print(v, o, stdout, data, args);
	json_decref(data);
	remote_close(&r);
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
	struct remote r;
	json_t *data, *line;
	int status = remote_open(&r, o), err;

	if (status)
		return status;
	data = remote_request(&r, v->request, args, &status);
	if (data)
		print_past(v, o, data, args);
	json_decref(data);
	while (!status && !fflush(stdout)) {
		err = jsonline_receive(&r.line, &line, -1);
		if (err) {
			status = unreachable(o, err);
			break;
		}
		print_news(o, line);
		json_decref(line);
	}
	remote_close(&r);
	return status;
}

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Data of a request, and of the one that goes with it; the caller's. */
static json_t *gather(struct remote *r, const struct verb *v, int *status)
{
	json_t *data = remote_request(r, v->request, NULL, status), *also;

	if (!data || !v->also)
		return data;
	also = remote_request(r, v->also, NULL, status);
	if (also)
		json_object_set_new(data, v->also, also);
	return data;
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
	struct remote r;
	int status = remote_open(&r, o);

	if (status)
		return status;
	if (o->redraw && !o->json)
		fputs("\033[2J", stdout);
	while (!status && (data = gather(&r, v, &status))) {
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
	remote_close(&r);
	return status;
}
