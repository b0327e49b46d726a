// SPDX-License-Identifier: GPL-2.0-only
#include "exposure.h"

enum conn_state conn_state(const struct conn *c)
{
	const struct side *client = &c->side[CLIENT],
			  *server = &c->side[SERVER];

	if (c->takeover)
		return CONN_TAKING_OVER;
	if (client->track.end_in && server->track.end_in)
		return CONN_CLOSING;
	if (client->track.end_in || server->track.end_in)
		return CONN_HALF_CLOSED;
	if (!track_is_open(&client->track))
		return CONN_OPENING;
	if ((!server->known && !c->local) || !track_is_open(&server->track))
		return CONN_CONNECTING;
	return CONN_OPEN;
}

const char *conn_state_name(enum conn_state state)
{
	static const char *const names[] = {
#define X(name, label) [CONN_##name] = label,
		CONN_STATES(X)
#undef X
	};

	return names[state];
}

const char *exposure_text(enum exposure e)
{
	static const char *const texts[] = {
#define X(name, text) [EXPOSURE_##name] = text,
		EXPOSURES(X)
#undef X
	};

	return texts[e];
}

uint64_t conn_behind(const struct conn *c, uint64_t acked)
{
	return c->told > acked ? conn_received(c) - c->confirmed : 0;
}

enum exposure conn_exposure(const struct conn *c, const struct protection *p,
			    uint64_t *bytes)
{
	*bytes = UINT64_MAX;
	if (!p->standby)
		return p->unreleased ? EXPOSURE_UNRELEASED
				     : EXPOSURE_NO_STANDBY;
	if (!c->synced)
		return EXPOSURE_UNKNOWN;
	if (!p->complete)
		return EXPOSURE_SYNCING;
	*bytes = p->withheld ? 0 : conn_behind(c, p->acked);
	return *bytes ? EXPOSURE_ON_THE_WAY : EXPOSURE_NONE;
}
