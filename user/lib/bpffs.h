/* SPDX-License-Identifier: GPL-2.0-only */
/* The directory in which BPF objects outlive the program that made them. */
#ifndef LIB_BPFFS_H
#define LIB_BPFFS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make sure that `dir` exists and lies on a bpffs. Where none is mounted, one
 * is: on /sys/fs/bpf for a path below it, else on `dir` itself. 0 or a
 * negative errno; then *what, if not NULL, is the step that failed, as text.
 */
int bpffs_prepare(const char *dir, const char **what);

/* Is `dir` there, and on a bpffs? */
bool bpffs_is(const char *dir);

/*
 * Hold `dir` for this process until the descriptor is closed or the process
 * ends. The descriptor, or -EBUSY when another process holds it.
 */
int bpffs_lock(const char *dir);

/* "dir/name"; -ENAMETOOLONG */
int bpffs_path(char *path, size_t size, const char *dir, const char *name);

/* A descriptor of the pinned object, or -ENOENT and other negative errnos. */
int bpffs_open(const char *dir, const char *name);

/* 0 or -EEXIST and others */
int bpffs_pin(int fd, const char *dir, const char *name);

int bpffs_unpin(const char *dir, const char *name);

#endif
