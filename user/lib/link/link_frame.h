/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of the link and their bytes (include/baton/link.h). Pure: knows of no
 * connection, and of a frame only whether it can be one.
 */
#ifndef LIB_LINK_FRAME_H
#define LIB_LINK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/link.h"

/* A frame, in host byte order. */
struct link_frame {
	uint8_t type; /* enum baton_link_type */
	uint8_t role; /* enum baton_link_role, of the sender */
	uint16_t channel;
	uint32_t owner, epoch;
	uint32_t length;
	uint64_t sequence;
	const uint8_t *payload; /* not aligned */
};

const char *link_type_label(unsigned int type); /* "?" if there is none */
const char *link_role_label(unsigned int role);
const char *link_reason_label(unsigned int reason);
const char *link_reason_text(unsigned int reason);
bool link_reason_closes(unsigned int reason); /* also when there is none */

/* Does it carry what a component sends? */
bool link_type_is_data(unsigned int type);

/* Is a payload of this length allowed? */
bool link_length_fits(unsigned int type, size_t length);

/* The enum baton_link_reason of a REFUSED or CLOSE, which may be unknown. */
uint32_t link_frame_reason(const struct link_frame *f);

/* The header of a frame that fits. */
void link_header_put(struct baton_link_header *h, const struct link_frame *f);

/*
 * Bytes in, frames out, however the bytes were cut. The buffer never holds
 * more than one frame of the largest size, and what came with its end.
 */
struct link_decoder {
	uint8_t *bytes;
	size_t start, end, size;
	uint8_t version; /* that the last header spoke */
};

void link_decoder_init(struct link_decoder *d);
void link_decoder_free(struct link_decoder *d); /* wipes what is left */

/*
 * Where the next bytes are to be written, at least one; NULL: no memory. Frames
 * that were taken before lose their payload.
 */
uint8_t *link_decoder_room(struct link_decoder *d, size_t *room);
void link_decoder_filled(struct link_decoder *d, size_t n);

/*
 * Take the next frame: 1; 0 when more bytes are needed; or the negative of the
 * enum baton_link_reason for which these bytes are none, which they remain. The
 * payload lies in the buffer.
 */
int link_decoder_next(struct link_decoder *d, struct link_frame *f);

#endif
