// SPDX-License-Identifier: GPL-2.0-only
#include "status.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "app_state.h"
#include "lib/jsontext.h"

#define MS 1000000

static const char *const words[] = {
#define X(name, label) [BATON_WORD_##name] = label,
	BATON_HOST_WORDS(X)
#undef X
};

static json_int_t ms_since(uint64_t when, uint64_t now)
{
	return app_age(when, now) / MS;
}

/* null: none is in force; below zero: it has lapsed */
static json_t *lease_left(const struct baton_host_lease *l, uint64_t now)
{
	return l->until ? json_integer((int64_t)(l->until - now) / MS)
			: json_null();
}

static const char *const app_states[] = {
#define X(name, label) [BATON_APP_##name] = label,
	BATON_APP_STATES(X)
#undef X
};

static json_t *applications(const struct pins *p, uint64_t now)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < BATON_PROBE_APPS; i++) {
		const struct baton_host_app *a = &p->applications[i];
		uint64_t age = app_age(pins_last_sign(p, i), now);
		char name[BATON_APP_NAME_LEN];

		if (!a->tag)
			continue;
		memcpy(name, a->name, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		json_array_append_new(
			list,
			json_pack("{so ss sI sI}", "name", jsontext(name),
				  "state",
				  app_states[app_state(a, age, pins_said(p, i))],
				  "age_ms", (json_int_t)(age / MS), "limit_ms",
				  (json_int_t)(a->limit / MS)));
	}
	return list;
}

static json_t *owners(const struct pins *p, uint64_t now)
{
	json_t *list = json_array();
	uint32_t tag, *previous = NULL;
	int fd = p->fd[PIN_ownership], i;

	for (i = 0; i < BATON_HOST_MAX_OWNERS &&
		    !bpf_map_get_next_key(fd, previous, &tag);
	     i++) {
		struct baton_host_ownership o;

		previous = &tag;
		if (bpf_map_lookup_elem(fd, &tag, &o))
			continue;
		json_array_append_new(
			list, json_pack("{sI sI sb sI}", "tag", (json_int_t)tag,
					"epoch", (json_int_t)o.epoch, "plays",
					o.plays != 0, "heard_ms",
					ms_since(o.heard, now)));
	}
	return list;
}

static json_t *probers(const struct pins *p, uint64_t now)
{
	struct baton_host_session key, *previous = NULL;
	json_t *list = json_array();
	int fd = p->fd[PIN_sessions], i;

	for (i = 0; i < BATON_HOST_MAX_SESSIONS &&
		    !bpf_map_get_next_key(fd, previous, &key);
	     i++) {
		struct baton_host_asker asker;
		char text[ADDR_TEXT];
		struct addr a;

		previous = &key;
		if (bpf_map_lookup_elem(fd, &key, &asker))
			continue;
		pins_addr(&asker.from, &a);
		json_array_append_new(
			list,
			json_pack("{ss si si sI sI}", "address",
				  addr_format(&a, text), "port",
				  ntohs(asker.port), "host", key.host,
				  "sequence", (json_int_t)asker.sequence,
				  "heard_ms", ms_since(asker.heard, now)));
	}
	return list;
}

json_t *status_read(const struct pins *p, uint64_t now)
{
	uint32_t word = p->settings->word;

	return json_pack("{ss sb so so so so}", "word",
			 word < BATON_NR_HOST_WORDS ? words[word] : "?",
			 "lease_obeyed",
			 (p->settings->flags & BATON_HOST_LEASE) != 0,
			 "lease_left_ms", lease_left(p->lease, now),
			 "applications", applications(p, now), "owners",
			 owners(p, now), "probers", probers(p, now));
}

/* --- for people ----------------------------------------------------------- */

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_lease(const json_t *status, FILE *f)
{
	const json_t *left = json_object_get(status, "lease_left_ms");
	json_int_t ms = json_integer_value(left);

	if (json_is_null(left))
		fprintf(f, "lease: none in force");
	else if (ms < 0)
		fprintf(f, "lease: lapsed %" JSON_INTEGER_FORMAT " ms ago",
			-ms);
	else
		fprintf(f, "lease: %" JSON_INTEGER_FORMAT " ms left", ms);
	fputs(json_is_true(json_object_get(status, "lease_obeyed")) ? "\n"
								    : " (not "
								      "obeyed)"
								      "\n",
	      f);
}

static void print_application(const json_t *a, FILE *f)
{
	fprintf(f,
		"application %s: %s, last sign of life %" JSON_INTEGER_FORMAT
		" ms ago, limit %" JSON_INTEGER_FORMAT " ms\n",
		text(a, "name"), text(a, "state"), number(a, "age_ms"),
		number(a, "limit_ms"));
}

static void print_owner(const json_t *o, FILE *f)
{
	fprintf(f,
		"owner %08" PRIx32 ": %s, epoch %" JSON_INTEGER_FORMAT
		", heard %" JSON_INTEGER_FORMAT " ms ago\n",
		(uint32_t)number(o, "tag"),
		json_is_true(json_object_get(o, "plays")) ? "this host"
							  : "another host",
		number(o, "epoch"), number(o, "heard_ms"));
}

static void print_prober(const json_t *p, FILE *f)
{
	fprintf(f,
		"prober %s port %" JSON_INTEGER_FORMAT ": probe "
		"%" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " ms ago, to "
		"host "
		"%" JSON_INTEGER_FORMAT "\n",
		text(p, "address"), number(p, "port"), number(p, "sequence"),
		number(p, "heard_ms"), number(p, "host"));
}

void status_print(const json_t *status, FILE *f)
{
	static const struct {
		const char *key;
		void (*print)(const json_t *item, FILE *f);
	} lists[] = { { "applications", print_application },
		      { "owners", print_owner },
		      { "probers", print_prober } };
	size_t i, n;
	json_t *item;

	fprintf(f, "says: %s\n", text(status, "word"));
	print_lease(status, f);
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_array_foreach(json_object_get(status, lists[i].key), n,
				   item) lists[i]
			.print(item, f);
}
