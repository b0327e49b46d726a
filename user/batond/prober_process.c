// SPDX-License-Identifier: GPL-2.0-only
#include "prober_process.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failover.h"
#include "lib/log.h"
#include "lib/privileges.h"

/* Not the highest: the kernel's own real-time threads come first. */
#define PRIORITY 40

struct prober_handover prober_handover(void)
{
	return (struct prober_handover){
		.shared = BATOND_SHARED,
		.layout = (uint64_t)sizeof(struct cluster) << 32 ^
			  sizeof(struct prober_target) << 20 ^
			  sizeof(struct cluster_owner) << 10 ^
			  sizeof(struct note) ^ sizeof(struct bfd_host) << 5 ^
			  (uint64_t)sizeof(struct own_grant) << 48,
		.version = BATON_VERSION,
	};
}

int prober_address(const char *bpffs, struct sockaddr_un *at, socklen_t *len)
{
	struct stat st;

	if (stat(bpffs, &st))
		return -errno;
	memset(at, 0, sizeof(*at));
	at->sun_family = AF_UNIX;
	*len = offsetof(struct sockaddr_un, sun_path) + 1 +
	       snprintf(at->sun_path + 1, sizeof(at->sun_path) - 1,
			"baton-prober-%llx-%llx", (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino);
	return 0;
}

int prober_process_privileges(void)
{
	/* The latter three are what a prober needs to be made. */
	static const int needed[] = { CAP_BPF, CAP_NET_ADMIN, CAP_SYS_NICE,
				      CAP_IPC_LOCK, CAP_NET_RAW };

	return privileges_keep(needed, sizeof(needed) / sizeof(needed[0]));
}

/* --- in the process --------------------------------------------------------- */

/* Its only copy of what batond made; on_handover() has no argument. */
static const struct batond *self;

/* Hand everything over to whoever asks and may. */
static void on_handover(int listener)
{
	struct prober_handover answer = prober_handover();
	struct iovec iov = { &answer, sizeof(answer) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(NR_HANDOVER * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	const int fds[NR_HANDOVER] = { self->shared_fd, self->notes_fd };
	struct ucred who;
	socklen_t len = sizeof(who);
	int s = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (s < 0)
		return;
	if (!getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	    who.uid == geteuid()) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fds));
		memcpy(CMSG_DATA(c), fds, sizeof(fds));
		sendmsg(s, &msg, MSG_NOSIGNAL);
	}
	close(s);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* What it does not need must not stay open because of it: sockets that
 * batond's successor binds again, the lock on the maps. */
static void close_all_but(int *keep, size_t n)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned int)keep[i] > from)
			close_range(from, keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	close_range(from, ~0U, 0);
}

/* batond handles signals in its loop, which is not ours. What a terminal
 * sends to all of its processes is meant for batond. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
prober_main(struct batond *b, int listener)
{
	static const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct sched_param sp = { .sched_priority = PRIORITY };
	int keep[] = { b->shared_fd, b->notes_fd, listener };
	struct probing g;
	int err;

	reset_signals();
	prctl(PR_SET_NAME, "baton-prober", 0, 0, 0);
	close_all_but(keep, sizeof(keep) / sizeof(keep[0]));
	/* Not before: the listener's pid is what others see of it. */
	listen(listener, 4);
	err = probing_open(&g, &b->prober);
	if (err) {
		log_error("probe sockets: %s", strerror(-err));
		_exit(1);
	}
	failover_probing(&g, b);
	g.extra = listener;
	g.on_extra = on_handover;
	self = b;
	/* Pages that were touched stay, so a failure costs no page fault. The
	 * limit goes first, or memory could not grow without the privilege. */
	setrlimit(RLIMIT_MEMLOCK, &all);
	mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	b->prober.realtime = !sched_setscheduler(0, SCHED_FIFO, &sp);
	err = privileges_keep(NULL, 0);
	if (err) {
		log_error("prober: privileges: %s", strerror(-err));
		_exit(1);
	}
	probing_run(&g);
	_exit(0);
}

pid_t prober_process_start(struct batond *b, int listener)
{
	pid_t pid = fork();

	if (!pid)
		prober_main(b, listener);
	pid = pid < 0 ? -errno : pid;
	close(listener);
	return pid;
}
