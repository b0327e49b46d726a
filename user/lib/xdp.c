// SPDX-License-Identifier: GPL-2.0-only
#include "lib/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "lib/log.h"

/* What the libraries say belongs in the log of who looks for trouble. */
static int bpf_says(enum libbpf_print_level level, const char *format,
		    va_list args)
{
	char line[1024];
	size_t len;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		line[len - 1] = '\0';
	log_debug("%s", line);
	return 0;
}

static int xdp_says(enum libxdp_print_level level, const char *format,
		    va_list args)
{
	return bpf_says(level == LIBXDP_DEBUG ? LIBBPF_DEBUG : LIBBPF_INFO,
			format, args);
}

static libbpf_print_fn_t hush(void)
{
	libxdp_set_print(xdp_says);
	return libbpf_set_print(bpf_says);
}

/* --- looking -------------------------------------------------------------- */

bool xdp_uses_map(uint32_t program_id, uint32_t map_id)
{
	uint32_t maps[64];
	struct bpf_prog_info info = {
		.nr_map_ids = sizeof(maps) / sizeof(maps[0]),
		.map_ids = (uintptr_t)maps,
	};
	uint32_t i, len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(program_id);
	int err;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return false;
	for (i = 0; i < info.nr_map_ids; i++)
		if (i < sizeof(maps) / sizeof(maps[0]) && maps[i] == map_id)
			return true;
	return false;
}

static void note(const struct xdp_program *p, const char *program,
		 uint32_t map_id, struct xdp_state *state)
{
	uint32_t id = xdp_program__id(p);

	if (strcmp(xdp_program__name(p), program)) {
		state->foreign_id = id;
		snprintf(state->foreign, sizeof(state->foreign), "%s",
			 xdp_program__name(p));
	} else if (!state->id || (map_id && xdp_uses_map(id, map_id))) {
		state->id = id;
		memcpy(state->tag, xdp_program__tag(p), sizeof(state->tag));
	}
}

int xdp_query(int ifindex, const char *program, uint32_t map_id,
	      struct xdp_state *state)
{
	libbpf_print_fn_t said = hush();
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *p = NULL;
	int err = libxdp_get_error(mp);

	memset(state, 0, sizeof(*state));
	libbpf_set_print(said);
	if (err)
		return err == -ENOENT ? 0 : err;
	state->mode = xdp_multiprog__attach_mode(mp) == XDP_MODE_SKB
			      ? XDP_GENERIC
			      : XDP_NATIVE;
	state->dispatcher = !xdp_multiprog__is_legacy(mp);
	if (state->dispatcher) {
		while ((p = xdp_multiprog__next_prog(p, mp)))
			note(p, program, map_id, state);
	} else {
		p = xdp_multiprog__main_prog(mp);
		if (!p)
			p = xdp_multiprog__hw_prog(mp);
		if (p)
			note(p, program, map_id, state);
	}
	xdp_multiprog__close(mp);
	return 0;
}

/* --- saying why ----------------------------------------------------------- */

static const char *const mode_names[] = {
	[XDP_AUTO] = "auto",
	[XDP_NATIVE] = "native",
	[XDP_GENERIC] = "generic",
};

/* What stands behind an error, and what to do about it. */
static const char *reason(int err)
{
	switch (err) {
	case -ERANGE:
		return "the MTU, here or at the other end of a veth, is too "
		       "large for it; lower the MTU or use mode generic";
	case -EOPNOTSUPP:
		return "the driver does not have it; use mode auto or generic";
	case -EBUSY:
	case -EEXIST:
		return "another program has just been attached; look with "
		       "`ip link`";
	case -EPERM:
		return "not permitted; run it as root";
	case -ENOMEM:
	case -ENOSPC:
		return "the device has too few queues or too little memory; "
		       "use mode generic";
	}
	return strerror(-err);
}

/* It worked; what should be known all the same? */
static void tell(const char *ifname, int native_err,
		 const struct xdp_state *state, char why[XDP_WHY])
{
	static bool said; /* true of the system, so once is enough */

	if (native_err)
		snprintf(why, XDP_WHY,
			 "%s: XDP runs in generic mode, which is slower; "
			 "native mode: %s",
			 ifname, reason(native_err));
	else if (!state->dispatcher && !said)
		snprintf(why, XDP_WHY,
			 "%s: no other XDP program fits beside ours, as this "
			 "system cannot run libxdp's dispatcher",
			 ifname);
	said |= !native_err && !state->dispatcher;
}

/* --- kinds of programs ----------------------------------------------------- */

/* XDP programs need no attach type, unless it is that of a map's entry. */
void xdp_make_callable(struct bpf_program *program)
{
	if (xdp_can_share())
		bpf_program__set_expected_attach_type(program, 0);
	else
		bpf_program__set_flags(program, BPF_F_XDP_HAS_FRAGS);
}

/* --- attaching ------------------------------------------------------------ */

static uint32_t flags_of(enum xdp_mode mode)
{
	return mode == XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

/* Ours is there alone: the kernel exchanges it in one step. */
static int exchange(int fd, int ifindex, enum xdp_mode mode,
		    const struct xdp_state *old)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	int err;

	opts.old_prog_fd = bpf_prog_get_fd_by_id(old->id);
	if (opts.old_prog_fd < 0)
		return -errno;
	if (mode == XDP_AUTO || mode == old->mode) {
		err = bpf_xdp_attach(ifindex, fd, flags_of(old->mode), &opts);
	} else {
		/* No kernel changes the mode of what is attached. */
		err = bpf_xdp_detach(ifindex, flags_of(old->mode), &opts);
		if (!err)
			err = bpf_xdp_attach(ifindex, fd, flags_of(mode), NULL);
		if (err)
			bpf_xdp_attach(ifindex, opts.old_prog_fd,
				       flags_of(old->mode), NULL);
	}
	close(opts.old_prog_fd);
	return err;
}

/* Native mode if that is wanted or left open, generic mode likewise. */
static int try_modes(int (*attach)(void *what, int ifindex, enum xdp_mode mode),
		     void *what, int ifindex, enum xdp_mode mode,
		     int *native_err)
{
	int err = 0;

	if (mode != XDP_GENERIC)
		err = *native_err = attach(what, ifindex, XDP_NATIVE);
	if (mode == XDP_GENERIC || (mode == XDP_AUTO && err))
		err = attach(what, ifindex, XDP_GENERIC);
	return err;
}

/* Nothing is there yet; if something comes first, that stays. */
static int put_alone(void *fd, int ifindex, enum xdp_mode mode)
{
	return bpf_xdp_attach(ifindex, *(int *)fd,
			      flags_of(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST,
			      NULL);
}

static int alone(struct bpf_object *obj, const char *program, int ifindex,
		 enum xdp_mode mode, const struct xdp_state *old,
		 int *native_err)
{
	struct bpf_program *p = bpf_object__find_program_by_name(obj, program);
	int err, fd;

	err = bpf_object__load(obj);
	if (err)
		return err;
	fd = bpf_program__fd(p);
	if (old->id)
		return exchange(fd, ifindex, mode, old);
	return try_modes(put_alone, &fd, ifindex, mode, native_err);
}

static int detach_one(const struct xdp_state *what, int ifindex)
{
	struct xdp_program *p = xdp_program__from_id(what->id);
	int err = libxdp_get_error(p);

	if (err)
		return err;
	/* libxdp does not find a lone program in generic mode unless told */
	err = xdp_program__detach(
		p, ifindex,
		what->mode == XDP_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	xdp_program__close(p);
	return err;
}

static int put_beside(void *program, int ifindex, enum xdp_mode mode)
{
	return xdp_program__attach(
		program, ifindex,
		mode == XDP_GENERIC ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
}

/* libxdp asks for a flag that libbpf derives from the section, but later. */
static bool takes_fragments(const struct bpf_object *obj, const char *program)
{
	const struct bpf_program *p =
		bpf_object__find_program_by_name(obj, program);

	return p && strstr(bpf_program__section_name(p), ".frags");
}

/*
 * Through the dispatcher. Ours may be there twice for a moment, which does no
 * harm: what the new one took, the old one does not get, and what it passed,
 * the old one passes.
 */
static int share(struct bpf_object *obj, const char *program, int ifindex,
		 enum xdp_mode mode, const struct xdp_state *old,
		 int *native_err)
{
	struct xdp_program_opts opts = {
		.sz = sizeof(opts),
		.obj = obj,
		.prog_name = program,
	};
	struct xdp_program *p = xdp_program__create(&opts);
	int err = libxdp_get_error(p);

	if (err)
		return err;
	if (takes_fragments(obj, program))
		xdp_program__set_xdp_frags_support(p, true);
	if (mode == XDP_AUTO && old->dispatcher)
		mode = old->mode;
	err = try_modes(put_beside, p, ifindex, mode, native_err);
	xdp_program__close(p);
	if (!err && old->id)
		err = detach_one(old, ifindex);
	return err;
}

int xdp_attach(struct bpf_object *obj, const char *program, const char *ifname,
	       enum xdp_mode mode, struct xdp_state *state, char why[XDP_WHY])
{
	int ifindex = if_nametoindex(ifname);
	libbpf_print_fn_t said;
	struct xdp_state old;
	int native_err = 0;
	int err;

	why[0] = '\0';
	if (!ifindex) {
		snprintf(why, XDP_WHY, "%s: there is no such interface",
			 ifname);
		return -ENODEV;
	}
	err = xdp_query(ifindex, program, 0, &old);
	if (err) {
		snprintf(why, XDP_WHY, "%s: cannot see its XDP program: %s",
			 ifname, reason(err));
		return err;
	}
	if (old.foreign_id && !old.dispatcher) {
		snprintf(why, XDP_WHY,
			 "%s: has the XDP program %s (id %u), which leaves no "
			 "room for another; it is left alone. To remove it: "
			 "ip link set dev %s %s off",
			 ifname, old.foreign, old.foreign_id, ifname,
			 old.mode == XDP_GENERIC ? "xdpgeneric" : "xdpdrv");
		return -EBUSY;
	}
	said = hush();
	if (old.dispatcher || (!old.id && xdp_can_share()))
		err = share(obj, program, ifindex, mode, &old, &native_err);
	else
		err = alone(obj, program, ifindex, mode, &old, &native_err);
	libbpf_set_print(said);
	if (!err)
		err = xdp_query(ifindex, program, 0, state);
	if (err)
		snprintf(why, XDP_WHY, "%s: cannot attach XDP in %s mode: %s",
			 ifname, mode_names[mode], reason(err));
	else
		tell(ifname, native_err, state, why);
	return err;
}

int xdp_detach(const char *program, const char *ifname, char why[XDP_WHY])
{
	int ifindex = if_nametoindex(ifname);
	libbpf_print_fn_t said;
	struct xdp_state state;
	int err;

	why[0] = '\0';
	if (!ifindex)
		return 0;
	err = xdp_query(ifindex, program, 0, &state);
	if (!err && state.id) {
		said = hush();
		err = detach_one(&state, ifindex);
		libbpf_set_print(said);
	}
	if (err)
		snprintf(why, XDP_WHY,
			 "%s: cannot take the XDP program off: %s", ifname,
			 reason(err));
	return err;
}
