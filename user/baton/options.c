// SPDX-License-Identifier: GPL-2.0-only
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "table.h"

int complain(int status, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	/* What was printed so far comes first. */
	fflush(stdout);
	fputs("baton: ", stderr);
	text_print(stderr, length < 0 ? "out of memory" : text, true);
	putc('\n', stderr);
	if (length >= 0)
		free(text);
	return status;
}
