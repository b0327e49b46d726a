// SPDX-License-Identifier: GPL-2.0-only
#include "config_services.h"

#include <netinet/in.h>

/* IKE and ESP in UDP (RFC 7296, RFC 3948) */
static bool takes_ike(const struct config_service *s)
{
	return s->protocol == IPPROTO_UDP &&
	       (s->port == 500 || s->port == 4500);
}

bool config_services_overlap(const struct config_service *a,
			     const struct config_service *b)
{
	if (!a->protocol || !b->protocol || !a->vip.family ||
	    !addr_equal(&a->vip, &b->vip))
		return false;
	if (a->protocol == b->protocol)
		return a->port == b->port;
	return (a->protocol == CONFIG_IPSEC && takes_ike(b)) ||
	       (b->protocol == CONFIG_IPSEC && takes_ike(a));
}

/* Is there a service, not a back, that clients reach at this address? */
static bool is_vip(const struct config *c, const struct addr *a)
{
	for (size_t i = 0; i < c->nr_services; i++)
		if (!*c->services[i].back_of &&
		    addr_equal(&c->services[i].vip, a))
			return true;
	return false;
}

const char *config_back_wrong(const struct config *c,
			      const struct config_service *s)
{
	const struct config_service *front = config_service(c, s->back_of);

	if (s->protocol != IPPROTO_TCP || !s->port)
		return "protocol tcp, and the server's port";
	if (s->nr_owners || s->client_hash || *s->application)
		return "no owners, affinity or application: those of the other "
		       "service count";
	/* the switch knows a server by its address */
	if (is_vip(c, &s->vip))
		return "a server whose address is no vip of a service";
	if (front && (*front->back_of || front->protocol != IPPROTO_TCP ||
		      front->vip.family != s->vip.family))
		return "a service of protocol tcp that is no back itself, with "
		       "a vip of the same family";
	return NULL;
}
