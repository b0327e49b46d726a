// SPDX-License-Identifier: GPL-2.0-only
#include "lib/pinned.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/why.h"

#define PATH_LEN 4096

#define fail(err, error, ...) why_set(error, PINNED_ERROR, -(err), __VA_ARGS__)

static int open_failed(int err, const char *path, char error[PINNED_ERROR])
{
	switch (err) {
	case ENOENT:
		return fail(err, error,
			    "%s: not there: has batond been started, with this "
			    "bpffs directory?",
			    path);
	case EPERM:
	case EACCES:
		return fail(err, error, "%s: %s: try as root", path,
			    strerror(err));
	default:
		return fail(err, error, "%s: %s", path, strerror(err));
	}
}

int pinned_map(const char *dir, const char *name, enum bpf_map_type type,
	       size_t value_size, bool writable, __u32 *entries,
	       char error[PINNED_ERROR])
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts,
		    .file_flags = writable ? 0 : BPF_F_RDONLY);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char path[PATH_LEN];
	int fd, err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_LEN)
		return fail(ENAMETOOLONG, error, "%s: name too long", dir);
	fd = bpf_obj_get_opts(path, &opts);
	if (fd < 0)
		return open_failed(errno, path, error);
	if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
		err = fail(errno, error, "%s: %s", path, strerror(errno));
		close(fd);
		return err;
	}
	if (info.type != type || info.value_size != value_size) {
		close(fd);
		return fail(EPROTO, error,
			    "%s: a map of type %u with values of %u bytes, "
			    "expected type %u and %zu bytes",
			    path, info.type, info.value_size, type, value_size);
	}
	*entries = info.max_entries;
	return fd;
}

static int meta_check(const char *dir, const struct baton_meta *meta,
		      char error[PINNED_ERROR])
{
	if (meta->magic != BATON_MAGIC)
		return fail(EPROTO, error, "%s/meta: not written by batond",
			    dir);
	if (meta->abi != BATON_ABI)
		return fail(EPROTO, error,
			    "%s/meta: the maps follow ABI %u, this program "
			    "ABI %u: use programs of the release that made "
			    "them",
			    dir, meta->abi, BATON_ABI);
	if (!meta->hz || !meta->ring_size || meta->stamp_shift > 31)
		return fail(EPROTO, error, "%s/meta: impossible geometry", dir);
	return 0;
}

int pinned_meta(const char *dir, struct baton_meta *meta,
		char error[PINNED_ERROR])
{
	__u32 entries, zero = 0;
	int fd, err = 0;

	fd = pinned_map(dir, "meta", BPF_MAP_TYPE_ARRAY, sizeof(*meta), false,
			&entries, error);
	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &zero, meta))
		err = fail(errno, error, "%s/meta: %s", dir, strerror(errno));
	close(fd);
	return err ? err : meta_check(dir, meta, error);
}

int pinned_array(const char *dir, const char *name, size_t value_size,
		 void **values, char error[PINNED_ERROR])
{
	/* The kernel copies values out in strides of 8 bytes. */
	size_t stride = (value_size + 7) & ~(size_t)7;
	__u32 entries, i;
	char value[stride];
	int fd, err = 0;

	fd = pinned_map(dir, name, BPF_MAP_TYPE_ARRAY, value_size, false,
			&entries, error);
	if (fd < 0)
		return fd;
	*values = calloc(entries, value_size);
	if (!*values)
		err = fail(ENOMEM, error, "%s/%s: no memory", dir, name);
	for (i = 0; !err && i < entries; i++) {
		if (bpf_map_lookup_elem(fd, &i, value))
			err = fail(errno, error, "%s/%s: %s", dir, name,
				   strerror(errno));
		else
			memcpy((char *)*values + i * value_size, value,
			       value_size);
	}
	close(fd);
	if (!err)
		return (int)entries;
	free(*values);
	*values = NULL;
	return err;
}
