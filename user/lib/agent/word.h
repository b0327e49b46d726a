/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's word, sent unasked so that the switch need not wait for the next
 * answer (baton/probe.h). It says the same as that will.
 */
#ifndef LIB_AGENT_WORD_H
#define LIB_AGENT_WORD_H

#include "baton/probe.h"
#include "pins.h"

/*
 * What the host says of itself at `now`, CLOCK_BOOTTIME, in reply to the
 * newest probe of a session: complete, authenticator and all.
 */
void word_make(struct baton_probe *p, const struct pins *pins,
	       const struct baton_host_session *session,
	       const struct baton_host_asker *asker, uint64_t now);

/* Send it to every prober that has been heard lately; the number of them. What
 * cannot be sent, the next answer says. */
int word_send(const struct pins *pins);

/* Change it, and send it; as word_send(). */
int word_say(struct pins *pins, enum baton_host_word word);

#endif
