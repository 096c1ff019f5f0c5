/* SPDX-License-Identifier: MIT */
#include "conn_id.h"

#include <sodium/randombytes.h>
#include <string.h>

enum { SLOT_S = 60 };

void conn_ids_init(struct conn_ids *ids)
{
    randombytes_buf(ids->key, sizeof(ids->key));
}

static uint64_t make(const struct conn_ids *ids, const uint8_t ip[16], uint32_t slot)
{
    uint8_t text[16 + sizeof(slot)];
    uint64_t id;

    memcpy(text, ip, 16);
    memcpy(text + 16, &slot, sizeof(slot));
    crypto_shorthash((uint8_t *)&id, text, sizeof(text), ids->key);
    return id;
}

uint64_t conn_id_make(const struct conn_ids *ids, const uint8_t ip[16], uint32_t now_s)
{
    return make(ids, ip, now_s / SLOT_S);
}

bool conn_id_is_valid(const struct conn_ids *ids, const uint8_t ip[16], uint32_t now_s, uint64_t id)
{
    return id == make(ids, ip, now_s / SLOT_S) || id == make(ids, ip, now_s / SLOT_S - 1);
}
