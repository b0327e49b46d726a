// SPDX-License-Identifier: GPL-2.0-only
#include "lib/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static uint64_t load(const void *p, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)p;
	case 4:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static void store(void *p, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)p = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)p = (uint32_t)value;
		break;
	default:
		*(uint64_t *)p = value;
	}
}

/*
 * Digits up to *end. Zeros in front are refused: YAML 1.1 reads them as octal,
 * people do not.
 */
static int number(const char *text, const char **end, uint64_t *value)
{
	const char *p = text;

	*value = 0;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *p - '0', value))
			return -ERANGE;
	}
	*end = p;
	return p == text || (*text == '0' && p - text > 1) ? -EINVAL : 0;
}

static const struct duration_unit {
	const char *suffix;
	uint64_t ns;
	bool fractions; /* written with decimals: 3.3ms, but not 1.5h */
} units[] = {
	{ "d", 86400 * YAML_S, false },
	{ "h", 3600 * YAML_S, false },
	{ "m", 60 * YAML_S, false },
	{ "s", YAML_S, true },
	{ "ms", YAML_MS, true },
	{ "us", 1000, true },
	{ "ns", 1, true },
};

#define NR_UNITS (sizeof(units) / sizeof(units[0]))
#define DECIMALS UINT64_C(1000000000) /* more of them mean nothing in ns */

static const struct duration_unit *find_unit(const char *suffix)
{
	size_t i;

	for (i = 0; i < NR_UNITS; i++) {
		if (!strcmp(suffix, units[i].suffix))
			return &units[i];
	}
	return NULL;
}

int yaml_duration_parse(const char *text, uint64_t *ns)
{
	uint64_t whole, fraction = 0, scale = 1;
	const struct duration_unit *unit;
	unsigned __int128 part;
	const char *p;
	int err;

	err = number(text, &p, &whole);
	if (err)
		return err;
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++) {
			if (scale == DECIMALS)
				return -ERANGE;
			scale *= 10;
			fraction = fraction * 10 + (uint64_t)(*p - '0');
		}
		if (scale == 1)
			return -EINVAL;
	}
	/* Nothing needs no unit. */
	unit = find_unit(!whole && scale == 1 && !*p ? "s" : p);
	if (!unit)
		return -EINVAL;
	part = (unsigned __int128)fraction * unit->ns;
	if (whole > UINT64_MAX / unit->ns || part % scale)
		return -ERANGE;
	*ns = whole * unit->ns;
	if (__builtin_add_overflow(*ns, (uint64_t)(part / scale), ns))
		return -ERANGE;
	return 0;
}

const char *yaml_duration_format(uint64_t ns, char buffer[YAML_SCALAR_TEXT])
{
	const struct duration_unit *unit = units;
	uint64_t thousandth;
	int n;

	/* The largest unit that says it exactly, with at most 3 decimals */
	for (; unit->ns > 1; unit++) {
		if (ns < unit->ns)
			continue;
		if (ns % (unit->fractions ? unit->ns / 1000 : unit->ns) == 0)
			break;
	}
	if (!ns)
		return strcpy(buffer, "0s");
	n = snprintf(buffer, YAML_SCALAR_TEXT, "%" PRIu64, ns / unit->ns);
	thousandth = ns % unit->ns * 1000 / unit->ns;
	if (thousandth) {
		n += snprintf(buffer + n, YAML_SCALAR_TEXT - n, ".%03" PRIu64,
			      thousandth);
		while (buffer[n - 1] == '0')
			n--;
	}
	strcpy(buffer + n, unit->suffix);
	return buffer;
}

static const struct yaml_word bool_words[] = {
	{ "yes", true },
	{ "no", false },
	{ "true", true },
	{ "false", false },
	{ "on", true },
	{ "off", false },
	{ 0 },
};

static const struct yaml_word *find_word(const struct yaml_word *words,
					 const char *label)
{
	for (; words && words->label; words++) {
		if (!strcmp(words->label, label))
			return words;
	}
	return NULL;
}

static const char *find_label(const struct yaml_word *words, uint64_t value)
{
	for (; words && words->label; words++) {
		if (words->value == value)
			return words->label;
	}
	return NULL;
}

static int parse_word(const struct yaml_field *f, const struct yaml_word *words,
		      void *member, const char *text)
{
	const struct yaml_word *word = find_word(words, text);

	if (!word)
		return -EINVAL;
	store(member, f->size, word->value);
	return 0;
}

static int store_in_range(const struct yaml_field *f, void *member,
			  uint64_t value)
{
	if (value < f->min || value > f->max)
		return -EINVAL;
	store(member, f->size, value);
	return 0;
}

static int parse_int(const struct yaml_field *f, void *member, const char *text)
{
	const char *end;
	uint64_t value;

	if (!parse_word(f, f->words, member, text))
		return 0;
	if (number(text, &end, &value) || *end)
		return -EINVAL;
	return store_in_range(f, member, value);
}

static int parse_percent(const struct yaml_field *f, void *member,
			 const char *text)
{
	const char *end;
	uint64_t value;

	if (number(text, &end, &value) || strcmp(end, "%"))
		return -EINVAL;
	return store_in_range(f, member, value);
}

static int parse_duration(const struct yaml_field *f, void *member,
			  const char *text)
{
	uint64_t ns;

	if (yaml_duration_parse(text, &ns) || ns % f->unit)
		return -EINVAL;
	return store_in_range(f, member, ns / f->unit);
}

static int parse_chars(const struct yaml_field *f, void *member,
		       const char *text)
{
	size_t len = strlen(text);

	if (!len || len >= f->size)
		return -EINVAL;
	memset(member, 0, f->size);
	memcpy(member, text, len);
	return 0;
}

static int parse_name(const struct yaml_field *f, void *member,
		      const char *text)
{
	const char *p;

	for (p = text; *p; p++) {
		/* not isalnum(), which asks the locale */
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789._-",
			    *p))
			return -EINVAL;
	}
	return parse_chars(f, member, text);
}

/* As dev_valid_name() in the kernel */
static int parse_interface(const struct yaml_field *f, void *member,
			   const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return -EINVAL;
	for (; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == '/' || *p == ':')
			return -EINVAL;
	}
	return parse_chars(f, member, text);
}

static int parse_string(void *member, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char *copy;

	for (; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			return -EINVAL;
	}
	if (!*text)
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*(char **)member);
	*(char **)member = copy;
	return 0;
}

static int parse_address(void *member, const char *text)
{
	struct addr a;

	if (addr_parse(&a, text))
		return -EINVAL;
	memcpy(member, &a, sizeof(a));
	return 0;
}

static int parse_mac(void *member, const char *text)
{
	uint8_t mac[6];

	if (text[strspn(text, "0123456789abcdefABCDEF:")] ||
	    mac_parse(mac, text))
		return -EINVAL;
	memcpy(member, mac, sizeof(mac));
	return 0;
}

bool yaml_is_scalar(enum yaml_type type)
{
	return type != YAML_TYPE_SECTION && type != YAML_TYPE_ARRAY &&
	       type != YAML_TYPE_LIST;
}

bool yaml_means_unset(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null");
}

int yaml_scalar_parse(const struct yaml_field *f, void *object,
		      const char *text)
{
	void *member = (char *)object + f->offset;

	switch (f->type) {
	case YAML_TYPE_STRING:
		return parse_string(member, text);
	case YAML_TYPE_NAME:
		return parse_name(f, member, text);
	case YAML_TYPE_INTERFACE:
		return parse_interface(f, member, text);
	case YAML_TYPE_BOOL:
		return parse_word(f, bool_words, member, text);
	case YAML_TYPE_INT:
		return parse_int(f, member, text);
	case YAML_TYPE_DURATION:
		return parse_duration(f, member, text);
	case YAML_TYPE_PERCENT:
		return parse_percent(f, member, text);
	case YAML_TYPE_ADDRESS:
		return parse_address(member, text);
	case YAML_TYPE_MAC:
		return parse_mac(member, text);
	case YAML_TYPE_ENUM:
		return parse_word(f, f->words, member, text);
	default:
		return -EINVAL;
	}
}

const char *yaml_scalar_format(const struct yaml_field *f, const void *object,
			       char buffer[YAML_SCALAR_TEXT])
{
	const void *member = (const char *)object + f->offset;
	const char *label;

	switch (f->type) {
	case YAML_TYPE_STRING:
		label = *(char *const *)member;
		return label ? label : "";
	case YAML_TYPE_NAME:
	case YAML_TYPE_INTERFACE:
		return member;
	case YAML_TYPE_BOOL:
		return find_label(bool_words, load(member, f->size));
	case YAML_TYPE_DURATION:
		return yaml_duration_format(load(member, f->size) * f->unit,
					    buffer);
	case YAML_TYPE_ADDRESS:
		return addr_format(member, buffer);
	case YAML_TYPE_MAC:
		return mac_format(member, buffer);
	default:
		label = find_label(f->words, load(member, f->size));
		if (label)
			return label;
		snprintf(buffer, YAML_SCALAR_TEXT, "%" PRIu64 "%s",
			 load(member, f->size),
			 f->type == YAML_TYPE_PERCENT ? "%" : "");
		return buffer;
	}
}

bool yaml_scalar_equal(const struct yaml_field *f, const void *a, const void *b)
{
	const void *pa = (const char *)a + f->offset;
	const void *pb = (const char *)b + f->offset;
	const char *sa, *sb;

	switch (f->type) {
	case YAML_TYPE_STRING:
		sa = *(char *const *)pa;
		sb = *(char *const *)pb;
		return sa && sb ? !strcmp(sa, sb) : sa == sb;
	case YAML_TYPE_NAME:
	case YAML_TYPE_INTERFACE:
		return !strncmp(pa, pb, f->size);
	case YAML_TYPE_ADDRESS:
		return addr_equal(pa, pb);
	default:
		return !memcmp(pa, pb, f->size);
	}
}

/* "tcp, udp or ipsec" */
static void list_words(const struct yaml_word *words, char *text, size_t size)
{
	const struct yaml_word *w;
	size_t n = 0;

	for (w = words; w->label && n < size; w++)
		n += (size_t)snprintf(text + n, size - n, "%s%s",
				      w == words   ? ""
				      : w[1].label ? ", "
						   : " or ",
				      w->label);
}

void yaml_scalar_expected(const struct yaml_field *f, char *text, size_t size)
{
	char least[YAML_SCALAR_TEXT], most[YAML_SCALAR_TEXT];
	size_t n;

	switch (f->type) {
	case YAML_TYPE_STRING:
		snprintf(text, size, "text of printable characters");
		break;
	case YAML_TYPE_NAME:
		snprintf(text, size,
			 "a name of 1 to %zu letters, digits, '.', '_' or '-'",
			 f->size - 1);
		break;
	case YAML_TYPE_INTERFACE:
		snprintf(text, size, "the name of a network interface");
		break;
	case YAML_TYPE_BOOL:
		snprintf(text, size, "yes or no");
		break;
	case YAML_TYPE_INT:
		n = (size_t)snprintf(text, size,
				     "a whole number from %" PRIu64
				     " to %" PRIu64 "%s",
				     f->min, f->max, f->words ? ", or " : "");
		if (f->words && n < size)
			list_words(f->words, text + n, size - n);
		break;
	case YAML_TYPE_DURATION:
		yaml_duration_format(f->min * f->unit, least);
		yaml_duration_format(f->max * f->unit, most);
		snprintf(text, size, "a duration from %s to %s", least, most);
		n = strlen(text);
		if (f->unit > 1 && n < size)
			snprintf(text + n, size - n, " in steps of %s",
				 yaml_duration_format(f->unit, least));
		break;
	case YAML_TYPE_PERCENT:
		snprintf(text, size, "%" PRIu64 "%% to %" PRIu64 "%%", f->min,
			 f->max);
		break;
	case YAML_TYPE_ADDRESS:
		snprintf(text, size, "an IPv4 or IPv6 address");
		break;
	case YAML_TYPE_MAC:
		snprintf(text, size, "an address such as 02:00:00:00:01:02");
		break;
	default:
		list_words(f->words, text, size);
	}
}
