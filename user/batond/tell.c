// SPDX-License-Identifier: GPL-2.0-only
#include "tell.h"

#include <stdio.h>
#include <string.h>

#include "bfd_show.h"
#include "lib/jsontext.h"
#include "replay_show.h"

static const char *const causes[] = {
#define X(name, text) text,
	MOVE_CAUSES(X)
#undef X
};

static const char *const hold_causes[] = {
#define X(name, text) text,
	HOLD_CAUSES(X)
#undef X
};

static const char *const why_nots[] = {
#define X(name, text) text,
	WHY_NOTS(X)
#undef X
};

static const char *const rules[] = {
#define X(name, label) label,
	DETECT_RULES(X)
#undef X
};

static const char *const words[] = {
#define X(name, label) label,
	BATON_HOST_WORDS(X)
#undef X
};

const char *host_name(const struct batond *b, uint16_t id)
{
	return ids_name(&b->hosts, id) ?: "?";
}

const char *owner_name(const struct batond *b, uint16_t id)
{
	return ids_name(&b->owners, id) ?: "?";
}

static json_t *name_or_null(const char *name, uint16_t id)
{
	return id ? json_string(name) : json_null();
}

json_t *tell_move_json(const struct batond *b, const struct note *n)
{
	const struct move *m = &n->move;

	return json_pack("{s:s, s:o, s:o, s:I, s:s, s:I}", "owner",
			 owner_name(b, m->owner), "from",
			 name_or_null(host_name(b, m->from), m->from), "to",
			 name_or_null(host_name(b, m->to), m->to), "epoch",
			 (json_int_t)m->epoch, "cause", causes[m->cause],
			 "flip_ns", (json_int_t)n->flip_ns);
}

/* --- decisions ---------------------------------------------------------------- */

/* Did what this event tells of lead to the decision? */
static bool led_to(const struct batond *b, const json_t *event,
		   const struct move *m)
{
	const char *kind = json_string_value(json_object_get(event, "kind"));
	const char *host = json_string_value(json_object_get(event, "host"));
	bool attracted = m->cause == MOVE_RESCUE || m->cause == MOVE_RETURN;
	uint16_t whose = attracted ? m->to : m->from;
	const char *text;

	if (!kind || !host || strcmp(host, host_name(b, whose)))
		return false;
	if (m->cause == MOVE_RESCUE)
		return !strcmp(kind, "host_up");
	if (m->cause == MOVE_RETURN)
		return !strcmp(kind, "host_up") || !strcmp(kind, "application");
	if (m->cause == MOVE_APP_FAILED) {
		text = json_string_value(json_object_get(event, "application"));
		return !strcmp(kind, "application") && text &&
		       json_is_true(json_object_get(event, "failed")) &&
		       apps_named(&b->apps, text) &
			       b->cluster.owner[m->owner].needs;
	}
	if (!strcmp(kind, "host_down"))
		return true;
	text = json_string_value(json_object_get(event, "word"));
	return !strcmp(kind, "host_word") && text &&
	       !strcmp(text, words[BATON_WORD_LEAVING]);
}

/* The event that led to it, perhaps one that an earlier batond told; or null. */
static json_t *find_because(const struct batond *b, const struct move *m,
			    json_t **because)
{
	const struct events *e = &b->events;
	uint64_t oldest = e->next > EVENTS_KEPT ? e->next - EVENTS_KEPT : 1;

	if (!move_is_automatic(m->cause))
		return json_null();
	if (*because && led_to(b, *because, m))
		return json_incref(*because);
	for (uint64_t i = e->next; i-- > oldest;)
		if (led_to(b, e->ring[i % EVENTS_KEPT], m)) {
			json_decref(*because);
			*because = json_incref(e->ring[i % EVENTS_KEPT]);
			return json_incref(*because);
		}
	return json_null();
}

/* The guards, with what they saw and the limit of each. */
static json_t *guards_json(const struct batond *b, const struct move *m)
{
	const struct config *c = &b->config;
	const struct guard_facts *f = &m->guards;

	if (!move_is_automatic(m->cause))
		return json_null();
	return json_pack(
		"{s:{s:i, s:i, s:i}, s:{s:o, s:i}, s:b, s:b}", "max_down",
		"died", f->died, "hosts", f->hosts, "percent",
		(int)c->max_down_percent, "min_move_interval", "since_ms",
		f->since_move ? json_real(f->since_move / 1e6) : json_null(),
		"limit_ms", (int)c->min_move_interval_ms, "maintenance",
		c->maintenance, "dry_run", c->dry_run);
}

static json_t *others_json(const struct batond *b, const struct note *n)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < n->nr_others && i < OTHERS_KEPT; i++)
		json_array_append_new(
			all, json_pack("{s:s, s:s}", "host",
				       host_name(b, n->others[i].host), "why",
				       why_nots[n->others[i].why]));
	return all;
}

/* What a decision is, and all that it rests upon. */
static json_t *decision_json(const struct batond *b, const struct note *n,
			     json_t **because)
{
	json_t *j = tell_move_json(b, n);
	json_t *facts = json_pack(
		"{s:I, s:o, s:o, s:o, s:b}", "flows",
		(json_int_t)b->sweep.census.by_owner[n->move.owner], "because",
		find_because(b, &n->move, because), "guards",
		guards_json(b, &n->move), "others", others_json(b, n),
		"more_others", n->nr_others > OTHERS_KEPT);

	json_object_update(j, facts);
	json_decref(facts);
	return j;
}

static void tell_move(struct batond *b, const struct note *n, struct telling *t)
{
	const struct move *m = &n->move;
	json_t *fields = decision_json(b, n, &t->because);
	bool captured = t->capture && move_is_automatic(m->cause);

	json_object_set_new(fields, "replayed", replay_json(&n->replayed));
	json_object_set_new(fields, "capture",
			    captured ? jsontext(t->capture) : json_null());
	event_at(&b->events, n->at, m->to ? LOG_L_NOTICE : LOG_L_ERROR, "move",
		 fields, "owner %s: %s -> %s, epoch %u (%s)",
		 owner_name(b, m->owner),
		 m->from ? host_name(b, m->from) : "nobody",
		 m->to ? host_name(b, m->to) : "nobody", m->epoch,
		 causes[m->cause]);
}

static void tell_held(struct batond *b, const struct note *n, json_t **because)
{
	const struct move *m = &n->move;
	json_t *fields = decision_json(b, n, because);
	bool wanted = m->held == HOLD_DRY_RUN || m->held == HOLD_MAINTENANCE;

	json_object_del(fields, "flip_ns");
	json_object_set_new(fields, "held_by",
			    json_string(hold_causes[m->held]));
	event_at(&b->events, n->at, wanted ? LOG_L_WARNING : LOG_L_ERROR,
		 "held", fields, "owner %s: %s -> %s (%s), not moved: %s",
		 owner_name(b, m->owner),
		 m->from ? host_name(b, m->from) : "nobody",
		 m->to ? host_name(b, m->to) : "nobody", causes[m->cause],
		 hold_causes[m->held]);
}

/* --- hosts -------------------------------------------------------------------- */

/* X(state, text): goes on from "application A on host H " */
#define APP_NEWS(X)                                                            \
	X(UP, "is up")                                                         \
	X(FAILED, "has failed: too long without a sign of life, or its "       \
		  "process has ended")                                         \
	X(PARTIAL, "works, but could not go on with the connections of "       \
		   "others")                                                   \
	X(ALONE, "is alone: nobody keeps a copy of its state, or it is kept "  \
		 "up to date by nobody")

static void tell_app(struct batond *b, const struct note *n)
{
	static const char *const news[BATON_NR_APP_STATES] = {
#define X(state, text) [BATON_APP_##state] = text,
		APP_NEWS(X)
#undef X
	};
	static const char *const labels[] = {
#define X(name, label) [BATON_APP_##name] = label,
		BATON_APP_STATES(X)
#undef X
	};
	uint64_t bit = apps_tagged(&b->apps, n->app.tag);
	const char *name = bit ? b->apps.name[__builtin_ctzll(bit)] : "?";
	const char *host = host_name(b, n->host);
	bool failed = n->app.state == BATON_APP_FAILED;

	event_at(&b->events, n->at, failed ? LOG_L_WARNING : LOG_L_NOTICE,
		 "application",
		 json_pack("{s:s, s:s, s:b, s:s, s:i}", "host", host,
			   "application", name, "failed", failed, "state",
			   labels[n->app.state], "age_ms", (int)n->app.age),
		 "application %s on host %s %s (last sign of life %u ms ago)",
		 name, host, news[n->app.state], n->app.age);
}

/* What the silence was that condemned a host. */
#define FACTS 128
static const char *facts(const struct note *n, char text[FACTS])
{
	if (n->bfd.used)
		snprintf(text, FACTS, "no BFD packet for %.1f ms; session: %s",
			 n->silent / 1e6, bfd_diag_label(n->bfd.diag));
	else
		snprintf(text, FACTS,
			 "no answer for %.1f ms, to the last %u probes (rule: "
			 "%s; round trip before: %.0f us)",
			 n->silent / 1e6, n->unanswered, rules[n->rule],
			 n->rtt / 1e3);
	return text;
}

static json_t *down_json(const struct batond *b, const struct note *n)
{
	json_t *j = json_pack("{s:s, s:s, s:f, s:i, s:f}", "host",
			      host_name(b, n->host), "rule",
			      n->bfd.used ? "bfd" : rules[n->rule], "detect_ms",
			      n->silent / 1e6, "unanswered", (int)n->unanswered,
			      "rtt_us", n->rtt / 1e3);
	json_t *probes =
		json_pack("{s:I, s:I, s:f, s:i}", "first",
			  (json_int_t)(n->sequence + 1 - n->unanswered), "last",
			  (json_int_t)n->sequence, "interval_ms",
			  n->profile.interval / 1e6, "multiplier",
			  (int)n->profile.multiplier);

	if (n->bfd.used) {
		json_decref(probes);
		probes = json_null();
	}
	json_object_set_new(j, "probes", probes);
	return j;
}

void tell(struct batond *b, const struct note *n, struct telling *t)
{
	const char *host = host_name(b, n->host);
	char text[FACTS];

	switch (n->kind) {
	case NOTE_UP:
		event_at(&b->events, n->at, LOG_L_NOTICE, "host_up",
			 json_pack("{s:s}", "host", host), "host %s is up",
			 host);
		break;
	case NOTE_DOWN:
		event_at(&b->events, n->at, LOG_L_WARNING, "host_down",
			 down_json(b, n), "host %s is down: %s", host,
			 facts(n, text));
		break;
	case NOTE_BFD:
		bfd_tell(b, n);
		break;
	case NOTE_WORD:
		event_at(&b->events, n->at, LOG_L_NOTICE, "host_word",
			 json_pack("{s:s, s:s}", "host", host, "word",
				   words[n->word]),
			 "host %s says: %s", host, words[n->word]);
		break;
	case NOTE_APP:
		tell_app(b, n);
		break;
	case NOTE_DAMPED:
		event_at(&b->events, n->at,
			 n->suppressed ? LOG_L_WARNING : LOG_L_NOTICE,
			 "dampening",
			 json_pack("{s:s, s:b, s:i}", "host", host,
				   "suppressed", n->suppressed, "penalty",
				   (int)n->penalty),
			 n->suppressed ? "host %s goes down too often (penalty "
					 "%u): "
					 "it takes nothing over for a while"
				       : "host %s has been quiet (penalty %u): "
					 "it may "
					 "take owners over again",
			 host, n->penalty);
		break;
	case NOTE_MOVE:
		tell_move(b, n, t);
		break;
	case NOTE_HELD:
		tell_held(b, n, &t->because);
		break;
	}
	/* Something new may have happened to the host. */
	if (n->kind != NOTE_MOVE && n->kind != NOTE_HELD) {
		json_decref(t->because);
		t->because = NULL;
	}
}
