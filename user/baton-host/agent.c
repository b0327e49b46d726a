// SPDX-License-Identifier: GPL-2.0-only
#include "agent.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "applications.h"
#include "apply.h"
#include "datapath.h"
#include "lease.h"
#include "lib/agent/word.h"
#include "lib/bpffs.h"
#include "lib/clock.h"
#include "lib/ethtool.h"
#include "lib/log.h"
#include "lib/privileges.h"
#include "lib/rtnl.h"
#include "picture.h"
#include "status.h"

struct agent {
	const char *path; /* of the configuration */
	struct config *config;
	struct datapath datapath;
	struct rtnl *monitor;
	uv_loop_t loop;
	uv_signal_t hangup, terminate, interrupt;
	uv_poll_t links;
	struct applications applications;
	struct picture picture;
};

int agent_config(struct config *c, const char *path)
{
	struct config_errors errors = { 0 };
	int err = config_read(c, path, &errors);

	if (err)
		fprintf(stderr, "%s\n",
			errors.text ? errors.text : strerror(-err));
	config_errors_free(&errors);
	return err;
}

static int apply(struct agent *a, const struct config *c)
{
	const struct pins *p = &a->datapath.pins;
	struct probe_key key;
	char why[256];
	int err;

	if (c->probe_key) {
		err = probe_key_read(&key, c->probe_key, why, sizeof(why));
		if (err) {
			log_error("%s", why);
			return err;
		}
	} else {
		log_warning("no probe-key: probes are not answered, and the "
			    "switch will take this host for dead");
	}
	apply_settings(p->settings, c, c->probe_key ? &key : NULL);
	explicit_bzero(&key, sizeof(key));
	err = apply_peers(p, c);
	return err ? err : apply_vips(p, c);
}

/* --- interfaces ----------------------------------------------------------- */

static void advise(const char *advice, void *arg)
{
	(void)arg;
	log_notice("%s", advice);
}

static int attach(struct agent *a, const char *name, struct rtnl *rtnl)
{
	char why[DATAPATH_WHY];
	struct rtnl_link link;
	struct xdp_state state;
	int err = rtnl_link(rtnl, name, &link);

	if (err) {
		log_error("%s: %s", name,
			  err == -ENODEV ? "there is no such interface; see "
					   "`ip link`"
					 : strerror(-err));
		return err;
	}
	if (!(link.flags & IFF_UP))
		log_warning("%s is down: ip link set %s up", name, name);
	err = datapath_attach(&a->datapath, name, a->config->mode, &state, why);
	if (err < 0) {
		log_error("%s", why);
		return err;
	}
	if (*why)
		log_notice("%s", why);
	log_info("%s: XDP program %u %s in %s mode", name, state.id,
		 err ? "found" : "attached",
		 state.mode == XDP_GENERIC ? "generic" : "native");
	ethtool_advise(name, link.kind, advise, NULL);
	return 0;
}

static int attach_all(struct agent *a)
{
	struct rtnl *rtnl = rtnl_open();
	char why[DATAPATH_WHY];
	int err = rtnl ? 0 : -errno;
	size_t i;

	for (i = 0; i < a->config->nr_interfaces && !err; i++)
		err = attach(a, a->config->interfaces[i].name, rtnl);
	rtnl_close(rtnl);
	if (!err) {
		err = datapath_detach(&a->datapath.pins, a->config, why);
		if (err)
			log_error("%s", why);
	}
	return err;
}

/* Somebody took the program off: only a new start may put it back. */
static void on_link(const struct rtnl_event *event, void *arg)
{
	const struct agent *a = arg;
	size_t i;

	if (event->kind != RTNL_LINK && event->kind != RTNL_LINK_GONE)
		return;
	for (i = 0; i < a->config->nr_interfaces; i++) {
		const char *name = a->config->interfaces[i].name;

		if (strcmp(name, event->link.name))
			continue;
		if (event->kind == RTNL_LINK_GONE)
			log_error("%s is gone; once it is back, start "
				  "baton-host again",
				  name);
		else if (event->link.xdp == RTNL_XDP_NONE)
			log_error("%s: the XDP program was taken off; start "
				  "baton-host again to put it back",
				  name);
	}
}

/* --- events --------------------------------------------------------------- */

static void on_links(uv_poll_t *poll, int status, int events)
{
	struct agent *a = poll->data;

	(void)events;
	if (status >= 0)
		rtnl_monitor_read(a->monitor, on_link, a);
}

static void on_hangup(uv_signal_t *signal, int number)
{
	struct agent *a = signal->data;
	struct config fresh;
	const char *key;

	(void)number;
	if (agent_config(&fresh, a->path)) {
		log_error("the configuration is left as it was");
		config_free(&fresh);
		return;
	}
	key = config_needs_restart(a->config, &fresh);
	if (key) {
		log_error("%s: has changed, which takes a new start (kill and "
			  "start again: probes are answered meanwhile); the "
			  "configuration is left as it was",
			  key);
		config_free(&fresh);
		return;
	}
	if (!apply(a, &fresh))
		log_info("configuration read again");
	config_swap_applications(&fresh, a->config);
	config_free(a->config);
	*a->config = fresh;
}

static void on_terminate(uv_signal_t *signal, int number)
{
	(void)number;
	uv_stop(signal->loop);
}

static int listen_to(struct agent *a, uv_signal_t *signal, uv_signal_cb fn,
		     int number)
{
	int err = uv_signal_init(&a->loop, signal);

	signal->data = a;
	return err ? err : uv_signal_start(signal, fn, number);
}

static int start_loop(struct agent *a)
{
	int err = uv_loop_init(&a->loop);

	if (err)
		return err;
	a->monitor = rtnl_monitor();
	if (!a->monitor)
		return -errno;
	err = uv_poll_init(&a->loop, &a->links, rtnl_fd(a->monitor));
	a->links.data = a;
	if (!err)
		err = uv_poll_start(&a->links, UV_READABLE, on_links);
	if (!err)
		err = listen_to(a, &a->hangup, on_hangup, SIGHUP);
	if (!err)
		err = listen_to(a, &a->terminate, on_terminate, SIGTERM);
	if (!err)
		err = listen_to(a, &a->interrupt, on_terminate, SIGINT);
	return err;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop_loop(struct agent *a)
{
	uv_walk(&a->loop, close_handle, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	uv_loop_close(&a->loop);
	rtnl_close(a->monitor);
}

/* --- the word on leaving -------------------------------------------------- */

static void leave(const struct pins *p)
{
	struct baton_host_settings *s = p->settings;
	int told;

	if (s->word != BATON_WORD_LEAVING) {
		s->word_was = s->word;
		s->flags |= BATON_HOST_LEFT;
		s->word = BATON_WORD_LEAVING;
	}
	told = word_send(p);
	log_info("said that it leaves, to %d prober%s", told,
		 told == 1 ? "" : "s");
}

/* The word that the operator said last holds again. */
static void come_back(struct baton_host_settings *s)
{
	if (!(s->flags & BATON_HOST_LEFT))
		return;
	s->word = s->word_was;
	s->flags &= ~BATON_HOST_LEFT;
}

int agent_run(const char *config_path, struct config *c)
{
	struct agent a = { .path = config_path, .config = c };
	char why[DATAPATH_WHY];
	int err = datapath_open(&a.datapath, c->bpffs, why);

	if (err) {
		log_error("%s", why);
		goto out;
	}
	come_back(a.datapath.pins.settings);
	/* What the program needs to know comes before the program. */
	err = apply(&a, c);
	if (!err)
		err = attach_all(&a) ?: lease_attach(&a.datapath, c);
	if (err)
		goto out;
	lease_detach(c);
	err = start_loop(&a);
	if (!err)
		err = applications_start(&a.applications, &a.loop,
					 &a.datapath.pins, c);
	if (!err)
		err = picture_start(&a.picture, &a.loop, &a.datapath.pins, c);
	if (!err)
		err = privileges_drop();
	if (err) {
		log_error("cannot start: %s", strerror(-err));
		goto out;
	}
	log_info("ready; %s %s", a.datapath.adopted ? "found" : "made",
		 c->bpffs);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	if (c->leave_on_exit)
		leave(&a.datapath.pins);
	log_info("ends; the XDP program stays, and answers probes");
	applications_stop(&a.applications);
	picture_stop(&a.picture);
	stop_loop(&a);
out:
	datapath_close(&a.datapath);
	return err;
}

/* --- without staying ------------------------------------------------------ */

int agent_detach(const struct config *c)
{
	char why[DATAPATH_WHY];
	struct pins pins;
	int lock, err;

	if (!bpffs_is(c->bpffs)) {
		log_info("%s: nothing is there", c->bpffs);
		return 0;
	}
	lock = bpffs_lock(c->bpffs);
	if (lock < 0) {
		log_error("%s: %s", c->bpffs,
			  lock == -EBUSY ? "baton-host is running; stop it "
					   "first"
					 : strerror(-lock));
		return lock;
	}
	err = pins_open(&pins, c->bpffs);
	if (err) {
		log_info("%s: nothing of this version is there", c->bpffs);
		err = err == -ENOENT ? 0 : err;
		goto out;
	}
	lease_detach(NULL);
	err = datapath_detach(&pins, NULL, why);
	if (err)
		log_error("%s", why);
	else
		err = apply_nothing(&pins);
	pins_close(&pins);
	if (!err) {
		pins_unpin(c->bpffs);
		rmdir(c->bpffs); /* if nothing of others is in it */
	}
out:
	close(lock);
	return err;
}

static int open_pins(struct pins *p, const struct config *c)
{
	int err = pins_open(p, c->bpffs);

	if (err)
		log_error("%s: %s", c->bpffs,
			  err == -ENOENT   ? "nothing is there; start "
					     "baton-host first"
			  : err == -EPROTO ? "made by another version of "
					     "baton-host"
					   : strerror(-err));
	return err;
}

int agent_say(const struct config *c, enum baton_host_word word)
{
	struct pins pins;
	int err = open_pins(&pins, c);

	if (err)
		return err;
	word_say(&pins, word);
	pins_close(&pins);
	return 0;
}

int agent_status(const struct config *c, bool json)
{
	struct pins pins;
	json_t *status;
	int err = open_pins(&pins, c);

	if (err)
		return err;
	status = status_read(&pins, clock_ns());
	pins_close(&pins);
	if (!status)
		return -ENOMEM;
	if (json) {
		json_dumpf(status, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		status_print(status, stdout);
	}
	json_decref(status);
	return fflush(stdout) ? -errno : 0;
}
