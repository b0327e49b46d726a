// SPDX-License-Identifier: GPL-2.0-only
#include "netlink.h"

#include <errno.h>

int netlink_ask(struct mnl_socket *nl, struct nlmsghdr *n)
{
	char answer[MNL_SOCKET_BUFFER_SIZE];
	ssize_t len;

	n->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(nl, n, n->nlmsg_len) < 0)
		return -errno;
	len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (len < 0)
		return -errno;
	return mnl_cb_run(answer, len, 0, mnl_socket_get_portid(nl), NULL,
			  NULL) < 0
		       ? -errno
		       : 0;
}
