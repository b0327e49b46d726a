/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Aligned tables for people. Text comes from elsewhere (the daemon, maps), so
 * whatever could command a terminal is replaced on the way out.
 */
#ifndef BATON_TABLE_H
#define BATON_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum colour {
	COLOUR_NONE,
	COLOUR_GOOD,
	COLOUR_WARN,
	COLOUR_BAD,
	COLOUR_DIM,
	COLOUR_HEAD
};

struct column {
	const char *header;
	bool right; /* align to the right */
};

#define TABLE_COLUMNS 24

struct table {
	const struct column *columns;
	size_t nr_columns;
	size_t width[TABLE_COLUMNS];
	struct cell *cells; /* rows one after the other */
	size_t nr_cells, room;
	bool headed;
};

void table_init(struct table *t, const struct column *columns, size_t nr);
void table_free(struct table *t);

/* Append a cell; nr_columns of them are a row. The text is copied. */
void table_cell(struct table *t, enum colour colour, const char *text);

/*
 * Print the rows so far, with the header the first time, and forget them:
 * a long table is printed in parts, whose columns only ever grow.
 */
void table_flush(struct table *t, FILE *f, bool colour);

/* Text with terminal controls replaced by '?'; newlines and tabs too unless
 * `lines`. */
void text_print(FILE *f, const char *text, bool lines);
void text_coloured(FILE *f, enum colour c, bool colour, const char *text);

/* What colour a word such as "up" or "draining" deserves. */
enum colour colour_of(const char *word);

/* realloc that does not fail: it ends the program instead. */
void *xrealloc(void *p, size_t n, size_t size);

#endif
