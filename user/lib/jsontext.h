/* SPDX-License-Identifier: GPL-2.0-only */
/* Texts that come from anywhere, or were cut to fit, as JSON. */
#ifndef LIB_JSONTEXT_H
#define LIB_JSONTEXT_H

#include <jansson.h>

/* A new string; each byte that is not part of a UTF-8 character becomes '?'.
 * NULL without memory. */
json_t *jsontext(const char *text);

#endif
