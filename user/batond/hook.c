// SPDX-License-Identifier: GPL-2.0-only
#include "hook.h"

#include <stdlib.h>
#include <string.h>

#include "cold.h"
#include "lib/program.h"

#define LOOK 200 /* ms */
#define RUNNING_MAX 4 /* at a time */
#define TEXT (OTHERS_KEPT * BATON_NAME_LEN)

struct run {
	uv_process_t process;
	struct batond *b;
	char owner[BATON_NAME_LEN];
};

static struct cold cold; /* only the main thread's */
static uint32_t running;

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct run *r = process->data;
	bool good = !status && !signal;

	running--;
	event(&r->b->events, good ? LOG_L_NOTICE : LOG_L_WARNING,
	      "standby_hook",
	      json_pack("{s:s, s:b, s:i, s:i}", "owner", r->owner, "ended", 1,
			"status", (int)status, "signal", signal),
	      good     ? "owner %s: the standby hook has ended"
	      : signal ? "owner %s: the standby hook was ended by signal %d"
		       : "owner %s: the standby hook has ended with status %d",
	      r->owner, signal ?: (int)status);
	uv_close((uv_handle_t *)process, on_closed);
}

static void list_hosts(const struct batond *b, const uint16_t *hosts,
		       uint32_t nr, char text[TEXT])
{
	size_t used = 0;

	*text = '\0';
	for (uint32_t i = 0; i < nr; i++)
		used += snprintf(text + used, TEXT - used, "%s%s", i ? " " : "",
				 host_name(b, hosts[i]));
}

/* What it needs to know is in its environment. */
static void run_hook(struct batond *b, uint16_t owner, uint16_t host,
		     const uint16_t *hosts, uint32_t nr)
{
	char names[TEXT], owner_env[BATON_NAME_LEN + 16];
	char host_env[BATON_NAME_LEN + 16], hosts_env[TEXT + 16];
	char path[] = PROGRAM_PATH;
	char *environment[] = { path, owner_env, host_env, hosts_env, NULL };
	char *argv[] = { b->config.standby_hook, NULL };
	struct run *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return;
	r->b = b;
	snprintf(r->owner, sizeof(r->owner), "%s", owner_name(b, owner));
	list_hosts(b, hosts, nr, names);
	snprintf(owner_env, sizeof(owner_env), "BATON_OWNER=%s", r->owner);
	snprintf(host_env, sizeof(host_env), "BATON_HOST=%s",
		 host ? host_name(b, host) : "");
	snprintf(hosts_env, sizeof(hosts_env), "BATON_STANDBYS=%s", names);
	err = program_start(&b->loop, &r->process, argv, environment,
			    on_exit_status);
	r->process.data = r;
	running += !err;
	event(&b->events, err ? LOG_L_ERROR : LOG_L_NOTICE, "standby_hook",
	      json_pack("{s:s, s:b, s:s}", "owner", r->owner, "ended", 0,
			"hosts", names),
	      "owner %s has no standby: %s: %s", r->owner,
	      b->config.standby_hook, err ? uv_strerror(err) : "started");
	if (err)
		uv_close((uv_handle_t *)&r->process, on_closed);
}

static void on_look(uv_timer_t *timer)
{
	struct batond *b = timer->data;
	uint64_t after = b->config.standby_hook_after_ms * 1000000ULL;
	uint16_t hosts[OTHERS_KEPT], owner = 0, host = 0;
	uint32_t nr = 0;

	if (!b->config.standby_hook || running == RUNNING_MAX)
		return;
	prober_lock(&b->prober);
	owner = cold_next(&cold, &b->cluster, clock_ns(), after);
	if (owner) {
		nr = cold_hosts(&b->cluster, owner, hosts);
		host = cluster_is_orphan(&b->cluster, owner)
			       ? 0
			       : b->cluster.owner[owner].host;
	}
	prober_unlock(&b->prober);
	if (owner)
		run_hook(b, owner, host, hosts, nr);
}

int hook_start(struct batond *b)
{
	static uv_timer_t timer;

	uv_timer_init(&b->loop, &timer);
	timer.data = b;
	return uv_timer_start(&timer, on_look, LOOK, LOOK);
}
