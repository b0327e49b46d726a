/* SPDX-License-Identifier: GPL-2.0-only */
/* Quantities as people read them: three digits and a unit. */
#ifndef BATON_UNITS_H
#define BATON_UNITS_H

#define UNIT_TEXT 32

/* All write into `text` and return it. */
const char *unit_count(char text[UNIT_TEXT], double n); /* 999, 12.3M */
const char *unit_bytes(char text[UNIT_TEXT], double n); /* 1.46 kB */
const char *unit_bits(char text[UNIT_TEXT], double n); /* 9.8 Gbit */
const char *unit_ns(char text[UNIT_TEXT], double ns); /* 4.2 ms, 3m20s */
const char *unit_seconds(char text[UNIT_TEXT], double s); /* whole: 7s, 3m20s */
const char *unit_ago(char text[UNIT_TEXT], double ms); /* 3m ago */

#endif
