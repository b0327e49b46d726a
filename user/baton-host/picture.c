// SPDX-License-Identifier: GPL-2.0-only
#include "picture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app_state.h"
#include "lib/clock.h"
#include "lib/jsonserver.h"
#include "lib/link/link_key.h"
#include "lib/log.h"
#include "lib/ownership/own_place.h"
#include "lib/speak/own_json.h"
#include "lib/speak/own_show.h"

#define REFRESH 100 /* ms */
#define WHY 256

static void say(struct picture *p, const struct own_record *r)
{
	own_speaker_say(&p->speaker, r);
}

static const struct own_record *by_switch(const struct picture *p, uint8_t kind,
					  uint16_t slot)
{
	return own_speaker_find(&p->speaker, BATON_OWNERSHIP_SWITCH, kind,
				slot);
}

/* --- who takes part ------------------------------------------------------------ */

static bool is_switch(const struct config *c,
		      const struct baton_host_address *from)
{
	struct addr a;

	pins_addr(from, &a);
	for (size_t i = 0; i < c->nr_switches; i++)
		if (addr_equal(&c->switches[i].addr, &a))
			return true;
	return false;
}

/* By which id the switch numbers this host: as its newest probe says. 0: there
 * was none. */
static uint16_t own_id(const struct picture *p)
{
	struct baton_host_session key, *previous = NULL;
	int fd = p->pins->fd[PIN_sessions];
	uint64_t newest = 0;
	uint16_t id = 0;

	for (int i = 0; i < BATON_HOST_MAX_SESSIONS &&
			!bpf_map_get_next_key(fd, previous, &key);
	     i++) {
		struct baton_host_asker asker;

		previous = &key;
		if (bpf_map_lookup_elem(fd, &key, &asker) ||
		    asker.heard <= newest || !is_switch(p->config, &asker.from))
			continue;
		newest = asker.heard;
		id = key.host < BATON_OWNERSHIP_NODES ? key.host : 0;
	}
	return id;
}

static void begin(struct picture *p, uint16_t id)
{
	if (p->speaker.begun && p->speaker.member.id == id)
		return;
	log_info("ownership: this host is number %u of the switch", id);
	own_speaker_begin(&p->speaker, id);
	if (own_speaker_peer(&p->speaker, BATON_OWNERSHIP_SWITCH,
			     &p->config->switches[0].addr,
			     p->config->ownership_port, p->switch_key))
		log_error("ownership: switch-key: it is not the key of another "
			  "machine");
}

static void meet(struct picture *p, uint16_t id)
{
	const struct own_record *r = by_switch(p, BATON_OWNERSHIP_MEMBER, id);
	struct addr a = { 0 };

	if (!r) {
		own_speaker_drop(&p->speaker, id);
		return;
	}
	a.family = r->listed.family;
	memcpy(a.word, r->listed.address, sizeof(a.word));
	/* a key that is none is the switch's to set right */
	own_speaker_peer(&p->speaker, id, &a, r->listed.port, r->listed.key);
}

/* --- what this host is ----------------------------------------------------------- */

/* It is called what the switch calls it. */
static void say_node(struct picture *p)
{
	const struct own_record *of =
		by_switch(p, BATON_OWNERSHIP_MEMBER, p->speaker.member.id);
	struct own_record r = OWN_RECORD(NODE, 0);
	uint32_t word = p->pins->settings->word;

	if (of) {
		r.present = 1;
		memcpy(r.node.name, of->listed.name, sizeof(r.node.name));
		r.node.word = word < BATON_NR_HOST_WORDS ? word : BATON_WORD_UP;
	}
	say(p, &r);
}

static void find_mac(const struct ifaddrs *list, const char *name,
		     uint8_t mac[6])
{
	for (; list; list = list->ifa_next) {
		const struct sockaddr_ll *ll = (void *)list->ifa_addr;

		if (ll && ll->sll_family == AF_PACKET && ll->sll_halen == 6 &&
		    !strcmp(list->ifa_name, name))
			memcpy(mac, ll->sll_addr, 6);
	}
}

/* The address, if other machines can use it. */
static bool take_address(struct own_address *to, const struct sockaddr *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;

	if (a->sa_family == AF_INET) {
		to->family = 4;
		memcpy(to->address, &((const struct sockaddr_in *)a)->sin_addr,
		       4);
		return true;
	}
	if (a->sa_family != AF_INET6 || IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return false;
	to->family = 6;
	memcpy(to->address, &in6->sin6_addr, 16);
	return true;
}

static void say_addresses(struct picture *p)
{
	const struct config *c = p->config;
	struct ifaddrs *list, *i;
	uint16_t slot = 0;

	if (getifaddrs(&list))
		return;
	for (i = list; i && slot < own_slots(BATON_OWNERSHIP_ADDRESS);
	     i = i->ifa_next) {
		struct own_record r = OWN_RECORD(ADDRESS, slot);

		if (!i->ifa_addr ||
		    !config_names(c->interfaces, c->nr_interfaces,
				  i->ifa_name) ||
		    !take_address(&r.address, i->ifa_addr))
			continue;
		find_mac(list, i->ifa_name, r.address.mac);
		r.present = 1;
		say(p, &r);
		slot++;
	}
	freeifaddrs(list);
	for (; slot < own_slots(BATON_OWNERSHIP_ADDRESS); slot++)
		say(p, &OWN_RECORD(ADDRESS, slot));
}

static void say_application(struct picture *p, uint16_t i, uint64_t now)
{
	const struct baton_host_app *a = &p->pins->applications[i];
	struct own_record r = OWN_RECORD(APP, i);

	if (a->tag) {
		r.present = 1;
		memcpy(r.app.name, a->name, sizeof(r.app.name));
		r.app.protocol = a->protocol;
		r.app.port = ntohs(a->port);
		r.app.state =
			app_state(a, app_age(pins_last_sign(p->pins, i), now),
				  pins_said(p->pins, i));
	}
	say(p, &r);
}

/* What the switch's probes have said that it plays, which is what its program and
 * its applications go by. */
static bool plays(const struct picture *p, const char *owner, uint32_t *epoch)
{
	uint32_t tag = baton_tag(owner);
	struct baton_host_ownership o;

	if (bpf_map_lookup_elem(p->pins->fd[PIN_ownership], &tag, &o))
		return false;
	*epoch = o.epoch;
	return o.plays;
}

/* If no program says what it holds, it has no state. */
static void say_holding(struct picture *p, uint16_t id)
{
	const struct own_record *of = by_switch(p, BATON_OWNERSHIP_OWNER, id);
	const struct own_holding *held =
		of ? holds_find(&p->holds, of->owner.name) : NULL;
	struct own_record r = OWN_RECORD(HOLDING, id);
	uint32_t epoch;

	if (held) {
		r.present = 1;
		r.holding = *held;
	} else if (of && plays(p, of->owner.name, &epoch)) {
		r.present = 1;
		r.holding.role = BATON_OWNERSHIP_ROLE_OWNER;
		r.holding.epoch = of->owner.epoch >> 32 << 32 | epoch;
	}
	r.holding.owner = id;
	say(p, &r);
}

static void on_refresh(uv_timer_t *timer)
{
	struct picture *p = timer->data;
	uint16_t id = own_id(p);
	uint64_t now = clock_ns();

	if (!id && !p->speaker.begun)
		return;
	if (id)
		begin(p, id);
	for (uint16_t i = 1; i < BATON_OWNERSHIP_NODES; i++)
		if (i != p->speaker.member.id)
			meet(p, i);
	say_node(p);
	say_addresses(p);
	for (uint16_t i = 0; i < BATON_PROBE_APPS; i++)
		say_application(p, i, now);
	for (uint16_t i = 1; i < own_slots(BATON_OWNERSHIP_HOLDING); i++)
		say_holding(p, i);
}

/* --- what programs hold --------------------------------------------------------- */

/* Which owner has this name; 0: none that is known, or none that a host can hold. */
static uint16_t owner_named(const struct picture *p, const char *name)
{
	if (!p->speaker.begun)
		return 0;
	for (uint16_t i = 1; i < own_slots(BATON_OWNERSHIP_HOLDING); i++) {
		const struct own_record *r =
			by_switch(p, BATON_OWNERSHIP_OWNER, i);

		if (r && !strcmp(r->owner.name, name))
			return i;
	}
	return 0;
}

/* The switch's word, and by which keys the hosts that it names are known. */
static json_t *word_on(const struct picture *p, const struct own_owner *o)
{
	struct own_word w = { .owner = *o, .self = p->speaker.member.id };

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		uint16_t host = own_place_host(o->home, o->standbys, i);
		const struct own_record *r =
			host ? by_switch(p, BATON_OWNERSHIP_MEMBER, host)
			     : NULL;

		if (!r)
			continue;
		memcpy(w.key[i].bytes, r->listed.key, sizeof(w.key[i].bytes));
		w.keys |= own_place_bit(i);
	}
	return own_json_word(&w);
}

/* Whoever holds something of it waits for this. */
static void tell_word(struct picture *p, const struct own_record *r)
{
	json_t *word;

	if (!p->control || !holds_find(&p->holds, r->owner.name))
		return;
	word = word_on(p, &r->owner);
	jsonserver_event(p->control, word);
	json_decref(word);
}

/* A host may be known by another key now. */
static void tell_all_words(struct picture *p)
{
	for (uint16_t i = 1; i < own_slots(BATON_OWNERSHIP_HOLDING); i++) {
		const struct own_record *r =
			by_switch(p, BATON_OWNERSHIP_OWNER, i);

		if (r)
			tell_word(p, r);
	}
}

static void on_changed(void *arg, uint16_t author, const struct own_record *r)
{
	struct picture *p = arg;

	if (author != BATON_OWNERSHIP_SWITCH)
		return;
	if (r->kind == BATON_OWNERSHIP_OWNER && r->present) {
		tell_word(p, r);
		if (r->slot < own_slots(BATON_OWNERSHIP_HOLDING))
			say_holding(p, r->slot);
	}
	if (r->kind == BATON_OWNERSHIP_MEMBER && p->holds.nr)
		tell_all_words(p);
}

static json_t *hold(struct picture *p, struct jsonserver_client *client,
		    const json_t *request, char why[JSONSERVER_WHY])
{
	char owner[BATON_NAME_LEN];
	uint16_t id;

	if (holds_take(&p->holds, client, request, owner, why))
		return NULL;
	jsonserver_watch(client);
	id = owner_named(p, owner);
	if (!id)
		return json_null();
	say_holding(p, id);
	return word_on(p, &by_switch(p, BATON_OWNERSHIP_OWNER, id)->owner);
}

static void on_gone(void *arg, const struct jsonserver_client *client)
{
	struct picture *p = arg;
	char owner[BATON_NAME_LEN];
	uint16_t id;

	while (holds_drop(&p->holds, client, owner)) {
		id = owner_named(p, owner);
		if (id)
			say_holding(p, id);
	}
}

/* --- who asks --------------------------------------------------------------------- */

static json_t *on_request(void *arg, struct jsonserver_client *client,
			  const char *what, const json_t *request,
			  char why[JSONSERVER_WHY])
{
	struct picture *p = arg;
	const char *name = json_string_value(json_object_get(request, "name"));

	snprintf(why, JSONSERVER_WHY, "out of memory");
	if (!strcmp(what, "host.show"))
		return jsonserver_found(own_show_hosts(&p->speaker, name),
					request, "host", why);
	if (!strcmp(what, "owner.show"))
		return jsonserver_found(own_show_owners(&p->speaker, name),
					request, "owner", why);
	if (!strcmp(what, "ownership.show"))
		return own_show_verdicts(&p->speaker);
	if (!strcmp(what, "ownership.hold"))
		return hold(p, client, request, why);
	snprintf(why, JSONSERVER_WHY,
		 "\"%.64s\": no such request; hosts answer host.show, "
		 "owner.show, ownership.show and ownership.hold, the switch "
		 "others",
		 what);
	return NULL;
}

/* --- the node --------------------------------------------------------------------- */

int picture_start(struct picture *p, uv_loop_t *loop, const struct pins *pins,
		  const struct config *c)
{
	struct link_public key;
	char why[WHY];
	int err;

	p->pins = pins;
	p->config = c;
	if (!c->node_key)
		return 0;
	link_public_parse(&key, c->switch_key); /* it was checked */
	memcpy(p->switch_key, key.bytes, sizeof(p->switch_key));
	err = own_speaker_open(&p->speaker, loop, c->ownership_port,
			       c->node_key, why, sizeof(why));
	if (err) {
		log_error("ownership: %s", why);
		return err;
	}
	p->on = true;
	own_speaker_heed(&p->speaker, on_changed, p);
	uv_timer_init(loop, &p->refresh);
	p->refresh.data = p;
	err = uv_timer_start(&p->refresh, on_refresh, 0, REFRESH)
		      ?: jsonserver_open(&p->control, loop, c->control,
					 on_request, p);
	if (!err)
		jsonserver_on_gone(p->control, on_gone);
	return err;
}

void picture_stop(struct picture *p)
{
	if (!p->on)
		return;
	p->on = false;
	if (p->control) {
		jsonserver_close(p->control);
		unlink(p->config->control);
	}
	uv_close((uv_handle_t *)&p->refresh, NULL);
	own_speaker_close(&p->speaker);
}
