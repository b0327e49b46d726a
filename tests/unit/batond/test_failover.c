// SPDX-License-Identifier: GPL-2.0-only
/* What the prober finds becomes words in the map, and events for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define S 1000000000ULL

/* Of three hosts, which no guard protects. */
#define CONFIG                                                                 \
	"switch: {probe-key: /k}\n"                                            \
	"guards: {max-down: 100%}\n"                                           \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2}\n"                                     \
	"- {name: c, address: 10.0.0.3}\n"                                     \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [b]}\n"                               \
	"- {name: ob, host: b, standbys: [c, a]}\n"                            \
	"services:\n"                                                          \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [oa, ob]}\n"

static struct fixture *f;
static struct batond *b;

/* All hosts up, all events told. */
static int setup(void **state)
{
	(void)state;
	f = fixture_new();
	b = &f->b;
	fixture_configure(f, CONFIG);
	fixture_host(f, "a", PROBER_UP, clock_ns());
	fixture_host(f, "b", PROBER_UP, clock_ns());
	fixture_host(f, "c", PROBER_UP, clock_ns());
	fixture_tell(f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

static void assert_owner(const char *name, const char *plays,
			 enum baton_owner_state owner_state, uint32_t nth_epoch)
{
	union baton_owner w = fixture_owner(f, name);

	assert_string_equal(host_name(b, w.host), plays);
	assert_int_equal(w.state, owner_state);
	assert_int_equal(w.epoch, FIXTURE_EPOCH(nth_epoch));
}

/* --- events --------------------------------------------------------------- */

/* Those since `after`, which become told first. */
static json_t *events_after(uint64_t after)
{
	fixture_tell(f);
	assert_int_equal(b->nr_notes, 0);
	return events_show(&b->events, 1000, after);
}

static void assert_text(const json_t *object, const char *field,
			const char *wanted)
{
	const char *is = json_string_value(json_object_get(object, field));

	assert_non_null(is);
	assert_string_equal(is, wanted);
}

static void assert_number(const json_t *object, const char *field,
			  json_int_t wanted)
{
	assert_int_equal(json_integer_value(json_object_get(object, field)),
			 wanted);
}

/* "host_down move move": what happened since, in this order */
static void assert_told(uint64_t after, const char *kinds)
{
	json_t *all = events_after(after), *one;
	char told[512] = "";
	json_int_t last = 0;
	size_t i;

	json_array_foreach(all, i, one)
	{
		json_int_t at = json_integer_value(json_object_get(one, "mono_"
									"ns"));

		strcat(told, i ? " " : "");
		strncat(told, json_string_value(json_object_get(one, "kind")),
			32);
		assert_true(at >= last);
		last = at;
	}
	json_decref(all);
	assert_string_equal(told, kinds);
}

/* A new reference to the only event of this kind since. */
static json_t *the_event(uint64_t after, const char *kind)
{
	json_t *all = events_after(after), *one, *found = NULL;
	size_t i;

	json_array_foreach(all, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "kind")),
			   kind))
			continue;
		assert_null(found);
		found = json_incref(one);
	}
	json_decref(all);
	assert_non_null(found);
	return found;
}

/* Sequence number of the last event. */
static uint64_t told_so_far(void)
{
	fixture_tell(f);
	return b->events.next - 1;
}

/* --- detection ------------------------------------------------------------ */

static void test_a_host_dies(void **state)
{
	uint64_t seq = told_so_far(), now = clock_ns();
	uint16_t a = ids_find(&b->hosts, "a");
	struct detect *detect = &b->prober.target[a].detect;
	char text[64];
	json_t *e;

	(void)state;
	b->sweep.census.by_owner[ids_find(&b->owners, "oa")] = 7;
	detect->last_answer = now - 30500000;
	detect->unanswered = 3;
	detect->sequence = 20;
	detect->rule = DETECT_BY_UNANSWERED;
	detect->rtt_last = 214000;
	fixture_host(f, "a", PROBER_DOWN, now);
	/* before anything was told */
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);

	assert_told(seq, "host_down move");
	e = the_event(seq, "host_down");
	assert_number(e, "mono_ns", now);
	assert_text(e, "host", "a");
	assert_text(e, "severity", "warning");
	assert_text(e, "text",
		    "host a is down: no answer for 30.5 ms, to the last 3 "
		    "probes (rule: unanswered; round trip before: 214 us)");
	assert_true(json_real_value(json_object_get(e, "detect_ms")) == 30.5);
	assert_number(e, "unanswered", 3);
	assert_text(e, "rule", "unanswered");
	assert_number(json_object_get(e, "probes"), "first", 18);
	assert_number(json_object_get(e, "probes"), "last", 20);
	assert_number(json_object_get(e, "probes"), "multiplier", 3);
	json_decref(e);
	e = the_event(seq, "move");
	assert_text(e, "owner", "oa");
	assert_text(e, "from", "a");
	assert_text(e, "to", "b");
	assert_text(e, "cause", "host down");
	assert_text(e, "severity", "notice");
	snprintf(text, sizeof(text), "owner oa: a -> b, epoch %u (host down)",
		 FIXTURE_EPOCH(2));
	assert_text(e, "text", text);
	assert_number(e, "epoch", FIXTURE_EPOCH(2));
	assert_number(e, "flows", 7);
	assert_true(json_is_integer(json_object_get(e, "flip_ns")));
	json_decref(e);
}

/* People are shown who would be next, which has changed as well. */
static void test_the_plan_is_shown(void **state)
{
	struct baton_owner_info *ob =
		&b->dp.owner_info[ids_find(&b->owners, "ob")];

	(void)state;
	assert_string_equal(host_name(b, ob->next), "c");
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	failover_tick(b, clock_ns());
	failover_tell(b);
	assert_string_equal(host_name(b, ob->next), "a");
}

/* Nothing fails back by itself. */
static void test_a_host_comes_back(void **state)
{
	uint64_t seq;
	json_t *e;

	(void)state;
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	seq = told_so_far();
	fixture_host(f, "a", PROBER_UP, clock_ns());
	assert_told(seq, "host_up");
	e = the_event(seq, "host_up");
	assert_text(e, "host", "a");
	assert_text(e, "text", "host a is up");
	assert_text(e, "severity", "notice");
	json_decref(e);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
}

static void test_nobody_is_left(void **state)
{
	uint64_t seq;
	json_t *e;

	(void)state;
	fixture_host(f, "b", PROBER_DOWN, clock_ns());
	assert_owner("ob", "c", BATON_OWNER_ACTIVE, 2);
	seq = told_so_far();
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	/* It stays there: perhaps the host is not dead after all. */
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
	assert_told(seq, "host_down held");
	e = the_event(seq, "held");
	assert_text(e, "owner", "oa");
	assert_text(e, "cause", "host down");
	assert_text(e, "held_by", "no standby is up");
	assert_text(e, "severity", "error");
	assert_text(e, "text",
		    "owner oa: a -> nobody (host down), not moved: no standby "
		    "is up");
	json_decref(e);

	/* told once, however long it takes */
	seq = told_so_far();
	failover_tick(b, clock_ns());
	failover_tick(b, clock_ns());
	assert_told(seq, "");

	/* the rescue */
	fixture_host(f, "b", PROBER_UP, clock_ns());
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_told(seq, "host_up move");
}

/* Down, up and down again before the main thread came to tell of it. */
static void test_events_are_told_in_their_order(void **state)
{
	uint64_t seq = told_so_far();

	(void)state;
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	fixture_host(f, "c", PROBER_UP, clock_ns());
	fixture_word(f, "c", BATON_WORD_DRAINING, clock_ns());
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	assert_told(seq, "host_down host_up host_word host_down");
}

static void test_more_notes_than_are_kept(void **state)
{
	uint64_t seq = told_so_far();
	json_t *all;

	(void)state;
	for (int i = 0; i < NOTES_MAX / 2 + 10; i++) {
		fixture_host(f, "c", PROBER_DOWN, clock_ns());
		fixture_host(f, "c", PROBER_UP, clock_ns());
	}
	assert_int_equal(b->nr_notes, NOTES_MAX);
	assert_int_equal(b->lost_notes, 20);
	all = events_after(seq);
	assert_int_equal(b->events.next - 1 - seq, NOTES_MAX);
	assert_int_equal(b->lost_notes, 0);
	json_decref(all);
}

/* --- guards ---------------------------------------------------------------- */

static void test_most_hosts_die_at_once(void **state)
{
	uint64_t now, seq;

	(void)state;
	b->cluster.guards.max_down_percent = 60;
	/* however slow this machine is, it is at once */
	b->cluster.guards.down_window = 60 * S;
	seq = told_so_far();
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	now = clock_ns();
	fixture_host(f, "b", PROBER_DOWN, now);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);
	assert_told(seq, "host_down move host_down held held");
	/* When it was no accident after all, they move. */
	failover_tick(b, now + 100 * S);
	assert_owner("ob", "c", BATON_OWNER_ACTIVE, 2);
}

static void test_a_move_that_comes_too_soon(void **state)
{
	uint64_t now = clock_ns(), seq;
	json_t *e;

	(void)state;
	b->cluster.guards.min_move_interval = 10 * S;
	fixture_host(f, "a", PROBER_DOWN, now);
	fixture_host(f, "a", PROBER_UP, now + S);
	seq = told_so_far();
	fixture_host(f, "b", PROBER_DOWN, now + 2 * S);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_owner("ob", "c", BATON_OWNER_ACTIVE, 2);
	e = the_event(seq, "held");
	assert_text(e, "held_by", "moved too recently (min_move_interval)");
	json_decref(e);
	failover_tick(b, now + 9 * S);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	failover_tick(b, now + 10 * S);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 3);
}

/* --- what agents say ------------------------------------------------------- */

static void test_draining(void **state)
{
	uint64_t seq = told_so_far();
	json_t *e;

	(void)state;
	fixture_word(f, "a", BATON_WORD_DRAINING, clock_ns());
	assert_told(seq, "host_word");
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
	e = the_event(seq, "host_word");
	assert_text(e, "host", "a");
	assert_text(e, "word", "draining");
	assert_text(e, "text", "host a says: draining");
	json_decref(e);
	/* it takes nothing over */
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	fixture_host(f, "b", PROBER_DOWN, clock_ns());
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);

	fixture_word(f, "a", BATON_WORD_UP, clock_ns());
	fixture_tell(f);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
}

/* The agent takes back its own wish, not the operator's. */
static void test_two_who_drain(void **state)
{
	(void)state;
	b->drains[ids_find(&b->hosts, "a")] = true;
	fixture_word(f, "a", BATON_WORD_DRAINING, clock_ns());
	fixture_word(f, "a", BATON_WORD_UP, clock_ns());
	fixture_tell(f);
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
}

static void test_leaving(void **state)
{
	uint64_t seq = told_so_far();
	uint16_t a = ids_find(&b->hosts, "a");

	(void)state;
	fixture_word(f, "a", BATON_WORD_LEAVING, clock_ns());
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_told(seq, "host_word move");
	assert_int_equal(b->cluster.host[a].state, HOST_DOWN);
	/* That it answers does not bring it back: it said so itself. */
	fixture_host(f, "a", PROBER_UP, clock_ns());
	assert_int_equal(b->cluster.host[a].state, HOST_DOWN);
	fixture_word(f, "a", BATON_WORD_UP, clock_ns());
	assert_int_equal(b->cluster.host[a].state, HOST_UP);
}

/* It left, died, and came again: its first word is not yet an answer to
 * whether it lives. */
static void test_leaving_then_dead(void **state)
{
	uint16_t a = ids_find(&b->hosts, "a");

	(void)state;
	fixture_word(f, "a", BATON_WORD_LEAVING, clock_ns());
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	fixture_word(f, "a", BATON_WORD_UP, clock_ns());
	assert_int_equal(b->cluster.host[a].state, HOST_DOWN);
	fixture_host(f, "a", PROBER_UP, clock_ns());
	assert_int_equal(b->cluster.host[a].state, HOST_UP);
}

/* --- by hand ---------------------------------------------------------------- */

static json_t *by_hand(const char *owner, const char *to, bool force)
{
	char why[256] = "";
	json_t *moves = failover_owner(b, owner, to, force, why);

	if (!moves)
		fail_msg("%s", why);
	assert_int_equal(json_array_size(moves), 1);
	return moves;
}

static void assert_refused(const char *owner, const char *to,
			   const char *wanted)
{
	char why[256] = "";
	union baton_owner before = fixture_owner(f, "oa");

	assert_null(failover_owner(b, owner, to, false, why));
	assert_string_equal(why, wanted);
	assert_int_equal(fixture_owner(f, "oa").word, before.word);
}

static void test_by_hand(void **state)
{
	uint64_t seq = told_so_far();
	json_t *moves = by_hand("oa", NULL, false), *e, *m;

	(void)state;
	m = json_array_get(moves, 0);
	assert_text(m, "owner", "oa");
	assert_text(m, "from", "a");
	assert_text(m, "to", "b");
	assert_text(m, "cause", "failover by hand");
	assert_number(m, "epoch", FIXTURE_EPOCH(2));
	assert_true(json_is_integer(json_object_get(m, "flip_ns")));
	assert_int_equal(json_object_size(m), 6);
	json_decref(moves);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_told(seq, "move");
	e = the_event(seq, "move");
	assert_text(e, "cause", "failover by hand");
	json_decref(e);

	moves = by_hand("oa", "c", false);
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 3);
	json_decref(moves);

	moves = failback_owner(b, "oa", false, (char[256]){ 0 });
	assert_int_equal(json_array_size(moves), 1);
	assert_text(json_array_get(moves, 0), "cause", "failback by hand");
	json_decref(moves);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 4);
}

static void test_refused(void **state)
{
	char why[256] = "";

	(void)state;
	assert_refused("nobody", NULL,
		       "no owner nobody (see: baton owner show)");
	assert_refused("", NULL, "no owner  (see: baton owner show)");
	assert_refused("oa", "nowhere",
		       "no host nowhere (see: baton host "
		       "show)");
	assert_refused("oa", "a", "owner oa: host a plays it already");
	assert_null(failback_owner(b, "oa", false, why));
	assert_string_equal(why, "owner oa: host a plays it already");
	assert_null(failback_owner(b, "nobody", false, why));
	assert_string_equal(why, "no owner nobody (see: baton owner show)");

	fixture_word(f, "c", BATON_WORD_DRAINING, clock_ns());
	assert_refused("oa", "c",
		       "owner oa: host c is draining (force it, or end that)");
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	assert_refused("oa", "c",
		       "owner oa: host c is not up (force it, or wait)");
	fixture_host(f, "b", PROBER_DOWN, clock_ns());
	assert_refused("oa", NULL,
		       "owner oa: no standby could take over (name one)");
}

/* Where it was forced to, it stays until that host has come up. */
static void test_forced(void **state)
{
	(void)state;
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	json_decref(by_hand("oa", "c", true));
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
	failover_tick(b, clock_ns());
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
	fixture_host(f, "c", PROBER_UP, clock_ns());
	fixture_host(f, "c", PROBER_DOWN, clock_ns());
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 3);
}

/* JSON has no unsigned numbers of 32 bits to overflow. */
static void test_large_epochs(void **state)
{
	json_t *moves;

	(void)state;
	b->cluster.owner[ids_find(&b->owners, "oa")].epoch = 0xfffffffd;
	moves = by_hand("oa", "b", false);
	assert_number(json_array_get(moves, 0), "epoch", 0xfffffffe);
	json_decref(moves);
	json_decref(by_hand("oa", "a", false));
	json_decref(by_hand("oa", "b", false));
	assert_string_equal(fixture_plays(f, "oa"), "b");
	assert_int_equal(fixture_owner(f, "oa").epoch, 1); /* never 0 */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_host_dies),
		TEST(test_the_plan_is_shown),
		TEST(test_a_host_comes_back),
		TEST(test_nobody_is_left),
		TEST(test_events_are_told_in_their_order),
		TEST(test_more_notes_than_are_kept),
		TEST(test_most_hosts_die_at_once),
		TEST(test_a_move_that_comes_too_soon),
		TEST(test_draining),
		TEST(test_two_who_drain),
		TEST(test_leaving),
		TEST(test_leaving_then_dead),
		TEST(test_by_hand),
		TEST(test_refused),
		TEST(test_forced),
		TEST(test_large_epochs),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
