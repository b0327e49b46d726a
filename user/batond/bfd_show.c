// SPDX-License-Identifier: GPL-2.0-only
#include "bfd_show.h"

#include <string.h>

static const char *state_label(uint8_t state)
{
	static const char *const labels[] = {
#define X(name, label) label,
		BFD_STATES(X)
#undef X
	};

	return state < BFD_NR_STATES ? labels[state] : "?";
}

const char *bfd_diag_label(uint8_t diag)
{
	static const char *const labels[] = {
#define X(name, label) label,
		BFD_DIAGS(X)
#undef X
	};

	return diag < BFD_NR_DIAGS ? labels[diag] : "reserved";
}

static const char *auth_label(uint8_t type)
{
	switch (type) {
#define X(name, label, number)                                                 \
	case number:                                                           \
		return label;
		BFD_AUTHS(X)
#undef X
	}
	return "?";
}

static json_t *discards_json(const uint64_t discarded[BFD_NR_DISCARDS])
{
	static const char *const labels[] = { NULL,
#define X(name, label, text) label,
					      BFD_DISCARDS(X)
#undef X
	};
	json_t *j = json_object();

	for (int i = BFD_TAKEN + 1; i < BFD_NR_DISCARDS; i++)
		json_object_set_new(j, labels[i], json_integer(discarded[i]));
	return j;
}

static json_t *ago_ms(uint64_t now, uint64_t then)
{
	return then ? json_real((now > then ? now - then : 0) / 1e6)
		    : json_null();
}

static json_t *end_json(uint8_t state, uint8_t diag, uint32_t discriminator,
			uint32_t interval, uint8_t multiplier)
{
	return json_pack("{s:s, s:s, s:I, s:f, s:i}", "state",
			 state_label(state), "diag", bfd_diag_label(diag),
			 "discriminator", (json_int_t)discriminator,
			 "interval_ms", interval / 1e3, "multiplier",
			 multiplier);
}

json_t *bfd_json(const struct bfd_host *h, uint64_t now)
{
	const struct bfd *b = &h->session;

	if (!h->active || h->leaving)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:f, s:b, s:s, s:I, s:I, s:I, s:o, s:o, s:I, s:I, "
		"s:o}",
		"local",
		end_json(b->state, b->diag, b->discriminator,
			 bfd_tx_interval(b), b->settings.multiplier),
		"remote",
		end_json(b->remote.state, b->remote.diag,
			 b->remote.discriminator, bfd_rx_interval(b),
			 b->remote.multiplier),
		"detect_ms", bfd_detect_time(b) / 1e6, "polling", b->polling,
		"auth", auth_label(b->settings.key.type), "sent",
		(json_int_t)b->sent, "unsent", (json_int_t)h->unsent,
		"received", (json_int_t)b->received, "last_packet_ms",
		ago_ms(now, b->heard), "since_ms", ago_ms(now, b->since), "ups",
		(json_int_t)b->ups, "downs", (json_int_t)b->downs, "discards",
		discards_json(b->discarded));
}

json_t *bfd_status_json(const struct bfd_sessions *s)
{
	return json_pack("{s:i, s:o, s:o}", "sessions", s->nr, "error",
			 s->error ? json_string(strerror(-s->error))
				  : json_null(),
			 "discards", discards_json(s->discarded));
}

/* --- events ----------------------------------------------------------------- */

struct note_bfd bfd_note(const struct bfd_host *h)
{
	return (struct note_bfd){
		.used = h->active,
		.state = h->session.state,
		.diag = h->session.diag,
		.remote_state = h->session.remote.state,
		.remote_diag = h->session.remote.diag,
	};
}

/* Its operator has ended the session. */
static bool is_unwatched(const struct note_bfd *n)
{
	return n->state == BFD_DOWN && n->remote_state == BFD_ADMIN_DOWN;
}

void bfd_tell(struct batond *b, const struct note *n)
{
	const char *host = host_name(b, n->host);
	const struct note_bfd *s = &n->bfd;
	bool unwatched = is_unwatched(s);

	event_at(&b->events, n->at, unwatched ? LOG_L_WARNING : LOG_L_NOTICE,
		 "bfd",
		 json_pack("{s:s, s:s, s:s, s:s, s:s}", "host", host, "state",
			   state_label(s->state), "diag",
			   bfd_diag_label(s->diag), "remote_state",
			   state_label(s->remote_state), "remote_diag",
			   bfd_diag_label(s->remote_diag)),
		 "BFD session with %s is %s (%s); the host says %s (%s)%s",
		 host, state_label(s->state), bfd_diag_label(s->diag),
		 state_label(s->remote_state), bfd_diag_label(s->remote_diag),
		 unwatched ? ": it is not watched until its operator ends that"
			   : "");
}
