// SPDX-License-Identifier: GPL-2.0-only
/*
 * The takeover of a connection whose SYN-ACK was lost with its owner.
 *
 *   half_open VIP PORT
 *
 * In the namespace where it runs nobody listens at VIP:PORT. When a SYN arrives
 * there, it is taken for one that another machine has answered; the connection
 * is restored as open, the SYN-ACK said again, and what comes is sent back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton-proxy/probe_endpoint.h"
#include "baton-proxy/repair.h"
#include "lib/addr.h"

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static struct segment first_syn(int capture, const struct addr *vip,
				uint16_t port)
{
	static uint8_t packet[65536];
	struct segment s;
	ssize_t n;

	for (;;) {
		n = recv(capture, packet, sizeof(packet), 0);
		must(n >= 0, "recv");
		if (!segment_parse(&s, packet, n, true) &&
		    s.flags == SEGMENT_SYN && s.tuple.local_port == port &&
		    !memcmp(s.tuple.local, vip->word, sizeof(vip->word)))
			return s;
	}
}

/* What the other machine answered. */
static struct segment answer_to(const struct segment *syn)
{
	return (struct segment){
		.tuple = syn->tuple,
		.flags = SEGMENT_SYN | SEGMENT_ACK,
		.seq = 0xfffffff0,
		.ack = syn->seq + 1,
		.window = 64240,
		.mss = 1440,
		.scale = 7,
		.sack = true,
		.timestamps = syn->timestamps,
		.ts_value = 0x70000000,
		.ts_echo = syn->ts_value,
	};
}

static int restore(const struct segment *syn)
{
	struct segment answer = answer_to(syn);
	struct probe_sockets sockets;
	struct track_resume resume;
	struct track t, nothing;
	struct repair_socket r;
	enum repair_step step;
	int fd, err;

	track_init(&t);
	track_init(&nothing);
	must(track_in(&t, syn, 0, false) == TRACK_TAKEN, "track");
	track_out(&t, &answer);
	must(track_is_half_open(&t), "half open");
	resume = track_resume(&t, &nothing, track_next_out(&t), t.window);
	must(resume.possible, "resume");
	repair_from_track(&r, &t, &syn->tuple, &resume);
	fd = repair_restore(&r, &step);
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", repair_step_text(step),
			strerror(-fd));
		exit(1);
	}
	probe_syn_ack_segment(&answer, &t, &syn->tuple, 64240);
	must(!probe_sockets_open(&sockets, 0) &&
		     probe_send(&sockets, &answer, 1, &err) == 1,
	     "SYN-ACK");
	probe_sockets_close(&sockets);
	return fd;
}

int main(int argc, char **argv)
{
	int capture =
		socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct segment syn;
	struct addr vip;
	char bytes[4096];
	ssize_t n;
	int fd;

	must(argc == 3 && !addr_parse(&vip, argv[1]) && capture >= 0, "start");
	puts("ready");
	fflush(stdout);
	syn = first_syn(capture, &vip, atoi(argv[2]));
	fd = restore(&syn);
	must(!fcntl(fd, F_SETFL, 0), "blocking");
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		must(write(fd, bytes, n) == n, "write");
	must(!n, "read");
	return 0;
}
