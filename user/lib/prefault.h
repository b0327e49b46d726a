/* SPDX-License-Identifier: GPL-2.0-only */
/* Touch memory before it is used in a hurry, which then meets no page fault. */
#ifndef LIB_PREFAULT_H
#define LIB_PREFAULT_H

#include <stddef.h>

/* Its bytes are undefined afterwards. */
static inline void prefault(void *memory, size_t size)
{
	/* Smaller than any page; volatile, or nothing would come of it. */
	for (size_t i = 0; i < size; i += 4096)
		((volatile char *)memory)[i] = 0;
}

#endif
