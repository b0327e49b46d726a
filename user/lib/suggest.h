/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": of some known words, the one nearest to a mistyped one. */
#ifndef LIB_SUGGEST_H
#define LIB_SUGGEST_H

struct suggest {
	const char *word; /* set it, leave the others zero */
	const char *best; /* NULL: none is near enough to name it */
	unsigned int distance;
};

void suggest_try(struct suggest *s, const char *known);

/* Edits that turn one into the other: insert, delete, replace, swap of two
 * neighbours. UINT_MAX when one of them is too long to be a keyword. */
unsigned int suggest_distance(const char *a, const char *b);

#endif
