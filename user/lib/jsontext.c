// SPDX-License-Identifier: GPL-2.0-only
#include "lib/jsontext.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the character that the text begins with, 0 if it is none. */
static size_t character(const char *text)
{
	for (size_t n = 1; n <= 4 && text[n - 1]; n++) {
		json_t *one = json_stringn(text, n);

		json_decref(one);
		if (one)
			return n;
	}
	return 0;
}

json_t *jsontext(const char *text)
{
	json_t *string = json_string(text);
	char *copy;

	if (string)
		return string;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *at = copy; *at;) {
		size_t n = character(at);

		if (n)
			at += n;
		else
			*at++ = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}
