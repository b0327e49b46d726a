// SPDX-License-Identifier: GPL-2.0-only
#include "speak.h"

#include <stdlib.h>
#include <string.h>

#include "batond.h"
#include "commands.h"
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

static void say_owner(struct batond *b, uint16_t id,
		      const struct cluster_owner *c, union baton_owner w)
{
	const char *name = ids_name(&b->owners, id);
	const struct config_owner *o = name ? config_owner(&b->config, name)
					    : NULL;
	struct own_record r = OWN_RECORD(OWNER, id);

	if (o) {
		r.present = 1;
		memcpy(r.owner.name, o->name, sizeof(r.owner.name));
		r.owner.state = w.state % BATON_NR_OWNER_STATES;
		r.owner.host = w.host;
		r.owner.epoch = w.epoch;
		r.owner.next = c->next;
		r.owner.policy = c->policy;
		r.owner.failback = config_failback(o);
		r.owner.delay = o->failback ? o->failback_after_ms : 0;
		r.owner.home = c->home;
		memcpy(r.owner.standbys, c->standbys, sizeof(r.owner.standbys));
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
	for (uint16_t i = 1; i <= owners; i++) {
		struct cluster_owner c;
		union baton_owner w;

		/* for one at a time: probing must not wait */
		prober_lock(&b->prober);
		c = b->cluster.owner[i];
		w = dataplane_owner(&b->dp, i);
		prober_unlock(&b->prober);
		say_owner(b, i, &c, w);
	}
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
