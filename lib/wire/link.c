/* SPDX-License-Identifier: MIT */
#include "wire/link.h"

#include <inttypes.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/must.h"
#include "base/text.h"
#include "wire/secret.h"

void link_sign(const uint8_t key[LINK_KEY_BYTES], const char *path, uint64_t expires_s, char *out)
{
    enum { KEPT_BYTES = 16 };
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    struct text message = {0};

    /* Even a path with a line break in it signs only for itself: the time is what follows the last
     * one. */
    text_addf(&message, "%s\n%" PRIu64, path, expires_s);
    must(HMAC(EVP_sha256(), key, LINK_KEY_BYTES, (const uint8_t *)message.data, message.len, mac,
              &mac_len) != NULL);
    must(mac_len >= KEPT_BYTES);
    base64url_encode(bytes_of(mac, KEPT_BYTES), out);
    text_fini(&message);
}

bool link_verify(const uint8_t key[LINK_KEY_BYTES], const char *path, uint64_t expires_s,
                 struct bytes signature, uint64_t now_s)
{
    char expected[LINK_SIGNATURE_TEXT];

    if (now_s >= expires_s)
        return false;
    link_sign(key, path, expires_s, expected);
    /* The text, not the bytes: 22 characters hold four bits more than 16 bytes, so that decoding
     * would accept sixteen spellings of one signature. */
    return secret_equal(bytes_of_text(expected), signature);
}
