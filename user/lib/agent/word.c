// SPDX-License-Identifier: GPL-2.0-only
#include "word.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <endian.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app_state.h"
#include "lib/clock.h"
#include "probe_mac.h"

/* A prober that has not asked for so long does not listen any more. */
#define LATELY 2000000000ULL /* ns */

void word_make(struct baton_probe *p, const struct pins *pins,
	       const struct baton_host_session *session,
	       const struct baton_host_asker *asker, uint64_t now)
{
	const uint64_t key[2] = { pins->settings->key[0],
				  pins->settings->key[1] };

	*p = (struct baton_probe){
		.magic = htonl(BATON_PROBE_MAGIC),
		.type = BATON_PROBE_WORD,
		.word = pins->settings->word,
		.host = htons(session->host),
		.session = session->session,
		.sequence = htobe64(asker->sequence),
		.sent = htobe64(now),
	};
	for (uint32_t i = 0; i < BATON_PROBE_APPS; i++) {
		const struct baton_host_app *a = &pins->applications[i];

		if (a->tag)
			app_report(&p->app[i], a, pins_last_sign(pins, i),
				   pins_said(pins, i), now);
	}
	p->mac = probe_mac((const __u64 *)key, p);
}

static int send_to(const struct pins *pins,
		   const struct baton_host_session *session,
		   const struct baton_host_asker *asker, uint64_t now)
{
	struct sockaddr_storage from, to;
	struct baton_probe p;
	struct addr a;
	socklen_t len;
	int s, sent;

	/* From the address that was asked: the switch believes no other. */
	pins_addr(&asker->to, &a);
	len = addr_sockaddr(&a, 0, &from);
	pins_addr(&asker->from, &a);
	addr_sockaddr(&a, ntohs(asker->port), &to);
	s = socket(from.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return 0;
	word_make(&p, pins, session, asker, now);
	sent = !bind(s, (struct sockaddr *)&from, len) &&
	       sendto(s, &p, sizeof(p), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&to, len) == sizeof(p);
	close(s);
	return sent;
}

int word_send(const struct pins *pins)
{
	struct baton_host_session key, *previous = NULL;
	uint64_t now = clock_ns();
	int n = 0;

	if (!(pins->settings->flags & BATON_HOST_PROBES))
		return 0;
	while (!bpf_map_get_next_key(pins->fd[PIN_sessions], previous, &key)) {
		struct baton_host_asker asker;

		previous = &key;
		if (bpf_map_lookup_elem(pins->fd[PIN_sessions], &key, &asker))
			continue;
		if (now < asker.heard + LATELY)
			n += send_to(pins, &key, &asker, now);
	}
	return n;
}

int word_say(struct pins *pins, enum baton_host_word word)
{
	pins->settings->word = word;
	pins->settings->flags &= ~BATON_HOST_LEFT;
	return word_send(pins);
}
