// SPDX-License-Identifier: GPL-2.0-only
#include "claims.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "baton/probe.h"
#include "control.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/ownership/own_place.h"
#include "lib/why.h"
#include "proxy.h"

#define OWNER BATON_OWNERSHIP_ROLE_OWNER

#define PATIENCE 1000000000ULL /* ns, with a word that does not come */

/* --- the gate ------------------------------------------------------------------- */

/* Is the newest word about the epoch that the service is in? */
static bool is_of_epoch(const struct claims_owner *o, const struct service *s)
{
	return o->claim.word.epoch && (uint32_t)o->claim.word.epoch == s->epoch;
}

/* By which place the switch knows the standby; none: it does not count on it. */
static int place_of_guardian(const struct proxy *p,
			     const struct claims_owner *o)
{
	size_t i = 0;

	if (!p->guardian)
		return OWN_NO_PLACE;
	while (p->peer[i] != p->guardian)
		i++;
	for (int place = 0; place < BATON_OWNERSHIP_PLACES; place++)
		if (o->word.keys & own_place_bit(place) &&
		    !memcmp(&o->word.key[place], &p->config->peers[i].public,
			    sizeof(o->word.key[place])))
			return place;
	return OWN_NO_PLACE;
}

bool claims_is_named(const struct service *s)
{
	const struct claims_owner *o = s->claims;

	return !o || (o->claim.role == OWNER && is_of_epoch(o, s));
}

bool claims_gate(const struct service *s, bool stored)
{
	const struct claims_owner *o = s->claims;
	uint16_t waits;

	if (!o || !policy_holds(s->config->policy))
		return true;
	if (!stored && s->config->on_loss == ON_LOSS_STALL)
		return false;
	if (!claims_is_named(s))
		return false;
	waits = own_claim_waits(&o->claim);
	if (!waits)
		return true;
	return stored && waits == own_place_bit(place_of_guardian(s->proxy, o));
}

void claims_stir(struct proxy *p)
{
	p->claims.stirred = true;
}

/* --- what is claimed ------------------------------------------------------------- */

/* All that its services say of the standby. */
struct state {
	bool nr; /* there are any */
	bool current; /* all are in the epoch of the word */
	bool stored; /* the standby has everything */
	bool lacks; /* it does not keep something of it */
	bool stalls; /* none goes on without it */
	bool kept; /* as a standby's: everything is here */
	bool unnamed; /* it is played here, which the word does not say */
};

static struct state state_of(const struct proxy *p,
			     const struct claims_owner *o)
{
	struct state all = { false, true, true, false, true, true, false };

	for (size_t i = 0; i < p->config->nr_services; i++) {
		const struct service *s = &p->service[i];
		struct protection with;

		if (s->claims != o)
			continue;
		with = service_protection(s);
		all.nr = true;
		all.current &= is_of_epoch(o, s);
		all.stored &= s->role == BATON_LINK_ROLE_OWNER &&
			      with.complete && !s->taking;
		all.lacks |= s->unkept || s->lacks;
		all.unnamed |= s->role == BATON_LINK_ROLE_OWNER &&
			       !claims_is_named(s);
		all.stalls &= s->config->on_loss == ON_LOSS_STALL;
		all.kept &= s->role != BATON_LINK_ROLE_OWNER && s->complete &&
			    s->whole == (uint32_t)o->claim.word.epoch;
	}
	all.kept &= all.nr;
	return all;
}

/* Who is waited for: the standby, once it has everything, and nobody else. Who stalls
 * gives one up only for another. */
static void claim(const struct proxy *p, struct claims_owner *o,
		  const struct state *is)
{
	int guardian = place_of_guardian(p, o);

	if (o->claim.role != OWNER)
		return;
	if (is->current && is->stored && !is->lacks && guardian >= 0)
		own_claim_add(&o->claim, guardian);
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		bool good = i == guardian && !is->lacks;
		bool other = is->stored && i != guardian && guardian >= 0;

		if (o->claim.waits & own_place_bit(i) && !good &&
		    (!is->stalls || other))
			own_claim_drop(&o->claim, i);
	}
}

static void tell_unnamed(const struct claims_owner *o)
{
	if (o->refused)
		log_warning("owner %s: the switch's word is of epoch %#" PRIx64
			    ", and %#" PRIx64 " has been heard before: nothing "
			    "new is acknowledged until baton-proxy is started "
			    "again (was the switch's clock set back, and its "
			    "maps made anew?)",
			    o->name, o->refused, o->claim.word.epoch);
	else
		log_warning("owner %s: it is played here, which the switch has "
			    "not told the agent: nothing new is acknowledged "
			    "(have both keys? see baton owner show there)",
			    o->name);
}

/* Without a word nothing is acknowledged, which people should know. */
static void watch_word(struct claims_owner *o, bool unnamed, uint64_t now)
{
	if (!unnamed) {
		o->unnamed = 0;
		o->told = false;
	} else if (!o->unnamed) {
		o->unnamed = now;
	} else if (!o->told && now - o->unnamed > PATIENCE) {
		tell_unnamed(o);
		o->told = true;
	}
}

/* How long the switch has let us wait. */
static void watch_release(struct claims_owner *o, uint64_t now)
{
	if (o->claim.leaving && !o->asked) {
		o->asked = now;
	} else if (!o->claim.leaving && o->asked) {
		log_notice("owner %s: the switch has let go of a standby, "
			   "%.1f ms after it was asked",
			   o->name, (now - o->asked) / 1e6);
		o->asked = 0;
	}
}

/* --- with the agent --------------------------------------------------------------- */

static void say(struct proxy *p, struct claims_owner *o, bool kept)
{
	struct own_record r = { .kind = BATON_OWNERSHIP_HOLDING, .present = 1 };
	json_t *request;

	own_claim_put(&o->claim, 0, kept, 0, &r.holding);
	if (!p->claims.agent.up ||
	    (o->is_said && own_record_equal(&r, &o->said)))
		return;
	request = own_json_holding(o->name, &r.holding);
	json_object_set_new(request, "do", json_string("ownership.hold"));
	o->is_said = jsonclient_send(&p->claims.agent, request);
	o->said = r;
}

static struct claims_owner *named(struct proxy *p, const char *name)
{
	for (size_t i = 0; i < p->claims.nr; i++)
		if (!strcmp(p->claims.owner[i].name, name))
			return &p->claims.owner[i];
	return NULL;
}

static void hear(struct proxy *p, const json_t *told)
{
	char why[256];
	struct claims_owner *o;
	struct own_word w;

	if (own_json_take_word(told, &w, why, sizeof(why))) {
		log_warning("agent: its word on an owner: %s", why);
		return;
	}
	o = named(p, w.owner.name);
	if (!o)
		return;
	o->claim.host = w.self;
	o->refused = own_claim_hear(&o->claim, &w.owner) ? w.owner.epoch : 0;
	if (o->refused)
		return;
	o->word = w;
	claims_stir(p);
}

/* It says all again, and hears all again. */
static void say_anew(struct proxy *p)
{
	for (size_t i = 0; i < p->claims.nr; i++)
		p->claims.owner[i].is_said = false;
}

static void on_up(void *arg)
{
	struct proxy *p = arg;

	log_info("ownership: the agent at %s is there", p->config->ownership);
	say_anew(p);
}

static void on_down(void *arg, const char *why)
{
	struct proxy *p = arg;

	log_warning("ownership: no agent at %s (%s): if the standby is lost "
		    "now, nothing is acknowledged until it is back",
		    p->config->ownership, why);
}

static void on_object(void *arg, const json_t *object)
{
	struct proxy *p = arg;
	const json_t *data = json_object_get(object, "data");
	const json_t *event = json_object_get(object, "event");
	const char *error = json_string_value(json_object_get(object, "error"));

	if (error)
		log_warning("ownership: the agent says: %.200s", error);
	else if (json_object_get(object, "lost"))
		say_anew(p);
	else if (json_is_object(event) || json_is_object(data))
		hear(p, event ?: data);
}

/* --- the loop ----------------------------------------------------------------------- */

/* At the end of each turn: whatever has happened in it, this is how it is now. */
static void on_turn(uv_prepare_t *turn)
{
	struct proxy *p = turn->data;
	bool stirred = p->claims.stirred;
	uint64_t now = clock_ns();

	p->claims.stirred = false;
	for (size_t i = 0; i < p->claims.nr; i++) {
		struct claims_owner *o = &p->claims.owner[i];
		const struct state is = state_of(p, o);

		claim(p, o, &is);
		watch_release(o, now);
		watch_word(o, is.unnamed, now);
		say(p, o, is.kept);
	}
	if (!stirred)
		return;
	waiting_retry(&p->out.waiting);
	commits_release(p, p->acked);
}

static bool gate(void *arg, const void *group, bool stored)
{
	(void)arg;
	return claims_gate(group, stored);
}

static void add_owner(struct proxy *p, struct service *s, uint64_t incarnation)
{
	struct claims_owner *o;

	if (!s->tag)
		return;
	o = named(p, s->config->owner);
	if (!o) {
		o = &p->claims.owner[p->claims.nr++];
		o->name = s->config->owner;
		o->claim.incarnation = incarnation;
	}
	s->claims = o;
}

int claims_open(struct proxy *p, char *why, size_t size)
{
	static const struct jsonclient_callbacks callbacks = {
		.up = on_up, .object = on_object, .down = on_down
	};
	struct claims *c = &p->claims;
	uint64_t incarnation;

	if (!p->config->ownership)
		return 0;
	c->owner = calloc(p->config->nr_services, sizeof(*c->owner));
	if (!c->owner)
		return why_set(why, size, -ENOMEM, "out of memory");
	do
		randombytes_buf(&incarnation, sizeof(incarnation));
	while (!incarnation);
	for (size_t i = 0; i < p->config->nr_services; i++)
		add_owner(p, &p->service[i], incarnation);
	p->out.waiting.gate = gate;
	jsonclient_open(&c->agent, p->loop, p->config->ownership, &callbacks,
			p);
	uv_prepare_init(p->loop, &c->turn);
	c->turn.data = p;
	return uv_prepare_start(&c->turn, on_turn);
}

void claims_close(struct proxy *p)
{
	if (!p->claims.owner)
		return;
	uv_prepare_stop(&p->claims.turn);
	jsonclient_close(&p->claims.agent);
}

json_t *claims_show(const struct proxy *p)
{
	if (!p->claims.owner)
		return json_null();
	return json_string(p->claims.agent.up ? "up" : "down");
}
