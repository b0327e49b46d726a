/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration of baton-proxy, as a value; nothing here touches the
 * system. */
#ifndef BATON_PROXY_CONFIG_H
#define BATON_PROXY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/abi.h"
#include "baton/link.h"
#include "lib/addr.h"
#include "lib/config_errors.h"
#include "lib/link/link_key.h"
#include "proxy_header.h"
#include "replica.h"

/* X(NAME, label): when received data is acknowledged to its sender (row P2) */
#define POLICIES(X)                                                            \
	X(NONE, "none") /* at once: nothing survives this proxy */             \
	X(SENT, "sent") /* when it is on its way to the standby */             \
	X(STORED, "stored") /* when the standby has it in memory */            \
	X(RELAYED, "relayed") /* and the server has acknowledged it */         \
	X(COMMITTED, "committed") /* and the application has committed it */

enum policy {
#define X(name, label) POLICY_##name,
	POLICIES(X)
#undef X
		NR_POLICIES,
};

/* X(NAME, label): what to do while no standby stores anything (row P7) */
#define ON_LOSSES(X)                                                           \
	X(GO_ON, "go-on") /* unprotected, with an alarm */                     \
	X(STALL, "stall") /* acknowledge nothing until there is one */

enum on_loss {
#define X(name, label) ON_LOSS_##name,
	ON_LOSSES(X)
#undef X
		NR_ON_LOSSES,
};

/* Each policy promises what those before it do, and more. */
static inline bool policy_holds(enum policy p)
{
	return p >= POLICY_STORED;
}

/* Acknowledgements to the client are withheld on their way out, as well. */
static inline bool policy_clamps(enum policy p)
{
	return p >= POLICY_RELAYED;
}

struct config_service {
	char name[BATON_NAME_LEN];
	char owner[BATON_NAME_LEN]; /* who plays it, serves */
	struct addr vip, server;
	struct addr source; /* toward the server; unset: any of this host */
	bool transparent; /* toward the server: the client's address and port */
	uint16_t port, server_port; /* host byte order */
	char *application; /* unix socket for it; NULL: a server */
	char *user; /* who may be the application besides root */
	uint32_t connections; /* at most */
	enum policy policy;
	enum on_loss on_loss;
	enum proxy_header header;
	int line;
};

#define CONFIG_PEERS 16

struct config_peer {
	char name[BATON_LINK_NAME_LEN];
	char *key; /* its public part, base64 */
	struct link_public public; /* the same, once it is checked */
	struct addr address;
	uint16_t port;
	int line;
};

struct config {
	char node[BATON_LINK_NAME_LEN];
	char *key; /* path of this node's; NULL: there are no peers */
	char *agent; /* bpffs directory of baton-host */
	char *application; /* as which the agent watches it; NULL: not */
	char *heartbeats; /* path of the agent's socket for that */
	char *ownership; /* path of the agent's control socket; NULL: what to do
			  * without a standby is decided here */
	char *control; /* path of the control socket */
	struct addr address; /* where peers connect to */
	uint16_t port;
	uint32_t silent; /* ms; a peer without a word for so long is gone */
	uint16_t queue; /* the first of two NFQUEUE numbers */
	uint32_t takeover_timeout; /* ms, for an end that does not answer */
	uint32_t buffer; /* bytes in the kernel, each way of each socket */
	uint32_t memory; /* MiB, for what connections keep */
	struct config_peer *peers;
	size_t nr_peers;
	struct config_service *services;
	size_t nr_services;
	int line;
};

/* By which proxies know a service from others: its name, and whatever must be
 * the same on all of them lest the streams differ. */
uint32_t config_service_tag(const struct config_service *s);

/* Is this a side (CLIENT, SERVER) of one of its connections? */
bool config_service_has(const struct config_service *s, const struct tuple *t,
			int which);

/* 0, or a negative errno with at least one message. Free in both cases. */
int config_read(struct config *c, const char *path, struct config_errors *e);
int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e);
void config_free(struct config *c);

#endif
