// SPDX-License-Identifier: GPL-2.0-only
#include "apply_bfd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/key_file.h"
#include "lib/why.h"

static const uint8_t types[] = { [CONFIG_BFD_UNSET] = BFD_AUTH_NONE,
#define X(name, label) [CONFIG_BFD_##name] = BFD_AUTH_##name,
				 CONFIG_BFD_AUTHS(X)
#undef X
};

/* A secret of up to 20 bytes is all of the file but the end of its line. */
static int read_secret(uint8_t secret[BFD_DIGEST], const char *path,
		       char why[APPLY_WHY])
{
	char text[BFD_DIGEST + 2];
	int n = key_file_read(path, "BFD key", text, sizeof(text), why,
			      APPLY_WHY);

	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n == 0 || n > BFD_DIGEST || (n > 0 && memchr(text, '\n', n)))
		n = why_set(why, APPLY_WHY, -EINVAL,
			    "%s: expected a secret of 1 to %d characters on "
			    "one line",
			    path, BFD_DIGEST);
	if (n > 0)
		memcpy(secret, text, n);
	explicit_bzero(text, sizeof(text));
	return n < 0 ? n : 0;
}

int apply_bfd_settings(const struct config *c,
		       struct bfd_settings settings[BATON_MAX_HOSTS],
		       char why[APPLY_WHY])
{
	int err = 0;

	/* As they are compared whole, what is between members counts, too. */
	memset(settings, 0, c->nr_hosts * sizeof(settings[0]));
	for (size_t i = 0; !err && i < c->nr_hosts; i++) {
		struct config_bfd b = config_bfd(c, &c->hosts[i]);
		struct bfd_settings *s = &settings[i];

		if (c->hosts[i].detect != CONFIG_DETECT_BFD)
			continue;
		s->min_tx = b.min_tx;
		s->min_rx = b.min_rx;
		s->multiplier = b.multiplier;
		s->key.type = types[b.auth.type];
		if (s->key.type == BFD_AUTH_NONE)
			continue;
		s->key.id = b.auth.id;
		err = read_secret(s->key.secret, b.auth.key_file, why);
	}
	return err;
}
