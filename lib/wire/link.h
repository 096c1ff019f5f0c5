/* SPDX-License-Identifier: MIT
 *
 * link: signed, expiring stream links. A link allows GET and HEAD of exactly one path until a time;
 * whoever has it may watch, and nothing else. signature = base64url(HMAC-SHA256(key,
 * "<path>\n<expires>"), first 16 bytes). Which path is the canonical spelling is the caller's
 * business.
 */
#ifndef WIRE_LINK_H
#define WIRE_LINK_H

#include "base/bytes.h"

enum { LINK_KEY_BYTES = 32, LINK_SIGNATURE_TEXT = 23 };

/* `expires_s`: unix seconds. `out` gets LINK_SIGNATURE_TEXT bytes with NUL. */
void link_sign(const uint8_t key[LINK_KEY_BYTES], const char *path, uint64_t expires_s, char *out);
/* Constant-time; false when expired (from `expires_s` on), malformed or for another path. */
bool link_verify(const uint8_t key[LINK_KEY_BYTES], const char *path, uint64_t expires_s,
                 struct bytes signature, uint64_t now_s);

#endif
