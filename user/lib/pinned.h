/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Opening what batond pinned under a bpffs directory, with a message that says
 * what to do when it is not as expected.
 */
#ifndef LIB_PINNED_H
#define LIB_PINNED_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "baton/abi.h"

#define PINNED_ERROR 256 /* room for a message */

/*
 * Open DIR/NAME, a map of that type and value size. The file descriptor, or a
 * negative errno with a message in `error`; *entries is its max_entries.
 */
int pinned_map(const char *dir, const char *name, enum bpf_map_type type,
	       size_t value_size, bool writable, __u32 *entries,
	       char error[PINNED_ERROR]);

/*
 * Read DIR/meta. 0, or a negative errno with a message: -EPROTO when the maps
 * follow another version of the contract than this program.
 */
int pinned_meta(const char *dir, struct baton_meta *meta,
		char error[PINNED_ERROR]);

/*
 * Read the whole array DIR/NAME into memory that the caller frees. Its
 * max_entries, or a negative errno with a message.
 */
int pinned_array(const char *dir, const char *name, size_t value_size,
		 void **values, char error[PINNED_ERROR]);

#endif
