/* SPDX-License-Identifier: MIT
 *
 * password: what is kept of a room's password, and of the secret by which a member is known again.
 * The only user of libsodium here; sodium_init() is the program's business.
 */
#ifndef ROOM_PASSWORD_H
#define ROOM_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

enum { PASSWORD_SALT_BYTES = 16, PASSWORD_HASH_BYTES = 32, SECRET_HASH_BYTES = 32 };

struct password {
    bool is_set;
    uint8_t salt[PASSWORD_SALT_BYTES];
    uint8_t hash[PASSWORD_HASH_BYTES];
};

/* Argon2id, about 1 ms: the service has one thread, which a stranger must not be able to stop.
 * Guessing is limited at the door. */
void password_set(struct password *password, const char *text,
                  const uint8_t salt[PASSWORD_SALT_BYTES]);
bool password_is(const struct password *password, const char *text);

/* Secrets are long and random, so that a plain hash does. */
void secret_hash(const char *secret, uint8_t hash_out[SECRET_HASH_BYTES]);
bool secret_is(const uint8_t hash[SECRET_HASH_BYTES], const char *secret);

#endif
