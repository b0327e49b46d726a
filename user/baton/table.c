// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2 /* spaces between columns */

struct cell {
	char *text;
	enum colour colour;
};

static const char *const escapes[] = {
	[COLOUR_NONE] = "",	    [COLOUR_GOOD] = "\033[32m",
	[COLOUR_WARN] = "\033[33m", [COLOUR_BAD] = "\033[31m",
	[COLOUR_DIM] = "\033[2m",   [COLOUR_HEAD] = "\033[1m",
};

void *xrealloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	if (!p && n && size) {
		fprintf(stderr, "baton: out of memory\n");
		exit(1);
	}
	return p;
}

void table_init(struct table *t, const struct column *columns, size_t nr)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->nr_columns = nr;
	for (size_t i = 0; i < nr; i++)
		t->width[i] = strlen(columns[i].header);
}

static void forget(struct table *t)
{
	for (size_t i = 0; i < t->nr_cells; i++)
		free(t->cells[i].text);
	t->nr_cells = 0;
}

void table_free(struct table *t)
{
	forget(t);
	free(t->cells);
	t->cells = NULL;
	t->room = 0;
}

/* Columns that UTF-8 text takes, if no character is wide. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void table_cell(struct table *t, enum colour colour, const char *text)
{
	size_t column = t->nr_cells % t->nr_columns;
	size_t length = strlen(text), width = width_of(text);
	struct cell *cell;

	if (t->nr_cells == t->room) {
		t->room = t->room * 2 + t->nr_columns;
		t->cells = xrealloc(t->cells, t->room, sizeof(*t->cells));
	}
	cell = &t->cells[t->nr_cells++];
	cell->colour = colour;
	cell->text = xrealloc(NULL, length + 1, 1);
	memcpy(cell->text, text, length + 1);
	if (width > t->width[column])
		t->width[column] = width;
}

static void spaces(FILE *f, size_t n)
{
	while (n--)
		putc(' ', f);
}

static void print_cell(const struct table *t, size_t column, enum colour colour,
		       const char *text, FILE *f, bool coloured)
{
	size_t pad = t->width[column] - width_of(text);
	bool last = column == t->nr_columns - 1;

	if (t->columns[column].right)
		spaces(f, pad);
	text_coloured(f, colour, coloured, text);
	if (last)
		putc('\n', f);
	else
		spaces(f, t->columns[column].right ? GAP : pad + GAP);
}

void table_flush(struct table *t, FILE *f, bool colour)
{
	for (size_t i = 0; !t->headed && i < t->nr_columns; i++)
		print_cell(t, i, COLOUR_HEAD, t->columns[i].header, f, colour);
	t->headed = true;
	for (size_t i = 0; i < t->nr_cells; i++)
		print_cell(t, i % t->nr_columns, t->cells[i].colour,
			   t->cells[i].text, f, colour);
	forget(t);
}

void text_print(FILE *f, const char *text, bool lines)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p; p++) {
		/* U+0080 to U+009F are controls too, and take two bytes. */
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			putc('?', f);
			p++;
		} else if (lines && (*p == '\n' || *p == '\t')) {
			putc(*p, f);
		} else {
			putc(*p < 0x20 || *p == 0x7f ? '?' : *p, f);
		}
	}
}

void text_coloured(FILE *f, enum colour c, bool colour, const char *text)
{
	colour = colour && c != COLOUR_NONE;
	if (colour)
		fputs(escapes[c], f);
	text_print(f, text, false);
	if (colour)
		fputs("\033[0m", f);
}

enum colour colour_of(const char *word)
{
	static const struct {
		const char *word;
		enum colour colour;
	} words[] = {
		{ "up", COLOUR_GOOD },		{ "active", COLOUR_GOOD },
		{ "established", COLOUR_GOOD }, { "nothing", COLOUR_GOOD },
		{ "open", COLOUR_GOOD },	{ "forward", COLOUR_GOOD },
		{ "return", COLOUR_GOOD },	{ "unknown", COLOUR_WARN },
		{ "draining", COLOUR_WARN },	{ "leaving", COLOUR_WARN },
		{ "warning", COLOUR_WARN },	{ "answer", COLOUR_WARN },
		{ "some", COLOUR_WARN },	{ "taking-over", COLOUR_WARN },
		{ "down", COLOUR_BAD },		{ "all", COLOUR_BAD },
		{ "orphan", COLOUR_BAD },	{ "error", COLOUR_BAD },
		{ "drop", COLOUR_BAD },		{ "notice", COLOUR_HEAD },
		{ "closed", COLOUR_DIM },	{ "closing", COLOUR_DIM },
		{ "none", COLOUR_DIM },		{ "-", COLOUR_DIM },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(word, words[i].word))
			return words[i].colour;
	return COLOUR_NONE;
}
