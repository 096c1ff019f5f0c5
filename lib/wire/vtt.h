/* SPDX-License-Identifier: MIT
 *
 * vtt: WebVTT, written. Cues come from events of ASS, which is what FFmpeg's decoders make of every
 * kind of text subtitle: of their styling, what WebVTT has as well is kept, and the rest is left
 * out. Pure.
 */
#ifndef WIRE_VTT_H
#define WIRE_VTT_H

#include <stdbool.h>

#include "base/text.h"

enum {
    VTT_TEXT_MAX = 8192, /* bytes of one cue; more is no dialogue */
    VTT_PLACE_USUAL = 2,
};

struct vtt_cue {
    int64_t from_ms, until_ms;
    unsigned place; /* as the keys of a number pad lie: 2 is below, 8 above, 7 above to the left */
    char *text;     /* of vtt_add_text() */
};

/* The last of the nine fields of "ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,Text",
 * empty when there are fewer. */
struct bytes vtt_event_text(struct bytes event);
/* Text of an event as the text of a cue: tags of italic, bold and underlined that close what they
 * open, everything else escaped, no empty lines, valid UTF-8, at most VTT_TEXT_MAX bytes and what
 * Adds nothing when there is nothing to read. Returns the place. */
unsigned vtt_add_text(struct text *out, struct bytes ass);

/* `is_segment`: of HLS, where the timeline of all media begins at 10 s. */
void vtt_add_header(struct text *out, bool is_segment);
void vtt_add_cue(struct text *out, const struct vtt_cue *cue);

#endif
