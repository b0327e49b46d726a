/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands on connections. They use the pinned maps and need no daemon, so
 * they answer while it is being replaced.
 */
#ifndef BATON_FLOWCMD_H
#define BATON_FLOWCMD_H

#include "command.h"

command_run flow_show, flow_set, flow_del;

#endif
