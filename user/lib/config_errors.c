// SPDX-License-Identifier: GPL-2.0-only
#include "lib/config_errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct config_errors *e, const char *format, va_list args)
{
	size_t need, size;
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return;
	need = e->length + (size_t)n + 1;
	if (need > e->size) {
		size = need * 2 < 256 ? 256 : need * 2;
		text = realloc(e->text, size);
		if (!text)
			return;
		e->text = text;
		e->size = size;
	}
	vsnprintf(e->text + e->length, (size_t)n + 1, format, args);
	e->length += (size_t)n;
}

static void __attribute__((format(printf, 2, 3)))
add(struct config_errors *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(e, format, args);
	va_end(args);
}

int config_error(struct config_errors *e, const char *file, int line,
		 const char *format, ...)
{
	va_list args;

	if (e->count++)
		add(e, "\n");
	if (file)
		add(e, "%s:", file);
	else if (line)
		add(e, "line ");
	if (line)
		add(e, "%d:", line);
	if (file || line)
		add(e, " ");
	va_start(args, format);
	append(e, format, args);
	va_end(args);
	return -EINVAL;
}

void config_errors_free(struct config_errors *e)
{
	free(e->text);
	memset(e, 0, sizeof(*e));
}
