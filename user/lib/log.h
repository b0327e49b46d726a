/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of a daemon to the person who runs it, on standard error: one line
 * each, "<level>" in front when systemd reads it (sd-daemon(3)), the level's
 * name otherwise, coloured only on a terminal.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

enum log_level {
	LOG_L_ERROR,
	LOG_L_WARNING,
	LOG_L_NOTICE,
	LOG_L_INFO,
	LOG_L_DEBUG
};

void log_init(const char *program, enum log_level most);

void log_msg(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_msg(LOG_L_ERROR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_L_WARNING, __VA_ARGS__)
#define log_notice(...) log_msg(LOG_L_NOTICE, __VA_ARGS__)
#define log_info(...) log_msg(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_L_DEBUG, __VA_ARGS__)

#endif
