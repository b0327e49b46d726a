// SPDX-License-Identifier: GPL-2.0-only
#include "lib/xdp_features.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <string.h>
#include <time.h>

/* Of the kernel's linux/netdev.h, which is younger than some systems. */
#define FAMILY "netdev"
#define FAMILY_VERSION 1

enum { CMD_DEV_GET = 1 };
#define NDO_XMIT (1 << 2) /* among the features */

enum { A_DEV_IFINDEX = 1, A_DEV_XDP_FEATURES = 3 };

union message {
	struct nlmsghdr header;
	char bytes[8192]; /* more than a family's description */
};

static void begin(union message *m, uint16_t type, uint8_t command,
		  uint8_t version)
{
	struct genlmsghdr *g;

	mnl_nlmsg_put_header(m);
	m->header.nlmsg_type = type;
	m->header.nlmsg_flags = NLM_F_REQUEST;
	g = mnl_nlmsg_put_extra_header(&m->header, sizeof(*g));
	g->cmd = command;
	g->version = version;
}

/* Ask; the answer takes the question's place. */
static int ask(struct mnl_socket *nl, union message *m)
{
	const struct nlmsgerr *error;
	ssize_t n;

	m->header.nlmsg_seq = time(NULL);
	if (mnl_socket_sendto(nl, m, m->header.nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, m, sizeof(*m));
	if (n < 0)
		return -errno;
	if (!mnl_nlmsg_ok(&m->header, n))
		return -EPROTO;
	if (m->header.nlmsg_type != NLMSG_ERROR)
		return 0;
	error = mnl_nlmsg_get_payload(&m->header);
	return error->error ?: -EPROTO;
}

static const struct nlattr *find(const union message *m, uint16_t type,
				 size_t size)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, &m->header, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type &&
		    mnl_attr_get_payload_len(attr) == size)
			return attr;
	return NULL;
}

static int find_family(struct mnl_socket *nl, union message *m, uint16_t *id)
{
	const struct nlattr *attr;
	int err;

	begin(m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(&m->header, CTRL_ATTR_FAMILY_NAME, FAMILY);
	err = ask(nl, m);
	if (err)
		return err;
	attr = find(m, CTRL_ATTR_FAMILY_ID, sizeof(*id));
	if (!attr)
		return -EPROTO;
	*id = mnl_attr_get_u16(attr);
	return 0;
}

static int find_features(struct mnl_socket *nl, union message *m,
			 uint16_t family, int ifindex, uint64_t *features)
{
	const struct nlattr *attr;
	int err;

	begin(m, family, CMD_DEV_GET, FAMILY_VERSION);
	mnl_attr_put_u32(&m->header, A_DEV_IFINDEX, ifindex);
	err = ask(nl, m);
	if (err)
		return err;
	attr = find(m, A_DEV_XDP_FEATURES, sizeof(*features));
	if (!attr)
		return -EPROTO;
	*features = mnl_attr_get_u64(attr);
	return 0;
}

int xdp_takes_redirects(int ifindex)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	uint64_t features = 0;
	union message m;
	uint16_t family;
	int err;

	if (!nl)
		return -errno;
	err = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ? -errno : 0;
	if (!err)
		err = find_family(nl, &m, &family);
	if (!err)
		err = find_features(nl, &m, family, ifindex, &features);
	mnl_socket_close(nl);
	return err ?: (features & NDO_XMIT) != 0;
}
