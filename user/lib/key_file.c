// SPDX-License-Identifier: GPL-2.0-only
#include "lib/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int key_file_read(const char *path, const char *what, char *text, size_t size,
		  char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) || (n = read(fd, text, size)) < 0) {
		n = -errno;
		snprintf(why, why_size, "%s: cannot read the %s: %s", path,
			 what, strerror(errno));
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		explicit_bzero(text, size);
		n = -EACCES;
		snprintf(why, why_size,
			 "%s: the %s is open to others than its owner: "
			 "chmod 600 %s",
			 path, what, path);
	}
	if (fd >= 0)
		close(fd);
	return n;
}
