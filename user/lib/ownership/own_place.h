/* SPDX-License-Identifier: GPL-2.0-only */
/* Places: hosts by what they are to an owner (baton/ownership.h). */
#ifndef LIB_OWN_PLACE_H
#define LIB_OWN_PLACE_H

#include <stdint.h>

#include "baton/ownership.h"

#define OWN_NO_PLACE (-1)

/* Of a host among the home and the standbys; OWN_NO_PLACE: it is neither. */
static inline int own_place(uint16_t home,
			    const uint16_t standbys[BATON_MAX_STANDBYS],
			    uint16_t host)
{
	if (!host)
		return OWN_NO_PLACE;
	if (host == home)
		return 0;
	for (int i = 0; i < BATON_MAX_STANDBYS; i++)
		if (standbys[i] == host)
			return i + 1;
	return OWN_NO_PLACE;
}

/* The host at a place; 0: none. */
static inline uint16_t
own_place_host(uint16_t home, const uint16_t standbys[BATON_MAX_STANDBYS],
	       int place)
{
	return place ? standbys[place - 1] : home;
}

/* The mask of one place; of none, it is empty. */
static inline uint16_t own_place_bit(int place)
{
	return place < 0 ? 0 : 1 << place;
}

#endif
