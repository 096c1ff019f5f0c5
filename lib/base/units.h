/* SPDX-License-Identifier: MIT
 *
 * units: the one place where durations, sizes and addresses are read from text and written for
 * people.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum { UNITS_TEXT = 32 };

/* Durations as Go writes them, of h, m, s and ms: "30s", "1h30m", "1.5s", "250ms", "0". A bare
 * number other than 0 is refused: of what? */
bool parse_duration_ms(const char *text, uint64_t *ms_out);
/* "64MiB", "10 GB", "1.5G", "1500" (bytes). Suffixes K M G T of either case: with B decimal (GB),
 * bare or with i binary (G, Gi, GiB). */
bool parse_size_bytes(const char *text, uint64_t *bytes_out);
/* A decimal number, the whole text. */
bool parse_count(const char *text, uint64_t *count_out);
/* true/false, yes/no, on/off, 1/0. */
bool parse_bool(const char *text, bool *out);

/* "host:port", "[v6]:port", "port", ":port". Host is "" when absent, else letters, digits and
 * ".-_", in brackets also ":%". Capacities include NUL. */
struct endpoint {
    char host[128];
    uint16_t port;
};
bool parse_endpoint(const char *text, struct endpoint *out);
/* True for 127/8, ::1 and localhost: what needs no admin token. Other names are not resolved. */
bool endpoint_is_loopback(const struct endpoint *endpoint);

/* All return `out`, which holds UNITS_TEXT bytes. */
char *format_duration(uint64_t ms, char *out);      /* parses back: "1h30m", "250ms" */
char *format_size(uint64_t bytes, char *out);       /* for people: "1.4 GiB" */
char *format_size_exact(uint64_t bytes, char *out); /* parses back: "64MiB", "1500" */
char *format_eta(uint64_t seconds, char *out);      /* "1:02:03", "4:05" */

#endif
