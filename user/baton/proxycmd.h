/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands about the baton-proxy of this host. */
#ifndef BATON_PROXYCMD_H
#define BATON_PROXYCMD_H

#include "command.h"

command_run proxy_drain;
command_print show_proxy, show_connections;

#endif
