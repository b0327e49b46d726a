/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a function tells its caller what went wrong: a negative errno for the
 * program, and a text for the person, which names what it is about, what was
 * expected and what to do.
 */
#ifndef LIB_WHY_H
#define LIB_WHY_H

#include <stddef.h>

/* Fill the text, cut off at its size; returns err, for the caller to return. */
int why_set(char *why, size_t size, int err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
