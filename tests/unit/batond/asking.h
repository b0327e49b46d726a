/* SPDX-License-Identifier: GPL-2.0-only */
/* A batond with a configuration file, and requests to it. */
#ifndef TEST_ASKING_H
#define TEST_ASKING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batond/commands.h"
#include "fixture.h"

#define HOSTS                                                                  \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2, probe: no}\n"
#define OWNERS                                                                 \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [b]}\n"                               \
	"- {name: ob, host: b}\n"
#define SERVICES                                                               \
	"services:\n"                                                          \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [oa, ob]}\n"
#define PARTS HOSTS OWNERS SERVICES
#define CONFIG "switch: {probe-key: /k}\n" PARTS

static struct fixture *f;
static struct batond *b;
static char file[64]; /* the configuration file */

static inline void write_config(const char *text)
{
	FILE *out = fopen(file, "w");

	must(out &&
	     fprintf(out, "switch: {probe-key: /k, state: %s}\n%s", f->dir,
		     text) > 0 &&
	     !fclose(out));
}

static inline int setup_empty(void **state)
{
	(void)state;
	f = fixture_new();
	b = &f->b;
	snprintf(file, sizeof(file), "%s/baton.yaml", f->dir);
	b->path = file;
	write_config("");
	return 0;
}

static inline int setup(void **state)
{
	setup_empty(state);
	write_config(PARTS);
	fixture_configure(f, CONFIG);
	fixture_host(f, "a", PROBER_UP, clock_ns());
	fixture_tell(f);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* --- asking ----------------------------------------------------------------- */

static inline json_t *run(const char *text, char why[COMMAND_WHY])
{
	json_t *request = json_loads(text, 0, NULL), *data;

	if (!request)
		fail_msg("no JSON: %s", text);
	why[0] = '\0';
	data = command_run(b, json_string_value(json_object_get(request, "do")),
			   request, why);
	json_decref(request);
	return data;
}

/* The answer, a new reference. */
static inline json_t *ask(const char *text)
{
	char why[COMMAND_WHY];
	json_t *data = run(text, why);

	if (!data)
		fail_msg("%s: %s", text, why);
	return data;
}

static inline void obey(const char *text)
{
	json_t *data = ask(text);

	assert_true(json_is_null(data));
	json_decref(data);
}

static inline void refuse(const char *text, const char *says)
{
	char why[COMMAND_WHY];
	json_t *data = run(text, why);

	if (data || !strstr(why, says))
		fail_msg("%s: says \"%s\", not \"%s\"", text, why, says);
}

/* "hosts.up" of the answer; index: its element, if it is an array. */
static inline json_t *get(json_t *data, size_t index, const char *path)
{
	char part[64];

	if (json_is_array(data))
		data = json_array_get(data, index);
	while (*path) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		data = json_is_array(data) ? json_array_get(data, atoi(part))
					   : json_object_get(data, part);
		path += n + (path[n] == '.');
	}
	assert_non_null(data);
	return data;
}

static inline void assert_json(const char *request, const char *path,
			       const char *wanted)
{
	json_t *data = ask(request), *one = get(data, 0, path);
	char *is = json_dumps(one, JSON_ENCODE_ANY | JSON_COMPACT);

	assert_string_equal(is, wanted);
	free(is);
	json_decref(data);
}

static inline void assert_epoch(const char *request, uint32_t nth)
{
	char wanted[16];

	snprintf(wanted, sizeof(wanted), "%u", FIXTURE_EPOCH(nth));
	assert_json(request, "epoch", wanted);
}

static inline void assert_size(const char *request, size_t n)
{
	json_t *data = ask(request);

	assert_true(json_is_array(data));
	assert_int_equal(json_array_size(data), n);
	json_decref(data);
}

#define SHOW(what) "{\"do\": \"" what ".show\"}"
#define STATUS "{\"do\": \"status\"}"
#define STATS "{\"do\": \"stats\"}"

#endif
