// SPDX-License-Identifier: GPL-2.0-only
#include "lease.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

/* What tells our filter from those of others. */
#define PRIORITY 7790
#define HANDLE 1
#define PROGRAM "baton_lease"

static int no_word(enum libbpf_print_level level, const char *format,
		   va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* 1: our program is there, 0: nothing is, -EBUSY: somebody else's. */
static int look(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int fd, err;

	if (bpf_tc_query(hook, &opts))
		return 0;
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	if (fd < 0)
		return -errno;
	err = bpf_obj_get_info_by_fd(fd, &info, &len) ? -errno : 0;
	close(fd);
	return err ?: strcmp(info.name, PROGRAM) ? -EBUSY : 1;
}

/* In one step in place of an earlier one. */
static int attach(int program, const char *ifname)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(ifname),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY,
		    .prog_fd = program, .flags = BPF_TC_F_REPLACE);
	/* It grumbles about a qdisc that is there already. */
	libbpf_print_fn_t said = libbpf_set_print(no_word);
	int err = look(&hook);

	if (err >= 0)
		err = bpf_tc_hook_create(&hook);
	if (!err || err == -EEXIST)
		err = bpf_tc_attach(&hook, &opts);
	libbpf_set_print(said);
	return err;
}

static int detach(const char *ifname)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(ifname),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	libbpf_print_fn_t said = libbpf_set_print(no_word);
	int err = look(&hook) == 1 ? bpf_tc_detach(&hook, &opts) : 0;

	libbpf_set_print(said);
	return err;
}

int lease_attach(struct datapath *d, const struct config *c)
{
	const char *failed = NULL;
	char why[DATAPATH_WHY];
	int program, err = 0;
	size_t i;

	if (!config_needs_egress(c))
		return 0;
	program = datapath_lease_program(d, why);
	if (program < 0) {
		log_error("%s", why);
		return program;
	}
	for (i = 0; i < c->nr_interfaces + c->nr_lease_interfaces && !err;
	     i++) {
		failed =
			i < c->nr_interfaces
				? c->interfaces[i].name
				: c->lease_interfaces[i - c->nr_interfaces].name;
		err = attach(program, failed);
	}
	close(program);
	if (err)
		log_error("%s: cannot put a TC program at its egress: %s",
			  failed,
			  err == -EBUSY ? "another filter has its priority "
					  "and handle; see `tc filter show "
					  "dev ... egress`"
			  : err == -EINVAL || err == -ENODEV ? "there is no "
							       "such interface"
							     : strerror(-err));
	return err;
}

void lease_detach(const struct config *keep)
{
	struct if_nameindex *all = if_nameindex(), *i;
	bool some = keep && config_needs_egress(keep);

	for (i = all; i && i->if_index; i++)
		if (!some ||
		    (!config_names(keep->interfaces, keep->nr_interfaces,
				   i->if_name) &&
		     !config_names(keep->lease_interfaces,
				   keep->nr_lease_interfaces, i->if_name)))
			detach(i->if_name);
	if_freenameindex(all);
}
