// SPDX-License-Identifier: GPL-2.0-only
#include "rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/why.h"

#define CHAIN_IN "BATON-PROXY-IN"
#define CHAIN_OUT "BATON-PROXY-OUT"

/* What leaves by itself where nothing is withheld: a kernel's words in the middle
 * of a connection. Its first ones and its last are always looked at. */
static const char *looked_at(const struct config_service *s)
{
	return policy_holds(s->policy) ? "" : "! --tcp-flags SYN,FIN,RST NONE ";
}

struct family {
	uint8_t version;
	const char *iptables, *restore;
};

static const struct family families[] = {
	{ 4, "iptables-legacy", "iptables-legacy-restore" },
	{ 6, "ip6tables-legacy", "ip6tables-legacy-restore" },
};

/* Run a command with `input` on its standard input; its exit status, or a
 * negative errno. */
static int run(char *const argv[], const char *input, bool quiet)
{
	int fds[2], status;
	size_t len = strlen(input);
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		int null = quiet ? open("/dev/null", O_WRONLY) : -1;

		dup2(fds[0], STDIN_FILENO);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[0]);
	if (pid > 0 && write(fds[1], input, len) != (ssize_t)len)
		status = 0; /* it tells by its exit */
	close(fds[1]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static bool has_jump(const struct family *f, const char *chain, const char *to)
{
	char *argv[] = { (char *)f->iptables, "-w", "-C", (char *)chain, "-j",
			 (char *)to,	      NULL };

	return !run(argv, "", true);
}

static void write_service(FILE *out, const struct config *c,
			  const struct config_service *s, uint8_t family)
{
	char vip[ADDR_TEXT], source[ADDR_TEXT];

	addr_format(&s->vip, vip);
	addr_format(&s->source, source);
	if (s->vip.family == family) {
		fprintf(out,
			"-A " CHAIN_IN " -p tcp -d %s --dport %u -j NFQUEUE "
			"--queue-num %u\n",
			vip, s->port, c->queue);
		fprintf(out,
			"-A " CHAIN_OUT " -p tcp -s %s --sport %u %s-j NFQUEUE "
			"--queue-num %u\n",
			vip, s->port, looked_at(s), c->queue + 1);
	}
	if (s->source.family == family) {
		fprintf(out,
			"-A " CHAIN_IN " -p tcp -d %s -s %s --sport %u -j "
			"NFQUEUE --queue-num %u\n",
			source, addr_format(&s->server, vip), s->server_port,
			c->queue);
		fprintf(out,
			"-A " CHAIN_OUT " -p tcp -s %s -d %s --dport "
			"%u %s-j NFQUEUE --queue-num %u\n",
			source, addr_format(&s->server, vip), s->server_port,
			looked_at(s), c->queue + 1);
	}
}

/* From and to addresses that are not this host's: what it has to say to the
 * server by itself does not concern us. */
static void write_transparent(FILE *out, const struct config *c,
			      const struct config_service *s)
{
	char server[ADDR_TEXT];

	addr_format(&s->server, server);
	fprintf(out,
		"-A " CHAIN_IN " -p tcp -s %s --sport %u -m addrtype "
		"! --dst-type LOCAL -j NFQUEUE --queue-num %u\n",
		server, s->server_port, c->queue);
	fprintf(out,
		"-A " CHAIN_OUT " -p tcp -d %s --dport %u %s"
		"-m addrtype ! --src-type LOCAL -j NFQUEUE --queue-num %u\n",
		server, s->server_port, looked_at(s), c->queue + 1);
}

/* Two services may share a source and a server: the same rule twice does no
 * harm. */
static char *rules_text(const struct config *c, const struct family *f)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("*filter\n:" CHAIN_IN " - [0:0]\n:" CHAIN_OUT " - [0:0]\n", out);
	for (size_t i = 0; i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];

		if (s->policy == POLICY_NONE)
			continue;
		write_service(out, c, s, f->version);
		if (s->transparent && s->server.family == f->version)
			write_transparent(out, c, s);
	}
	if (!has_jump(f, "INPUT", CHAIN_IN))
		fputs("-I INPUT -j " CHAIN_IN "\n", out);
	if (!has_jump(f, "OUTPUT", CHAIN_OUT))
		fputs("-I OUTPUT -j " CHAIN_OUT "\n", out);
	fputs("COMMIT\n", out);
	fclose(out);
	return text;
}

static bool is_used(const struct config *c, uint8_t family)
{
	for (size_t i = 0; i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];

		if (s->policy != POLICY_NONE &&
		    (s->vip.family == family || s->source.family == family))
			return true;
	}
	return false;
}

int rules_install(const struct config *c, char *why, size_t size)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *f = &families[i];
		char *argv[] = { (char *)f->restore, "--noflush", "-w", NULL };
		char *text;
		int status;

		if (!is_used(c, f->version))
			continue;
		text = rules_text(c, f);
		status = text ? run(argv, text, false) : -ENOMEM;
		free(text);
		if (status)
			return why_set(why, size, status < 0 ? status : -EIO,
				       "%s failed (status %d): is the package "
				       "iptables installed, and has the kernel "
				       "NFQUEUE?",
				       f->restore, status);
	}
	return 0;
}

void rules_remove(void)
{
	static const char undo[] = "*filter\n"
				   ":" CHAIN_IN " - [0:0]\n"
				   ":" CHAIN_OUT " - [0:0]\n"
				   "-D INPUT -j " CHAIN_IN "\n"
				   "-D OUTPUT -j " CHAIN_OUT "\n"
				   "-X " CHAIN_IN "\n"
				   "-X " CHAIN_OUT "\n"
				   "COMMIT\n";

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *f = &families[i];
		char *argv[] = { (char *)f->restore, "--noflush", "-w", NULL };

		if (has_jump(f, "INPUT", CHAIN_IN))
			run(argv, undo, false);
	}
}
