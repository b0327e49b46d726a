// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger SOCKET FILE [early]: an application that outlives itself, as an example
 * and for tests. Each line that a client sends is appended to FILE, committed,
 * and answered by "ok " and the line.
 *
 * FILE stands for a store that all machines share. A record carries what makes
 * it the only one: the connection's id, and the position behind the line in its
 * input. Before a record is appended it is looked up, both in one transaction;
 * what has been written by who had the connection before is not written again,
 * not even if he still lives.
 *
 * early: it commits before it has appended, as it must not.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "baton/protect.h"

#define CLIENTS 256
#define LINE 256 /* bytes, at most */
#define WORK 200000 /* ns that it takes to append: time to die in between */

struct client {
	struct baton_connection *connection;
	uint64_t input, output; /* where it is */
	uint64_t written; /* of its input, to the file */
	long looked; /* at the file, up to here */
	char line[LINE];
	size_t length;
};

static struct client clients[CLIENTS];
static const char *file;
static bool early;

static FILE *begin(void)
{
	FILE *f = fopen(file, "a+");

	if (!f || flock(fileno(f), LOCK_EX)) {
		perror(file);
		exit(1);
	}
	return f;
}

/* How far the input of this connection is in the file. */
static void look(struct client *c, FILE *f)
{
	uint64_t id, position;
	char text[2 * LINE];

	fseek(f, c->looked, SEEK_SET);
	while (fgets(text, sizeof(text), f))
		if (sscanf(text, "%" SCNx64 " %" SCNu64, &id, &position) == 2 &&
		    id == c->connection->id)
			c->written = position;
	c->looked = ftell(f);
}

static void append(struct client *c)
{
	const struct timespec work = { .tv_nsec = WORK };
	char text[2 * LINE];
	FILE *f;
	int n;

	n = snprintf(text, sizeof(text), "%016" PRIx64 " %" PRIu64 " %.*s",
		     c->connection->id, c->input, (int)c->length, c->line);
	nanosleep(&work, NULL);
	f = begin();
	look(c, f);
	if (c->input > c->written && write(fileno(f), text, n) != n)
		exit(1);
	fclose(f);
	nanosleep(&work, NULL);
}

/* A whole line. False: the connection is no more. */
static bool serve(struct client *c)
{
	char answer[LINE + 8];
	int n = snprintf(answer, sizeof(answer), "ok %.*s", (int)c->length,
			 c->line);

	c->input += c->length;
	c->output += n;
	if (!early)
		append(c);
	if (write(c->connection->fd, answer, n) != n ||
	    baton_committed(c->connection, c->input, c->output))
		return false;
	if (early)
		append(c);
	c->length = 0;
	return true;
}

static void take_in(struct client *c)
{
	char bytes[4096];
	ssize_t n = read(c->connection->fd, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++) {
		c->line[c->length++] = bytes[i];
		if (bytes[i] == '\n' ? !serve(c) : c->length == LINE) {
			baton_abort(c->connection);
			c->connection = NULL;
			return;
		}
	}
	if (n > 0 || (n < 0 && errno == EINTR))
		return;
	if (n < 0 || baton_gone(c->connection))
		baton_abort(c->connection);
	else
		baton_end(c->connection);
	c->connection = NULL;
}

static int take_client(struct baton_listener *l)
{
	struct baton_connection *connection;
	int err = baton_accept(l, &connection);

	if (err)
		return err == -EPIPE ? err : 0;
	for (struct client *c = clients; c < clients + CLIENTS; c++) {
		if (c->connection)
			continue;
		*c = (struct client){ .connection = connection,
				      .input = connection->input,
				      .output = connection->output };
		return 0;
	}
	baton_abort(connection);
	return 0;
}

/* Until the proxy is gone. */
static void run(struct baton_listener *l)
{
	struct pollfd poll_of[CLIENTS + 1];

	for (;;) {
		poll_of[CLIENTS] =
			(struct pollfd){ baton_listener_fd(l), POLLIN, 0 };
		for (int i = 0; i < CLIENTS; i++)
			poll_of[i] = (struct pollfd){
				clients[i].connection
					? clients[i].connection->fd
					: -1,
				POLLIN, 0
			};
		if (poll(poll_of, CLIENTS + 1, -1) < 0)
			continue;
		/* first of all: what comes when the proxy is gone means
		 * nothing, not even the end of a client's stream */
		if (poll_of[CLIENTS].revents && take_client(l))
			break;
		for (int i = 0; i < CLIENTS; i++)
			if (poll_of[i].revents)
				take_in(&clients[i]);
	}
	for (int i = 0; i < CLIENTS; i++) {
		baton_abort(clients[i].connection);
		clients[i].connection = NULL;
	}
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	struct baton_listener *l;

	if (argc < 3) {
		fprintf(stderr, "usage: ledger SOCKET FILE [early]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN); /* a connection may go at any time */
	file = argv[2];
	early = argc > 3;
	for (;;) {
		int err = baton_listen(&l, argv[1]);

		if (err == -ENOENT || err == -ECONNREFUSED) {
			nanosleep(&pause, NULL); /* it is started again */
			continue;
		}
		if (err) {
			fprintf(stderr, "ledger: %s\n", strerror(-err));
			return 1;
		}
		puts("listens");
		fflush(stdout);
		run(l);
		baton_listener_close(l);
	}
}
