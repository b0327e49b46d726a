// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer whose key is known, but which does not speak as it should: TLS is
 * right, what is in it is not.
 */
#include "nodes.h"

#include <endian.h>

#include "lib/link/link_session.h"
#include "lib/link/link_tls.h"

/* Node "a" by hand: it says what it is told, and notes the last frame. */
struct hand {
	struct link_key *key;
	struct link_public public, other;
	struct link_tls_node node;
	struct link_tls tls;
	struct link_decoder decoder;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	char bytes[65536];

	bool proven, ended, closed;
	unsigned int frames;
	struct link_frame last;
	uint32_t reason; /* of the last */
	uint8_t version; /* of the last */
};

static bool knows(void *arg, const char *name, const struct link_public *key)
{
	const struct hand *h = arg;

	return !strcmp(name, "b") && !memcmp(key, &h->other, sizeof(*key));
}

static void flush(struct hand *h)
{
	struct link_bytes *out = &h->tls.out;
	uv_buf_t buf;
	int n;

	while (link_bytes_left(out)) {
		buf = uv_buf_init((char *)out->bytes + out->start,
				  link_bytes_left(out));
		n = uv_try_write((uv_stream_t *)&h->tcp, &buf, 1);
		if (n < 0)
			return;
		link_bytes_skip(out, n);
	}
}

static void note(struct hand *h)
{
	size_t room;
	uint8_t *to;
	ssize_t n;

	while ((to = link_decoder_room(&h->decoder, &room)) &&
	       (n = link_tls_read(&h->tls, to, room)) > 0) {
		link_decoder_filled(&h->decoder, n);
		while (link_decoder_next(&h->decoder, &h->last) > 0) {
			h->frames++;
			h->version = h->decoder.version;
			if (h->last.length == sizeof(__be32))
				h->reason = link_frame_reason(&h->last);
		}
	}
}

static void hand_room(uv_handle_t *handle, size_t n, uv_buf_t *buf)
{
	struct hand *h = handle->data;

	(void)n;
	*buf = uv_buf_init(h->bytes, sizeof(h->bytes));
}

static void hand_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct hand *h = stream->data;

	if (n <= 0) {
		h->ended |= n < 0;
		return;
	}
	link_tls_feed(&h->tls, buf->base, n);
	if (!h->proven)
		h->proven = link_tls_handshake(&h->tls) > 0;
	flush(h);
	if (h->proven)
		note(h);
}

static void hand_connected(uv_connect_t *connect, int status)
{
	struct hand *h = connect->data;

	assert_int_equal(status, 0);
	uv_read_start((uv_stream_t *)&h->tcp, hand_room, hand_read);
	assert_int_equal(link_tls_open(&h->tls, &h->node, true, "b"), 0);
	assert_int_equal(link_tls_handshake(&h->tls), 0);
	flush(h);
}

static void hand_closed(uv_handle_t *handle)
{
	((struct hand *)handle->data)->closed = true;
}

/* `b` is a node, `h` is what speaks with it; both ends are proven. */
static void hand_open(struct hand *h, struct node *b, struct link_config c)
{
	struct sockaddr_storage ss;

	node_open(b, "b", c);
	link_owner(b->link, OWNER, BATON_LINK_ROLE_STANDBY, 1);
	b->port = link_listen(b->link, &here, 0);
	memset(h, 0, sizeof(*h));
	link_decoder_init(&h->decoder);
	assert_int_equal(link_key_make(&h->key), 0);
	link_key_public(h->key, &h->public);
	h->other = b->public;
	b->peer = link_peer_add(b->link, "a", &h->public);
	assert_int_equal(link_tls_node_init(&h->node, "a", h->key), 0);
	h->node.known = knows;
	h->node.arg = h;
	uv_tcp_init(&loop, &h->tcp);
	h->tcp.data = h->connect.data = h;
	addr_sockaddr(&here, b->port, &ss);
	uv_tcp_connect(&h->connect, &h->tcp, (struct sockaddr *)&ss,
		       hand_connected);
	UNTIL(h->proven && h->frames);
	assert_int_equal(h->last.type, BATON_LINK_HELLO);
}

static void hand_close(struct hand *h, struct node *b)
{
	uv_close((uv_handle_t *)&h->tcp, hand_closed);
	UNTIL(h->closed);
	link_tls_free(&h->tls);
	link_tls_node_free(&h->node);
	link_decoder_free(&h->decoder);
	link_key_free(h->key);
	node_close(b);
}

/* A frame of which only so much of the payload comes. */
static void put_part(struct hand *h, const struct link_frame *f,
		     uint8_t version, size_t part)
{
	struct baton_link_header header;

	link_header_put(&header, f);
	header.version = version;
	link_tls_write(&h->tls, &header, sizeof(header));
	link_tls_write(&h->tls, f->payload, part);
}

static void put(struct hand *h, const struct link_frame *f, uint8_t version)
{
	put_part(h, f, version, f->length);
}

static void hello(struct hand *h, const char *name, uint8_t version)
{
	struct baton_link_hello payload = { 0 };

	strcpy(payload.node, name);
	put(h,
	    &(struct link_frame){ .type = BATON_LINK_HELLO,
				  .length = sizeof(payload),
				  .payload = (uint8_t *)&payload },
	    version);
}

static struct link_frame stream(uint64_t sequence)
{
	return (struct link_frame){ .type = BATON_LINK_STREAM,
				    .role = BATON_LINK_ROLE_OWNER,
				    .owner = OWNER,
				    .epoch = 1,
				    .sequence = sequence };
}

/* The node ends it, says why, and took nothing. */
static void expect_close(struct hand *h, struct node *b,
			 enum baton_link_reason reason)
{
	flush(h);
	UNTIL(b->failures + b->downs && h->ended);
	assert_int_equal(b->reason, reason);
	assert_int_equal(h->last.type, BATON_LINK_CLOSE);
	assert_int_equal(h->reason, reason);
	assert_int_equal(b->frames, 0);
	assert_int_equal(link_count(b->link, reason), 1);
	assert_false(link_peer_is_up(b->peer));
	hand_close(h, b);
}

static void another_version_is_told_both(void **state)
{
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	hello(&h, "a", BATON_LINK_VERSION + 1);
	flush(&h);
	UNTIL(b.failures && h.ended);
	assert_string_equal(b.why, "it speaks version 3, this node 2");
	assert_int_equal(h.version, BATON_LINK_VERSION);
	expect_close(&h, &b, BATON_LINK_BAD_VERSION);
}

/* What says CLOSE in another version is understood, too. */
static void a_refusal_by_another_version_is_understood(void **state)
{
	const __be32 reason = htobe32(BATON_LINK_BAD_VERSION);
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	put(&h,
	    &(struct link_frame){ .type = BATON_LINK_CLOSE,
				  .length = sizeof(reason),
				  .payload = (const uint8_t *)&reason },
	    7);
	flush(&h);
	UNTIL(b.failures);
	assert_int_equal(b.reason, BATON_LINK_BAD_VERSION);
	assert_string_equal(b.why, "it speaks version 7, this node 2");
	hand_close(&h, &b);
}

static void a_hello_of_another_name(void **state)
{
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	hello(&h, "c", BATON_LINK_VERSION);
	expect_close(&h, &b, BATON_LINK_BAD_NAME);
}

static void data_before_hello(void **state)
{
	const struct link_frame f = stream(1);
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	put(&h, &f, BATON_LINK_VERSION);
	expect_close(&h, &b, BATON_LINK_BAD_STATE);
}

static void no_frame_at_all(void **state)
{
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	link_tls_write(&h.tls, "GET / HTTP/1.1\r\nHost: baton\r\n\r\n", 32);
	expect_close(&h, &b, BATON_LINK_BAD_MAGIC);
}

static void a_frame_of_another_sequence(void **state)
{
	const struct link_frame f = stream(2);
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	hello(&h, "a", BATON_LINK_VERSION);
	put(&h, &f, BATON_LINK_VERSION);
	expect_close(&h, &b, BATON_LINK_BAD_SEQUENCE);
}

/* It ends in the middle of a frame: the frame is not taken. */
static void the_end_in_the_middle_of_a_frame(void **state)
{
	struct link_frame f = stream(1);
	struct hand h;
	struct node b;

	(void)state;
	hand_open(&h, &b, (struct link_config){ 0 });
	hello(&h, "a", BATON_LINK_VERSION);
	f.payload = (const uint8_t *)"whole";
	f.length = 5;
	put(&h, &f, BATON_LINK_VERSION);
	flush(&h);
	UNTIL(b.frames == 1);
	f = stream(2);
	f.length = 1000;
	f.payload = (uint8_t *)h.bytes;
	put_part(&h, &f, BATON_LINK_VERSION, 999);
	flush(&h);
	uv_shutdown(&h.shutdown, (uv_stream_t *)&h.tcp, NULL);
	UNTIL(b.downs);
	assert_int_equal(b.reason, BATON_LINK_BAD_GONE);
	assert_int_equal(b.frames, 1);
	hand_close(&h, &b);
}

/*
 * It makes the node answer and never reads the answers: what waits for it is
 * bounded, and then it is left.
 */
static void answers_that_are_never_read(void **state)
{
	const struct link_config c = { .high = 1 << 16,
				       .low = 1 << 14,
				       .silent = 60000 };
	struct link_peer_status status;
	struct link_frame f = stream(0);
	struct hand h;
	struct node b;
	int i;

	(void)state;
	hand_open(&h, &b, c);
	hello(&h, "a", BATON_LINK_VERSION);
	flush(&h);
	UNTIL(b.ups);
	uv_read_stop((uv_stream_t *)&h.tcp);
	f.owner = OWNER + 1; /* of whom the node has never heard */
	while (!b.downs) {
		for (i = 0; i < 200 && !link_bytes_left(&h.tls.out); i++) {
			f.sequence++;
			put(&h, &f, BATON_LINK_VERSION);
			flush(&h);
		}
		flush(&h);
		uv_run(&loop, UV_RUN_NOWAIT);
		link_peer_status(b.peer, &status);
		assert_true(status.queued <= (1 << 16) + (1 << 20) + 65536);
	}
	assert_int_equal(b.reason, BATON_LINK_BAD_UNREAD);
	assert_int_equal(b.frames, 0);
	assert_true(link_count(b.link, BATON_LINK_BAD_OWNER) > 1000);
	hand_close(&h, &b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(another_version_is_told_both),
		TEST(a_refusal_by_another_version_is_understood),
		TEST(a_hello_of_another_name),
		TEST(data_before_hello),
		TEST(no_frame_at_all),
		TEST(a_frame_of_another_sequence),
		TEST(the_end_in_the_middle_of_a_frame),
		TEST(answers_that_are_never_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
