// SPDX-License-Identifier: GPL-2.0-only
/* batond: the controller of the switch. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "age.h"
#include "apply.h"
#include "batond.h"
#include "commands.h"
#include "control.h"
#include "failover.h"
#include "hook.h"
#include "lib/probe_key.h"
#include "ports.h"
#include "prober_process.h"
#include "resolve.h"
#include "running.h"

static const char usage[] =
	"usage: batond --config FILE [--check | --unload] [--verbose]\n"
	"\n"
	"The controller of a baton switch: loads the XDP programs, detects\n"
	"failed hosts and moves their connections to standbys.\n"
	"\n"
	"  -c, --config FILE  configuration, see baton.yaml(5)\n"
	"      --check        only say what is wrong with it\n"
	"      --unload       detach the programs and forget all connections\n"
	"  -v, --verbose      say more\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"It stays in the foreground. SIGHUP rereads the configuration. "
	"SIGTERM\n"
	"and SIGINT end it; the switch goes on forwarding, and the next "
	"batond\n"
	"takes it over as it is.\n";

struct options {
	const char *config;
	bool check, unload;
};

static int parse_options(struct options *o, int argc, char **argv)
{
	enum { CHECK = 256, UNLOAD };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, CHECK },
		{ "unload", no_argument, NULL, UNLOAD },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:vVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case CHECK:
			o->check = true;
			break;
		case UNLOAD:
			o->unload = true;
			break;
		case 'v':
			log_init("batond", LOG_L_DEBUG);
			break;
		case 'V':
			puts("batond " BATON_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs("Try batond --help.\n", stderr);
			return -EINVAL;
		}
	}
	if (o->config && optind == argc && !(o->check && o->unload))
		return 0;
	fputs(o->config ? "batond: too many arguments\n"
			: "batond: --config FILE is needed\n",
	      stderr);
	fputs("Try batond --help.\n", stderr);
	return -EINVAL;
}

static int unload(const struct config *c)
{
	char why[DATAPLANE_WHY];
	int err = supervisor_end_prober(c->bpffs);

	if (err && err != -ENOENT)
		log_error("the prober does not end: %s", strerror(-err));
	err = dataplane_unload(c->bpffs, why);
	if (err)
		log_error("%s", why);
	else
		log_notice("the switch is taken down (%s)", c->bpffs);
	return err;
}

/* --- the loop ------------------------------------------------------------------- */

static void on_slice(uv_timer_t *timer)
{
	age_slice(timer->data);
}

static void on_signal(uv_signal_t *handle, int signal)
{
	struct batond *b = handle->data;
	char why[COMMAND_WHY];
	json_t *answer;

	if (signal != SIGHUP) {
		event(&b->events, LOG_L_NOTICE, "stop", NULL,
		      "batond ends; forwarding and detection go on");
		uv_stop(&b->loop);
		return;
	}
	answer = running_reload(b, why);
	if (!answer)
		event(&b->events, LOG_L_ERROR, "config", NULL,
		      "configuration not read again, the old one goes on: %s",
		      why);
	json_decref(answer);
}

static void watch_signals(struct batond *b)
{
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
	static uv_signal_t handles[3];

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		handles[i].data = b;
		uv_signal_init(&b->loop, &handles[i]);
		uv_signal_start(&handles[i], on_signal, signals[i]);
	}
}

static void loop(struct batond *b)
{
	static uv_timer_t slices;

	slices.data = b;
	uv_timer_init(&b->loop, &slices);
	uv_timer_start(&slices, on_slice, AGE_SLICE_MS, AGE_SLICE_MS);
	uv_run(&b->loop, UV_RUN_DEFAULT);
}

/* --- the start ------------------------------------------------------------------ */

static int open_prober(struct batond *b, const struct config *c)
{
	char why[SUPERVISOR_WHY];
	struct probe_key key = { 0 };
	int err = 0;

	if (c->probe_key_file)
		err = probe_key_read(&key, c->probe_key_file, why, sizeof(why));
	if (!err)
		err = supervisor_open(b, c->probe_port,
				      (const uint8_t *)key.word,
				      c->startup_grace_ms * 1000000ULL, why);
	sodium_memzero(&key, sizeof(key));
	if (err)
		log_error("%s", why);
	return err;
}

static int open_dataplane(struct batond *b, const struct config *c)
{
	const struct dataplane_geometry g = { .flows4 = c->flows4,
					      .flows6 = c->flows6,
					      .ring_size = c->ring_size,
					      .records = c->record_packets };
	char why[DATAPLANE_WHY];
	int err = dataplane_open(&b->dp, c->bpffs, &g, why);

	if (err)
		log_error("%s", why);
	return err;
}

/* A switch without it is still a switch. */
static void open_replay(struct batond *b)
{
	int err = replay_open(&b->replay, &b->dp);

	if (err)
		log_warning("recorder: %s: nothing will be sent again to "
			    "standbys",
			    strerror(-err));
}

/* In the order in which the one needs the other. */
static int start(struct batond *b, struct config *c)
{
	char why[APPLY_WHY];
	uint32_t changes;
	int err;

	b->started = clock_ns();
	ids_init(&b->hosts, BATON_MAX_HOSTS);
	ids_init(&b->owners, BATON_MAX_OWNERS);
	ids_init(&b->services, BATON_MAX_SERVICES);
	uv_loop_init(&b->loop);
	b->rtnl = rtnl_open();
	if (!b->rtnl) {
		log_error("netlink: %s", strerror(errno));
		return -errno;
	}
	err = open_dataplane(b, c) ?: open_prober(b, c);
	if (err)
		return err;
	b->ownership.reign = b->dp.meta.reign;
	open_replay(b);
	err = events_open(&b->events, c->state);
	if (err)
		log_warning("%s: %s: events are kept in memory only", c->state,
			    strerror(-err));
	captures_open(&b->captures, c->state);
	running_read(b, c, b->dp.adopted);
	if (b->dp.adopted)
		apply_adopt(b);
	err = ports_attach(b, c);
	if (err)
		return err;
	err = apply_config(b, c, &changes, why);
	if (err) {
		log_error("%s", why);
		return err;
	}
	resolve_all(b);
	watch_signals(b);
	err = resolve_watch(b) ?: control_open(b, b->config.control);
	if (err)
		return err;
	err = supervisor_start(b, why);
	if (err) {
		log_error("%s", why);
		return err;
	}
	return supervisor_watch(b) ?: hook_start(b) ?: speak_start(b);
}

int main(int argc, char **argv)
{
	static struct batond b; /* megabytes: not for the stack */
	struct config_errors errors = { 0 };
	struct options o = { 0 };
	struct config c;
	int err;

	log_init("batond", LOG_L_INFO);
	if (parse_options(&o, argc, argv))
		return 2;
	b.path = o.config;
	err = config_read(&c, o.config, &errors);
	if (err) {
		fprintf(stderr, "%s\n", errors.text);
		return 1;
	}
	if (o.check) {
		printf("%s: good\n", o.config);
		return 0;
	}
	if (sodium_init() < 0)
		return 1;
	if (o.unload)
		return unload(&c) ? 1 : 0;
	if (start(&b, &c))
		return 1;
	err = prober_process_privileges();
	if (err) {
		log_error("privileges: %s", strerror(-err));
		return 1;
	}
	event(&b.events, LOG_L_NOTICE, "start",
	      json_pack("{s:b}", "adopted", b.dp.adopted),
	      "batond %s %s: %zu ports, %zu hosts, %zu owners, %zu services",
	      BATON_VERSION,
	      b.dp.adopted ? "has taken over the running switch" : "is ready",
	      b.nr_ports, b.config.nr_hosts, b.config.nr_owners,
	      b.config.nr_services);
	loop(&b);
	control_close(&b);
	speak_stop(&b);
	uv_run(&b.loop, UV_RUN_NOWAIT);
	unlink(b.config.control);
	events_close(&b.events);
	dataplane_close(&b.dp);
	return 0;
}
