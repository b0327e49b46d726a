// SPDX-License-Identifier: GPL-2.0-only
#include "lib/bpffs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STANDARD "/sys/fs/bpf"

bool bpffs_is(const char *dir)
{
	struct statfs fs;

	return !statfs(dir, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int make_dirs(const char *dir)
{
	char path[PATH_MAX];
	char *at;

	if (strlen(dir) >= sizeof(path))
		return -ENAMETOOLONG;
	strcpy(path, dir);
	for (at = path + 1;; at++) {
		char end = *at;

		if (end != '/' && end)
			continue;
		*at = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*at = end;
		if (!end)
			return 0;
	}
}

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

/* Is the deepest part of the path that exists on a bpffs? */
static bool lies_on_bpffs(const char *dir)
{
	char path[PATH_MAX];
	char *slash;

	if (strlen(dir) >= sizeof(path))
		return false;
	strcpy(path, dir);
	while (access(path, F_OK)) {
		slash = strrchr(path, '/');
		if (!slash || slash == path)
			return false;
		*slash = '\0';
	}
	return bpffs_is(path);
}

int bpffs_prepare(const char *dir, const char **what)
{
	const char *none, **step = what ? what : &none;
	const char *where = below(dir, STANDARD) ? STANDARD : dir;
	int err;

	*step = "the path must be absolute";
	if (dir[0] != '/')
		return -EINVAL;
	if (!lies_on_bpffs(dir)) {
		*step = "cannot make the directory to mount a bpffs on";
		err = make_dirs(where);
		if (err)
			return err;
		*step = "cannot mount a bpffs there";
		if (mount("bpf", where, "bpf", 0, "mode=0700"))
			return -errno;
	}
	*step = "cannot make the directory";
	err = make_dirs(dir);
	if (err)
		return err;
	*step = "is not on a bpffs";
	return bpffs_is(dir) ? 0 : -EINVAL;
}

int bpffs_lock(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	err = errno == EWOULDBLOCK ? EBUSY : errno;
	close(fd);
	return -err;
}

int bpffs_path(char *path, size_t size, const char *dir, const char *name)
{
	int n = snprintf(path, size, "%s/%s", dir, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int bpffs_open(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd = bpffs_path(path, sizeof(path), dir, name);

	if (fd)
		return fd;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int bpffs_pin(int fd, const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = bpffs_path(path, sizeof(path), dir, name);

	if (!err && bpf_obj_pin(fd, path))
		err = -errno;
	return err;
}

int bpffs_unpin(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = bpffs_path(path, sizeof(path), dir, name);

	if (!err && unlink(path))
		err = -errno;
	return err;
}
