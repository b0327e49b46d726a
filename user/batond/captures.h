/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whenever owners fail over, what the recorder holds of them is kept in a file
 * (row K2), for whoever wants to know later what went on. Files are written
 * beside the main thread; the oldest make room for new ones.
 */
#ifndef BATOND_CAPTURES_H
#define BATOND_CAPTURES_H

#include <stdbool.h>
#include <stdint.h>

struct batond;
struct note;

struct captures {
	char *directory; /* NULL: none are kept */
	uint32_t writing; /* that are under way */
};

/* 0, or a negative errno, logged: then none are kept. */
int captures_open(struct captures *c, const char *state);

/*
 * Begin to write one file for all automatic moves among these notes, and say
 * in each of them that there is one. Its path, the caller's to free; NULL: there
 * is nothing to keep, or no way to.
 */
char *captures_begin(struct batond *b, const struct note *notes, uint32_t n);

#endif
