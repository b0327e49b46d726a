// SPDX-License-Identifier: GPL-2.0-only
#include "running.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply.h"
#include "commands.h"

#define MARK "# changed by hand, based on "

static char *running_path(const struct batond *b)
{
	char *path;

	return asprintf(&path, "%s/running.yaml", b->config.state) < 0 ? NULL
								       : path;
}

/* Of the file, in hexadecimal; "" when it cannot be read. */
static void digest_file(const char *path, char digest[65])
{
	crypto_generichash_state state;
	unsigned char block[4096], hash[32];
	FILE *f = fopen(path, "re");
	size_t n;

	digest[0] = '\0';
	if (!f)
		return;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	while ((n = fread(block, 1, sizeof(block), f)))
		crypto_generichash_update(&state, block, n);
	fclose(f);
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2hex(digest, 65, hash, sizeof(hash));
}

/* Is running.yaml there, and based on the file as it is now? */
static bool is_based_on(const char *path, const char *digest)
{
	char line[sizeof(MARK) + 65] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return !strncmp(line, MARK, strlen(MARK)) &&
	       !strncmp(line + strlen(MARK), digest, 64);
}

int running_read(struct batond *b, struct config *file, bool adopted)
{
	struct config_errors errors = { 0 };
	struct config edited = { 0 };
	char *path;

	/* Only for the path: b->config is filled by what is applied first. */
	b->config.state = file->state;
	path = running_path(b);
	b->config.state = NULL;
	digest_file(b->path, b->digest);
	if (!path)
		return -ENOMEM;
	if (!is_based_on(path, b->digest)) {
		if (!unlink(path))
			log_notice("%s has changed: what had been changed by "
				   "hand is given up",
				   b->path);
	} else if (!adopted) {
		unlink(path);
	} else if (config_read(&edited, path, &errors)) {
		log_error("%s", errors.text);
		log_warning("going on with %s alone", b->path);
	} else {
		log_notice("going on with changes made by hand (%s)", path);
		config_free(file);
		*file = edited;
	}
	config_errors_free(&errors);
	free(path);
	return 0;
}

static void write_running(struct batond *b)
{
	char *path = running_path(b), *temporary = NULL;
	FILE *f = NULL;
	bool ok;

	if (path && asprintf(&temporary, "%s.new", path) > 0)
		f = fopen(temporary, "we");
	ok = f && fprintf(f, MARK "%s\n", b->digest) > 0 &&
	     !config_write(&b->config, f);
	if (f)
		ok &= !fclose(f);
	if (!ok || rename(temporary, path))
		event(&b->events, LOG_L_WARNING, "not_saved", NULL,
		      "%s cannot be written (%s): changes by hand will not "
		      "survive a restart",
		      path ?: "running.yaml", strerror(errno));
	free(temporary);
	free(path);
}

static void tell_maintenance(struct batond *b, const char *host, bool on)
{
	event(&b->events, LOG_L_NOTICE, "maintenance",
	      json_pack("{s:s?, s:b}", "host", host, "on", on),
	      on ? "maintenance of %s%s: nothing moves %sby itself"
		 : "maintenance of %s%s has ended%s",
	      host ? "host " : "the switch", host ?: "",
	      on && host ? "from it or to it " : "");
}

/* What moves by itself and what does not is worth an event, whoever changed
 * it: a reload may end what somebody wanted. */
static void tell_changed_maintenance(struct batond *b, const struct config *was)
{
	const struct config *is = &b->config;

	if (is->maintenance != was->maintenance)
		tell_maintenance(b, NULL, is->maintenance);
	for (size_t i = 0; i < is->nr_hosts; i++) {
		const struct config_host *h = &is->hosts[i];
		const struct config_host *before = config_host(was, h->name);

		if (h->maintenance != (before && before->maintenance))
			tell_maintenance(b, h->name, h->maintenance);
	}
}

/* Takes over *to, whatever comes of it. */
static json_t *apply(struct batond *b, struct config *to, char *why,
		     uint32_t *changes)
{
	struct config was = { 0 };
	int err = config_copy(&was, &b->config);

	if (err)
		snprintf(why, COMMAND_WHY, "out of memory");
	else
		err = apply_config(b, to, changes, why);
	if (!err)
		tell_changed_maintenance(b, &was);
	config_free(&was);
	config_free(to);
	return err ? NULL : json_null();
}

static json_t *edited(struct batond *b, struct config *to, const char *kind,
		      const char *what, char *why)
{
	uint32_t changes;
	json_t *answer = apply(b, to, why, &changes);

	if (!answer)
		return NULL;
	write_running(b);
	event(&b->events, LOG_L_NOTICE, "config",
	      json_pack("{s:s}", "object", kind), "%s changed by hand: %.300s",
	      kind, what);
	return answer;
}

static json_t *refuse(struct config *c, struct config_errors *e, char *why)
{
	snprintf(why, COMMAND_WHY, "%s", e->text ?: "out of memory");
	config_errors_free(e);
	config_free(c);
	return NULL;
}

json_t *running_put(struct batond *b, const char *kind, const char *yaml,
		    bool replace, char *why)
{
	struct config_errors errors = { 0 };
	struct config to = { 0 };

	if (config_copy(&to, &b->config) ||
	    config_put(&to, kind, yaml, replace, &errors))
		return refuse(&to, &errors, why);
	return edited(b, &to, kind, yaml, why);
}

json_t *running_drop(struct batond *b, const char *kind, const char *name,
		     char *why)
{
	struct config_errors errors = { 0 };
	struct config to = { 0 };

	if (config_copy(&to, &b->config) ||
	    config_drop(&to, kind, name, &errors))
		return refuse(&to, &errors, why);
	return edited(b, &to, kind, name, why);
}

json_t *running_set_maintenance(struct batond *b, const char *host, bool on,
				char *why)
{
	struct config_errors errors = { 0 };
	struct config to = { 0 };
	struct config_host *h;
	char what[BATON_NAME_LEN + 32];

	if (config_copy(&to, &b->config))
		return refuse(&to, &errors, why);
	snprintf(what, sizeof(what), "%s%smaintenance: %s", host ?: "",
		 host ? ": " : "", on ? "yes" : "no");
	if (!host) {
		to.maintenance = on;
		return edited(b, &to, "guards", what, why);
	}
	h = config_host(&to, host);
	if (!h) {
		config_free(&to);
		snprintf(why, COMMAND_WHY,
			 "no host %.64s (see: baton host show)", host);
		return NULL;
	}
	h->maintenance = on;
	return edited(b, &to, "host", what, why);
}

/* What only a start can change; it loses no packet, so nothing is lost by
 * leaving it to that. */
static void tell_postponed(struct batond *b, const struct config *to)
{
	const struct config *c = &b->config;
	bool ports = c->nr_ports != to->nr_ports;

	for (size_t i = 0; !ports && i < c->nr_ports; i++)
		ports = strcmp(c->ports[i].interface, to->ports[i].interface) ||
			c->ports[i].mode != to->ports[i].mode;
	if (ports || strcmp(c->bpffs, to->bpffs) ||
	    strcmp(c->control, to->control) || strcmp(c->state, to->state) ||
	    c->probe_port != to->probe_port ||
	    c->ownership_port != to->ownership_port ||
	    strcmp(c->probe_key_file ?: "", to->probe_key_file ?: "") ||
	    strcmp(c->node_key_file ?: "", to->node_key_file ?: ""))
		event(&b->events, LOG_L_WARNING, "config", NULL,
		      "changes of ports, paths and keys of the switch take "
		      "effect when batond is started again (no packet is lost "
		      "then)");
}

json_t *running_reload(struct batond *b, char *why)
{
	struct config_errors errors = { 0 };
	struct config to = { 0 };
	uint32_t changes;
	char *path;

	if (config_read(&to, b->path, &errors))
		return refuse(&to, &errors, why);
	tell_postponed(b, &to);
	if (!apply(b, &to, why, &changes))
		return NULL;
	digest_file(b->path, b->digest);
	path = running_path(b);
	if (path)
		unlink(path);
	free(path);
	event(&b->events, LOG_L_NOTICE, "config",
	      json_pack("{s:i}", "changes", (int)changes),
	      "configuration read again: %u change%s", changes,
	      changes == 1 ? "" : "s");
	return json_pack("{s:i}", "changes", (int)changes);
}
