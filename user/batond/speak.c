// SPDX-License-Identifier: GPL-2.0-only
#include "speak.h"

#include <stdlib.h>
#include <string.h>

#include "batond.h"
#include "commands.h"
#include "failover.h"
#include "grants.h"
#include "lib/link/link_key.h"
#include "lib/log.h"
#include "lib/speak/own_show.h"

#define REFRESH 100 /* ms: for what nobody tells of */
#define WHY 256

static void say(struct batond *b, const struct own_record *r)
{
	own_speaker_say(&b->speak.speaker, r);
}

/* --- who takes part --------------------------------------------------------------- */

static void say_member(struct batond *b, uint16_t id, enum host_state state)
{
	const char *name = ids_name(&b->hosts, id);
	const struct config_host *h = name ? config_host(&b->config, name)
					   : NULL;
	struct own_record r = OWN_RECORD(MEMBER, id);
	struct link_public key;

	if (!h || !h->key || link_public_parse(&key, h->key)) {
		own_speaker_drop(&b->speak.speaker, id);
		say(b, &r);
		return;
	}
	r.present = 1;
	memcpy(r.listed.name, h->name, sizeof(r.listed.name));
	r.listed.state = state;
	r.listed.family = h->address.family;
	memcpy(r.listed.address, h->address.word, sizeof(r.listed.address));
	r.listed.port = b->config.ownership_port;
	memcpy(r.listed.key, key.bytes, sizeof(r.listed.key));
	say(b, &r);
	if (own_speaker_peer(&b->speak.speaker, id, &h->address,
			     b->config.ownership_port, key.bytes))
		log_warning("ownership: host %s: its key is not that of "
			    "another "
			    "machine",
			    h->name);
}

/* --- who plays what --------------------------------------------------------------- */

/* For one at a time: probing must not wait. */
static void read_owner(struct batond *b, uint16_t id, struct own_owner *o)
{
	union baton_owner w;

	prober_lock(&b->prober);
	w = dataplane_owner(&b->dp, id);
	ownership_record(&b->ownership, &b->cluster, id, o);
	prober_unlock(&b->prober);
	o->state = w.state % BATON_NR_OWNER_STATES;
}

void speak_owner(struct batond *b, uint16_t id)
{
	const char *name = ids_name(&b->owners, id);
	const struct config_owner *o = name ? config_owner(&b->config, name)
					    : NULL;
	struct own_record r = OWN_RECORD(OWNER, id);

	if (!b->speak.on)
		return;
	if (o) {
		r.present = 1;
		read_owner(b, id, &r.owner);
		memcpy(r.owner.name, o->name, sizeof(r.owner.name));
		r.owner.failback = config_failback(o);
		r.owner.delay = o->failback ? o->failback_after_ms : 0;
	}
	say(b, &r);
}

void speak_refresh(struct batond *b)
{
	uint16_t hosts, owners;

	if (!b->speak.on)
		return;
	hosts = b->hosts.top;
	owners = b->owners.top;
	for (uint16_t i = 1; i <= hosts; i++) {
		enum host_state state;

		prober_lock(&b->prober);
		state = b->cluster.host[i].state;
		prober_unlock(&b->prober);
		say_member(b, i, state);
	}
	for (uint16_t i = 1; i <= owners; i++)
		speak_owner(b, i);
}

/* --- what hosts hold ---------------------------------------------------------------- */

/* An owner may wait for the answer before it acknowledges anything. */
static void on_changed(void *arg, uint16_t host, const struct own_record *r)
{
	struct batond *b = arg;
	uint64_t now = clock_ns();
	bool changed, moved;

	if (r->kind != BATON_OWNERSHIP_HOLDING)
		return;
	prober_lock(&b->prober);
	changed = ownership_said(&b->ownership, &b->cluster, r->slot, host,
				 r->present ? &r->holding : NULL, now);
	if (changed)
		grants_keep(b, r->slot);
	moved = failover_of_lost(b, now);
	prober_unlock(&b->prober);
	if (changed || moved)
		speak_owner(b, r->slot);
	if (moved)
		supervisor_wake(b); /* it tells the hosts */
}

static void on_refresh(uv_timer_t *timer)
{
	speak_refresh(timer->data);
}

/* --- the node --------------------------------------------------------------------- */

int speak_start(struct batond *b)
{
	struct speak *s = &b->speak;
	struct own_record self = OWN_RECORD(NODE, 0);
	char why[WHY];
	int err;

	if (!b->config.node_key_file)
		return 0;
	err = own_speaker_open(&s->speaker, &b->loop, b->config.ownership_port,
			       b->config.node_key_file, why, sizeof(why));
	if (err) {
		log_error("ownership: %s", why);
		return err;
	}
	s->on = true;
	own_speaker_heed(&s->speaker, on_changed, b);
	own_speaker_begin(&s->speaker, BATON_OWNERSHIP_SWITCH);
	self.present = 1;
	strcpy(self.node.name, "switch");
	say(b, &self);
	uv_timer_init(&b->loop, &s->refresh);
	s->refresh.data = b;
	speak_refresh(b);
	return uv_timer_start(&s->refresh, on_refresh, REFRESH, REFRESH);
}

void speak_stop(struct batond *b)
{
	struct speak *s = &b->speak;

	if (!s->on)
		return;
	s->on = false;
	uv_close((uv_handle_t *)&s->refresh, NULL);
	own_speaker_close(&s->speaker);
}

json_t *show_ownership(struct batond *b, const json_t *request,
		       char why[COMMAND_WHY])
{
	(void)request;
	(void)why;
	return own_show_verdicts(&b->speak.speaker);
}

json_t *speak_announced(const struct batond *b, uint16_t host)
{
	return b->speak.on ? own_show_announced(&b->speak.speaker, host)
			   : json_null();
}
