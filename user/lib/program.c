// SPDX-License-Identifier: GPL-2.0-only
#include "program.h"

int program_start(uv_loop_t *loop, uv_process_t *process, char **argv,
		  char **environment, uv_exit_cb ended)
{
	uv_stdio_container_t none[3] = { { .flags = UV_IGNORE },
					 { .flags = UV_IGNORE },
					 { .flags = UV_IGNORE } };
	const uv_process_options_t options = {
		.exit_cb = ended,
		.file = argv[0],
		.args = argv,
		.env = environment,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = none,
	};

	return uv_spawn(loop, process, &options);
}
