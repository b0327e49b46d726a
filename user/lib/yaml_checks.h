/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of fields that several configurations have (yaml.h): NULL, or what was
 * expected. */
#ifndef LIB_YAML_CHECKS_H
#define LIB_YAML_CHECKS_H

const char *yaml_check_path(const void *value); /* char *: absolute */
const char *yaml_check_unicast(const void *value); /* struct addr */

#endif
