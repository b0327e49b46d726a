/* SPDX-License-Identifier: GPL-2.0-only */
/* What the switch recorded, as a file. Needs no daemon. */
#ifndef BATON_CAPTURE_H
#define BATON_CAPTURE_H

#include "command.h"

command_run owner_capture;

#endif
