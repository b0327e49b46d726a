// SPDX-License-Identifier: GPL-2.0-only
#include "lib/suggest.h"

#include <limits.h>
#include <string.h>

#define LONGEST 63

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment, with three rows of its table at a time. */
unsigned int suggest_distance(const char *a, const char *b)
{
	unsigned int rows[3][LONGEST + 1], *before, *above = rows[0], *row;
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > LONGEST || lb > LONGEST)
		return UINT_MAX;
	for (j = 0; j <= lb; j++)
		above[j] = (unsigned int)j;
	for (i = 1; i <= la; i++) {
		row = rows[i % 3];
		above = rows[(i - 1) % 3];
		before = rows[(i + 1) % 3];
		row[0] = (unsigned int)i;
		for (j = 1; j <= lb; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], above[j] + 1);
			row[j] = least(row[j], row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

void suggest_try(struct suggest *s, const char *known)
{
	unsigned int distance = suggest_distance(s->word, known);

	/* A third of the word wrong still looks like a slip. */
	if (distance >= strlen(known) ||
	    (distance > 1 && distance > strlen(known) / 3))
		return;
	if (s->best && distance >= s->distance)
		return;
	s->best = known;
	s->distance = distance;
}
