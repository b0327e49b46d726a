/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Short work that connections stand still for goes ahead of what else there is
 * to do on a machine: on a busy one a process waits for a CPU for milliseconds,
 * again and again. It is done with the lowest real-time priority, below that of
 * batond's prober, which is taken for the time of that work only.
 */
#ifndef LIB_URGENT_H
#define LIB_URGENT_H

/* At start-up, while it is privileged: it may be urgent later, when it is not
 * any more. 0, or a negative errno: then CAP_SYS_NICE is needed for that. */
int urgent_allow(void);

/* From here to there; of the calling thread, and not inherited. Who has real-time
 * priority anyway, by its operator's choice, keeps it; where it is not allowed,
 * nothing changes. */
void urgent_begin(void);
void urgent_end(void);

#endif
