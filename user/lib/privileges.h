/* SPDX-License-Identifier: GPL-2.0-only */
/* What a daemon may still do once it has started. */
#ifndef LIB_PRIVILEGES_H
#define LIB_PRIVILEGES_H

#include <stddef.h>

/*
 * Give up all capabilities but these (CAP_... of linux/capability.h), for good,
 * and hide the memory, which holds a key. Capabilities are a thread's: each
 * calls this for itself. 0 or a negative errno.
 */
int privileges_keep(const int *capabilities, size_t n);

/* Those that a daemon needs which changes maps and addresses: CAP_BPF and
 * CAP_NET_ADMIN. */
int privileges_drop(void);

#endif
