// SPDX-License-Identifier: GPL-2.0-only
#include "stats.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "show.h"
#include "units.h"

static double growth(const json_t *now, const json_t *before, const char *key)
{
	double n = show_number(now, key) - show_number(before, key);

	return n > 0 ? n : 0;
}

/* The object in `array` whose "name" or "reason" is that of `object`. */
static const json_t *counterpart(const json_t *array, const json_t *object)
{
	static const char *const keys[] = { "name", "reason" };
	const json_t *other;
	size_t i;

	json_array_foreach(array, i, other) for (size_t k = 0;
						 k < SHOW_LEN(keys); k++)
	{
		const json_t *name = json_object_get(object, keys[k]);

		if (name && json_equal(name, json_object_get(other, keys[k])))
			return other;
	}
	return NULL;
}

/* stats_rates, for data within data; without a counterpart, no rates */
static void rates(json_t *now, const json_t *before, double seconds, int depth)
{
	const char *key;
	json_t *value;
	size_t i;

	if (depth > 6 || !before)
		return;
	json_array_foreach(now, i, value)
		rates(value, counterpart(before, value), seconds, depth + 1);
	json_object_foreach(now, key, value)
		rates(value, json_object_get(before, key), seconds, depth + 1);
	if (!json_object_get(now, "packets"))
		return;
	json_object_set_new(
		now, "packets_s",
		json_real(growth(now, before, "packets") / seconds));
	json_object_set_new(
		now, "bits_s",
		json_real(growth(now, before, "bytes") * 8 / seconds));
}

void stats_rates(json_t *now, const json_t *before, double seconds)
{
	if (seconds > 0)
		rates(now, before, seconds, 0);
}

/* In the order of enum baton_verdict. */
static const char *const verdicts[] = { "pass", "forward", "return", "answer",
					"drop" };

static size_t verdict_rank(const json_t *reason)
{
	const char *verdict = show_string(reason, "verdict");
	size_t i;

	for (i = 0; i < SHOW_LEN(verdicts); i++)
		if (!strcasecmp(verdict, verdicts[i]))
			break;
	return i;
}

static int compare_reasons(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	size_t rank_x = verdict_rank(x), rank_y = verdict_rank(y);
	double packets = show_number(y, "packets") - show_number(x, "packets");

	if (rank_x != rank_y)
		return rank_x < rank_y ? -1 : 1;
	return (packets > 0) - (packets < 0);
}

/* By verdict, then the most packets first; those with none only for `all`. */
static json_t *sorted_reasons(const json_t *reasons, bool all)
{
	size_t n = json_array_size(reasons), i, kept = 0;
	json_t **sorted = xrealloc(NULL, n + 1, sizeof(*sorted));
	json_t *result = json_array();

	for (i = 0; i < n; i++) {
		json_t *reason = json_array_get(reasons, i);

		if (all || show_number(reason, "packets") > 0)
			sorted[kept++] = reason;
	}
	qsort(sorted, kept, sizeof(*sorted), compare_reasons);
	for (i = 0; i < kept; i++)
		json_array_append(result, sorted[i]);
	free(sorted);
	return result;
}

json_t *stats_by_verdict(const json_t *reasons)
{
	static const char *const sums[] = { "packets", "bytes", "packets_s",
					    "bits_s" };
	json_t *result = json_array(), *total, *reason;

	for (size_t v = 0; v < SHOW_LEN(verdicts); v++) {
		double sum[SHOW_LEN(sums)] = { 0 };
		size_t i, k;

		json_array_foreach(reasons, i,
				   reason) for (k = 0;
						verdict_rank(reason) == v &&
						k < SHOW_LEN(sums);
						k++)
			sum[k] += show_number(reason, sums[k]);
		total = json_pack("{s:s}", "verdict", verdicts[v]);
		for (k = 0; k < SHOW_LEN(sums); k++)
			json_object_set_new(total, sums[k], json_real(sum[k]));
		json_array_append_new(result, total);
	}
	return result;
}

static bool has_rates(const json_t *array)
{
	const json_t *object;
	size_t i;

	json_array_foreach(array, i,
			   object) if (show_find(object, "packets_s") ||
				       show_find(object, "traffic.in.packets_"
							 "s")) return true;
	return false;
}

static void heading(const struct options *o, FILE *f, const char *text)
{
	putc('\n', f);
	text_coloured(f, COLOUR_DIM, o->colour, text);
	putc('\n', f);
}

static void show_reasons(const struct options *o, FILE *f, const json_t *data)
{
	static const struct show_column totals[] = {
		{ "VERDICT", "verdict" }, { "REASON", "reason" },
		{ "PACKETS", "packets" }, { "BYTES", "bytes" },
		{ "MEANING", "text" },
	};
	static const struct show_column rated[] = {
		{ "VERDICT", "verdict" },     { "REASON", "reason" },
		{ "PACKETS", "packets" },     { "BYTES", "bytes" },
		{ "PACKETS/S", "packets_s" }, { "BITS/S", "bits_s" },
		{ "MEANING", "text" },
	};
	json_t *reasons =
		sorted_reasons(json_object_get(data, "reasons"), o->all);

	if (has_rates(reasons))
		show_table(o, f, reasons, rated, SHOW_LEN(rated));
	else
		show_table(o, f, reasons, totals, SHOW_LEN(totals));
	json_decref(reasons);
}

static void show_traffic(const struct options *o, FILE *f, const json_t *array,
			 const char *title)
{
	static const struct show_column totals[] = {
		{ "NAME", "name" },
		{ "IN PACKETS", "traffic.in.packets" },
		{ "BYTES", "traffic.in.bytes" },
		{ "OUT PACKETS", "traffic.out.packets" },
		{ "BYTES", "traffic.out.bytes" },
	};
	static const struct show_column rated[] = {
		{ "NAME", "name" },
		{ "IN PACKETS", "traffic.in.packets" },
		{ "PACKETS/S", "traffic.in.packets_s" },
		{ "BITS/S", "traffic.in.bits_s" },
		{ "OUT PACKETS", "traffic.out.packets" },
		{ "PACKETS/S", "traffic.out.packets_s" },
		{ "BITS/S", "traffic.out.bits_s" },
	};

	if (!json_array_size(array))
		return;
	heading(o, f, title);
	if (has_rates(array))
		show_table(o, f, array, rated, SHOW_LEN(rated));
	else
		show_table(o, f, array, totals, SHOW_LEN(totals));
}

static void show_one_table(FILE *f, const json_t *table, const char *label)
{
	char used[UNIT_TEXT], slots[UNIT_TEXT], confirmed[UNIT_TEXT];
	const json_t *states = json_object_get(table, "by_state"), *n;
	const char *separator = "; ", *state;

	fprintf(f, "%s  %s of %s slots, %s confirmed", label,
		unit_count(used, show_number(table, "used")),
		unit_count(slots, show_number(table, "slots")),
		unit_count(confirmed, show_number(table, "confirmed")));
	json_object_foreach((json_t *)states, state, n)
	{
		if (!(json_number_value(n) > 0))
			continue;
		fputs(separator, f);
		text_print(f, state, false);
		fprintf(f, " %s", unit_count(used, json_number_value(n)));
		separator = ", ";
	}
	putc('\n', f);
}

void show_stats(const struct options *o, FILE *f, const json_t *data,
		const json_t *args)
{
	const json_t *table = json_object_get(data, "table");
	char *swept, expired[UNIT_TEXT];

	(void)args;
	show_reasons(o, f, data);
	show_traffic(o, f, json_object_get(data, "services"), "services");
	show_traffic(o, f, json_object_get(data, "hosts"), "hosts");
	if (!table)
		return;
	heading(o, f, "connections");
	show_one_table(f, json_object_get(table, "flows4"), "IPv4");
	show_one_table(f, json_object_get(table, "flows6"), "IPv6");
	swept = show_value(json_object_get(table, "swept_ms"), SHOW_AGO);
	fprintf(f, "swept %s, %s expired\n", swept,
		unit_count(expired, show_number(table, "expired")));
	free(swept);
}
