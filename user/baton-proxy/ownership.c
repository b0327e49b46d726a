// SPDX-License-Identifier: GPL-2.0-only
#include "ownership.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/why.h"

static int open_pin(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return bpf_obj_get(path);
}

static int on_event(void *arg, void *data, size_t len)
{
	struct ownership *o = arg;
	const struct baton_ownership_event *e = data;

	if (len >= sizeof(*e))
		o->fn(o->arg, e);
	return 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct ownership *o = poll->data;

	(void)status;
	(void)events;
	ring_buffer__consume(o->events);
}

int ownership_open(struct ownership *o, uv_loop_t *loop, const char *dir,
		   ownership_fn *fn, void *arg, char *why, size_t size)
{
	int events = open_pin(dir, "ownership_events");

	*o = (struct ownership){ .fn = fn, .arg = arg };
	o->map = open_pin(dir, "ownership");
	if (events < 0 || o->map < 0)
		return why_set(why, size, events < 0 ? events : o->map,
			       "agent %s: nothing of baton-host is there; is "
			       "it running, and is this its bpffs directory?",
			       dir);
	o->events = ring_buffer__new(events, on_event, o, NULL);
	if (!o->events)
		return why_set(why, size, -errno, "agent %s: %s", dir,
			       strerror(errno));
	uv_poll_init(loop, &o->poll, ring_buffer__epoll_fd(o->events));
	o->poll.data = o;
	return uv_poll_start(&o->poll, UV_READABLE, on_readable);
}

void ownership_ask(struct ownership *o, uint32_t tag)
{
	struct baton_host_ownership w;

	if (bpf_map_lookup_elem(o->map, &tag, &w))
		return;
	o->fn(o->arg, &(struct baton_ownership_event){ .tag = tag,
						       .epoch = w.epoch,
						       .plays = w.plays,
						       .heard = w.heard });
}
