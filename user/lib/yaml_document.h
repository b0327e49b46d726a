/* SPDX-License-Identifier: GPL-2.0-only */
/* libyaml's documents, with what a configuration must not use taken out; for
 * lib/yaml.c */
#ifndef LIB_YAML_DOCUMENT_H
#define LIB_YAML_DOCUMENT_H

#include <yaml.h>

#include "lib/yaml.h"

/*
 * Load the one document of a source. 0, or -EINVAL or -ENOMEM with messages.
 * Its nodes form a tree: no alias, no tag, no NUL in a scalar. To be deleted
 * when 0 was returned.
 */
int yaml_document_load(yaml_document_t *doc, const struct yaml_source *source,
		       struct config_errors *e);

/* The line for messages: 0 when the source is no file. */
static inline int yaml_line(const struct yaml_source *source,
			    const yaml_node_t *node)
{
	return source->file ? (int)node->start_mark.line + 1 : 0;
}

static inline const char *yaml_text(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

#endif
