// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baton/probe.h"
#include "control.h"
#include "descriptors.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/privileges.h"
#include "lib/urgent.h"
#include "local_routes.h"
#include "orphans.h"
#include "proxy.h"
#include "rules.h"

#define DEFAULT_CONFIG "/etc/baton/proxy.yaml"
#define SWEEP 5 /* ms */
#define AUDIT 500 /* ms */
#define NOBODY 1000 /* ms, for a standby to answer an owner that began anew */

/* A connection without a socket of ours and without a packet for so long is
 * forgotten; the kernel waits no longer for the last ones either. */
#define FORGET 120000000000ULL
#define FORGET_HALF_OPEN 30000000000ULL

/* What may wait for a standby that reads slowly: more than one connection's
 * snapshot. */
#define LINK_HIGH (64u << 20)

/* So often is a silent peer asked before it is held for gone. */
#define PINGS 8

static const char usage[] =
	"usage: baton-proxy [--config FILE] [--verbose]   run in foreground\n"
	"       baton-proxy [--config FILE] --check       check the file\n"
	"       baton-proxy --detach                      take off its rules\n"
	"       baton-proxy --version | --help\n"
	"The file is " DEFAULT_CONFIG " unless given. See baton-proxy(8).\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'C' },
	{ "detach", no_argument, NULL, 'd' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

enum exit_status { DONE, FAILED, MISUSED };

static struct proxy proxy;

/* --- the link ----------------------------------------------------------------------- */

static struct proxy *proxy_of(const struct link_peer *peer)
{
	return link_arg(peer);
}

static void on_up(struct link_peer *peer)
{
	log_notice("link with %s is up", link_peer_name(peer));
	guard_up(proxy_of(peer), peer);
}

static void on_down(struct link_peer *peer, enum baton_link_reason reason,
		    const char *why)
{
	(void)reason;
	log_warning("link with %s is down: %s", link_peer_name(peer), why);
	standby_down(proxy_of(peer), peer);
	guard_down(proxy_of(peer), peer);
}

static void on_failed(void *arg, struct link_peer *peer,
		      enum baton_link_reason reason, const char *why)
{
	(void)arg;
	(void)reason;
	log_debug("no link with %s: %s", peer ? link_peer_name(peer) : "?",
		  why);
}

static void on_frame(struct link_peer *peer, const struct link_frame *f)
{
	standby_frame(proxy_of(peer), peer, f);
}

static void on_ack(struct link_peer *peer, uint64_t sequence)
{
	guard_acked(proxy_of(peer), peer, sequence);
}

static void on_writable(struct link_peer *peer)
{
	guard_writable(proxy_of(peer), peer);
}

static void on_ack_late(struct link_peer *peer, uint64_t acked, uint64_t sent)
{
	(void)acked;
	(void)sent;
	guard_late(proxy_of(peer), peer);
}

static void on_refused(struct link_peer *peer, uint64_t sequence,
		       uint32_t owner, enum baton_link_reason reason)
{
	guard_refused(proxy_of(peer), peer, sequence, owner, reason);
}

static void on_deposed(struct link_peer *peer, uint32_t owner, uint32_t epoch)
{
	struct proxy *p = proxy_of(peer);

	for (size_t i = 0; i < p->config->nr_services; i++)
		if (p->service[i].tag == owner)
			service_role(&p->service[i], epoch, false);
}

static const struct link_callbacks callbacks = {
	.on_up = on_up,
	.on_down = on_down,
	.on_failed = on_failed,
	.on_frame = on_frame,
	.on_ack = on_ack,
	.on_writable = on_writable,
	.on_ack_late = on_ack_late,
	.on_refused = on_refused,
	.on_deposed = on_deposed,
};

static int open_peer(struct proxy *p, size_t i, char *why)
{
	const struct config_peer *c = &p->config->peers[i];

	p->peer[i] = link_peer_add(p->link, c->name, &c->public);
	if (!p->peer[i]) {
		snprintf(why, LINK_WHY, "peer %s: %s", c->name,
			 strerror(errno));
		return -errno;
	}
	/* of two, one connects */
	if (strcmp(p->config->node, c->name) > 0)
		return 0;
	return link_connect(p->peer[i], &c->address, c->port);
}

static int open_link(struct proxy *p, char *why)
{
	const struct config *c = p->config;
	struct link_config config = { .node = c->node,
				      .silent = c->silent,
				      .ping = c->silent / PINGS,
				      .ack_late = c->silent,
				      .high = LINK_HIGH };
	int err;

	if (!c->nr_peers)
		return 0;
	err = link_key_read(&p->key, c->key, why, LINK_WHY);
	config.key = p->key;
	err = err ?: link_open(&p->link, p->loop, &config, &callbacks, p, why);
	if (err)
		return err;
	for (size_t i = 0; i < c->nr_peers; i++) {
		err = open_peer(p, i, why);
		if (err)
			return err;
	}
	err = link_listen(p->link, &c->address, c->port);
	if (err < 0)
		snprintf(why, LINK_WHY, "address: port %u: %s", c->port,
			 strerror(-err));
	return err < 0 ? err : 0;
}

/* --- the rest ------------------------------------------------------------------------- */

static void on_ownership(void *arg, const struct baton_ownership_event *said)
{
	struct proxy *p = arg;

	for (size_t i = 0; i < p->config->nr_services; i++)
		if (p->service[i].tag == said->tag)
			service_told(&p->service[i], said);
}

static void on_relay_end(struct relay *r, bool failed)
{
	struct conn *c = r->arg;

	(void)failed;
	if (c)
		c->relay = NULL;
}

static size_t greeting(const struct replica *replica, uint16_t service,
		       const struct tuple *client,
		       uint8_t bytes[REPLICA_GREETING_MAX])
{
	(void)replica;
	return proxy_header_make(proxy.config->services[service].header, client,
				 bytes);
}

static int on_held(struct relay *r, const uint8_t *bytes, size_t nr)
{
	struct conn *c = r->arg;

	/* nobody waits for what is written to a connection that is over */
	return c && c->output ? commit_held(&proxy, c, bytes, nr) : 0;
}

/* The relay ends by what its sockets say. */
static void on_gone(struct replica *replica, struct conn *c)
{
	struct relay *r = c->relay;

	(void)replica;
	if (r)
		r->arg = NULL;
	application_forget(&proxy.service[c->service], c);
	takeover_forget(&proxy, c);
}

static void on_sweep(uv_timer_t *timer)
{
	struct proxy *p = timer->data;
	uint64_t now = clock_ns();

	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];

		service_listen_again(s);
		if (s->role != BATON_LINK_ROLE_OWNER) {
			/* what it knew as the owner, if nobody has told it
			 * anything since */
			if (!s->complete)
				replica_forget(&p->replica, i, now, FORGET);
			continue;
		}
		for (struct conn *c = p->replica.conns[i], *next; c; c = next) {
			next = c->next;
			if (!c->relay && !c->takeover &&
			    now - c->touched > (c->side[CLIENT].track.answered
							? FORGET
							: FORGET_HALF_OPEN))
				guard_gone(s, c);
		}
	}
}

static void on_audit(uv_timer_t *timer)
{
	struct proxy *p = timer->data;
	uint64_t now = clock_ns();

	guard_find(p);
	guard_audit(p);
	for (size_t i = 0; i < p->config->nr_services; i++)
		guard_mend(&p->service[i], now);
}

/* No standby has said what it has: there is none. */
static void on_nobody(uv_timer_t *timer)
{
	struct proxy *p = timer->data;

	for (size_t i = 0; i < p->config->nr_services; i++) {
		if (p->service[i].fresh)
			replica_clear(&p->replica, i);
		service_begin(&p->service[i]);
	}
}

static void on_signal(uv_signal_t *signal, int number)
{
	(void)number;
	uv_stop(signal->loop);
}

static void watch_signals(uv_loop_t *loop)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	static uv_signal_t signals[2];

	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &signals[i]);
		uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
}

static int open_services(struct proxy *p, char *why)
{
	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];
		int err;

		s->proxy = p;
		s->config = &p->config->services[i];
		s->index = i;
		p->replica.local[i] = s->config->application;
		if (s->config->policy == POLICY_NONE) {
			s->role = BATON_LINK_ROLE_OWNER;
		} else {
			s->tag = baton_tag(s->config->owner);
			s->role = BATON_LINK_ROLE_STANDBY;
			if (p->link)
				link_owner(p->link, s->tag, s->role, 0);
		}
		err = service_open(s, why, LINK_WHY);
		if (err)
			return err;
	}
	return 0;
}

static bool protects(const struct config *c)
{
	for (size_t i = 0; i < c->nr_services; i++)
		if (c->services[i].policy != POLICY_NONE)
			return true;
	return false;
}

/* What protection needs: queues, rules that fill them, the switch's word. */
static int open_protection(struct proxy *p, char *why)
{
	int err;

	if (!protects(p->config))
		return 0;
	err = probe_sockets_open(&p->raw, 0);
	if (err) {
		snprintf(why, LINK_WHY, "raw socket: %s", strerror(-err));
		return err;
	}
	err = active_open(p, why, LINK_WHY);
	err = err ?: rules_install(p->config, why, LINK_WHY);
	err = err
		      ?: ownership_open(&p->ownership, p->loop,
					p->config->agent, on_ownership, p, why,
					LINK_WHY);
	if (err)
		return err;
	/* their last words end in the queue */
	p->orphans = orphans_open();
	err = p->orphans ? orphans_destroy(p->orphans, p->config) : -errno;
	if (err)
		log_notice("sockets of an earlier proxy: %s",
			   err < 0 ? strerror(-err) : "destroyed");
	takeover_open(p);
	return 0;
}

static bool fits(const struct replica *r, uint16_t service, int which,
		 const struct tuple *t)
{
	(void)r;
	return config_service_has(&proxy.config->services[service], t, which);
}

static int start(struct proxy *p, char *why)
{
	static const int needed[] = { CAP_BPF, CAP_NET_ADMIN,
				      CAP_NET_BIND_SERVICE, CAP_SYS_NICE };
	uint64_t seed;
	int err;

	randombytes_buf(&seed, sizeof(seed));
	descriptors_raise(p->config);
	p->spare = descriptors_spare();
	err = replica_init(&p->replica, seed);
	p->replica.on_gone = on_gone;
	p->replica.greeting = greeting;
	p->replica.fits = fits;
	for (size_t i = 0; i < p->config->nr_services; i++)
		p->replica.max[i] = p->config->services[i].connections;
	/* owners see to it that they keep no more than their share; what
	 * stands by for them learns later what is needed no more */
	p->replica.pool.limit = (uint64_t)p->config->memory << 22;
	err = err ?: relays_open(&p->relays, p->loop);
	p->relays.on_end = on_relay_end;
	p->relays.on_held = on_held;
	err = err ?: local_routes_install(p->config, why, LINK_WHY);
	err = err ?: open_protection(p, why);
	err = err ?: open_link(p, why);
	err = err ?: open_services(p, why);
	err = err ?: claims_open(p, why, LINK_WHY);
	err = err ?: control_open(p);
	if (err)
		return err;
	p->starting = true;
	for (size_t i = 0; i < p->config->nr_services; i++)
		if (p->service[i].tag)
			ownership_ask(&p->ownership, p->service[i].tag);
	p->starting = false;
	uv_timer_init(p->loop, &p->fresh);
	p->fresh.data = p;
	uv_timer_start(&p->fresh, on_nobody, NOBODY, 0);
	uv_timer_init(p->loop, &p->sweep);
	p->sweep.data = p;
	uv_timer_start(&p->sweep, on_sweep, SWEEP, SWEEP);
	uv_timer_init(p->loop, &p->audit_timer);
	p->audit_timer.data = p;
	uv_timer_start(&p->audit_timer, on_audit, AUDIT, AUDIT);
	watch_signals(p->loop);
	/* the last one only where a limit cannot stand for it */
	return privileges_keep(needed, sizeof(needed) / sizeof(needed[0]) -
					       !urgent_allow());
}

static enum baton_heartbeat_state readiness(void *arg)
{
	return proxy_readiness(arg, clock_ns());
}

static int run(const struct config *config)
{
	char why[LINK_WHY] = "";
	int err;

	signal(SIGPIPE, SIG_IGN);
	proxy.config = config;
	proxy.started = clock_ns();
	proxy.loop = uv_default_loop();
	if (sodium_init() < 0)
		return FAILED;
	err = start(&proxy, why);
	if (err) {
		log_error("%s", *why ? why : strerror(-err));
		return FAILED;
	}
	proxy.heartbeat.state = readiness;
	proxy.heartbeat.arg = &proxy;
	if (config->application)
		heartbeat_start(&proxy.heartbeat, proxy.loop,
				config->application, config->heartbeats);
	log_notice("baton-proxy " BATON_VERSION " is ready; %zu services",
		   config->nr_services);
	uv_run(proxy.loop, UV_RUN_DEFAULT);
	heartbeat_stop(&proxy.heartbeat);
	claims_close(&proxy);
	control_close(&proxy);
	return DONE;
}

static int misused(const char *what)
{
	fprintf(stderr, "baton-proxy: %s\n%s", what, usage);
	return MISUSED;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONFIG;
	enum { RUN, CHECK, DETACH } what = RUN;
	enum log_level level = LOG_L_INFO;
	struct config_errors errors = { 0 };
	struct config config;
	int option, status = DONE;

	while ((option = getopt_long(argc, argv, "c:vVh", long_options,
				     NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'C':
			what = CHECK;
			break;
		case 'd':
			what = DETACH;
			break;
		case 'v':
			level = LOG_L_DEBUG;
			break;
		case 'V':
			puts("baton-proxy " BATON_VERSION);
			return DONE;
		case 'h':
			fputs(usage, stdout);
			return DONE;
		default:
			return misused("see above");
		}
	}
	if (optind < argc)
		return misused("too many arguments");
	log_init("baton-proxy", level);
	if (what == DETACH) {
		rules_remove();
		local_routes_remove();
		return DONE;
	}
	if (config_read(&config, path, &errors)) {
		fprintf(stderr, "%s\n", errors.text);
		status = FAILED;
	} else if (what == RUN) {
		status = run(&config);
	}
	config_errors_free(&errors);
	config_free(&config);
	return status;
}
