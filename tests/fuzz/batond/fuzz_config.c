// SPDX-License-Identifier: GPL-2.0-only
/* Any text is refused with a message, or means the same when written out. */
#include <stdlib.h>
#include <string.h>

#include "batond/config.h"
#include "batond/config_schema.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static char *written(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	require(f && !config_write(c, f));
	fclose(f);
	return text;
}

static void round_trip(const struct config *c)
{
	struct config_errors e = { 0 };
	struct config again;
	size_t len, len_again;
	char *text = written(c, &len), *text_again;

	require(!config_parse(&again, "again", text, len, &e) && !e.text);
	require(yaml_equal(&config_schema, c, &again));
	text_again = written(&again, &len_again);
	require(len == len_again && !memcmp(text, text_again, len));
	free(text);
	free(text_again);
	config_free(&again);
}

/* The same text as a request to a running configuration. */
static void edit(struct config *c, const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "host", "owner", "service" };
	char *text = strndup((const char *)data, size);
	struct config_errors e = { 0 };
	size_t i;

	require(text);
	for (i = 0; i < 6; i++) {
		if (!config_put(c, kinds[i % 3], text, i / 3, &e))
			round_trip(c);
		else
			require(e.count && e.text);
		config_errors_free(&e);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char base[] = "switch: {probe-key: /k}\n"
				   "hosts: [{name: a, address: 10.0.0.1}]\n"
				   "owners: [{name: o, host: a}]\n"
				   "services: [{name: w, vip: 192.0.2.1, "
				   "protocol: tcp, port: 80, "
				   "owners: [o]}]\n";
	struct config_errors e = { 0 };
	struct config c;

	if (!config_parse(&c, "fuzz", (const char *)data, size, &e)) {
		require(!e.text);
		round_trip(&c);
		config_free(&c);
	} else {
		require(e.count && e.text);
	}
	config_errors_free(&e);
	require(!config_parse(&c, "base", base, sizeof(base) - 1, &e));
	edit(&c, data, size);
	config_free(&c);
	return 0;
}
