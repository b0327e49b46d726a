// SPDX-License-Identifier: GPL-2.0-only
#include "probe_endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"

#define MS 1000000ULL

/* What we offer before there is a socket; it fits without scaling. */
#define WINDOW 65535

/* An end that proves nothing is believed after as many tries: sooner if it
 * cannot, as it does not know SACK. */
#define UNPROVEN_TRIES 2
#define UNPROVEN_TRIES_SACK 5

/* Bytes: what leaves passes the queue of packets, and counts until it is read. All
 * ends of all connections are asked at once. */
#define SEND_BUFFER (64 << 20)

const struct probe_rule probe_rule_default = {
	.repeat = 20 * MS,
	.deadline = 2000 * MS,
	.tries = 7,
};

/* The last byte that the other end has acknowledged, or the SYN's place if there
 * is none. */
static uint32_t old_byte(const struct track *t)
{
	return t->seq_out + (uint32_t)t->acked;
}

/* --- the schedule ---------------------------------------------------------- */

/* Probes that were sent as often as each other are due in the order in which
 * they were sent, so a queue is sorted by itself. */
static void queue_add(struct probe_queue *q, struct probe *probe)
{
	probe->next = NULL;
	probe->link = q->tail;
	*q->tail = probe;
	q->tail = &probe->next;
}

void probes_init(struct probes *p, const struct probe_rule *rule)
{
	*p = (struct probes){ .rule = *rule };
	if (p->rule.tries > PROBE_TRIES_MAX)
		p->rule.tries = PROBE_TRIES_MAX;
	for (int i = 0; i <= PROBE_TRIES_MAX; i++)
		p->queues[i].tail = &p->queues[i].head;
}

void probes_remove(struct probes *p, struct probe *probe)
{
	if (!probe->link)
		return;
	if (probe->next)
		probe->next->link = probe->link;
	else
		p->queues[probe->tries].tail = probe->link;
	*probe->link = probe->next;
	probe->link = NULL;
	probe->next = NULL;
	p->waiting--;
}

static int heavier_first(const void *a, const void *b)
{
	const struct probe *const *x = a, *const *y = b;

	return (*x)->weight < (*y)->weight ? 1 : -((*x)->weight > (*y)->weight);
}

void probes_start(struct probes *p, struct probe **list, size_t n, uint64_t now)
{
	qsort(list, n, sizeof(*list), heavier_first);
	for (size_t i = 0; i < n; i++) {
		struct probe *probe = list[i];

		probe->state = PROBE_WAITING;
		probe->proven = probe->heard = false;
		probe->ack = track_next_out(probe->track);
		probe->window = probe->track->window;
		probe->tries = 0;
		probe->seq = old_byte(probe->track);
		probe->arrived = track_next_in(probe->track);
		probe->stamp = probe->track->ts_echo + 1;
		probe->due = now;
		probe->until = now + p->rule.deadline;
		queue_add(&p->queues[0], probe);
	}
	p->waiting += n;
}

static struct probe *earliest(const struct probes *p)
{
	struct probe *first = NULL;

	for (int i = 0; i <= PROBE_TRIES_MAX; i++) {
		struct probe *head = p->queues[i].head;

		if (head && (!first || head->due < first->due))
			first = head;
	}
	return first;
}

uint64_t probes_next(const struct probes *p)
{
	struct probe *first = earliest(p);

	return first ? first->due : UINT64_MAX;
}

static void settle(struct probes *p, struct probe *probe,
		   enum probe_state state)
{
	probes_remove(p, probe);
	probe->state = state;
}

/* Its turn to be sent again; when it is to be looked at next. */
static void count_as_sent(struct probes *p, struct probe *probe, uint64_t now)
{
	uint64_t due = now + (p->rule.repeat << probe->tries);

	probes_remove(p, probe);
	p->waiting++;
	probe->tries++;
	if (probe->tries >= p->rule.tries || due > probe->until)
		due = probe->until;
	probe->due = due;
	queue_add(&p->queues[probe->tries], probe);
}

size_t probes_due(struct probes *p, uint64_t now, struct probe **due,
		  size_t room, struct probe **over)
{
	struct probe *probe;
	size_t n = 0;

	if (over)
		*over = NULL;
	while ((probe = earliest(p)) && probe->due <= now) {
		bool believed = probe->heard &&
				probe->tries >= (probe->track->sack
							 ? UNPROVEN_TRIES_SACK
							 : UNPROVEN_TRIES);

		if (believed || now >= probe->until) {
			settle(p, probe,
			       probe->heard ? PROBE_ANSWERED : PROBE_SILENT);
			if (over) {
				probe->next = *over;
				*over = probe;
			}
		} else if (n < room) {
			count_as_sent(p, probe, now);
			due[n++] = probe;
		} else {
			break;
		}
	}
	return n;
}

/* --- answers --------------------------------------------------------------- */

static bool names_the_byte(const struct probe *probe, const struct segment *s)
{
	return s->sack_block && s->sack_start == probe->seq &&
	       s->sack_end == probe->seq + 1;
}

static bool echoes(const struct probe *probe, const struct segment *s)
{
	return probe->track->timestamps && s->timestamps &&
	       !seq_before(s->ts_echo, probe->stamp);
}

/* The new socket's clock must not begin behind what the end has seen. The track
 * may not have looked: an end whose window is smaller now answers with a sequence
 * number that lies behind what has arrived meanwhile. */
static void learn_clock(struct track *t, const struct segment *s)
{
	if (t->timestamps && s->timestamps &&
	    seq_before(t->ts_echo, s->ts_echo))
		t->ts_echo = s->ts_echo;
}

bool probe_in(struct probes *p, struct probe *probe, const struct segment *s)
{
	if (!probe->link)
		return false;
	if (probe->track->reset) {
		settle(p, probe, PROBE_GONE);
		return true;
	}
	if (!(s->flags & SEGMENT_ACK) || s->flags & SEGMENT_SYN ||
	    !probe->tries || seq_before(s->ack, probe->ack))
		return false;
	probe->heard |= !probe->track->sack ||
			(!s->length && !(s->flags & SEGMENT_FIN));
	probe->ack = s->ack;
	probe->window = track_scaled(probe->track, s->window);
	probe->proven = names_the_byte(probe, s) || echoes(probe, s);
	if (probe->proven) {
		learn_clock(probe->track, s);
		settle(p, probe, PROBE_ANSWERED);
	}
	return probe->proven;
}

/* --- what is sent ---------------------------------------------------------- */

static struct segment ours(const struct track *t, const struct tuple *tuple,
			   uint8_t flags)
{
	return (struct segment){
		.tuple = *tuple,
		.flags = flags,
		.ack = track_next_in(t),
		.scale = SEGMENT_NO_SCALE,
		.timestamps = t->timestamps,
		.ts_value = t->ts_echo,
		.ts_echo = t->ts_value,
	};
}

static uint16_t scaled_down(const struct track *t, uint32_t window)
{
	if (t->scale_out != SEGMENT_NO_SCALE)
		window >>= t->scale_out;
	return window < UINT16_MAX ? window : UINT16_MAX;
}

/* An acceptable ACK, too, so it tells what had arrived. */
void probe_segment(struct segment *s, const struct probe *probe)
{
	static const uint8_t any;

	*s = ours(probe->track, probe->tuple, SEGMENT_ACK);
	s->seq = probe->seq;
	s->ack = probe->arrived;
	s->ts_value = probe->stamp;
	s->window = scaled_down(probe->track, WINDOW);
	s->payload = &any;
	s->length = 1;
}

void probe_ack_segment(struct segment *s, const struct track *t,
		       const struct tuple *tuple, uint32_t snd_nxt,
		       uint32_t ts_value, uint32_t window)
{
	*s = ours(t, tuple, SEGMENT_ACK);
	s->seq = snd_nxt;
	s->ts_value = ts_value;
	s->window = scaled_down(t, window);
}

void probe_syn_ack_segment(struct segment *s, const struct track *t,
			   const struct tuple *tuple, uint16_t window)
{
	*s = ours(t, tuple, SEGMENT_SYN | SEGMENT_ACK);
	s->seq = t->seq_out;
	s->window = window;
	s->mss = t->mss_out;
	s->scale = t->scale_out;
	s->sack = t->sack;
}

static int raw_socket(int family, uint32_t mark)
{
	const int room = SEND_BUFFER;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (mark &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int probe_sockets_open(struct probe_sockets *p, uint32_t mark)
{
	*p = (struct probe_sockets){ -1, -1 };
	p->fd4 = raw_socket(AF_INET, mark);
	if (p->fd4 < 0)
		return p->fd4;
	p->fd6 = raw_socket(AF_INET6, mark);
	if (p->fd6 < 0) {
		close(p->fd4);
		p->fd4 = -1;
		return p->fd6;
	}
	return 0;
}

void probe_sockets_close(struct probe_sockets *p)
{
	if (p->fd4 >= 0)
		close(p->fd4);
	if (p->fd6 >= 0)
		close(p->fd6);
	*p = (struct probe_sockets){ -1, -1 };
}

#define BATCH 64

/* Segments of one family. */
static int send_batch(int fd, const struct segment *list, unsigned int n)
{
	uint8_t packets[BATCH][SEGMENT_HEADERS_MAX + 1];
	struct sockaddr_storage to[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	int done;

	memset(messages, 0, sizeof(messages));
	for (unsigned int i = 0; i < n; i++) {
		const struct tuple *tuple = &list[i].tuple;
		struct addr a = { .family = tuple->family };
		int len =
			segment_build(&list[i], packets[i], sizeof(packets[i]));

		if (len < 0) {
			n = i;
			if (!n)
				return len;
			break;
		}
		memcpy(a.word, tuple->remote, sizeof(a.word));
		iov[i] = (struct iovec){ packets[i], len };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &to[i];
		/* a raw socket has no port */
		messages[i].msg_hdr.msg_namelen = addr_sockaddr(&a, 0, &to[i]);
	}
	done = sendmmsg(fd, messages, n, MSG_DONTWAIT);
	return done < 0 ? -errno : done;
}

size_t probe_send(const struct probe_sockets *p, const struct segment *list,
		  size_t n, int *error)
{
	size_t sent = 0;

	*error = 0;
	while (sent < n) {
		uint8_t family = list[sent].tuple.family;
		size_t same = 1;
		int done;

		while (same < BATCH && sent + same < n &&
		       list[sent + same].tuple.family == family)
			same++;
		done = send_batch(family == 4 ? p->fd4 : p->fd6, list + sent,
				  same);
		if (done < 0) {
			*error = done;
			break;
		}
		sent += done;
	}
	return sent;
}

int probe_send_packet(const struct probe_sockets *p, const struct tuple *tuple,
		      const void *packet, size_t len)
{
	struct addr a = { .family = tuple->family };
	struct sockaddr_storage to;
	socklen_t to_len;

	memcpy(a.word, tuple->remote, sizeof(a.word));
	to_len = addr_sockaddr(&a, 0, &to);
	return sendto(tuple->family == 4 ? p->fd4 : p->fd6, packet, len,
		      MSG_DONTWAIT, (struct sockaddr *)&to, to_len) < 0
		       ? -errno
		       : 0;
}
