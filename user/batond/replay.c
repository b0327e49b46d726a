// SPDX-License-Identifier: GPL-2.0-only
#include "replay.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "batond.h"
#include "lib/prefault.h"
#include "lib/urgent.h"

/* The largest outer headers: IPv6, UDP and GUE, and a tag. */
#define GROWTH 64

#define SEND_BUFFER (4 << 20) /* bytes under way in a device's queue, ... */
#define PATIENCE_US 10000 /* ... before we wait so long for room */
#define WARM_PACKETS 128 /* memory for more is touched when it is needed */

/* Which owners moved, and what came of it; by owner id. The former is all zero
 * between two calls. */
static uint16_t moved_to[BATON_MAX_OWNERS];
static struct replay_counts results[BATON_MAX_OWNERS];

static size_t arena(const struct replay *r)
{
	return r->work.n * sizeof(struct baton_record_frame);
}

int replay_open(struct replay *r, const struct dataplane *d)
{
	const struct timeval patience = { .tv_usec = PATIENCE_US };
	const int yes = 1, buffer = SEND_BUFFER;
	int err;

	*r = (struct replay){
		.recorder = { .ring = d->record_rings,
			      .record = d->records,
			      .frame = d->record_frames,
			      .cpus = d->cpus,
			      .slots = d->meta.record_slots },
		.socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0),
		.frames = MAP_FAILED,
	};
	if (r->socket < 0)
		return -errno;
	setsockopt(r->socket, SOL_PACKET, PACKET_QDISC_BYPASS, &yes,
		   sizeof(yes));
	setsockopt(r->socket, SOL_SOCKET, SO_SNDBUFFORCE, &buffer,
		   sizeof(buffer));
	setsockopt(r->socket, SOL_SOCKET, SO_SNDTIMEO, &patience,
		   sizeof(patience));
	err = replay_work_make(&r->work,
			       (size_t)r->recorder.cpus * r->recorder.slots);
	/* Only what is ever used of it takes memory. */
	if (!err)
		r->frames = mmap(NULL, arena(r), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				 -1, 0);
	if (!err && r->frames == MAP_FAILED)
		err = -errno;
	if (err) {
		replay_close(r);
		return err;
	}
	prefault(r->frames, r->work.n < WARM_PACKETS
				    ? arena(r)
				    : WARM_PACKETS * BATON_RECORD_FRAME);
	prefault(results, sizeof(results));
	prefault(moved_to, sizeof(moved_to));
	return 0;
}

void replay_close(struct replay *r)
{
	if (r->frames != MAP_FAILED)
		munmap(r->frames, arena(r));
	replay_work_free(&r->work);
	close(r->socket);
	r->socket = -1;
}

/* Is there anything to send, and a way to? */
static bool has_recorded(const struct replay *r)
{
	return r->socket >= 0 && recorder_has_any(&r->recorder);
}

static uint64_t coarse_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* --- one packet --------------------------------------------------------------- */

/* Through the switch's program, as if it came in again. What it made of the
 * frame, 0 bytes if it did not forward it. */
static size_t through_switch(const struct dataplane *d,
			     const struct baton_record *r, const uint8_t *frame,
			     uint8_t *out, size_t room)
{
	struct xdp_md ctx = { .data_end = baton_record_kept(r),
			      .ingress_ifindex = r->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = baton_record_kept(r), .data_out = out,
		    .data_size_out = room, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	if (bpf_prog_test_run_opts(d->program, &run) ||
	    (run.retval != XDP_TX && run.retval != XDP_REDIRECT))
		return 0;
	return run.data_size_out;
}

/* Did it go the way to this host, and not the one that the switch answers the
 * client by, or that of another owner since? */
static bool goes_to(const struct dataplane *d, uint16_t host,
		    const uint8_t *frame, size_t len)
{
	return len >= ETH_HLEN &&
	       !memcmp(frame, d->hosts[host].hop.mac, ETH_ALEN);
}

static int transmit(const struct replay *r, uint32_t ifindex,
		    const uint8_t *frame, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = ifindex };

	memcpy(&to.sll_protocol, frame + 2 * ETH_ALEN, sizeof(to.sll_protocol));
	return sendto(r->socket, frame, len, 0, (struct sockaddr *)&to,
		      sizeof(to)) < 0
		       ? -errno
		       : 0;
}

static void send_one(const struct replay *r, const struct dataplane *d,
		     const struct baton_record *record, const uint8_t *frame,
		     uint16_t host, struct replay_counts *counts)
{
	uint8_t out[BATON_RECORD_FRAME + GROWTH];
	size_t len = through_switch(d, record, frame, out, sizeof(out));

	if (goes_to(d, host, out, len) &&
	    !transmit(r, d->hosts[host].ifindex, out, len))
		counts->packets++;
	else
		counts->refused++;
}

/* --- all of them ---------------------------------------------------------------- */

static uint8_t *frame_of(const struct replay *r, size_t pick)
{
	return r->frames + pick * sizeof(struct baton_record_frame);
}

static void replay_owners(struct replay *r, const struct dataplane *d,
			  bool again)
{
	struct replay_work *w = &r->work;
	size_t n = recorder_read(&r->recorder, moved_to, w->found), kept = 0;

	n = replay_select(w, n, moved_to, again, coarse_now(), results);
	/* All copies first: what is sent is recorded again, and may be written
	 * over what is still to be sent. */
	for (size_t i = 0; i < n; i++) {
		const struct recorded *f = &w->found[w->picks[i].found];

		if (recorder_frame(&r->recorder, f, frame_of(r, kept)))
			results[f->record.owner].overwritten++;
		else
			w->picks[kept++] = w->picks[i];
	}
	for (size_t i = 0; i < kept; i++) {
		const struct baton_record *record =
			&w->found[w->picks[i].found].record;

		send_one(r, d, record, frame_of(r, i), moved_to[record->owner],
			 &results[record->owner]);
	}
}

void replay(struct batond *b, struct note *notes, uint32_t n)
{
	bool any = false;
	uint64_t done;

	if (!n || !has_recorded(&b->replay))
		return;
	/* One that moved twice is where the last move brought it. */
	for (uint32_t i = 0; i < n; i++)
		if (notes[i].kind == NOTE_MOVE) {
			const struct move *m = &notes[i].move;

			moved_to[m->owner] = m->to;
			results[m->owner] = (struct replay_counts){ 0 };
			any = true;
		}
	if (!any)
		return;
	urgent_begin();
	replay_owners(&b->replay, &b->dp, false);
	urgent_end();
	done = clock_ns();
	for (uint32_t i = n; i-- > 0;) {
		uint16_t owner = notes[i].move.owner;

		if (notes[i].kind != NOTE_MOVE || !moved_to[owner])
			continue;
		notes[i].replayed = (struct replay_result){
			.counts = results[owner],
			.took = done - notes[i].at,
		};
		moved_to[owner] = 0;
	}
}

void replay_again(struct batond *b, uint16_t owner, struct replay_result *to)
{
	uint64_t began = clock_ns();

	*to = (struct replay_result){ 0 };
	if (!has_recorded(&b->replay))
		return;
	moved_to[owner] = dataplane_owner(&b->dp, owner).host;
	results[owner] = (struct replay_counts){ 0 };
	replay_owners(&b->replay, &b->dp, true);
	moved_to[owner] = 0;
	to->counts = results[owner];
	to->took = clock_ns() - began;
}
