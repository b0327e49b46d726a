// SPDX-License-Identifier: GPL-2.0-only
#include "datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "baton/probe.h"
#include "host.skel.h"
#include "lib/bpffs.h"
#include "lib/log.h"

#define PROGRAM "baton_host"

static int fail(int err, char why[DATAPATH_WHY], const char *what)
{
	snprintf(why, DATAPATH_WHY, "%s: %s%s", what, strerror(-err),
		 err == -EPERM ? "; run it as root" : "");
	return err;
}

/* The program, opened, with the maps that are pinned if there are any. */
static struct host_bpf *open_program(const struct pins *p)
{
	struct host_bpf *skel = host_bpf__open();
	int i, err = 0;

	if (!skel || p->fd[0] < 0)
		return skel;
	for (i = 0; i < NR_PINS && !err; i++)
		err = bpf_map__reuse_fd(
			bpf_object__find_map_by_name(skel->obj, pin_names[i]),
			p->fd[i]);
	if (err) {
		host_bpf__destroy(skel);
		errno = -err;
		return NULL;
	}
	return skel;
}

static int pin_all(const struct host_bpf *skel, const char *dir)
{
	int i, err = 0;

	for (i = 0; i < NR_PINS && !err; i++)
		err = bpffs_pin(bpf_object__find_map_fd_by_name(skel->obj,
								pin_names[i]),
				dir, pin_names[i]);
	return err;
}

/* What makes the set of maps complete; see pins_open(). */
static int mark_complete(const struct host_bpf *skel)
{
	struct baton_host_settings settings = { .abi = BATON_HOST_ABI,
						.word = BATON_WORD_UP };
	uint32_t zero = 0;
	int fd = bpf_map__fd(skel->maps.settings);

	return bpf_map_update_elem(fd, &zero, &settings, 0) ? -errno : 0;
}

static int get_tag(const struct host_bpf *skel, uint8_t tag[8])
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(skel->progs.baton_host),
				   &info, &len))
		return -errno;
	memcpy(tag, info.tag, sizeof(info.tag));
	return 0;
}

/* Loading the program once makes missing maps, with their BTF, and tells its
 * tag. */
static int load(struct datapath *d, char why[DATAPATH_WHY])
{
	struct host_bpf *skel = open_program(&d->pins);
	int err;

	if (!skel)
		return fail(-errno, why, "cannot open the XDP program");
	err = host_bpf__load(skel);
	if (err) {
		fail(err, why, "the kernel does not load the XDP program");
		goto out;
	}
	err = get_tag(skel, d->tag);
	if (!err && !d->adopted)
		err = mark_complete(skel);
	if (!err && !d->adopted)
		err = pin_all(skel, d->dir);
	if (!err && !d->adopted)
		err = pins_open(&d->pins, d->dir);
	if (err)
		fail(err, why, d->dir);
out:
	host_bpf__destroy(skel);
	return err;
}

int datapath_open(struct datapath *d, const char *dir, char why[DATAPATH_WHY])
{
	const char *what;
	int err;

	memset(d, 0, sizeof(*d));
	pins_init(&d->pins);
	d->dir = dir;
	d->lock = -1;
	err = bpffs_prepare(dir, &what);
	if (err) {
		snprintf(why, DATAPATH_WHY, "bpffs: %s: %s: %s", dir, what,
			 strerror(-err));
		return err;
	}
	d->lock = bpffs_lock(dir);
	if (d->lock < 0) {
		snprintf(why, DATAPATH_WHY, "%s: %s", dir,
			 d->lock == -EBUSY ? "another baton-host works here; "
					     "stop it, or give each its own "
					     "bpffs"
					   : strerror(-d->lock));
		return d->lock;
	}
	err = pins_open(&d->pins, dir);
	if (err == -EPROTO)
		log_notice("%s: maps of another version are made anew; "
			   "counters start from zero",
			   dir);
	else if (err && err != -ENOENT)
		return fail(err, why, dir);
	d->adopted = !err;
	if (!d->adopted)
		pins_unpin(dir);
	return load(d, why);
}

void datapath_close(struct datapath *d)
{
	pins_close(&d->pins);
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}

int datapath_attach(struct datapath *d, const char *ifname, enum xdp_mode mode,
		    struct xdp_state *state, char why[DATAPATH_WHY])
{
	uint32_t settings = d->pins.settings_id;
	struct host_bpf *skel;
	int err;

	why[0] = '\0';
	err = xdp_query(if_nametoindex(ifname), PROGRAM, settings, state);
	if (!err && state->id && xdp_uses_map(state->id, settings) &&
	    !memcmp(state->tag, d->tag, sizeof(d->tag)) &&
	    (mode == XDP_AUTO || mode == state->mode))
		return 1;
	skel = open_program(&d->pins);
	if (!skel)
		return fail(-errno, why, "cannot open the XDP program");
	err = xdp_attach(skel->obj, PROGRAM, ifname, mode, state, why);
	host_bpf__destroy(skel);
	return err;
}

int datapath_lease_program(struct datapath *d, char why[DATAPATH_WHY])
{
	struct host_bpf *skel = open_program(&d->pins);
	int err, fd;

	if (!skel)
		return fail(-errno, why, "cannot open the TC program");
	bpf_program__set_autoload(skel->progs.baton_host, false);
	err = host_bpf__load(skel);
	fd = err ? err : dup(bpf_program__fd(skel->progs.baton_lease));
	host_bpf__destroy(skel);
	return fd < 0 ? fail(fd, why, "the kernel does not load the TC program")
		      : fd;
}

int datapath_detach(const struct pins *p, const struct config *keep,
		    char why[DATAPATH_WHY])
{
	struct if_nameindex *all = if_nameindex(), *i;
	struct xdp_state state;
	int err = 0;

	if (!all)
		return fail(-errno, why, "cannot list interfaces");
	for (i = all; i->if_index && !err; i++) {
		if ((keep && config_names(keep->interfaces, keep->nr_interfaces,
					  i->if_name)) ||
		    xdp_query(i->if_index, PROGRAM, p->settings_id, &state) ||
		    !state.id || !xdp_uses_map(state.id, p->settings_id))
			continue;
		err = xdp_detach(PROGRAM, i->if_name, why);
		if (!err)
			log_info("%s: XDP program taken off", i->if_name);
	}
	if_freenameindex(all);
	return err;
}
