// SPDX-License-Identifier: GPL-2.0-only
#include "units.h"

#include <stdio.h>
#include <string.h>

#define LARGEST 1e21 /* more is not a quantity of anything here */

#define NS_PER_SECOND 1e9

static double clamp(double n)
{
	if (!(n > 0)) /* NaN too */
		return 0;
	return n < LARGEST ? n : LARGEST;
}

/* Three significant digits, without zeros at the end of a fraction. */
static void digits(char text[UNIT_TEXT], double n)
{
	size_t len;

	snprintf(text, UNIT_TEXT, "%.*f", n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n);
	if (!strchr(text, '.'))
		return;
	len = strlen(text);
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[len - 1] = '\0';
}

/* `suffixes` from the smallest on, each 1000 times the one before. */
static const char *scaled(char text[UNIT_TEXT], double n,
			  const char *const *suffixes, int nr)
{
	size_t len;
	int i = 0;

	n = clamp(n);
	while (n >= 999.5 && i < nr - 1) {
		n /= 1000;
		i++;
	}
	digits(text, n);
	len = strlen(text);
	snprintf(text + len, UNIT_TEXT - len, "%s", suffixes[i]);
	return text;
}

#define SCALED(text, n, suffixes)                                              \
	scaled(text, n, suffixes, sizeof(suffixes) / sizeof(*(suffixes)))

const char *unit_count(char text[UNIT_TEXT], double n)
{
	static const char *const suffixes[] = { "", "k", "M", "G", "T", "P" };

	return SCALED(text, n, suffixes);
}

const char *unit_bytes(char text[UNIT_TEXT], double n)
{
	static const char *const suffixes[] = { " B",  " kB", " MB",
						" GB", " TB", " PB" };

	return SCALED(text, n, suffixes);
}

const char *unit_bits(char text[UNIT_TEXT], double n)
{
	static const char *const suffixes[] = { " bit",	 " kbit", " Mbit",
						" Gbit", " Tbit", " Pbit" };

	return SCALED(text, n, suffixes);
}

static const struct {
	const char *name;
	double seconds;
} spans[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };

#define SPANS (sizeof(spans) / sizeof(*spans))

/* Whole days, hours, minutes or seconds, the `parts` largest of them. */
static const char *span(char text[UNIT_TEXT], double seconds, int parts)
{
	size_t len = 0, i;

	text[0] = '\0';
	for (i = 0; i < SPANS && parts; i++) {
		unsigned long long n = seconds / spans[i].seconds;

		if (!n && (!len || parts == 1) && i < SPANS - 1) {
			parts -= len != 0;
			continue;
		}
		if (!n && len)
			break;
		len += snprintf(text + len, UNIT_TEXT - len, "%llu%s", n,
				spans[i].name);
		seconds -= n * spans[i].seconds;
		parts--;
	}
	return text;
}

const char *unit_ns(char text[UNIT_TEXT], double ns)
{
	static const char *const suffixes[] = { " ns", " us", " ms", " s" };

	ns = clamp(ns);
	if (ns >= 59.95 * NS_PER_SECOND)
		return span(text, ns / NS_PER_SECOND + 0.05, 2);
	return SCALED(text, ns, suffixes);
}

const char *unit_seconds(char text[UNIT_TEXT], double s)
{
	return span(text, clamp(s), 2);
}

const char *unit_ago(char text[UNIT_TEXT], double ms)
{
	size_t len;

	span(text, clamp(ms) / 1000, 1);
	len = strlen(text);
	snprintf(text + len, UNIT_TEXT - len, " ago");
	return text;
}
