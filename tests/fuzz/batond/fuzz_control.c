// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests of any kind, one to a line, one after the other: each is answered
 * with JSON or with a reason, and what runs afterwards is sound. Each input
 * meets a batond that has just started.
 */
#include "../../unit/batond/fixture.h"
#include "batond/commands.h"

static const char base[] = "switch: {probe-key: /k}\n"
			   "hosts:\n"
			   "- {name: a, address: 10.0.0.1}\n"
			   "- {name: b, address: 10.0.0.2, probe: no}\n"
			   "owners:\n"
			   "- {name: oa, host: a, standbys: [b]}\n"
			   "- {name: ob, host: b}\n"
			   "services:\n"
			   "- {name: web, vip: 192.0.2.1, protocol: tcp, port: "
			   "80, "
			   "owners: [oa, ob]}\n";

#define MOST_REQUESTS 32 /* of an input */

static struct fixture *f;

/* As it was before the first input, down to what is allocated: or the search
 * for leaks would take most of the time. */
static void clear(void)
{
	struct batond *b = &f->b;

	fixture_configure(f, "switch: {}\n");
	fixture_tell(f);
	/* as if all had rested: the same ids each time */
	ids_init(&b->hosts, BATON_MAX_HOSTS);
	ids_init(&b->owners, BATON_MAX_OWNERS);
	ids_init(&b->services, BATON_MAX_SERVICES);
	memset(&b->cluster, 0, sizeof(b->cluster));
	must(!truncate(b->events.path, 0));
	events_close(&b->events);
	must(!events_open(&b->events, f->dir));
}

/* Ids, words, rings and configuration must agree. */
static void check_state(void)
{
	const struct batond *b = &f->b;

	for (size_t i = 0; i < b->config.nr_hosts; i++) {
		uint16_t id = ids_find(&b->hosts, b->config.hosts[i].name);

		must(id && b->cluster.host[id].state != HOST_ABSENT);
		must(!strcmp(b->dp.host_info[id].name,
			     b->config.hosts[i].name));
	}
	for (size_t i = 0; i < b->config.nr_owners; i++) {
		uint16_t id = ids_find(&b->owners, b->config.owners[i].name);
		union baton_owner w = dataplane_owner(&b->dp, id);

		must(id && w.word == owner_word(b, id).word);
		must(w.state == BATON_OWNER_ORPHAN ||
		     ids_name(&b->hosts, w.host));
	}
	for (size_t i = 0; i < b->config.nr_services; i++) {
		uint16_t id =
			ids_find(&b->services, b->config.services[i].name);
		size_t rows =
			(FIXTURE_RING + BATON_RING_ROW - 1) / BATON_RING_ROW;

		must(id && b->dp.service_info[id].family);
		for (size_t j = 0; j < FIXTURE_RING; j++)
			must(ids_name(&b->owners,
				      b->dp.rings[id * rows + j / BATON_RING_ROW]
					      .owner[j % BATON_RING_ROW]));
	}
}

static void run(const char *line, size_t size)
{
	char why[COMMAND_WHY] = "";
	json_t *request = json_loadb(line, size, 0, NULL), *data;
	const char *what = json_string_value(json_object_get(request, "do"));
	char *text;

	if (what) {
		data = command_run(&f->b, what, request, why);
		must(data || why[0]);
		must(memchr(why, '\0', sizeof(why)));
		if (data) {
			text = json_dumps(data, JSON_ENCODE_ANY);
			must(text);
			free(text);
		}
		json_decref(data);
		fixture_tell(f);
		check_state();
	}
	json_decref(request);
}

static void end(void)
{
	fixture_free(f);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fixture_own_network();
	f = fixture_new();
	clear();
	f->b.path = "/dev/null"; /* of `reload` */
	atexit(end);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data, *stop = line + size;

	fixture_configure(f, base);
	for (int i = 0; i < MOST_REQUESTS && line < stop; i++) {
		const char *newline = memchr(line, '\n', stop - line);
		const char *until = newline ?: stop;

		run(line, until - line);
		line = until + 1;
	}
	clear();
	return 0;
}
