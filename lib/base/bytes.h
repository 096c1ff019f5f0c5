/* SPDX-License-Identifier: MIT
 *
 * bytes: a borrowed view of memory that came from outside. Never assumed to end in NUL, never
 * owned.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}

static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

/* Of ASCII's letters. */
bool bytes_equal_ignoring_case(struct bytes a, struct bytes b);
static inline bool bytes_is_word(struct bytes in, const char *word)
{
    return bytes_equal_ignoring_case(in, bytes_of_text(word));
}

/* Without the spaces and tabs around it. */
struct bytes bytes_trim(struct bytes text);

/* Writes 2 * len lower-case digits and a NUL; `out` must hold 2 * len + 1. Returns `out`. */
char *hex_encode(struct bytes in, char *out);
/* Reads exactly 2 * len digits of either case into `out`. False when the length or a digit is
 * wrong. */
bool hex_decode(struct bytes in, uint8_t *out, size_t len);
/* RFC 4648 base32 without padding, either case, exactly filling `len` bytes (32 characters for an
 * info-hash). */
bool base32_decode(struct bytes in, uint8_t *out, size_t len);
/* RFC 4648 section 5 base64url without padding; `out` must hold (len * 4 + 2) / 3 + 1. Returns
 * `out`. */
char *base64url_encode(struct bytes in, char *out);
/* Decodes into `out` (capacity `cap`); false on a foreign character or lack of room. */
bool base64url_decode(struct bytes in, uint8_t *out, size_t cap, size_t *len_out);
/* Reads the decimal digits at the front; returns how many there were. A number too large becomes
 * UINT64_MAX; without digits *out is 0. */
size_t bytes_decimal(struct bytes in, uint64_t *out);
/* FNV-1a, for tables and fingerprints; not for secrets. `seed` chains calls, 0 begins. */
uint64_t bytes_hash(struct bytes in, uint64_t seed);
/* Rendezvous hashing (Thaler and Ravishankar, 1996): whose name has the highest weight for a key
 * gets it, so that only the keys move of one that is lost. Both as bytes_hash() has them. */
uint64_t bytes_weight(uint64_t name_hash, uint64_t key_hash);

#endif
