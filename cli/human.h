/* SPDX-License-Identifier: MIT
 *
 * human: numbers and words as people read them. Pure. All that return `char *` return `out`, which
 * holds HUMAN_TEXT bytes.
 */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <proto/torrent.pb-c.h>

#include "base/text.h"

enum { HUMAN_TEXT = 64 };

char *human_rate(uint64_t bytes_per_s, char *out);  /* "1.4 MiB/s", "-" when 0 */
char *human_limit(uint64_t bytes_per_s, char *out); /* "1.4 MiB/s", "none" when 0 */
char *human_percent(double part, char *out);        /* "42.1 %"; 100 % only when all is there */
char *human_span(uint64_t ms, char *out);           /* "3 d 4 h", "5 min 12 s", "40 ms" */
char *human_time(uint64_t unix_ms, char *out);      /* "2026-01-31 18:05", "-" when 0 */
char *human_position(int64_t ms, char *out);        /* in a film: "1:02:03" */
const char *human_state(Sharestream__Torrent__State state);

/* Reads "1MiB", "500K", or "none" as bytes per second. */
bool human_parse_rate(const char *text, uint64_t *out);

/* Reads a position in a film: "1:02:03", "4:30", "90s". */
bool human_parse_position(const char *text, int64_t *ms_out);

/* What a stranger named, safe for a terminal: control characters and broken UTF-8 become '?'. */
void human_clean(struct text *out, const char *raw);

/* The line that lives while a torrent is fetched: peers, speed, percent, buffered ahead, state.
 * `note` (may be NULL) is a sentence of the diagnosis. */
void human_progress(struct text *out, const Sharestream__Torrent__TorrentInfo *info,
                    const char *note);

#endif
