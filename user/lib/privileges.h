/* SPDX-License-Identifier: GPL-2.0-only */
/* What a daemon may still do once it has started. */
#ifndef LIB_PRIVILEGES_H
#define LIB_PRIVILEGES_H

/*
 * Give up everything but CAP_BPF (maps change on reload) and CAP_NET_ADMIN
 * (addresses, neighbours), for good, and hide the memory, which holds a key.
 * Capabilities are a thread's: each calls this for itself. 0 or a negative
 * errno.
 */
int privileges_drop(void);

#endif
