/* SPDX-License-Identifier: MIT
 *
 * conn_id: connection ids of UDP clients (BEP 15), made of a secret, the client's address and the
 * minute, so that nothing has to be remembered and nobody can announce for another address. Keyed
 * by SipHash-2-4.
 */
#ifndef TRACKER_CONN_ID_H
#define TRACKER_CONN_ID_H

#include <sodium/crypto_shorthash.h>
#include <stdbool.h>
#include <stdint.h>

struct conn_ids {
    uint8_t key[crypto_shorthash_KEYBYTES];
};

void conn_ids_init(struct conn_ids *ids); /* a fresh secret */
/* `ip`: IPv6, or IPv4 mapped into it. */
uint64_t conn_id_make(const struct conn_ids *ids, const uint8_t ip[16], uint32_t now_s);
/* Made for this address, one to two minutes ago at most. */
bool conn_id_is_valid(const struct conn_ids *ids, const uint8_t ip[16], uint32_t now_s,
                      uint64_t id);

#endif
