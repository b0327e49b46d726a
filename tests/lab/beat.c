// SPDX-License-Identifier: GPL-2.0-only
/*
 * beat SOCKET NAME MILLISECONDS: an application whose working loop beats that
 * often, as an example and for measuring. SIGUSR1 makes the loop wait for a
 * lock that nobody gives back.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baton/heartbeat.h"

static volatile sig_atomic_t stuck;

static void get_stuck(int signal)
{
	(void)signal;
	stuck = 1;
}

int main(int argc, char **argv)
{
	pthread_mutex_t work = PTHREAD_MUTEX_INITIALIZER;
	struct baton_heartbeat *h;
	struct timespec turn;
	int err;

	if (argc != 4) {
		fprintf(stderr, "usage: beat SOCKET NAME MILLISECONDS\n");
		return 2;
	}
	turn.tv_sec = atoi(argv[3]) / 1000;
	turn.tv_nsec = atoi(argv[3]) % 1000 * 1000000L;
	err = baton_heartbeat_open(&h, argv[2], argv[1]);
	if (err) {
		fprintf(stderr, "beat: %s\n", strerror(-err));
		return 1;
	}
	signal(SIGUSR1, get_stuck);
	puts("beats");
	fflush(stdout);
	for (;;) {
		if (stuck)
			pthread_mutex_lock(
				&work); /* the second time for ever */
		baton_heartbeat_beat(h);
		nanosleep(&turn, NULL);
	}
}
