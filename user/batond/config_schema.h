/* SPDX-License-Identifier: GPL-2.0-only */
/* The syntax of batond's file: which key fills which member of config.h; and
 * what is there without being said. */
#ifndef BATOND_CONFIG_SCHEMA_H
#define BATOND_CONFIG_SCHEMA_H

#include "detect.h"
#include "lib/yaml.h"

extern const struct yaml_schema config_schema;

/* The profiles that exist without being configured; a name of NULL ends. */
struct config_builtin {
	const char *name;
	struct detect_profile p;
};

extern const struct config_builtin config_builtins[];

#endif
