// SPDX-License-Identifier: GPL-2.0-only
#include "capture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "baton/abi.h"
#include "pcapng.h"

struct capture {
	const struct recorder *recorder;
	const struct capture_names *names;
	struct capture_counts *counts;
	struct recorded *found;
	size_t nr;
	uint32_t interfaces[BATON_MAX_PORTS]; /* indexes, as written */
	uint32_t nr_interfaces;
	uint64_t epoch; /* ns: when the clock of records was 0 */
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
	const struct capture_names *n = c->names;
	struct baton_record_frame frame;
	char comment[2 * CAPTURE_NAME + 32];
	char host[CAPTURE_NAME], service[CAPTURE_NAME];
	struct pcapng_packet p = { .time = c->epoch + r->time,
				   .data = &frame,
				   .kept = baton_record_kept(r),
				   .length = r->length,
				   .comment = comment };

	if (recorder_frame(c->recorder, d, &frame)) {
		c->counts->lost++;
		return;
	}
	snprintf(comment, sizeof(comment), "service %s, %s host %s",
		 n->service(n->arg, r->service, service),
		 r->direction == BATON_RECORD_TO_HOST ? "to" : "from",
		 n->host(n->arg, r->host, host));
	p.interface = interface_of(c, f, r->ifindex);
	pcapng_packet(f, &p);
	c->counts->written++;
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
	if (err)
		unlink(path);
	return err;
}

int capture_write(const struct recorder *r, const uint16_t *wanted,
		  const char *path, const struct capture_names *names,
		  struct capture_counts *counts)
{
	struct capture c = { .recorder = r, .names = names, .counts = counts };
	int err;

	*counts = (struct capture_counts){ 0 };
	c.found = malloc((size_t)r->cpus * r->slots * sizeof(*c.found));
	if (!c.found)
		return -ENOMEM;
	c.nr = recorder_read(r, wanted, c.found);
	qsort(c.found, c.nr, sizeof(*c.found), by_time);
	err = write_all(&c, path);
	free(c.found);
	return err;
}
