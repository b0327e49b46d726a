/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records of one node: its own, of which each change has a version, or a
 * peer's as they are known here. A peer gets what has changed since the version
 * that it has; the newer version of a record wins. Pure.
 */
#ifndef LIB_OWN_SET_H
#define LIB_OWN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "own_wire.h"

struct own_entry {
	struct own_record record; /* version 0: not known in this boot */
	uint32_t older, newer; /* entries + 1, by version; only of one's own */
};

struct own_set {
	uint16_t author; /* node id */
	struct own_entry *entries; /* the set's, by own_set_index() */
	uint32_t nr;
	uint32_t newest; /* entry + 1; 0: none */
	uint64_t version; /* own: of the newest; a peer's: all up to here */
	bool whole; /* a peer's: it was up to date once in this boot */
};

void own_set_init(struct own_set *s, uint16_t author);
void own_set_free(struct own_set *s);

/* The record in a slot, present or not; NULL: never heard of. */
const struct own_record *own_set_find(const struct own_set *s, uint8_t kind,
				      uint16_t slot);

/* Next after `r` (NULL: the first) of those present; NULL: no more. */
const struct own_record *own_set_next(const struct own_set *s,
				      const struct own_record *r);

/*
 * One's own: this is the record now. 1, 0 if it was so already, -ENOMEM, or
 * -EINVAL: no record that this author may have.
 */
int own_set_change(struct own_set *s, const struct own_record *r);

/*
 * One's own: fill m with what has changed since `since`, as much as fits, the
 * oldest first, and its header's since, until and latest.
 */
void own_set_delta(const struct own_set *s, uint64_t since,
		   struct own_message *m);

typedef void own_changed_fn(void *arg, uint16_t author,
			    const struct own_record *r);

/*
 * A peer's: what the message adds. `fn` is called for each record that is not
 * what it was. 0, or -ENOMEM with nothing lost, as it will be sent again; or
 * -ESTALE if something between what is known and the message is missing.
 */
int own_set_merge(struct own_set *s, const struct own_message *m,
		  own_changed_fn *fn, void *arg);

/* A peer's: it has been started again. What it said is kept until it has said
 * all anew. */
void own_set_restart(struct own_set *s);

#endif
