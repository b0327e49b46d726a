/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent: sets everything up, then waits for signals, and watches that its
 * program stays where it was put. The data path does not need it to run.
 */
#ifndef BATON_HOST_AGENT_H
#define BATON_HOST_AGENT_H

#include <stdbool.h>

#include "baton/probe.h"
#include "config.h"

/* Read the configuration, saying on standard error what is wrong with it. */
int agent_config(struct config *c, const char *path);

/* Each returns a negative errno, logged, or 0: agent_run after SIGTERM. */
int agent_run(const char *config_path, struct config *c);
int agent_detach(const struct config *c);
int agent_say(const struct config *c, enum baton_host_word word);

/* Print what the maps say, as JSON or for people; they need no agent. */
int agent_status(const struct config *c, bool json);

#endif
