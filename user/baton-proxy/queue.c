// SPDX-License-Identifier: GPL-2.0-only
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/why.h"
#include "netlink.h"

#define BUFFER (QUEUE_WHOLE + 4096)
#define RECEIVE_BUFFER (64 << 20)

int queue_fd(const struct queue *q)
{
	return mnl_socket_get_fd(q->socket);
}

static struct nlmsghdr *message(const struct queue *q, char *buffer, int type)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *g;

	n->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type;
	n->nlmsg_flags = NLM_F_REQUEST;
	g = mnl_nlmsg_put_extra_header(n, sizeof(*g));
	g->nfgen_family = AF_UNSPEC;
	g->version = NFNETLINK_V0;
	g->res_id = htons(q->number);
	return n;
}

static void settle(void *arg, const struct queued *one, bool go);

/* --- configuration -------------------------------------------------------------- */

static int configure(struct queue *q, uint32_t range)
{
	const struct nfqnl_msg_config_cmd bind = {
		.command = NFQNL_CFG_CMD_BIND,
	};
	const struct nfqnl_msg_config_params params = {
		.copy_range = htonl(range),
		.copy_mode = NFQNL_COPY_PACKET,
	};
	char buffer[512];
	struct nlmsghdr *n;
	int err;

	n = message(q, buffer, NFQNL_MSG_CONFIG);
	mnl_attr_put(n, NFQA_CFG_CMD, sizeof(bind), &bind);
	err = netlink_ask(q->socket, n);
	if (err)
		return err;
	n = message(q, buffer, NFQNL_MSG_CONFIG);
	mnl_attr_put(n, NFQA_CFG_PARAMS, sizeof(params), &params);
	mnl_attr_put_u32(n, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LONGEST));
	mnl_attr_put_u32(n, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	mnl_attr_put_u32(n, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
	return netlink_ask(q->socket, n);
}

int queue_open(struct queue *q, uint16_t number, uint32_t range, char *why,
	       size_t size)
{
	const int room = RECEIVE_BUFFER, one = 1;
	int err;

	*q = (struct queue){ .number = number };
	q->waiting.settle = settle;
	q->waiting.arg = q;
	q->buffer = malloc(BUFFER);
	q->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!q->buffer || !q->socket ||
	    mnl_socket_bind(q->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	else
		err = configure(q, range);
	if (err) {
		queue_close(q);
		return why_set(why, size, err,
			       "NFQUEUE %u: %s (does another program read it? "
			       "see /proc/net/netfilter/nfnetlink_queue)",
			       number, strerror(-err));
	}
	setsockopt(queue_fd(q), SOL_SOCKET, SO_RCVBUFFORCE, &room,
		   sizeof(room));
	/* a packet for which there is no room is dropped, as on any wire */
	mnl_socket_setsockopt(q->socket, NETLINK_NO_ENOBUFS, (void *)&one,
			      sizeof(one));
	return 0;
}

void queue_close(struct queue *q)
{
	if (q->socket)
		mnl_socket_close(q->socket);
	free(q->buffer);
	waiting_free(&q->waiting);
	*q = (struct queue){ 0 };
}

/* --- packets --------------------------------------------------------------------- */

struct reading {
	queue_fn *each;
	void *arg;
};

static int take_attribute(const struct nlattr *a, void *data)
{
	const struct nlattr **found = data;

	if (mnl_attr_get_type(a) <= NFQA_MAX)
		found[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

static int take_packet(const struct nlmsghdr *n, void *data)
{
	const struct nlattr *a[NFQA_MAX + 1] = { 0 };
	const struct reading *r = data;
	const struct nfqnl_msg_packet_hdr *h;
	uint32_t info = 0;
	struct queued q;

	if (mnl_attr_parse(n, sizeof(struct nfgenmsg), take_attribute, a) < 0 ||
	    !a[NFQA_PACKET_HDR])
		return MNL_CB_OK;
	h = mnl_attr_get_payload(a[NFQA_PACKET_HDR]);
	if (a[NFQA_SKB_INFO])
		info = ntohl(mnl_attr_get_u32(a[NFQA_SKB_INFO]));
	q = (struct queued){ .id = ntohl(h->packet_id),
			     .verified = !(info & NFQA_SKB_CSUM_NOTVERIFIED) ||
					 info & NFQA_SKB_CSUMNOTREADY };
	if (a[NFQA_PAYLOAD]) {
		q.packet = mnl_attr_get_payload(a[NFQA_PAYLOAD]);
		q.len = mnl_attr_get_payload_len(a[NFQA_PAYLOAD]);
		q.whole = a[NFQA_CAP_LEN]
				  ? ntohl(mnl_attr_get_u32(a[NFQA_CAP_LEN]))
				  : q.len;
	}
	r->each(r->arg, &q);
	return MNL_CB_OK;
}

bool queue_read(struct queue *q, queue_fn *each, void *arg, unsigned int most)
{
	struct reading r = { each, arg };

	for (; most; most--) {
		ssize_t len =
			recv(queue_fd(q), q->buffer, BUFFER, MSG_DONTWAIT);

		if (len < 0 && errno == ENOBUFS) {
			q->lost++;
			continue;
		}
		if (len <= 0)
			return false;
		mnl_cb_run(q->buffer, len, 0, 0, take_packet, &r);
	}
	return true;
}

/* --- verdicts ---------------------------------------------------------------------- */

static void give(struct queue *q, int type, uint32_t id, uint32_t verdict)
{
	const struct nfqnl_msg_verdict_hdr v = { htonl(verdict), htonl(id) };
	char buffer[64];
	struct nlmsghdr *n = message(q, buffer, type);

	mnl_attr_put(n, NFQA_VERDICT_HDR, sizeof(v), &v);
	mnl_socket_sendto(q->socket, n, n->nlmsg_len);
}

void queue_drop(struct queue *q, uint32_t id)
{
	give(q, NFQNL_MSG_VERDICT, id, NF_DROP);
}

static void accept_changed(struct queue *q, const struct queued *one)
{
	static const uint8_t zero[MNL_ALIGNTO];
	const struct nfqnl_msg_verdict_hdr v = { htonl(NF_ACCEPT),
						 htonl(one->id) };
	struct nlattr payload = { .nla_len = MNL_ATTR_HDRLEN + one->len,
				  .nla_type = NFQA_PAYLOAD };
	char buffer[64];
	struct nlmsghdr *n = message(q, buffer, NFQNL_MSG_VERDICT);
	struct iovec iov[] = {
		{ n, 0 },
		{ &payload, sizeof(payload) },
		{ one->packet, one->len },
		{ (void *)zero, MNL_ALIGN(one->len) - one->len },
	};

	mnl_attr_put(n, NFQA_VERDICT_HDR, sizeof(v), &v);
	iov[0].iov_len = n->nlmsg_len;
	for (int i = 1; i < 4; i++)
		n->nlmsg_len += iov[i].iov_len;
	/* a packet of which the answer is lost waits until the queue is closed;
	 * its sender repeats it */
	if (writev(queue_fd(q), iov, 4) < 0)
		queue_drop(q, one->id);
}

void queue_accept(struct queue *q, const struct queued *one)
{
	if (one->changed)
		accept_changed(q, one);
	else
		give(q, NFQNL_MSG_VERDICT, one->id, NF_ACCEPT);
}

/* For the list of those that wait. */
static void settle(void *arg, const struct queued *one, bool go)
{
	struct queue *q = arg;

	if (go)
		queue_accept(q, one);
	else
		queue_drop(q, one->id);
}
