/* SPDX-License-Identifier: MIT
 *
 * codec_string: names of codecs as browsers want them in a CODECS attribute (RFC 6381), from the
 * headers of a stream, and what pictures can be cut at. Pure.
 */
#ifndef WIRE_CODEC_STRING_H
#define WIRE_CODEC_STRING_H

#include <stdbool.h>

#include "base/bytes.h"

enum {
    CODEC_STRING_TEXT = 48,
    CODEC_STRINGS_MAX = 64, /* that one client may say it plays */
};

/* "avc1.640028" from an avcC box (ISO 14496-15, 5.3.3); false when it is none. */
bool codec_string_avc(struct bytes avcc, char out[CODEC_STRING_TEXT]);
/* "hvc1.2.4.L120.90" from an hvcC box (ISO 14496-15, 8.3.3 and E.3); false when it is none. */
bool codec_string_hevc(struct bytes hvcc, char out[CODEC_STRING_TEXT]);

/* Bytes of the length in front of each unit in packets of a stream with that avcC or hvcC; 0: the
 * stream has start codes (Annex B). */
unsigned nal_length_bytes(struct bytes header, bool is_hevc);
/* Does the packet hold a picture behind which nothing looks back (IDR)? A keyframe that is none
 * cannot be cut at. */
bool nal_has_idr(struct bytes packet, unsigned length_bytes, bool is_hevc);

#endif
