// SPDX-License-Identifier: GPL-2.0-only
/* Links through something on the way that does not pass all as it came. */
#include "nodes.h"

/* Passes bytes between the two nodes, as long as it is let. */
struct relay {
	uv_tcp_t listen, in, out;
	uv_connect_t connect;
	int port, target;
	bool flip; /* one bit of what passes */
	unsigned int closed;
	char bytes[65536];
};

struct relay_write {
	uv_write_t write;
	char bytes[];
};

static void relay_room(uv_handle_t *h, size_t n, uv_buf_t *buf)
{
	struct relay *r = h->data;

	(void)n;
	*buf = uv_buf_init(r->bytes, sizeof(r->bytes));
}

static void relay_written(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

static void relay_read(uv_stream_t *from, ssize_t n, const uv_buf_t *buf)
{
	struct relay *r = from->data;
	uv_stream_t *to = (uv_stream_t *)(from == (uv_stream_t *)&r->in
						  ? &r->out
						  : &r->in);
	struct relay_write *w;
	uv_buf_t out;

	if (n <= 0) {
		uv_read_stop(from);
		return;
	}
	if (r->flip && from == (uv_stream_t *)&r->in) {
		buf->base[n / 2] ^= 4;
		r->flip = false;
	}
	w = malloc(sizeof(*w) + n);
	memcpy(w->bytes, buf->base, n);
	out = uv_buf_init(w->bytes, n);
	uv_write(&w->write, to, &out, 1, relay_written);
}

static void relay_connected(uv_connect_t *connect, int status)
{
	struct relay *r = connect->data;

	assert_int_equal(status, 0);
	uv_read_start((uv_stream_t *)&r->in, relay_room, relay_read);
	uv_read_start((uv_stream_t *)&r->out, relay_room, relay_read);
}

static void relay_came(uv_stream_t *stream, int status)
{
	struct relay *r = stream->data;
	struct sockaddr_storage ss;

	assert_int_equal(status, 0);
	if (r->in.data)
		return; /* one is enough */
	uv_tcp_init(&loop, &r->in);
	uv_tcp_init(&loop, &r->out);
	r->in.data = r->out.data = r->connect.data = r;
	uv_accept(stream, (uv_stream_t *)&r->in);
	addr_sockaddr(&here, r->target, &ss);
	uv_tcp_connect(&r->connect, &r->out, (struct sockaddr *)&ss,
		       relay_connected);
}

static void relay_open(struct relay *r, int target)
{
	struct sockaddr_storage ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	int size = sizeof(ss);

	memset(r, 0, sizeof(*r));
	r->target = target;
	uv_tcp_init(&loop, &r->listen);
	r->listen.data = r;
	addr_sockaddr(&here, 0, &ss);
	uv_tcp_bind(&r->listen, (struct sockaddr *)&ss, 0);
	assert_int_equal(uv_listen((uv_stream_t *)&r->listen, 4, relay_came),
			 0);
	uv_tcp_getsockname(&r->listen, (struct sockaddr *)&ss, &size);
	r->port = ntohs(in->sin_port);
}

static void relay_stop(struct relay *r)
{
	uv_read_stop((uv_stream_t *)&r->in);
	uv_read_stop((uv_stream_t *)&r->out);
}

static void relay_closed(uv_handle_t *h)
{
	((struct relay *)h->data)->closed++;
}

static void relay_close(struct relay *r)
{
	uv_close((uv_handle_t *)&r->listen, relay_closed);
	uv_close((uv_handle_t *)&r->in, relay_closed);
	uv_close((uv_handle_t *)&r->out, relay_closed);
	UNTIL(r->closed == 3);
}

static void pair_open_relayed(struct node *a, struct node *b, struct relay *r,
			      struct link_config c)
{
	node_open(a, "a", c);
	node_open(b, "b", c);
	a->peer = link_peer_add(a->link, "b", &b->public);
	b->peer = link_peer_add(b->link, "a", &a->public);
	link_owner(a->link, OWNER, BATON_LINK_ROLE_OWNER, 1);
	link_owner(b->link, OWNER, BATON_LINK_ROLE_STANDBY, 1);
	b->port = link_listen(b->link, &here, 0);
	relay_open(r, b->port);
	link_connect(a->peer, &here, r->port);
	UNTIL(a->ups && b->ups);
}

/* What is queued for a peer that does not read is bounded, and it goes down. */
static void a_peer_that_never_reads(void **state)
{
	const struct link_config c = {
		.ping = 100, .silent = 1000, .high = 1 << 20, .low = 1 << 18
	};
	struct link_peer_status status;
	unsigned int refused = 0;
	struct node a, b;
	struct relay r;

	(void)state;
	pair_open_relayed(&a, &b, &r, c);
	relay_stop(&r);
	while (!a.downs) {
		while (say(&a, 100000) > 0)
			;
		refused++;
		link_peer_status(a.peer, &status);
		assert_true(status.queued <= (1 << 20) + 200000);
		UNTIL(a.downs || a.writables);
		a.writables = 0;
	}
	assert_true(refused > 0);
	assert_int_equal(a.reason, BATON_LINK_BAD_SILENT);
	assert_int_equal(say(&a, 1), -ENOTCONN);
	relay_close(&r);
	pair_close(&a, &b);
}

static void a_bit_that_flips_on_the_way_ends_it(void **state)
{
	struct node a, b;
	struct relay r;

	(void)state;
	pair_open_relayed(&a, &b, &r, (struct link_config){ 0 });
	r.flip = true;
	say(&a, 1000);
	UNTIL(b.downs);
	assert_int_equal(b.reason, BATON_LINK_BAD_TLS);
	assert_int_equal(b.frames, 0);
	UNTIL(a.downs);
	relay_close(&r);
	pair_close(&a, &b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_peer_that_never_reads),
		TEST(a_bit_that_flips_on_the_way_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
