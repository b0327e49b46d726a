/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that hold a secret. */
#ifndef LIB_KEY_FILE_H
#define LIB_KEY_FILE_H

#include <stddef.h>

/*
 * The beginning of a file that others than its owner must not be able to read;
 * `what` it is, for messages: "probe key". The bytes, at most `size`, or a
 * negative errno with `why` filled: "FILE: what is wrong, what to do". The text
 * is the caller's to wipe.
 */
int key_file_read(const char *path, const char *what, char *text, size_t size,
		  char *why, size_t why_size);

#endif
