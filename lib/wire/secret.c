/* SPDX-License-Identifier: MIT */
#include "wire/secret.h"

#include <openssl/crypto.h>

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
