// SPDX-License-Identifier: GPL-2.0-only
#include "capture.h"

#include <string.h>

#include "lib/capture/capture_file.h"
#include "names.h"

_Static_assert(NAMES_TEXT <= CAPTURE_NAME, "names fit");

static const char *service_text(void *names, uint16_t id,
				char text[CAPTURE_NAME])
{
	return names_service_text(names, id, text);
}

static const char *host_text(void *names, uint16_t id, char text[CAPTURE_NAME])
{
	return names_host_text(names, id, text);
}

static int capture(const struct recorder *r, struct names *names,
		   const char *owner, const char *path, const struct options *o)
{
	static uint16_t wanted[BATON_MAX_OWNERS];
	const struct capture_names texts = { service_text, host_text, names };
	uint16_t id = names_find_owner(names, owner);
	struct capture_counts counts;
	int err;

	if (!id)
		return complain(STATUS_REFUSED, "no owner %s", owner);
	wanted[id] = 1;
	err = capture_write(r, wanted, path, &texts, &counts);
	if (err)
		return complain(STATUS_REFUSED, "%s: %s", path, strerror(-err));
	printf(o->json ? "{\"packets\": %llu, \"lost\": %llu}\n"
		       : "%llu packets (%llu were written over meanwhile)\n",
	       (unsigned long long)counts.written,
	       (unsigned long long)counts.lost);
	return STATUS_OK;
}

int owner_capture(const struct verb *v, json_t *args, const struct options *o)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	const char *path = json_string_value(json_object_get(args, "file"));
	char error[PINNED_ERROR];
	struct recorder recorder = { 0 };
	struct names names;
	int status;

	(void)v;
	if (!path)
		return complain(STATUS_USAGE, "file FILE is needed");
	if (names_load(&names, o->bpffs, error))
		return complain(STATUS_UNREACHABLE, "%s", error);
	if (recorder_open(&recorder, o->bpffs, error))
		status = complain(STATUS_UNREACHABLE, "%s", error);
	else
		status = capture(&recorder, &names, name, path, o);
	recorder_close(&recorder);
	names_free(&names);
	return status;
}
