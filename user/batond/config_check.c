// SPDX-License-Identifier: GPL-2.0-only
#include "config_check.h"
#include "apps.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>

#include "config_index.h"
#include "config_schema.h"
#include "config_services.h"
#include "lib/suggest.h"

struct check {
	const struct config *c;
	const char *file;
	bool sound;
	struct config_errors *e;
	int err;
	struct config_index ports, hosts, owners, services,
		profiles; /* by name */
	struct config_index addresses, macs; /* of hosts */
};

/* An object for messages: what it is, its name, and where it stands. */
struct subject {
	const char *what, *name;
	int line;
};

#define SUBJECT(kind, object)                                                  \
	(struct subject)                                                       \
	{                                                                      \
		kind, (object)->name, (object)->line                           \
	}

static void __attribute__((format(printf, 3, 4)))
wrong(struct check *k, struct subject s, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (s.name)
		k->err = config_error(k->e, k->file, s.line, "%s \"%s\": %s",
				      s.what, s.name, text);
	else
		k->err = config_error(k->e, k->file, s.line, "%s: %s", s.what,
				      text);
}

/* host "a" (line 12) */
#define OTHER_TEXT 96
static const char *other(struct subject s, char text[OTHER_TEXT])
{
	char line[24] = "", name[BATON_NAME_LEN + 4] = "";

	if (s.name)
		snprintf(name, sizeof(name), " \"%s\"", s.name);
	if (s.line)
		snprintf(line, sizeof(line), " (line %d)", s.line);
	snprintf(text, OTHER_TEXT, "%s%s%s", s.what, name, line);
	return text;
}

static struct subject the_switch(const struct check *k)
{
	return (struct subject){ "the switch", NULL, k->c->line };
}

/* "" or a suggestion, as the end of a message about a name that is unknown */
#define NEAR_TEXT 64
static const char *near(const struct config_index *x, const char *name,
			char text[NEAR_TEXT])
{
	struct suggest suggest = { .word = name };
	size_t i;

	for (i = 0; i < x->n; i++)
		suggest_try(&suggest, x->objects[i]);
	text[0] = '\0';
	if (suggest.best && *suggest.best)
		snprintf(text, NEAR_TEXT, "; did you mean \"%s\"?",
			 suggest.best);
	return text;
}

static void check_known(struct check *k, struct subject s, const char *what,
			const struct config_index *x, const char *name)
{
	char text[NEAR_TEXT];

	if (!k->sound || !*name || config_index_find(x, name))
		return;
	wrong(k, s, "there is no %s \"%s\"%s", what, name, near(x, name, text));
}

/* The name is the first member of all objects. */
static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* `line`: where the objects of the index keep theirs */
static void check_names(struct check *k, const char *what,
			const struct config_index *x, size_t line)
{
	size_t i;

	for (i = 0; i < x->n; i++) {
		const char *object = x->objects[i];
		const char *earlier = config_index_earlier(x, i);
		struct subject s = { what, object, *(int *)(object + line) };

		if (earlier && *object)
			wrong(k, s,
			      "is there twice, first on line %d; expected once",
			      *(int *)(earlier + line));
	}
}

/* --- profiles ------------------------------------------------------------- */

static void check_profile(struct check *k, struct subject s, const char *name)
{
	const struct config_builtin *b;

	for (b = config_builtins; b->name; b++) {
		if (!strcmp(b->name, name))
			return;
	}
	check_known(k, s, "profile", &k->profiles, name);
}

/* --- hosts ---------------------------------------------------------------- */

static bool is_tunnel(const struct config_host *h)
{
	return h->forward != BATON_FORWARD_L2;
}

static int by_address(const void *a, const void *b)
{
	const struct config_host *ha = a, *hb = b;
	int order = ha->address.family - hb->address.family;

	return order ? order
		     : memcmp(ha->address.word, hb->address.word,
			      sizeof(ha->address.word));
}

static int by_mac(const void *a, const void *b)
{
	const struct config_host *ha = a, *hb = b;

	return memcmp(ha->mac, hb->mac, sizeof(ha->mac));
}

static void check_addresses(struct check *k)
{
	char text[OTHER_TEXT], address[ADDR_TEXT];
	size_t i;

	for (i = 0; i < k->addresses.n; i++) {
		const struct config_host *h = k->addresses.objects[i], *first;

		first = config_index_earlier(&k->addresses, i);
		if (first && h->address.family)
			wrong(k, SUBJECT("host", h), "address %s is that of %s",
			      addr_format(&h->address, address),
			      other(SUBJECT("host", first), text));
	}
}

static void check_macs(struct check *k)
{
	char text[OTHER_TEXT], mac[MAC_TEXT];
	size_t i;

	for (i = 0; i < k->macs.n; i++) {
		const struct config_host *h = k->macs.objects[i], *first;

		first = config_index_earlier(&k->macs, i);
		if (!first || mac_is_zero(h->mac))
			continue;
		/* Tunnels to several hosts may share a router's MAC. */
		if (is_tunnel(h) && is_tunnel(first))
			continue;
		wrong(k, SUBJECT("host", h), "mac %s is that of %s",
		      mac_format(h->mac, mac),
		      other(SUBJECT("host", first), text));
	}
}

static bool is_switch(const struct config *c, const struct addr *a)
{
	return a->family &&
	       (addr_equal(a, &c->address4) || addr_equal(a, &c->address6));
}

static void check_host(struct check *k, const struct config_host *h)
{
	struct subject s = SUBJECT("host", h);
	char text[OTHER_TEXT], address[ADDR_TEXT];

	if (is_switch(k->c, &h->address))
		wrong(k, s, "address %s is that of %s",
		      addr_format(&h->address, address),
		      other(the_switch(k), text));
	check_profile(k, s, h->profile);
	if (k->sound && *h->interface &&
	    !config_index_find(&k->ports, h->interface))
		wrong(k, s,
		      "interface \"%s\" is no port of the switch; list it in "
		      "ports:",
		      h->interface);
}

/* Whoever has a lease must be able to renew it before it ends. */
static void check_lease(struct check *k, const struct config_host *h)
{
	const struct detect_profile *p = config_profile(k->c, h);

	if (!k->sound || !h->lease || !p)
		return;
	if (h->detect != CONFIG_DETECT_PROBE)
		wrong(k, SUBJECT("host", h),
		      "lease: is yes, but probes renew it; expected detect: "
		      "probe, or no lease");
	else if (detect_lease_us(p) * 1000ULL <= p->interval)
		wrong(k, SUBJECT("host", h),
		      "lease: would end before the next probe, which is %g ms "
		      "after the last; expected a profile with a multiplier of "
		      "2 or more",
		      p->interval / 1e6);
}

static void check_bfd(struct check *k, const struct config_host *h)
{
	struct config_bfd b = config_bfd(k->c, h);

	if (!k->sound || h->detect != CONFIG_DETECT_BFD ||
	    b.auth.type <= CONFIG_BFD_NONE || b.auth.key_file)
		return;
	wrong(k, SUBJECT("host", h),
	      "bfd: auth: has a type, but no key-file; expected the path of a "
	      "file that holds the secret, as the host has it");
}

static void check_probe_key(struct check *k)
{
	size_t i;

	if (!k->sound || k->c->probe_key_file)
		return;
	for (i = 0; i < k->c->nr_hosts; i++) {
		if (k->c->hosts[i].detect != CONFIG_DETECT_PROBE)
			continue;
		wrong(k, SUBJECT("host", &k->c->hosts[i]),
		      "is probed, but switch: has no probe-key; make one with "
		      "(umask 077; openssl rand -hex 16 > FILE), give FILE "
		      "there and the same to the hosts, or say detect: bfd or "
		      "none");
		return;
	}
}

static void check_keys(struct check *k)
{
	const struct config *c = k->c;

	for (size_t i = 0; k->sound && i < c->nr_hosts; i++) {
		if (!c->hosts[i].key)
			continue;
		if (!c->node_key_file)
			wrong(k, SUBJECT("host", &c->hosts[i]),
			      "key: is given, but switch: has no node-key; "
			      "make "
			      "one with baton key new FILE, and give FILE "
			      "there");
		for (size_t j = 0; j < i; j++)
			if (c->hosts[j].key &&
			    !strcmp(c->hosts[i].key, c->hosts[j].key))
				wrong(k, SUBJECT("host", &c->hosts[i]),
				      "key: is that of host %s, too; each "
				      "machine has one of its own",
				      c->hosts[j].name);
	}
}

/* --- owners --------------------------------------------------------------- */

static void check_owner(struct check *k, const struct config_owner *o)
{
	struct subject s = SUBJECT("owner", o);
	size_t i, j;

	check_known(k, s, "host", &k->hosts, o->host);
	for (i = 0; i < BATON_MAX_STANDBYS && *o->standbys[i]; i++) {
		const char *standby = o->standbys[i];

		check_known(k, s, "host", &k->hosts, standby);
		if (!strcmp(standby, o->host))
			wrong(k, s,
			      "standby \"%s\" is its home; expected another "
			      "host",
			      standby);
		for (j = 0; j < i; j++) {
			if (strcmp(standby, o->standbys[j]))
				continue;
			wrong(k, s,
			      "standby \"%s\" is listed twice; expected once",
			      standby);
			break;
		}
	}
}

/* --- services ------------------------------------------------------------- */

static void check_vip(struct check *k, const struct config_service *s)
{
	const struct config_host key = { .address = s->vip }, *h;
	char text[OTHER_TEXT], address[ADDR_TEXT];

	if (!s->vip.family)
		return;
	addr_format(&s->vip, address);
	if (is_switch(k->c, &s->vip))
		wrong(k, SUBJECT("service", s), "vip %s is the address of %s",
		      address, other(the_switch(k), text));
	h = config_index_find(&k->addresses, &key);
	if (h)
		wrong(k, SUBJECT("service", s), "vip %s is the address of %s",
		      address, other(SUBJECT("host", h), text));
}

static void check_service_owners(struct check *k,
				 const struct config_service *s)
{
	struct subject subject = SUBJECT("service", s);
	struct config_index x = { 0 };
	uint64_t weight = 0;
	size_t i;

	if (config_index_make(&x, s->owners, s->nr_owners, sizeof(*s->owners),
			      by_name))
		k->err = -ENOMEM;
	for (i = 0; i < x.n; i++) {
		const char *name = x.objects[i];

		if (*name && config_index_earlier(&x, i))
			wrong(k, subject,
			      "owner \"%s\" is listed twice; expected once",
			      name);
	}
	config_index_free(&x);
	for (i = 0; i < s->nr_owners; i++) {
		check_known(k, subject, "owner", &k->owners, s->owners[i].name);
		weight += s->owners[i].weight;
	}
	if (!k->sound || weight)
		return;
	wrong(k, subject, "%s",
	      s->nr_owners ? "no owner has a weight above 0; expected one"
			   : "has no owner; expected at least one in owners:");
}

static void check_back(struct check *k, const struct config_service *s)
{
	const char *what = config_back_wrong(k->c, s);

	check_known(k, SUBJECT("service", s), "service", &k->services,
		    s->back_of);
	if (what)
		wrong(k, SUBJECT("service", s), "back-of: expected %s", what);
}

static void check_service(struct check *k, const struct config_service *s)
{
	const struct config_service *first;
	char text[OTHER_TEXT];

	for (first = k->c->services; first < s; first++) {
		if (config_services_overlap(s, first))
			wrong(k, SUBJECT("service", s),
			      "takes the packets of %s; expected another vip, "
			      "protocol or port",
			      other(SUBJECT("service", first), text));
	}
	if (s->protocol == CONFIG_IPSEC && s->port)
		wrong(k, SUBJECT("service", s),
		      "has protocol ipsec and port %d; expected no port",
		      s->port);
	if (s->recorded && s->protocol != IPPROTO_TCP)
		wrong(k, SUBJECT("service", s), "%s",
		      "has recorder: yes; expected that of protocol tcp only");
	check_vip(k, s);
	if (*s->back_of)
		check_back(k, s);
	else
		check_service_owners(k, s);
}

/* --- the whole ------------------------------------------------------------ */

static int make_indexes(struct check *k)
{
	const struct config *c = k->c;

#define MAKE(index, list, compare)                                             \
	config_index_make(&k->index, c->list, c->nr_##list, sizeof(*c->list),  \
			  compare)
	return MAKE(ports, ports, by_name) || MAKE(hosts, hosts, by_name) ||
			       MAKE(owners, owners, by_name) ||
			       MAKE(services, services, by_name) ||
			       MAKE(profiles, profiles, by_name) ||
			       MAKE(addresses, hosts, by_address) ||
			       MAKE(macs, hosts, by_mac)
		       ? -ENOMEM
		       : 0;
#undef MAKE
}

static void free_indexes(struct check *k)
{
	config_index_free(&k->ports);
	config_index_free(&k->hosts);
	config_index_free(&k->owners);
	config_index_free(&k->services);
	config_index_free(&k->profiles);
	config_index_free(&k->addresses);
	config_index_free(&k->macs);
}

/* What stands for applications in probes, and in the cluster, has its limits. */
static void check_applications(struct check *k)
{
	const struct config_service *seen[APPS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < k->c->nr_services; i++) {
		const struct config_service *s = &k->c->services[i];
		char text[OTHER_TEXT];
		size_t j = 0;

		if (!s->application[0])
			continue;
		while (j < n && strcmp(seen[j]->application, s->application) &&
		       baton_tag(seen[j]->application) !=
			       baton_tag(s->application))
			j++;
		if (j == APPS_MAX) {
			wrong(k, SUBJECT("service", s),
			      "application: \"%s\" is one more than the %d "
			      "that can be told apart",
			      s->application, APPS_MAX);
			return;
		}
		if (j == n)
			seen[n++] = s;
		else if (strcmp(seen[j]->application, s->application))
			wrong(k, SUBJECT("service", s),
			      "application: \"%s\" has the same hash as \"%s\" "
			      "of %s; another name is expected",
			      s->application, seen[j]->application,
			      other(SUBJECT("service", seen[j]), text));
	}
}

static void check_dampening(struct check *k)
{
	const struct config *c = k->c;
	struct subject guards = { "guards", NULL, c->guards_line };

	if (!c->dampening.half_life_ms)
		return;
	if (c->dampening.reuse >= c->dampening.suppress)
		wrong(k, guards,
		      "dampening: reuse is %u; expected less than suppress, "
		      "which is %u",
		      c->dampening.reuse, c->dampening.suppress);
	if (c->dampening.penalty >= c->dampening.suppress)
		wrong(k, guards,
		      "dampening: penalty is %u; expected less than suppress, "
		      "which is %u: a host that fails once does not flap",
		      c->dampening.penalty, c->dampening.suppress);
}

static void check_all(struct check *k)
{
	const struct config *c = k->c;
	struct subject detection = { "detection", NULL, c->detection_line };
	size_t i;

#define NAMES(kind, list)                                                      \
	check_names(k, kind, &k->list, offsetof(__typeof__(*c->list), line))
	NAMES("port", ports);
	NAMES("host", hosts);
	NAMES("owner", owners);
	NAMES("service", services);
	NAMES("profile", profiles);
#undef NAMES
	check_addresses(k);
	check_macs(k);
	for (i = 0; i < c->nr_hosts; i++) {
		check_host(k, &c->hosts[i]);
		check_lease(k, &c->hosts[i]);
		check_bfd(k, &c->hosts[i]);
	}
	check_probe_key(k);
	check_keys(k);
	for (i = 0; i < c->nr_owners; i++)
		check_owner(k, &c->owners[i]);
	for (i = 0; i < c->nr_services; i++)
		check_service(k, &c->services[i]);
	check_profile(k, detection, c->profile);
	check_applications(k);
	check_dampening(k);
}

int config_check(const struct config *c, const char *file, bool sound,
		 struct config_errors *e)
{
	struct check k = { .c = c, .file = file, .sound = sound, .e = e };

	if (make_indexes(&k)) {
		config_error(e, file, 0, "not enough memory");
		k.err = -ENOMEM;
	} else {
		check_all(&k);
	}
	free_indexes(&k);
	return k.err;
}
