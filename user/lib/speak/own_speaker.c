// SPDX-License-Identifier: GPL-2.0-only
#include "own_speaker.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/link/link_key.h"
#include "lib/log.h"
#include "lib/why.h"

#define NS_PER_MS 1000000

/* --- out ------------------------------------------------------------------------ */

static void send_to(void *arg, uint16_t to, const uint8_t *bytes, size_t size)
{
	struct own_speaker *s = arg;
	const uv_buf_t buf = uv_buf_init((char *)bytes, size);

	/* what is lost is said again */
	if (uv_udp_try_send(&s->socket, &buf, 1,
			    (const struct sockaddr *)&s->at[to]) < 0)
		s->unsent++;
}

static uint64_t random_number(void *arg)
{
	uint64_t n;

	(void)arg;
	randombytes_buf(&n, sizeof(n));
	return n;
}

static void tick(struct own_speaker *s);

static void on_timer(uv_timer_t *timer)
{
	tick(timer->data);
}

static void tick(struct own_speaker *s)
{
	uint64_t now = clock_ns(), next = own_member_tick(&s->member, now);

	if (next == UINT64_MAX) /* there are no peers */
		uv_timer_stop(&s->timer);
	else
		uv_timer_start(&s->timer, on_timer,
			       next > now ? (next - now) / NS_PER_MS + 1 : 1,
			       0);
}

/* --- in -------------------------------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct own_speaker *s = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)s->input, sizeof(s->input));
}

static void on_datagram(uv_udp_t *socket, ssize_t n, const uv_buf_t *buf,
			const struct sockaddr *from, unsigned int flags)
{
	struct own_speaker *s = socket->data;

	(void)flags;
	/* who has not begun has nobody to believe */
	if (n <= 0 || !from || !s->begun)
		return;
	if (own_member_receive(&s->member, (const uint8_t *)buf->base, n,
			       clock_ns()) == OWN_ACCEPTED_)
		tick(s);
}

static void on_changed(void *arg, uint16_t author, const struct own_record *r)
{
	struct own_speaker *s = arg;

	if (s->changed)
		s->changed(s->arg, author, r);
}

/* --- the node --------------------------------------------------------------------- */

static int read_seed(uint8_t seed[OWN_KEY_LEN], const char *path, char *why,
		     size_t size)
{
	struct link_key *key;
	int err = link_key_read(&key, path, why, size);

	if (err)
		return err;
	link_key_seed(key, seed);
	link_key_free(key);
	return 0;
}

int own_speaker_open(struct own_speaker *s, uv_loop_t *loop, uint16_t port,
		     const char *key_file, char *why, size_t size)
{
	const struct sockaddr_in6 any = { .sin6_family = AF_INET6,
					  .sin6_port = htons(port) };
	int err;

	memset(s, 0, sizeof(*s));
	err = read_seed(s->seed, key_file, why, size);
	if (err)
		return err;
	uv_timer_init(loop, &s->timer);
	err = uv_udp_init(loop, &s->socket);
	s->timer.data = s->socket.data = s;
	if (!err) /* IPv4 as well, by mapped addresses */
		err = uv_udp_bind(&s->socket, (const struct sockaddr *)&any, 0);
	if (!err)
		err = uv_udp_recv_start(&s->socket, on_room, on_datagram);
	return err ? why_set(why, size, err, "UDP port %u: %s", port,
			     uv_strerror(err))
		   : 0;
}

void own_speaker_close(struct own_speaker *s)
{
	sodium_memzero(s->seed, sizeof(s->seed));
	if (s->begun)
		own_member_free(&s->member);
	s->begun = false;
	uv_close((uv_handle_t *)&s->timer, NULL);
	uv_close((uv_handle_t *)&s->socket, NULL);
}

void own_speaker_heed(struct own_speaker *s, own_changed_fn *fn, void *arg)
{
	s->changed = fn;
	s->arg = arg;
}

void own_speaker_begin(struct own_speaker *s, uint16_t id)
{
	const struct own_callbacks cb = { .send = send_to,
					  .random = random_number,
					  .changed = on_changed,
					  .arg = s };

	if (s->begun && s->member.id == id)
		return;
	if (s->begun)
		own_member_free(&s->member);
	own_member_init(&s->member, id, &cb);
	s->begun = true;
	uv_timer_stop(&s->timer);
}

/* The socket is one of IPv6. */
static void set_address(struct sockaddr_storage *ss, const struct addr *a,
			uint16_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	if (a->family == 6) {
		memcpy(&in6->sin6_addr, a->word, sizeof(in6->sin6_addr));
		return;
	}
	in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&in6->sin6_addr.s6_addr[12], a->word, sizeof(a->word[0]));
}

int own_speaker_peer(struct own_speaker *s, uint16_t id, const struct addr *a,
		     uint16_t port, const uint8_t public[OWN_KEY_LEN])
{
	struct own_keys keys;
	int err;

	if (id >= BATON_OWNERSHIP_NODES)
		return -EINVAL;
	set_address(&s->at[id], a, port);
	if (own_member_peer(&s->member, id)) {
		if (!memcmp(s->key[id], public, OWN_KEY_LEN))
			return 0;
		own_member_remove(&s->member, id);
	}
	err = own_auth_keys(&keys, s->seed, public);
	if (!err)
		err = own_member_add(&s->member, id, &keys, clock_ns());
	sodium_memzero(&keys, sizeof(keys));
	if (err)
		return err;
	memcpy(s->key[id], public, OWN_KEY_LEN);
	tick(s);
	return 0;
}

void own_speaker_drop(struct own_speaker *s, uint16_t id)
{
	if (own_member_peer(&s->member, id))
		own_member_remove(&s->member, id);
}

void own_speaker_say(struct own_speaker *s, const struct own_record *r)
{
	int news = own_member_say(&s->member, r);

	if (news < 0)
		log_warning("ownership: a record cannot be told: %s",
			    strerror(-news));
	/* what is said in one turn of the loop goes together */
	if (news > 0 && s->member.nr)
		uv_timer_start(&s->timer, on_timer, 0, 0);
}

const struct own_record *own_speaker_find(const struct own_speaker *s,
					  uint16_t node, uint8_t kind,
					  uint16_t slot)
{
	const struct own_record *r =
		own_member_find(&s->member, node, kind, slot);

	return r && r->present ? r : NULL;
}

uint64_t own_speaker_silence(const struct own_speaker *s, uint16_t id,
			     uint64_t now)
{
	const struct own_peer *p = s->begun ? own_member_peer(&s->member, id)
					    : NULL;

	return p && p->fresh.boot ? now - p->fresh.heard : UINT64_MAX;
}
