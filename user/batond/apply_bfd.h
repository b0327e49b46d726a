/* SPDX-License-Identifier: GPL-2.0-only */
/* From the configuration of BFD, and the key files that it names, to what
 * sessions are made with. */
#ifndef BATOND_APPLY_BFD_H
#define BATOND_APPLY_BFD_H

#include "apply.h"
#include "bfd.h"

/*
 * For each host of *c, in their order, that speaks BFD; others are zeroed. 0,
 * or a negative errno with `why` filled. The result holds secrets: wipe it.
 */
int apply_bfd_settings(const struct config *c,
		       struct bfd_settings settings[BATON_MAX_HOSTS],
		       char why[APPLY_WHY]);

#endif
