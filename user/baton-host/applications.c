// SPDX-License-Identifier: GPL-2.0-only
#include "applications.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>

#include "lib/agent/word.h"
#include "lib/clock.h"
#include "lib/log.h"

#define MS 1000000ULL

/* Bring the record's flag in line, and tell the switch if that is news. */
static void settle(struct application *a, const char *why)
{
	bool down = a->ended || a->check.state == CHECK_DOWN;
	uint32_t flags = a->record->flags;

	if (!(flags & BATON_HOST_APP_DOWN) == !down)
		return;
	a->record->flags = flags ^ BATON_HOST_APP_DOWN;
	word_send(a->all->pins);
	log_notice("application %s: %s", a->config->name, why);
}

void application_ended(struct application *a, bool ended, const char *why)
{
	a->ended = ended;
	settle(a, why);
}

/* --- checks --------------------------------------------------------------- */

/* `why` it was not good; NULL: it was. */
static void result(struct application *a, const char *why)
{
	check_result(&a->check, !why);
	if (a->check.state == CHECK_UP)
		__atomic_store_n(&a->record->alive, a->check.started,
				 __ATOMIC_RELAXED);
	if (why)
		log_debug("application %s: %s", a->config->name, why);
	settle(a, why ? why : "its checks are good again");
}

static void on_process_end(void *arg)
{
	struct application *a = arg;

	watch_stop(a->process);
	a->process = NULL;
	application_ended(a, true, "its process has ended");
}

/* The file may name another process by now. What is wrong, or NULL. */
static const char *find_process(struct application *a)
{
	pid_t pid = watch_read_pidfile(a->config->pidfile);

	if (pid < 0)
		return pid == -EINVAL ? "its pidfile holds no pid"
				      : "its pidfile cannot be read";
	if (a->process && watch_pid(a->process) == pid)
		return NULL;
	watch_stop(a->process);
	a->process = watch_start(a->all->loop, pid, on_process_end, a);
	if (!a->process)
		return "no process has the pid in its pidfile";
	application_ended(a, false, "its process is there");
	return NULL;
}

static void move_on(struct application *a);

static void on_done(void *arg, const char *why)
{
	struct application *a = arg;

	a->attempt = NULL;
	result(a, why);
	move_on(a);
}

static void begin(struct application *a)
{
	const char *why = NULL;

	if (a->config->pidfile)
		why = find_process(a);
	switch (a->config->check) {
	case APP_HEARTBEAT:
		result(a, NULL); /* its page says the rest */
		break;
	case APP_PROCESS:
		result(a, why);
		break;
	default:
		a->attempt = attempt_begin(a->all->loop, a->config, on_done, a);
		if (!a->attempt)
			result(a, strerror(errno));
	}
}

static void expire(struct application *a)
{
	attempt_give_up(a->attempt);
	a->attempt = NULL;
	result(a, "its check takes longer than its timeout");
}

static void on_timer(uv_timer_t *timer)
{
	move_on(timer->data);
}

static void move_on(struct application *a)
{
	uint64_t now = clock_ns(), until;
	enum check_step step;

	while ((step = check_step(&a->check, now)) != CHECK_WAIT)
		step == CHECK_BEGIN ? begin(a) : expire(a);
	until = check_deadline(&a->check);
	/* The timer counts whole milliseconds from the loop's own time. */
	uv_update_time(a->all->loop);
	uv_timer_start(&a->timer, on_timer, (until - now) / MS + 1, 0);
}

/* --- records -------------------------------------------------------------- */

static void write_record(struct baton_host_app *r,
			 const struct config_application *c)
{
	const struct config_silence *s = &c->silence;
	uint32_t tag = baton_tag(c->name);
	uint32_t down = r->tag == tag ? r->flags & BATON_HOST_APP_DOWN : 0;

	if (r->tag != tag) {
		__atomic_store_n(&r->tag, 0, __ATOMIC_SEQ_CST);
		memcpy(r->name, c->name, sizeof(r->name));
		/* It has its limit's time to show itself. */
		r->alive = clock_ns();
	}
	r->flags = down |
		   (c->check == APP_HEARTBEAT ? BATON_HOST_APP_HEARTBEAT : 0);
	r->limit = c->limit_ms * MS;
	pins_key(&s->vip, &r->vip);
	r->protocol = s->protocol;
	r->port = htons(s->port);
	__atomic_store_n(&r->tag, tag, __ATOMIC_SEQ_CST);
}

/* The program looks for VIPs of applications only if there are any. */
static void write_records(struct pins *p, const struct config *c)
{
	uint32_t vips = 0;
	size_t i;

	for (i = 0; i < c->nr_applications; i++) {
		write_record(&p->applications[i], &c->applications[i]);
		if (c->applications[i].silence.vip.family)
			vips = BATON_HOST_APP_VIPS;
	}
	for (; i < BATON_PROBE_APPS; i++)
		__atomic_store_n(&p->applications[i].tag, 0, __ATOMIC_SEQ_CST);
	p->settings->flags = (p->settings->flags & ~BATON_HOST_APP_VIPS) | vips;
}

/* --- start and stop ------------------------------------------------------- */

static int find_user(struct application *a)
{
	const char *name = a->config->user;
	const struct passwd *user = name ? getpwnam(name) : NULL;

	if (name && !user) {
		log_error("application %s: user: there is no %s",
			  a->config->name, name);
		return -ENOENT;
	}
	a->user = user ? user->pw_uid : 0;
	return 0;
}

static int start_one(struct application *a)
{
	const struct config_application *c = a->config;
	const struct check_rules rules = { .interval = c->interval_ms * MS,
					   .timeout = c->timeout_ms * MS,
					   .rise = c->rise,
					   .fall = c->fall };
	bool down = a->record->flags & BATON_HOST_APP_DOWN;
	bool heartbeat = c->check == APP_HEARTBEAT;

	/* A process that has ended stays so until another one comes. */
	a->ended = heartbeat && down;
	check_init(&a->check, &rules,
		   down && !heartbeat ? CHECK_DOWN : CHECK_UNKNOWN);
	uv_timer_init(a->all->loop, &a->timer);
	a->timer.data = a;
	if (!heartbeat || c->pidfile)
		uv_timer_start(&a->timer, on_timer, 0, 0);
	return find_user(a);
}

int applications_start(struct applications *all, uv_loop_t *loop,
		       struct pins *pins, const struct config *c)
{
	bool heartbeats = false;
	int err = 0;

	*all = (struct applications){ .loop = loop, .pins = pins };
	write_records(pins, c);
	for (size_t i = 0; i < c->nr_applications && !err; i++) {
		struct application *a = &all->one[i];

		*a = (struct application){ .all = all,
					   .config = &c->applications[i],
					   .record = &pins->applications[i],
					   .index = i };
		all->nr++;
		err = start_one(a);
		heartbeats |= a->config->check == APP_HEARTBEAT;
	}
	if (err || !heartbeats)
		return err;
	err = heartbeats_listen(&all->heartbeats, all, c->heartbeats);
	if (err)
		log_error("heartbeats: %s: cannot listen there: %s",
			  c->heartbeats, strerror(-err));
	return err;
}

void applications_stop(struct applications *all)
{
	heartbeats_close(all->heartbeats);
	all->heartbeats = NULL;
	for (size_t i = 0; i < all->nr; i++) {
		struct application *a = &all->one[i];

		client_drop(a->client);
		watch_stop(a->process);
		if (a->attempt)
			attempt_give_up(a->attempt);
		uv_close((uv_handle_t *)&a->timer, NULL);
	}
	all->nr = 0;
}
