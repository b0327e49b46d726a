/* SPDX-License-Identifier: GPL-2.0-only */
/* File descriptors: two for each connection, and what to do without. */
#ifndef BATON_PROXY_DESCRIPTORS_H
#define BATON_PROXY_DESCRIPTORS_H

#include <errno.h>

#include "config.h"

/* Be allowed as many as the configuration may need; if that is more than the
 * system allows, say so. */
void descriptors_raise(const struct config *c);

/* One that is there to be closed when another is needed at once; -1. */
int descriptors_spare(void);

/* Is this what accept() or socket() say when there are none? */
static inline bool descriptors_lack(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

#endif
