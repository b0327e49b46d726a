/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs that a daemon starts because its configuration names them. */
#ifndef LIB_PROGRAM_H
#define LIB_PROGRAM_H

#include <uv.h>

#define PROGRAM_PATH "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Start argv[0], without a shell, with nothing but this environment, in `/`, and
 * in a session of its own: all that it starts can be killed with it. Its input
 * and output are /dev/null, as nobody would read what it says. 0 or a negative
 * errno; the handle is to be closed in both cases. `ended` is called once if it
 * was started.
 */
int program_start(uv_loop_t *loop, uv_process_t *process, char **argv,
		  char **environment, uv_exit_cb ended);

#endif
