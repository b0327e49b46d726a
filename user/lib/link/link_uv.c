// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/link/link_conn.h"
#include "lib/why.h"

/* Of those who came, so many may be on their way up. */
#define CROWD 16
#define BACKLOG 128

/* An address that a link listens at. */
struct link_listener {
	struct link *link;
	struct link_listener *next;
	uv_tcp_t tcp;
};

/* --- the end ------------------------------------------------------------------ */

static void link_free(struct link *link)
{
	struct link_listener *l;
	struct link_peer *p;

	while ((p = link->peers)) {
		link->peers = p->next;
		free(p);
	}
	while ((l = link->listeners)) {
		link->listeners = l->next;
		free(l);
	}
	link_tls_node_free(&link->tls);
	link_owners_free(&link->owners);
	if (link->input)
		explicit_bzero(link->input, LINK_INPUT_SIZE);
	free(link->input);
	free(link);
}

void link_handle_gone(struct link *link)
{
	if (!--link->handles && link->closing)
		link_free(link);
}

static void on_handle_closed(uv_handle_t *handle)
{
	link_handle_gone(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct link_listener *l = handle->data;

	link_handle_gone(l->link);
}

static void on_retry_closed(uv_handle_t *handle)
{
	struct link_peer *p = handle->data;

	link_handle_gone(p->link);
}

void link_close(struct link *link)
{
	struct link_listener *l;
	struct link_peer *p;
	struct link_conn *c;

	if (link->closing)
		return;
	link->closing = true;
	for (c = link->conns; c; c = c->next) {
		if (c->proven)
			link_session_close(&c->session,
					   BATON_LINK_BAD_SHUTDOWN);
		link_conn_end(c, BATON_LINK_BAD_SHUTDOWN, "closed");
	}
	for (p = link->peers; p; p = p->next)
		uv_close((uv_handle_t *)&p->retry, on_retry_closed);
	for (l = link->listeners; l; l = l->next)
		uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
	uv_close((uv_handle_t *)&link->tick, on_handle_closed);
	uv_close((uv_handle_t *)&link->check, on_handle_closed);
	uv_close((uv_handle_t *)&link->busy, on_handle_closed);
}

/* --- turns and time ------------------------------------------------------------ */

/*
 * Connections leave the list only between turns (in their handle's end), so the
 * callbacks may end any of them meanwhile.
 */
static void on_check(uv_check_t *check)
{
	struct link *link = check->data;
	struct link_conn *c;
	bool more = false;

	for (c = link->conns; c; c = c->next)
		more |= link_conn_turn(c);
	if (!more && !link->closing)
		uv_idle_stop(&link->busy);
}

static void on_busy(uv_idle_t *busy)
{
	(void)busy;
}

static void on_tick(uv_timer_t *timer)
{
	struct link *link = timer->data;
	uint64_t now = clock_ns();
	struct link_conn *c;

	for (c = link->conns; c; c = c->next)
		link_conn_tick(c, now);
}

/* --- the beginning --------------------------------------------------------------- */

static void set_defaults(struct link_config *c)
{
	const struct link_config d = LINK_DEFAULTS;

	c->ping = c->ping ? c->ping : d.ping;
	c->silent = c->silent ? c->silent : d.silent;
	c->hello = c->hello ? c->hello : d.hello;
	c->ack_late = c->ack_late ? c->ack_late : d.ack_late;
	c->retry_min = c->retry_min ? c->retry_min : d.retry_min;
	c->retry_max = c->retry_max ? c->retry_max : d.retry_max;
	c->high = c->high ? c->high : d.high;
	c->low = c->low ? c->low : d.low;
}

static int check_config(const struct link_config *c, char why[LINK_WHY])
{
	if (!link_is_name(c->node))
		return why_set(why, LINK_WHY, -EINVAL,
			       "node: expected a name of 1 to %d printable "
			       "ASCII characters without blanks",
			       BATON_LINK_NAME_LEN - 1);
	if (c->silent <= c->ping)
		return why_set(why, LINK_WHY, -EINVAL,
			       "silent: expected more than ping (%u ms)",
			       c->ping);
	if (c->low > c->high)
		return why_set(why, LINK_WHY, -EINVAL,
			       "low: expected at most high (%zu bytes)",
			       c->high);
	return 0;
}

/* These handles do not keep a loop running that has nothing else to do. */
static void start_handles(struct link *link)
{
	uint32_t period = link->config.ping / 4 ? link->config.ping / 4 : 1;

	uv_timer_init(link->loop, &link->tick);
	uv_check_init(link->loop, &link->check);
	uv_idle_init(link->loop, &link->busy);
	link->tick.data = link->check.data = link->busy.data = link;
	link->handles = 3;
	uv_timer_start(&link->tick, on_tick, period, period);
	uv_check_start(&link->check, on_check);
	uv_unref((uv_handle_t *)&link->tick);
	uv_unref((uv_handle_t *)&link->check);
}

void link_busy(struct link *link)
{
	if (!link->closing && !uv_is_active((uv_handle_t *)&link->busy))
		uv_idle_start(&link->busy, on_busy);
}

int link_open(struct link **out, uv_loop_t *loop,
	      const struct link_config *config,
	      const struct link_callbacks *callbacks, void *arg,
	      char why[LINK_WHY])
{
	struct link *link = calloc(1, sizeof(*link));
	int err;

	if (!link || !(link->input = malloc(LINK_INPUT_SIZE))) {
		free(link);
		return why_set(why, LINK_WHY, -ENOMEM, "out of memory");
	}
	link->loop = loop;
	link->config = *config;
	set_defaults(&link->config);
	err = check_config(&link->config, why);
	if (!err) {
		strcpy(link->node, config->node);
		err = link_tls_node_init(&link->tls, link->node, config->key);
		if (err)
			why_set(why, LINK_WHY, err,
				"cannot make a certificate of the node key");
	}
	if (err) {
		link_free(link);
		return err;
	}
	/* libuv writes to sockets without MSG_NOSIGNAL */
	signal(SIGPIPE, SIG_IGN);
	link->config.node = link->node;
	link->callbacks = *callbacks;
	link->arg = arg;
	link->tls.known = link_peer_knows;
	link->tls.arg = link;
	start_handles(link);
	*out = link;
	return 0;
}

/* --- those who come ------------------------------------------------------------ */

/* Whoever has been on the way for longest makes room for the newest. */
static void thin_crowd(struct link *link)
{
	struct link_conn *c, *oldest = NULL;
	unsigned int nr = 0;

	for (c = link->conns; c; c = c->next) {
		if (c->over || c->calls || (c->peer && c->peer->conn == c))
			continue;
		nr++;
		oldest = c; /* the list is from new to old */
	}
	if (nr > CROWD)
		link_conn_end(oldest, BATON_LINK_BAD_CROWD, "%s",
			      link_reason_text(BATON_LINK_BAD_CROWD));
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct link_listener *l = stream->data;
	struct link_conn *c;

	if (status || l->link->closing)
		return;
	c = link_conn_new(l->link, NULL);
	if (!c)
		return;
	status = uv_accept(stream, (uv_stream_t *)&c->tcp);
	if (status) {
		link_conn_end(c, BATON_LINK_BAD_SYSTEM, "%s",
			      uv_strerror(status));
		return;
	}
	link_conn_start(c);
	thin_crowd(l->link);
}

static int bound_port(const uv_tcp_t *tcp)
{
	struct sockaddr_storage ss;
	int size = sizeof(ss), err;

	err = uv_tcp_getsockname(tcp, (struct sockaddr *)&ss, &size);
	if (err)
		return err;
	return ntohs(ss.ss_family == AF_INET6
			     ? ((struct sockaddr_in6 *)&ss)->sin6_port
			     : ((struct sockaddr_in *)&ss)->sin_port);
}

int link_listen(struct link *link, const struct addr *a, uint16_t port)
{
	struct link_listener *l;
	struct sockaddr_storage ss;
	int err;

	if (!addr_sockaddr(a, port, &ss))
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->link = link;
	err = uv_tcp_init(link->loop, &l->tcp);
	if (err) {
		free(l);
		return err;
	}
	l->tcp.data = l;
	l->next = link->listeners;
	link->listeners = l;
	link->handles++;
	err = uv_tcp_bind(&l->tcp, (struct sockaddr *)&ss, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
	/* one that failed hears nobody, and goes with the link */
	return err ? err : bound_port(&l->tcp);
}
