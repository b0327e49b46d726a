// SPDX-License-Identifier: GPL-2.0-only
/* owner.plan: who would take over if one host, or any two, died now. */
#include "commands_json.h"
#include "whatif.h"

/* With more hosts than this only those that a request names are paired. */
#define PAIRED_MAX 64

/* Too large for a stack; only the main thread's. */
static struct cluster now_is, scratch;
static struct cluster_result result;
static struct whatif_owner owners[BATON_MAX_OWNERS];

static const char *const hold_causes[] = {
#define X(name, text) [HOLD_##name] = text,
	HOLD_CAUSES(X)
#undef X
};

static json_t *owner_json(const struct batond *b, const struct whatif_owner *o)
{
	bool stays = o->to == o->from;

	return json_pack("{s:s, s:s, s:o, s:o, s:I}", "owner",
			 owner_name(b, o->owner), "from", host_name(b, o->from),
			 "to",
			 stays ? json_null() : json_string(host_name(b, o->to)),
			 "held_by",
			 string_or_null(hold_causes[stays ? o->held : 0]),
			 "flows", (json_int_t)o->flows);
}

/* One case; NULL: `only_bad`, and every owner would have a host. */
static json_t *case_json(const struct batond *b, const uint16_t *hosts,
			 size_t nr, bool only_bad, uint64_t now)
{
	uint32_t n =
		whatif_die(&now_is, hosts, nr, now, &scratch, &result, owners);
	json_t *down, *list;
	uint32_t without = 0;

	for (uint32_t i = 0; i < n; i++)
		without += owners[i].to == owners[i].from;
	if (only_bad && !without)
		return NULL;
	down = json_array();
	list = json_array();
	for (size_t i = 0; i < nr; i++)
		json_array_append_new(down,
				      json_string(host_name(b, hosts[i])));
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, owner_json(b, &owners[i]));
	return json_pack("{s:o, s:o, s:I}", "down", down, "owners", list,
			 "without_host", (json_int_t)without);
}

static bool is_up(uint16_t host)
{
	return now_is.host[host].state == HOST_UP;
}

static size_t hosts_up(uint16_t hosts[BATON_MAX_HOSTS])
{
	size_t n = 0;

	for (uint16_t i = 1; i <= now_is.max_host; i++)
		if (is_up(i))
			hosts[n++] = i;
	return n;
}

static json_t *singles(const struct batond *b, const uint16_t *hosts, size_t nr,
		       uint64_t now)
{
	json_t *cases = json_array();

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(cases,
				      case_json(b, &hosts[i], 1, false, now));
	return cases;
}

/* Of two that die at once only those cases are told that end badly. */
static json_t *pairs(const struct batond *b, const uint16_t *hosts, size_t nr,
		     uint64_t now)
{
	json_t *cases = json_array();

	for (size_t i = 0; i < nr; i++) {
		for (size_t j = i + 1; j < nr; j++) {
			uint16_t both[] = { hosts[i], hosts[j] };
			json_t *c = case_json(b, both, 2, true, now);

			if (c)
				json_array_append_new(cases, c);
		}
	}
	return cases;
}

/* The hosts that a request names, which may be down already: how many, -1 with
 * `why` filled. */
static int named(struct batond *b, const json_t *names,
		 uint16_t hosts[BATON_MAX_HOSTS], char why[COMMAND_WHY])
{
	const json_t *name;
	size_t i;

	if (!json_is_array(names) || !json_array_size(names) ||
	    json_array_size(names) >= BATON_MAX_HOSTS) {
		snprintf(why, COMMAND_WHY,
			 "field \"hosts\": expected a list of names of hosts");
		return -1;
	}
	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		hosts[i] = text ? ids_find(&b->hosts, text) : 0;
		if (!hosts[i]) {
			snprintf(why, COMMAND_WHY,
				 "no host %.64s (see: baton host show)",
				 text ?: "of that name");
			return -1;
		}
	}
	return i;
}

json_t *show_plan(struct batond *b, const json_t *request,
		  char why[COMMAND_WHY])
{
	static uint16_t hosts[BATON_MAX_HOSTS];
	const json_t *names = json_object_get(request, "hosts");
	uint64_t now = clock_ns();
	bool paired;
	int n = 0;

	if (names) {
		n = named(b, names, hosts, why);
		if (n < 0)
			return NULL;
	}
	prober_lock(&b->prober);
	whatif_copy(&now_is, &b->cluster);
	prober_unlock(&b->prober);
	if (names) {
		json_t *one = json_array();

		json_array_append_new(one, case_json(b, hosts, n, false, now));
		return json_pack("{s:o, s:n}", "one", one, "two");
	}
	n = hosts_up(hosts);
	paired = n <= PAIRED_MAX;
	return json_pack("{s:o, s:o}", "one", singles(b, hosts, n, now), "two",
			 paired ? pairs(b, hosts, n, now) : json_null());
}
