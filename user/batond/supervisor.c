// SPDX-License-Identifier: GPL-2.0-only
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batond.h"
#include "failover.h"
#include "lib/log.h"
#include "lib/why.h"
#include "prober_process.h"

#define LOOK_MS 20
#define HUNG 2000000000ULL /* ns without a round of probes */
#define SETTLED 10000000000ULL /* ns: who lived so long is no failure */
#define LONGEST_RETRY 10000000000ULL
#define ENDS_WITHIN_MS 1000

#define fail(why, err, ...) why_set(why, SUPERVISOR_WHY, err, __VA_ARGS__)

static int pidfd_of(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static void pidfd_kill(int process, int signal)
{
	syscall(SYS_pidfd_send_signal, process, signal, NULL, 0);
}

static bool has_ended(int process, int within_ms)
{
	struct pollfd p = { .fd = process, .events = POLLIN };

	return poll(&p, 1, within_ms) > 0;
}

static int end(int process)
{
	pidfd_kill(process, SIGTERM);
	if (has_ended(process, ENDS_WITHIN_MS))
		return 0;
	pidfd_kill(process, SIGKILL);
	return has_ended(process, ENDS_WITHIN_MS) ? 0 : -EBUSY;
}

/* --- the prober that is there ------------------------------------------------- */

struct found {
	pid_t pid;
	int process;
	bool answered; /* then all of the following */
	struct prober_handover handover;
	int fd[NR_HANDOVER];
};

static void take_answer(int s, struct found *f)
{
	struct iovec iov = { &f->handover, sizeof(f->handover) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(NR_HANDOVER * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(s, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	if (!c || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(f->fd)))
		return;
	memcpy(f->fd, CMSG_DATA(c), sizeof(f->fd));
	f->answered = true;
	/* Another version's may be shorter; it differs then. */
	if (n != sizeof(f->handover))
		memset(&f->handover, 0, sizeof(f->handover));
}

/* 0, -ENOENT, or why it cannot be told. */
static int find(const char *bpffs, struct found *f)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un at;
	struct ucred who;
	socklen_t len, size = sizeof(who);
	int err = prober_address(bpffs, &at, &len);
	int s = err ? -1 : socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memset(f, 0, sizeof(*f));
	f->process = -1;
	if (s < 0)
		return err ?: -errno;
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(s, (struct sockaddr *)&at, len)) {
		err = errno == ECONNREFUSED ? -ENOENT : -errno;
	} else if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &size)) {
		err = -errno;
	} else if (who.uid != geteuid()) {
		err = -EPERM;
	} else {
		f->pid = who.pid;
		f->process = pidfd_of(who.pid);
		err = f->process < 0 ? f->process : 0;
	}
	if (!err)
		take_answer(s, f);
	close(s);
	return err == -ESRCH ? -ENOENT : err;
}

int supervisor_end_prober(const char *bpffs)
{
	struct found f;
	int err = find(bpffs, &f);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = end(f.process);
	close(f.process);
	for (int i = 0; f.answered && i < NR_HANDOVER; i++)
		close(f.fd[i]);
	return err;
}

/* --- the start ------------------------------------------------------------------ */

static int map_shared(struct batond *b)
{
	if (mmap(b, BATOND_SHARED, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, b->shared_fd, 0) == MAP_FAILED)
		return -errno;
	madvise(b, BATOND_SHARED, MADV_DONTDUMP);
	return 0;
}

static int make_shared(struct batond *b)
{
	b->notes_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	b->shared_fd = memfd_create("baton-prober", MFD_CLOEXEC);
	if (b->notes_fd < 0 || b->shared_fd < 0 ||
	    ftruncate(b->shared_fd, BATOND_SHARED))
		return -errno;
	return map_shared(b);
}

/* Does it work for what this batond works for, in the same way? */
static bool is_ours(const struct batond *b, const struct found *f)
{
	const struct prober_handover mine = prober_handover();

	return f->answered && b->dp.adopted &&
	       !memcmp(&f->handover, &mine, sizeof(mine));
}

static bool knows_ours(const struct batond *b, const struct found *f)
{
	const struct prober_handover mine = prober_handover();

	return f->answered && b->dp.adopted &&
	       f->handover.shared == mine.shared &&
	       f->handover.layout == mine.layout;
}

/* Take over its memory, and itself if nothing has changed for it. */
static int adopt(struct batond *b, struct found *f, uint16_t port,
		 const uint8_t key[16])
{
	struct supervisor *s = &b->supervisor;
	int err;

	b->shared_fd = f->fd[HANDOVER_MEMORY];
	b->notes_fd = f->fd[HANDOVER_NOTES];
	err = map_shared(b);
	if (err)
		return err;
	s->kept = true;
	if (is_ours(b, f) && b->prober.port == port &&
	    !memcmp(b->prober.secret.key, key, sizeof(b->prober.secret.key))) {
		s->pid = f->pid;
		s->process = f->process;
		s->adopted = true;
		return 0;
	}
	err = end(f->process);
	close(f->process);
	prober_rekey(&b->prober, port, key);
	return err;
}

int supervisor_open(struct batond *b, uint16_t port, const uint8_t key[16],
		    uint64_t grace_ns, char why[SUPERVISOR_WHY])
{
	struct supervisor *s = &b->supervisor;
	struct found f;
	int err = find(b->dp.dir, &f);

	*s = (struct supervisor){ .process = -1 };
	if (err == -EPERM)
		return fail(why, err,
			    "the name that baton's prober answers at is taken "
			    "by somebody else's process; see ss -xlp | grep "
			    "baton-prober");
	if (!err && knows_ours(b, &f)) {
		err = adopt(b, &f, port, key);
		return err ? fail(why, err, "prober %d: cannot take it over",
				  (int)f.pid)
			   : 0;
	}
	if (!err) {
		log_notice("prober %d is of another batond, and is replaced",
			   (int)f.pid);
		if (supervisor_end_prober(b->dp.dir))
			return fail(why, -EBUSY, "prober %d does not end",
				    (int)f.pid);
		close(f.process);
		for (int i = 0; f.answered && i < NR_HANDOVER; i++)
			close(f.fd[i]);
	}
	err = make_shared(b);
	if (err)
		return fail(why, err, "memory of the prober: %s",
			    strerror(-err));
	prober_init(&b->prober, port, key, grace_ns);
	return 0;
}

static int spawn(struct batond *b)
{
	struct supervisor *s = &b->supervisor;
	struct sockaddr_un at;
	socklen_t len;
	int err = prober_address(b->dp.dir, &at, &len);
	int listener =
		err ? -1
		    : socket(AF_UNIX,
			     SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (listener < 0)
		return err ?: -errno;
	if (bind(listener, (struct sockaddr *)&at, len)) {
		err = -errno;
		close(listener);
		return err;
	}
	b->prober.round = clock_ns();
	pid = prober_process_start(b, listener);
	if (pid < 0)
		return pid;
	s->process = pidfd_of(pid);
	s->pid = pid;
	s->since = clock_ns();
	return s->process < 0 ? s->process : 0;
}

int supervisor_start(struct batond *b, char why[SUPERVISOR_WHY])
{
	int err = b->supervisor.adopted ? 0 : spawn(b);

	b->supervisor.since = clock_ns();
	return err ? fail(why, err, "cannot start the prober: %s",
			  strerror(-err))
		   : 0;
}

/* --- while it runs -------------------------------------------------------------- */

static void tell(struct batond *b, bool alarm, const char *state,
		 const char *text)
{
	event(&b->events, alarm ? LOG_L_ERROR : LOG_L_NOTICE, "prober",
	      json_pack("{s:s, s:i}", "state", state, "pid",
			(int)b->supervisor.pid),
	      "prober %d: %s", (int)b->supervisor.pid, text);
}

static void stand_in(struct batond *b)
{
	struct supervisor *s = &b->supervisor;

	if (s->standing_in || probing_open(&s->stand_in, &b->prober))
		return;
	failover_probing(&s->stand_in, b);
	s->standing_in = true;
	tell(b, true, "stand-in",
	     "batond probes by itself meanwhile, which is slower");
}

static void stand_down(struct supervisor *s)
{
	if (s->standing_in)
		probing_close(&s->stand_in);
	s->standing_in = false;
}

/* The first time at once, then ever later. */
static uint64_t pause_before(uint32_t losses)
{
	uint64_t pause = losses < 2 ? 0 : 100000000ULL << (losses - 2);

	return losses > 8 || pause > LONGEST_RETRY ? LONGEST_RETRY : pause;
}

static void lost(struct batond *b, uint64_t now)
{
	struct supervisor *s = &b->supervisor;

	waitpid(s->pid, NULL, WNOHANG); /* no child if it was taken over */
	close(s->process);
	s->process = -1;
	tell(b, true, "lost",
	     "it has ended; hosts are not probed until there is another");
	s->losses = now - s->since < SETTLED ? s->losses + 1 : 1;
	s->retry = now + pause_before(s->losses);
	s->pid = 0;
}

static void replace(struct batond *b, uint64_t now)
{
	struct supervisor *s = &b->supervisor;

	if (now >= s->retry) {
		stand_down(s);
		if (!spawn(b)) {
			tell(b, false, "started", "hosts are probed");
			return;
		}
		s->losses++;
		s->retry = now + pause_before(s->losses);
	}
	stand_in(b);
	if (s->standing_in)
		probing_round(&s->stand_in);
}

static bool is_hung(const struct batond *b, uint64_t now)
{
	uint64_t round = __atomic_load_n(&b->prober.round, __ATOMIC_RELAXED);

	return now > round && now - round > HUNG;
}

static void on_look(uv_timer_t *timer)
{
	struct batond *b = timer->data;
	struct supervisor *s = &b->supervisor;
	uint64_t now = clock_ns();

	/* A machine that was suspended makes it look hung the first time. */
	s->hung = s->process >= 0 && is_hung(b, now) ? s->hung + 1 : 0;
	if (s->hung > 5) {
		tell(b, true, "hung", "it does not probe, and is ended");
		pidfd_kill(s->process, SIGKILL);
		has_ended(s->process, ENDS_WITHIN_MS);
		s->hung = 0;
	}
	if (s->process >= 0 && has_ended(s->process, 0))
		lost(b, now);
	if (s->process < 0)
		replace(b, now);
}

static void on_noted(uv_poll_t *poll, int status, int events)
{
	struct batond *b = poll->data;
	eventfd_t ignored;

	(void)status;
	(void)events;
	eventfd_read(b->notes_fd, &ignored);
	failover_tell(b);
}

int supervisor_watch(struct batond *b)
{
	struct supervisor *s = &b->supervisor;
	int err;

	s->noted.data = b;
	s->look.data = b;
	err = uv_poll_init(&b->loop, &s->noted, b->notes_fd)
		      ?: uv_poll_start(&s->noted, UV_READABLE, on_noted)
		      ?: uv_timer_init(&b->loop, &s->look);
	return err ?: uv_timer_start(&s->look, on_look, LOOK_MS, LOOK_MS);
}

void supervisor_wake(const struct batond *b)
{
	struct sockaddr_un at;
	socklen_t len;
	int s;

	if (prober_address(b->dp.dir, &at, &len))
		return;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return;
	if (connect(s, (struct sockaddr *)&at, len))
		log_debug("prober: not woken: %s", strerror(errno));
	close(s);
}
