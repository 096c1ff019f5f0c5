/* SPDX-License-Identifier: MIT
 *
 * text: a string that grows. Always ends in NUL. Zero-initialise it, text_fini() it.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct text {
    char *data; /* NULL while empty; use text_str() to get a string in any case */
    size_t len;
    size_t cap;
};

void text_fini(struct text *text);
void text_clear(struct text *text); /* keeps the memory */
void text_add(struct text *text, const char *more);
/* `len` bytes more, for the caller to fill. */
uint8_t *text_grow(struct text *text, size_t len);
void text_add_bytes(struct text *text, struct bytes more);
__attribute__((format(printf, 2, 3))) void text_addf(struct text *text, const char *format, ...);
/* Decimal; what text_addf() would do at a fifth of its price. */
void text_add_decimal(struct text *text, uint64_t number);
/* Percent-encodes everything but RFC 3986 unreserved characters and those in `keep` (may be ""). */
void text_add_percent(struct text *text, struct bytes raw, const char *keep);
const char *text_str(const struct text *text);
/* Hands the string to the caller, who frees it; never NULL. */
char *text_take(struct text *text);

/* Decodes %XX in place into `out` (capacity `cap`, NUL added). '+' becomes a space only when
 * `plus_is_space`. False when it does not fit or a %XX is broken or is %00. */
bool percent_decode(struct bytes in, char *out, size_t cap, bool plus_is_space);
/* Edit distance between two short words, for "did you mean". */
unsigned text_distance(const char *a, const char *b);
/* Length of the well-formed character (RFC 3629) that the bytes begin with, 0 when there is none or
 * it is NUL. */
size_t utf8_next(struct bytes in, uint32_t *code_out);
/* The most bytes, up to `max`, after which well-formed UTF-8 can be cut between two characters. */
size_t utf8_cut(struct bytes in, size_t max);
/* True when the bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool utf8_valid(struct bytes in);

#endif
