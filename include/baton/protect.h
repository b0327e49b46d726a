/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that outlive the application that serves them (rows P2, K6). A
 * baton-proxy on the same machine has them; another one, which stands by, gives
 * them to its own application when this machine dies. Link with -lbaton.
 *
 *	struct baton_listener *l;
 *	struct baton_connection *c;
 *
 *	baton_listen(&l, "/run/baton/orders.sock");
 *	baton_accept(l, &c);
 *	... read(c->fd), do it, write(c->fd) ...
 *	baton_committed(c, input, output);
 *	...
 *	baton_end(c);
 *
 * A connection is two streams of bytes, each with positions from 0 on. With
 * baton_committed(c, input, output) the application says: what the client sent
 * before `input` is done for good, with `output` bytes of answers to it and to
 * what came before; whoever has nothing but the rest of the input can go on from
 * here. Then, and not sooner, the client is told that its bytes up to `input`
 * have arrived, and is sent the output up to `output`. (Once the standby knows:
 * see on-standby-loss in baton-proxy(8).)
 *
 * So when the application or its machine dies, nothing has been seen of what it
 * did after its newest commit. The next one, there or here, gets the connection
 * at exactly that commit: its input from `input` on once more, and must produce
 * the output from `output` on, which may differ from what was lost.
 *
 * What it did to the world in between, it alone knows. To do nothing twice, an
 * application stores, together with each effect, the id of the connection and
 * the position of its input up to which that effect goes, and skips what is
 * stored already when it gets that connection anew.
 */
#ifndef BATON_PROTECT_H
#define BATON_PROTECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* More output than this cannot wait for a commit: the connection is reset. */
#define BATON_OUTPUT_MAX (8u << 20) /* bytes */

struct baton_listener;

struct baton_connection {
	/* An ordinary stream: read from it, write to it, wait for it, change
	 * its flags. It blocks. Do not close it: see baton_end(). At its end
	 * the client has sent all, unless baton_gone(). Writing may fail with
	 * EPIPE at any time: ignore SIGPIPE. */
	int fd;
	bool resumed; /* an application has had it before */
	uint64_t id; /* the same for whoever gets this connection */
	uint64_t input; /* position of the first byte to be read */
	uint64_t output; /* position of the first byte to be written */
	/* The owner's, which grows with every takeover: a store that refuses
	 * what carries an older one cannot be written by an application that
	 * was only frozen while its connections went elsewhere. */
	uint32_t epoch;
	struct sockaddr_storage client, vip; /* whose it is, and where to */
};

/*
 * Become the application of the baton-proxy that listens at the unix socket
 * `path` (`application` in its configuration). One process is at a time: an
 * earlier one loses its connections to this one. 0, or a negative errno:
 *   -ENOENT, -ECONNREFUSED  no baton-proxy there
 *   -EPERM    it is not for this user
 *   -EPROTO   what answered is no baton-proxy of this version
 *   -ENOMEM, and other errors of its end or of this one
 */
int baton_listen(struct baton_listener **l, const char *path);

/* Readable: baton_accept() will not wait. It is the library's. */
int baton_listener_fd(const struct baton_listener *l);

/*
 * The next connection, new or resumed; waits for it. It is the caller's until
 * baton_end() or baton_abort(). 0, or a negative errno:
 *   -EPIPE    the proxy is gone, or another process has taken this one's place:
 *             all connections are lost to this process. Let each of them go by
 *             baton_abort(), close the listener, and call baton_listen() again.
 *   -EMFILE   there was no descriptor for it: it is reset
 *   -ENOMEM, -EINTR
 */
int baton_accept(struct baton_listener *l, struct baton_connection **c);

/*
 * A commit, as above. Positions never go back; `input` is at most what has been
 * read, `output` at most what has been written to `fd`, or the connection is
 * reset. It does not wait. Any thread may call it, one at a time for each
 * connection. 0, or -EPIPE: the proxy is gone; it may have heard it, or not.
 */
int baton_committed(struct baton_connection *c, uint64_t input,
		    uint64_t output);

/*
 * After the end of what can be read: is it not the end of what the client sends,
 * but that of the connection, or of its being here? The client has reset it, its
 * owner is another host's now, the proxy is gone. What was read and not committed
 * has not been, and there is nothing to do but baton_abort().
 */
bool baton_gone(const struct baton_connection *c);

/*
 * All is said: the client gets what was committed, then the end of the stream.
 * If it has sent something that is not committed, or sends more later, it is
 * reset. The descriptor is closed and *c freed. NULL is allowed.
 */
void baton_end(struct baton_connection *c);

/* The client is reset; the descriptor is closed and *c freed. NULL is allowed. */
void baton_abort(struct baton_connection *c);

/* Be the application no longer. Connections that remain are kept for the next
 * one; let them go by baton_abort() after this. NULL is allowed. */
void baton_listener_close(struct baton_listener *l);

#ifdef __cplusplus
}
#endif

#endif
