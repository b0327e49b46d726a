// SPDX-License-Identifier: GPL-2.0-only
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *name, *colour;
	int syslog;
} levels[] = {
	[LOG_L_ERROR] = { "error", "\033[31m", 3 },
	[LOG_L_WARNING] = { "warning", "\033[33m", 4 },
	[LOG_L_NOTICE] = { "notice", "\033[1m", 5 },
	[LOG_L_INFO] = { "info", "", 6 },
	[LOG_L_DEBUG] = { "debug", "\033[2m", 7 },
};

static const char *program = "";
static enum log_level threshold = LOG_L_INFO;
static int terminal, journal;

void log_init(const char *name, enum log_level most)
{
	program = name;
	threshold = most;
	terminal = isatty(STDERR_FILENO);
	journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_msg(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (level > threshold)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* One call per line: threads may log at the same time. */
	if (journal)
		fprintf(stderr, "<%d>%s\n", levels[level].syslog, line);
	else
		fprintf(stderr, "%s: %s%s: %s%s\n", program,
			terminal ? levels[level].colour : "",
			levels[level].name, line, terminal ? "\033[0m" : "");
}
