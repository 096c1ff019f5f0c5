/* SPDX-License-Identifier: MIT */
#include "password.h"

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_pwhash.h>
#include <sodium/utils.h>
#include <string.h>

#include "base/must.h"

enum { WORK_OPS = 2, WORK_BYTES = 1 << 20 };

_Static_assert((int)PASSWORD_SALT_BYTES == (int)crypto_pwhash_SALTBYTES, "libsodium's salt");

static void work(const char *text, const uint8_t *salt, uint8_t *hash_out)
{
    /* Fails for want of memory only. */
    must(crypto_pwhash(hash_out, PASSWORD_HASH_BYTES, text, strlen(text), salt, WORK_OPS,
                       WORK_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0);
}

void password_set(struct password *password, const char *text,
                  const uint8_t salt[PASSWORD_SALT_BYTES])
{
    memcpy(password->salt, salt, PASSWORD_SALT_BYTES);
    work(text, salt, password->hash);
    password->is_set = true;
}

bool password_is(const struct password *password, const char *text)
{
    uint8_t hash[PASSWORD_HASH_BYTES];

    work(text, password->salt, hash);
    return sodium_memcmp(hash, password->hash, sizeof(hash)) == 0;
}

void secret_hash(const char *secret, uint8_t hash_out[SECRET_HASH_BYTES])
{
    crypto_generichash(hash_out, SECRET_HASH_BYTES, (const uint8_t *)secret, strlen(secret), NULL,
                       0);
}

bool secret_is(const uint8_t hash[SECRET_HASH_BYTES], const char *secret)
{
    uint8_t of[SECRET_HASH_BYTES];

    secret_hash(secret, of);
    return sodium_memcmp(of, hash, sizeof(of)) == 0;
}
