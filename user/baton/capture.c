// SPDX-License-Identifier: GPL-2.0-only
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/recorder.h"
#include "names.h"
#include "pcapng.h"

struct capture {
	struct recorder recorder;
	struct names names;
	struct recorded *found;
	size_t nr;
	uint32_t interfaces[BATON_MAX_PORTS]; /* indexes, as written */
	uint32_t nr_interfaces;
	uint64_t epoch; /* ns: when the clock of records was 0 */
	uint64_t written, lost;
};

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* Ticks are coarse: within one, each CPU's stay in their order. */
static int by_time(const void *a, const void *b)
{
	const struct recorded *p = a, *q = b;

	if (p->record.time != q->record.time)
		return p->record.time < q->record.time ? -1 : 1;
	return p->record.sequence < q->record.sequence ? -1 : 1;
}

static uint32_t interface_of(struct capture *c, FILE *f, uint32_t index)
{
	char name[IF_NAMESIZE + 16];
	uint32_t i = 0;

	while (i < c->nr_interfaces && c->interfaces[i] != index)
		i++;
	if (i < c->nr_interfaces)
		return i;
	if (i == BATON_MAX_PORTS)
		return 0;
	c->interfaces[c->nr_interfaces++] = index;
	if (!if_indextoname(index, name))
		snprintf(name, sizeof(name), "interface %u", index);
	pcapng_interface(f, name, BATON_RECORD_FRAME);
	return i;
}

static void write_one(struct capture *c, FILE *f, const struct recorded *d)
{
	const struct baton_record *r = &d->record;
	struct baton_record_frame frame;
	char comment[2 * NAMES_TEXT + 32], host[NAMES_TEXT], name[NAMES_TEXT];
	struct pcapng_packet p = { .time = c->epoch + r->time,
				   .data = &frame,
				   .kept = baton_record_kept(r),
				   .length = r->length,
				   .comment = comment };

	if (recorder_frame(&c->recorder, d, &frame)) {
		c->lost++;
		return;
	}
	snprintf(comment, sizeof(comment), "service %s, %s host %s",
		 names_service_text(&c->names, r->service, name),
		 r->direction == BATON_RECORD_TO_HOST ? "to" : "from",
		 names_host_text(&c->names, r->host, host));
	p.interface = interface_of(c, f, r->ifindex);
	pcapng_packet(f, &p);
	c->written++;
}

/* It holds what others said in private. */
static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int write_all(struct capture *c, const char *path)
{
	FILE *f = create(path);
	int err;

	if (!f)
		return -errno;
	c->epoch = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
	pcapng_begin(f, "baton " BATON_VERSION);
	for (size_t i = 0; i < c->nr; i++)
		write_one(c, f, &c->found[i]);
	err = ferror(f) ? -EIO : 0;
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

static int read_all(struct capture *c, uint16_t owner)
{
	static uint16_t wanted[BATON_MAX_OWNERS];
	size_t most = (size_t)c->recorder.cpus * c->recorder.slots;

	c->found = malloc(most * sizeof(*c->found));
	if (!c->found)
		return complain(STATUS_REFUSED, "not enough memory");
	wanted[owner] = 1;
	c->nr = recorder_read(&c->recorder, wanted, c->found);
	qsort(c->found, c->nr, sizeof(*c->found), by_time);
	return STATUS_OK;
}

static int capture(struct capture *c, const char *owner, const char *path,
		   const struct options *o)
{
	uint16_t id = names_find_owner(&c->names, owner);
	int status, err;

	if (!id)
		return complain(STATUS_REFUSED, "no owner %s", owner);
	status = read_all(c, id);
	if (status)
		return status;
	err = write_all(c, path);
	if (err)
		return complain(STATUS_REFUSED, "%s: %s", path, strerror(-err));
	printf(o->json ? "{\"packets\": %llu, \"lost\": %llu}\n"
		       : "%llu packets (%llu were written over meanwhile)\n",
	       (unsigned long long)c->written, (unsigned long long)c->lost);
	return STATUS_OK;
}

int owner_capture(const struct verb *v, json_t *args, const struct options *o)
{
	const char *name = json_string_value(json_object_get(args, "name"));
	const char *path = json_string_value(json_object_get(args, "file"));
	char error[PINNED_ERROR];
	struct capture c = { 0 };
	int status;

	(void)v;
	if (!path)
		return complain(STATUS_USAGE, "file FILE is needed");
	if (names_load(&c.names, o->bpffs, error))
		return complain(STATUS_UNREACHABLE, "%s", error);
	if (recorder_open(&c.recorder, o->bpffs, error))
		status = complain(STATUS_UNREACHABLE, "%s", error);
	else
		status = capture(&c, name, path, o);
	recorder_close(&c.recorder);
	names_free(&c.names);
	free(c.found);
	return status;
}
