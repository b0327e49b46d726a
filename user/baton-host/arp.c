// SPDX-License-Identifier: GPL-2.0-only
#include "arp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"

#define ALL "/proc/sys/net/ipv4/conf/all/"
#define ARP_IGNORE 1 /* answer only on the interface that has the address */
#define ARP_ANNOUNCE 2 /* ask only with an address of that interface */

static int failed(const char *path)
{
	int err = -errno;

	log_error("%s: %s", path, strerror(-err));
	return err;
}

static int read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	int value = 0;

	if (!f)
		return failed(path);
	if (fscanf(f, "%d", &value) != 1) {
		errno = EPROTO;
		value = failed(path);
	}
	fclose(f);
	return value;
}

static int write_number(const char *path, int value)
{
	FILE *f = fopen(path, "we");
	int bad;

	if (!f)
		return failed(path);
	bad = fprintf(f, "%d\n", value) < 0;
	bad |= fclose(f) != 0;
	return bad ? failed(path) : 0;
}

static int raise_to(const char *path, int least, __u8 *was)
{
	int now = read_number(path);

	if (now < 0)
		return now;
	*was = now;
	return now < least ? write_number(path, least) : 0;
}

static int set_back(const char *path, int least, int was)
{
	int now = read_number(path);

	if (now < 0)
		return now;
	return now == least && was < least ? write_number(path, was) : 0;
}

int arp_silence(struct baton_host_settings *s)
{
	__u8 ignore, announce;
	int err = raise_to(ALL "arp_ignore", ARP_IGNORE, &ignore);

	if (!err)
		err = raise_to(ALL "arp_announce", ARP_ANNOUNCE, &announce);
	if (err || s->flags & BATON_HOST_ARP_SET)
		return err;
	s->arp_ignore_was = ignore;
	s->arp_announce_was = announce;
	s->flags |= BATON_HOST_ARP_SET;
	return 0;
}

int arp_restore(struct baton_host_settings *s)
{
	int err, also;

	if (!(s->flags & BATON_HOST_ARP_SET))
		return 0;
	err = set_back(ALL "arp_ignore", ARP_IGNORE, s->arp_ignore_was);
	also = set_back(ALL "arp_announce", ARP_ANNOUNCE, s->arp_announce_was);
	s->flags &= ~BATON_HOST_ARP_SET;
	return err ? err : also;
}
