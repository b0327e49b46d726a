// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a program, makes its clocks jump: two 64-bit numbers in the
 * file that BATON_JUMP names are added, in ns, to what it is told of the time of
 * day, and of the time since boot (which a suspended machine's does).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jump;

static void __attribute__((constructor)) open_jump(void)
{
	const char *path = getenv("BATON_JUMP");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, 2 * sizeof(*jump), PROT_READ, MAP_SHARED,
				fd, 0);

	if (p != MAP_FAILED)
		jump = p;
	if (fd >= 0)
		close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int err = syscall(SYS_clock_gettime, clock, t);
	int64_t ns = 0;

	if (jump && clock == CLOCK_REALTIME)
		ns = jump[0];
	if (jump && clock == CLOCK_BOOTTIME)
		ns = jump[1];
	ns += t->tv_nsec;
	t->tv_sec += ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
	if (t->tv_nsec < 0) {
		t->tv_nsec += 1000000000;
		t->tv_sec--;
	}
	return err;
}
