// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can programs share an interface here? The dispatcher needs a kernel that
 * replaces functions of loaded programs, and a bpffs. The kernel is asked by
 * trying, with two programs of a few instructions each.
 *
 * The second one may change packets, as ours do, and the first one does not, as
 * the dispatcher of libxdp 1.3. Newer kernels (of Debian's, 6.12.117 and not
 * 6.1.192) do not let the one replace a function of the other.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "lib/bpffs.h"
#include "lib/log.h"
#include "lib/xdp.h"

#define FUNCTION "baton_try"

static const struct bpf_insn pass[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS }, /* r0 = */
	{ .code = BPF_JMP | BPF_EXIT },
};

static const struct bpf_insn change[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2 },
	{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_xdp_adjust_head },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
	{ .code = BPF_JMP | BPF_EXIT },
};

#define COUNT(insns) (sizeof(insns) / sizeof((insns)[0]))

/* int FUNCTION(struct xdp_md *); the type's id, or negative. */
static int describe(struct btf *btf)
{
	int number, context, pointer, proto;

	number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	context = btf__add_struct(btf, "xdp_md", sizeof(struct xdp_md));
	pointer = btf__add_ptr(btf, context);
	proto = btf__add_func_proto(btf, number);
	if (number < 0 || context < 0 || pointer < 0 || proto < 0 ||
	    btf__add_func_param(btf, "ctx", pointer))
		return -1;
	return btf__add_func(btf, FUNCTION, BTF_FUNC_GLOBAL, proto);
}

static int load(const struct btf *btf, int function, int replaced)
{
	struct bpf_func_info info = { .type_id = function };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_btf_fd = btf__fd(btf),
		    .func_info = &info, .func_info_cnt = 1,
		    .func_info_rec_size = sizeof(info));

	if (replaced < 0)
		return bpf_prog_load(BPF_PROG_TYPE_XDP, FUNCTION, "GPL", pass,
				     COUNT(pass), &opts);
	opts.attach_prog_fd = replaced;
	opts.attach_btf_id = function;
	return bpf_prog_load(BPF_PROG_TYPE_EXT, FUNCTION, "GPL", change,
			     COUNT(change), &opts);
}

static bool kernel_replaces(void)
{
	struct btf *btf = btf__new_empty();
	int function = btf ? describe(btf) : -1;
	int target = -1, other = -1, link = -1;

	if (function > 0 && !btf__load_into_kernel(btf))
		target = load(btf, function, -1);
	if (target >= 0)
		other = load(btf, function, target);
	if (other >= 0)
		link = bpf_raw_tracepoint_open(NULL, other);
	log_debug("libxdp's dispatcher: a program %s, one that replaces it "
		  "%s, and %s put in its place",
		  target < 0 ? "cannot be loaded" : "can be loaded",
		  other < 0 ? "cannot" : "can", link < 0 ? "not" : "is");
	if (link >= 0)
		close(link);
	if (other >= 0)
		close(other);
	if (target >= 0)
		close(target);
	btf__free(btf);
	return link >= 0;
}

bool xdp_can_share(void)
{
	static enum { UNKNOWN, NO, YES } known;
	const char *skip = secure_getenv("LIBXDP_SKIP_DISPATCHER");
	const char *bpffs = secure_getenv(XDP_BPFFS_ENVVAR);

	if (skip && !strcmp(skip, "1"))
		return false;
	if (!bpffs_is(bpffs ? bpffs : "/sys/fs/bpf"))
		return false;
	if (known == UNKNOWN)
		known = kernel_replaces() ? YES : NO;
	return known == YES;
}
