/* SPDX-License-Identifier: GPL-2.0-only */
/* What would happen if hosts died, for people. */
#ifndef BATON_PLANSHOW_H
#define BATON_PLANSHOW_H

#include "command.h"

command_print show_plan;

#endif
