// SPDX-License-Identifier: GPL-2.0-only
#include "replay_show.h"

json_t *recorder_json(const struct recorder *r)
{
	json_int_t packets = 0, too_large = 0;

	for (uint32_t i = 0; i < r->cpus; i++) {
		packets += r->ring[i].next;
		too_large += r->ring[i].too_large;
	}
	return json_pack("{s:I, s:i, s:I, s:I}", "slots",
			 (json_int_t)r->cpus * r->slots, "rings", (int)r->cpus,
			 "packets", packets, "too_large", too_large);
}

json_t *replay_json(const struct replay_result *r)
{
	json_t *j;

	if (!r->took)
		return json_null();
	j = json_object();
#define X(name, text)                                                          \
	json_object_set_new(j, #name, json_integer(r->counts.name));
	REPLAY_COUNTS(X)
#undef X
	json_object_set_new(j, "ms", json_real(r->took / 1e6));
	return j;
}
