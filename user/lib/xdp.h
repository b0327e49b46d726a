/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs on interfaces: what is there, putting ours there, taking ours
 * away, and never touching anyone else's.
 *
 * Where the kernel can replace functions of loaded programs, an interface is
 * shared through libxdp's dispatcher. Where it cannot, ours is the only
 * program, and an interface that has another one is refused.
 *
 * A program stays attached when the process that attached it ends.
 */
#ifndef LIB_XDP_H
#define LIB_XDP_H

#include <stdbool.h>
#include <stdint.h>

enum xdp_mode { XDP_AUTO, XDP_NATIVE, XDP_GENERIC };

struct bpf_object;

/* What an interface has. */
struct xdp_state {
	uint32_t id; /* of our program, 0: it is not there */
	uint8_t tag[8]; /* of our program: equal tags, equal instructions */
	enum xdp_mode mode; /* NATIVE or GENERIC, AUTO: nothing is there */
	bool dispatcher;
	uint32_t foreign_id; /* one program that is not ours, 0: none */
	char foreign[16]; /* its name */
};

/*
 * Look at an interface. Ours is the program of this function name (at most 15
 * characters). When several are, the one that uses the map `map_id`, if any.
 */
int xdp_query(int ifindex, const char *program, uint32_t map_id,
	      struct xdp_state *state);

/* Does the program use the map? */
bool xdp_uses_map(uint32_t program_id, uint32_t map_id);

/* Is the dispatcher possible here? */
bool xdp_can_share(void);

/*
 * Before it is loaded: make a program one that what xdp_attach() attaches may
 * tail-call. A PROG_ARRAY, and what jumps through it, takes programs of one
 * kind only. Alone, the attached program has BPF_F_XDP_HAS_FRAGS. As a
 * replacement of one of the dispatcher's functions it has not, as the
 * dispatcher has it instead; and it has no attach type, which kernels compare,
 * too, since they close that hole (6.17, and stable ones from 6.1 on).
 */
struct bpf_program;
void xdp_make_callable(struct bpf_program *program);

/*
 * Attach `program` of `obj`, which is opened and not loaded, with its maps set
 * to reuse what is pinned; it is loaded here, and may be closed afterwards.
 * An earlier program of ours is replaced, without a packet that sees neither.
 *
 * AUTO tries native mode first, then generic. `why` is always filled: after an
 * error with what is wrong and what to do, else with what the operator should
 * know (generic mode, no dispatcher), or "".
 */
#define XDP_WHY 256
int xdp_attach(struct bpf_object *obj, const char *program, const char *ifname,
	       enum xdp_mode mode, struct xdp_state *state, char why[XDP_WHY]);

/* Take ours off; 0 also when it is not there. */
int xdp_detach(const char *program, const char *ifname, char why[XDP_WHY]);

#endif
