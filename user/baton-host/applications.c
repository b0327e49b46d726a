// SPDX-License-Identifier: GPL-2.0-only
#include "applications.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "word.h"

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void application_close(void *handle)
{
	uv_close(handle, on_closed);
}

void application_set_down(struct application *a, bool down, const char *why)
{
	uint32_t flags = a->record->flags;

	if (!(flags & BATON_HOST_APP_DOWN) == !down)
		return;
	a->record->flags = down ? flags | BATON_HOST_APP_DOWN
				: flags & ~BATON_HOST_APP_DOWN;
	if (down)
		word_send(a->all->pins);
	log_notice("application %s: %s", a->config->name, why);
}

/* --- checks ----------------------------------------------------------------- */

static void alive(struct application *a)
{
	__atomic_store_n(&a->record->alive, clock_ns(), __ATOMIC_RELAXED);
}

static void on_attempt(void *arg, bool good)
{
	struct application *a = arg;

	a->attempt = NULL;
	if (good)
		alive(a);
}

static void on_process(void *arg, bool lives)
{
	struct application *a = arg;

	application_set_down(a, !lives,
			     lives ? "its process runs"
				   : "its process has ended");
}

static void on_timer(uv_timer_t *timer)
{
	struct application *a = timer->data;
	bool lives = true;

	if (a->config->pidfile)
		lives = process_look(&a->process, a->all->loop);
	switch (a->config->check) {
	case APP_PROCESS:
		if (lives)
			alive(a);
		break;
	case APP_TCP:
	case APP_HTTP:
	case APP_COMMAND:
		if (!a->attempt)
			a->attempt = attempt_start(a->all->loop, a->config,
						   on_attempt, a);
		break;
	default:
		break;
	}
}

/* --- records ------------------------------------------------------------------ */

/* Those that are watched no longer go; one that moved is made anew. */
static void write_record(struct application *a)
{
	struct baton_host_app *r = a->record;
	uint32_t tag = baton_tag(a->config->name);
	bool known = r->tag == tag;

	if (!known) {
		__atomic_store_n(&r->tag, 0, __ATOMIC_SEQ_CST);
		r->flags = 0;
		/* One limit's time to show itself. */
		r->alive = clock_ns();
		memcpy(r->name, a->config->name, sizeof(r->name));
	}
	r->limit = a->config->limit_ms * 1000000ULL;
	if (a->config->check == APP_HEARTBEAT)
		r->flags |= BATON_HOST_APP_HEARTBEAT;
	else
		r->flags &= ~BATON_HOST_APP_HEARTBEAT;
	__atomic_store_n(&r->tag, tag, __ATOMIC_SEQ_CST);
}

static int find_user(struct application *a)
{
	struct passwd *pw;

	a->user = 0;
	if (!a->config->user)
		return 0;
	pw = getpwnam(a->config->user);
	if (!pw) {
		log_error("application %s: there is no user %s",
			  a->config->name, a->config->user);
		return -ENOENT;
	}
	a->user = pw->pw_uid;
	return 0;
}

static int start_one(struct applications *all, uint32_t index,
		     const struct config_application *c)
{
	struct application *a = &all->one[index];
	int err;

	*a = (struct application){ .all = all,
				   .config = c,
				   .record = &all->pins->applications[index],
				   .index = index,
				   .client = -1 };
	process_init(&a->process, c->pidfile, on_process, a);
	uv_timer_init(all->loop, &a->timer);
	a->timer.data = a;
	all->nr++;
	err = find_user(a);
	if (err)
		return err;
	/* Who has a page of a former agent's still beats in it. */
	if (c->check == APP_HEARTBEAT)
		pins_map_page(all->pins, index, -1);
	write_record(a);
	return c->check == APP_HEARTBEAT && !c->pidfile
		       ? 0
		       : uv_timer_start(&a->timer, on_timer, 0, c->interval_ms);
}

int applications_start(struct applications *all, uv_loop_t *loop,
		       struct pins *pins, const struct config *c)
{
	bool heartbeats = false;
	int err = 0;

	*all = (struct applications){ .loop = loop,
				      .pins = pins,
				      .listener = -1 };
	for (size_t i = 0; i < c->nr_applications && !err; i++) {
		err = start_one(all, i, &c->applications[i]);
		heartbeats |= c->applications[i].check == APP_HEARTBEAT;
	}
	for (size_t i = c->nr_applications; i < BATON_PROBE_APPS; i++)
		__atomic_store_n(&pins->applications[i].tag, 0,
				 __ATOMIC_SEQ_CST);
	if (!err && heartbeats) {
		err = heartbeats_listen(all, c->heartbeats);
		if (err)
			log_error("%s: %s", c->heartbeats, strerror(-err));
	}
	return err;
}

void applications_stop(struct applications *all)
{
	for (size_t i = 0; i < all->nr; i++) {
		struct application *a = &all->one[i];

		uv_close((uv_handle_t *)&a->timer, NULL);
		process_stop(&a->process);
		heartbeats_drop(a);
		if (a->attempt)
			attempt_cancel(a->attempt);
	}
	heartbeats_close(all);
	all->nr = 0;
}
