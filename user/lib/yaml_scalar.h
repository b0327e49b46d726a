/* SPDX-License-Identifier: GPL-2.0-only */
/* Single values of a configuration, from text and to text; for lib/yaml*.c */
#ifndef LIB_YAML_SCALAR_H
#define LIB_YAML_SCALAR_H

#include "lib/yaml.h"

#define YAML_SCALAR_TEXT 64 /* holds every value but a STRING */

bool yaml_is_scalar(enum yaml_type type);

/* Does a plain scalar of this text stand for "not given"? */
bool yaml_means_unset(const char *text);

/* Parse into the member of *object. 0, -EINVAL (the member is untouched) or
 * -ENOMEM. Does not call f->check. */
int yaml_scalar_parse(const struct yaml_field *f, void *object,
		      const char *text);

/* The member as text, in `buffer` or where the member points. */
const char *yaml_scalar_format(const struct yaml_field *f, const void *object,
			       char buffer[YAML_SCALAR_TEXT]);

bool yaml_scalar_equal(const struct yaml_field *f, const void *a,
		       const void *b);

/* What would be right, for messages: "a whole number from 1 to 65535". */
void yaml_scalar_expected(const struct yaml_field *f, char *text, size_t size);

/* Durations in nanoseconds: "3.3ms", "0", "1d". 0, or -EINVAL or -ERANGE. */
int yaml_duration_parse(const char *text, uint64_t *ns);
const char *yaml_duration_format(uint64_t ns, char buffer[YAML_SCALAR_TEXT]);

#endif
