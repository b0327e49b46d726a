/* SPDX-License-Identifier: GPL-2.0-only */
/* Keys of nodes, for the link: files, no daemon is asked. */
#ifndef BATON_KEYCMD_H
#define BATON_KEYCMD_H

#include "command.h"

command_run key_new; /* makes the file */
command_run key_show; /* prints the public part */

#endif
