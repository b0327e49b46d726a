// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/yaml.h"

/* Everything, but not more than one byte over the limit. */
static int read_text(FILE *f, char **text, size_t *len)
{
	*text = malloc(YAML_MAX_SIZE + 1);
	if (!*text)
		return -ENOMEM;
	*len = fread(*text, 1, YAML_MAX_SIZE + 1, f);
	return ferror(f) ? -errno : 0;
}

int yaml_read_file(const struct yaml_schema *s, void *object, const char *path,
		   struct config_errors *e)
{
	struct yaml_source source = { .file = path };
	char *text = NULL;
	int err = -ENOENT;
	FILE *f;

	f = fopen(path, "re");
	err = f ? read_text(f, &text, &source.len) : -errno;
	if (f)
		fclose(f);
	source.text = text;
	if (err)
		config_error(e, path, 0, "cannot be read: %s", strerror(-err));
	else
		err = yaml_read(s, object, &source, e);
	free(text);
	return err;
}
