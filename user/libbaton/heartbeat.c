// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "baton/heartbeat.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "baton/host.h"
#include "connect.h"

struct baton_heartbeat {
	struct baton_heartbeat_page *page;
	int socket;
};

/* The answer: an errno as a number, and with 0 the page's descriptor. */
static int receive_page(int s)
{
	int32_t status = 0;
	int fd;

	if (baton_socket_receive(s, &status, sizeof(status), &fd) !=
	    sizeof(status))
		return -EPROTO;
	if (status)
		return status < 0 ? status : -EPROTO;
	return fd < 0 ? -EPROTO : fd;
}

int baton_heartbeat_open(struct baton_heartbeat **to, const char *name,
			 const char *path)
{
	struct baton_heartbeat *h = calloc(1, sizeof(*h));
	int fd, err;

	if (!h)
		return -ENOMEM;
	h->socket = baton_socket_connect(path ? path : BATON_HEARTBEAT_SOCKET);
	if (h->socket < 0) {
		err = h->socket;
		free(h);
		return err;
	}
	if (send(h->socket, name, strlen(name), MSG_NOSIGNAL) < 0)
		fd = -errno;
	else
		fd = receive_page(h->socket);
	if (fd >= 0) {
		h->page = mmap(NULL, sizeof(*h->page), PROT_READ | PROT_WRITE,
			       MAP_SHARED, fd, 0);
		err = h->page == MAP_FAILED ? -errno : 0;
		close(fd);
	} else {
		err = fd;
	}
	if (!err) {
		*to = h;
		return 0;
	}
	close(h->socket);
	free(h);
	return err;
}

void baton_heartbeat_beat(struct baton_heartbeat *h)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	__atomic_store_n(&h->page->beat,
			 t.tv_sec * UINT64_C(1000000000) + t.tv_nsec,
			 __ATOMIC_RELAXED);
}

void baton_heartbeat_say(struct baton_heartbeat *h,
			 enum baton_heartbeat_state state)
{
	uint32_t said = BATON_APP_UP;

	if (state == BATON_HEARTBEAT_ALONE)
		said = BATON_APP_ALONE;
	else if (state == BATON_HEARTBEAT_PARTIAL)
		said = BATON_APP_PARTIAL;
	__atomic_store_n(&h->page->state, said, __ATOMIC_RELAXED);
}

void baton_heartbeat_close(struct baton_heartbeat *h)
{
	if (!h)
		return;
	__atomic_store_n(&h->page->beat, 0, __ATOMIC_RELAXED);
	munmap(h->page, sizeof(*h->page));
	close(h->socket);
	free(h);
}
