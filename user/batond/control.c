// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <string.h>

#include "commands.h"
#include "lib/jsonserver.h"

static struct jsonserver *server; /* NULL: there is none */

static void on_event(json_t *event, void *arg)
{
	(void)arg;
	jsonserver_event(server, event);
}

static json_t *on_request(void *arg, struct jsonserver_client *client,
			  const char *what, const json_t *request,
			  char why[JSONSERVER_WHY])
{
	json_t *data = command_run(arg, what, request, why);

	if (data && !strcmp(what, "event.watch"))
		jsonserver_watch(client);
	return data;
}

int control_open(struct batond *b, const char *path)
{
	/* whoever left it there is gone: the lock on the bpffs says so */
	int err = jsonserver_open(&server, &b->loop, path, on_request, b);

	if (!err)
		b->events.listener = on_event;
	return err;
}

void control_close(struct batond *b)
{
	b->events.listener = NULL;
	if (server)
		jsonserver_close(server);
	server = NULL;
}
