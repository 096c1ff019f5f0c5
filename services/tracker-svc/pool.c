/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

enum {
    CLIENT_BYTES = 2,
    SEEN_BYTES = 2,
    SMALL = 24, /* records up to which searching is quicker than an index */
    INDEX_MIN = 64,
};

void pool_fini(struct pool *pool)
{
    free(pool->records);
    free(pool->index);
    *pool = (struct pool){0};
}

size_t pool_memory(const struct pool *pool, enum pool_kind kind)
{
    return (size_t)pool->capacity * pool_layouts[kind].record +
           (pool->index != NULL ? (pool->index_mask + (size_t)1) * sizeof(*pool->index) : 0);
}

static uint8_t *record_at(const struct pool *pool, enum pool_kind kind, uint32_t number)
{
    return pool->records + (size_t)number * pool_layouts[kind].record;
}

/* Most keys are of IPv4; a length known here is one instruction instead of a call. */
static inline bool is_key(const uint8_t *record, enum pool_kind kind, const uint8_t *key)
{
    return kind == POOL_IPV4 ? memcmp(record, key, 6) == 0
                             : memcmp(record, key, pool_layouts[kind].key) == 0;
}

/* ---- the index: open addressing, linear probing */

static uint32_t hash_key(enum pool_kind kind, uint64_t seed, const uint8_t *key)
{
    uint64_t hash = seed, word = 0;
    size_t len = pool_layouts[kind].key;

    if (kind == POOL_IPV4) {
        memcpy(&word, key, 6);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        return (uint32_t)(hash >> 32);
    }
    for (; len > 0; key += MIN(len, sizeof(word)), len -= MIN(len, sizeof(word))) {
        word = 0;
        memcpy(&word, key, MIN(len, sizeof(word)));
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

/* Where the index holds `number`, whose key is given. */
static uint32_t slot_of(const struct pool *pool, enum pool_kind kind, uint64_t seed,
                        const uint8_t *key, uint32_t number)
{
    uint32_t slot = hash_key(kind, seed, key) & pool->index_mask;

    while (pool->index[slot] != number + 1)
        slot = (slot + 1) & pool->index_mask;
    return slot;
}

static void index_add(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t number)
{
    uint32_t slot = hash_key(kind, seed, record_at(pool, kind, number)) & pool->index_mask;

    while (pool->index[slot] != 0)
        slot = (slot + 1) & pool->index_mask;
    pool->index[slot] = number + 1;
}

/* Entries behind the hole move up when they would not be found any more. */
static void index_remove(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t slot)
{
    uint32_t mask = pool->index_mask, hole = slot;

    for (slot = (slot + 1) & mask; pool->index[slot] != 0; slot = (slot + 1) & mask) {
        const uint8_t *key = record_at(pool, kind, pool->index[slot] - 1);
        uint32_t home = hash_key(kind, seed, key) & mask;

        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue;
        pool->index[hole] = pool->index[slot];
        hole = slot;
    }
    pool->index[hole] = 0;
}

static void index_build(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t slots)
{
    free(pool->index);
    pool->index = xcalloc(slots, sizeof(*pool->index));
    pool->index_mask = slots - 1;
    for (uint32_t i = 0; i < pool->count; i++)
        index_add(pool, kind, seed, i);
}

/* Before a record is added: at most three quarters full. */
static void index_make_room(struct pool *pool, enum pool_kind kind, uint64_t seed)
{
    if (pool->index == NULL) {
        if (pool->count >= SMALL)
            index_build(pool, kind, seed, INDEX_MIN);
    } else if (pool->count >= pool->index_mask / 4 * 3) {
        index_build(pool, kind, seed, (pool->index_mask + 1) * 2);
    }
}

/* ---- records */

uint32_t pool_find(const struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key)
{
    if (pool->index == NULL) {
        for (uint32_t i = 0; i < pool->count; i++)
            if (is_key(record_at(pool, kind, i), kind, key))
                return i;
        return POOL_NONE;
    }
    for (uint32_t slot = hash_key(kind, seed, key) & pool->index_mask; pool->index[slot] != 0;
         slot = (slot + 1) & pool->index_mask)
        if (is_key(record_at(pool, kind, pool->index[slot] - 1), kind, key))
            return pool->index[slot] - 1;
    return POOL_NONE;
}

void pool_expect(const struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key,
                 bool is_second)
{
    const uint32_t *slot;

    if (pool->index == NULL) {
        __builtin_prefetch(pool->records);
        return;
    }
    slot = &pool->index[hash_key(kind, seed, key) & pool->index_mask];
    if (!is_second)
        __builtin_prefetch(slot);
    else if (*slot != 0)
        __builtin_prefetch(pool_key(pool, kind, *slot - 1));
}

/* What `from` holds is at `to` from now on; what `to` held was moved or is not needed any more. */
static void move(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    if (pool->index != NULL)
        pool->index[slot_of(pool, kind, seed, record_at(pool, kind, from), from)] = to + 1;
    memcpy(record_at(pool, kind, to), record_at(pool, kind, from), pool_layouts[kind].record);
}

static void swap(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t a, uint32_t b)
{
    uint8_t kept[64];
    uint32_t slot = 0;

    _Static_assert(sizeof(kept) >= POOL_KEY_MAX + CLIENT_BYTES + SEEN_BYTES + sizeof(uint64_t),
                   "the longest record fits");
    if (a == b)
        return;
    memcpy(kept, record_at(pool, kind, a), pool_layouts[kind].record);
    if (pool->index != NULL)
        slot = slot_of(pool, kind, seed, kept, a);
    move(pool, kind, seed, b, a);
    memcpy(record_at(pool, kind, b), kept, pool_layouts[kind].record);
    if (pool->index != NULL)
        pool->index[slot] = b + 1;
}

uint32_t pool_add(struct pool *pool, enum pool_kind kind, uint64_t seed, const uint8_t *key,
                  bool is_seeder)
{
    uint32_t number = pool->count;

    if (pool->count == pool->capacity) {
        pool->capacity = pool->capacity == 0 ? 2 : pool->capacity + pool->capacity / 4 + 2;
        pool->records = xrealloc(pool->records, (size_t)pool->capacity * pool_layouts[kind].record);
    }
    index_make_room(pool, kind, seed);
    memset(record_at(pool, kind, number), 0, pool_layouts[kind].record);
    memcpy(record_at(pool, kind, number), key, pool_layouts[kind].key);
    pool->count++;
    if (pool->index != NULL)
        index_add(pool, kind, seed, number);
    return is_seeder ? pool_set_seeder(pool, kind, seed, number, true) : number;
}

static void shrink(struct pool *pool, enum pool_kind kind, uint64_t seed)
{
    if (pool->count == 0) {
        pool_fini(pool);
        return;
    }
    if (pool->count < pool->capacity / 3) {
        pool->capacity = pool->count + pool->count / 4 + 2;
        pool->records = xrealloc(pool->records, (size_t)pool->capacity * pool_layouts[kind].record);
    }
    if (pool->index != NULL && pool->count < SMALL / 2) {
        free(pool->index);
        pool->index = NULL;
    } else if (pool->index != NULL && pool->index_mask >= 4 * INDEX_MIN &&
               pool->count < pool->index_mask / 8) {
        index_build(pool, kind, seed, (pool->index_mask + 1) / 4);
    }
}

void pool_remove(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t number)
{
    if (number < pool->seeders)
        number = pool_set_seeder(pool, kind, seed, number, false);
    if (pool->index != NULL)
        index_remove(pool, kind, seed,
                     slot_of(pool, kind, seed, record_at(pool, kind, number), number));
    pool->count--;
    move(pool, kind, seed, pool->count, number);
    shrink(pool, kind, seed);
}

uint32_t pool_set_seeder(struct pool *pool, enum pool_kind kind, uint64_t seed, uint32_t number,
                         bool is_seeder)
{
    uint32_t to;

    if ((number < pool->seeders) == is_seeder)
        return number;
    to = is_seeder ? pool->seeders : pool->seeders - 1;
    swap(pool, kind, seed, number, to);
    pool->seeders += is_seeder ? 1 : UINT32_MAX;
    return to;
}

/* ---- fields */

static uint16_t field(const struct pool *pool, enum pool_kind kind, uint32_t number, size_t at)
{
    uint16_t value;

    memcpy(&value, record_at(pool, kind, number) + pool_layouts[kind].key + at, sizeof(value));
    return value;
}

static void set_field(struct pool *pool, enum pool_kind kind, uint32_t number, size_t at,
                      uint16_t value)
{
    memcpy(record_at(pool, kind, number) + pool_layouts[kind].key + at, &value, sizeof(value));
}

uint16_t pool_client(const struct pool *pool, enum pool_kind kind, uint32_t number)
{
    return field(pool, kind, number, 0);
}

void pool_set_client(struct pool *pool, enum pool_kind kind, uint32_t number, uint16_t client)
{
    set_field(pool, kind, number, 0, client);
}

void pool_set_seen(struct pool *pool, enum pool_kind kind, uint32_t number, uint32_t now_s)
{
    set_field(pool, kind, number, CLIENT_BYTES, (uint16_t)(now_s / POOL_CLOCK_S));
}

uint32_t pool_idle_s(const struct pool *pool, enum pool_kind kind, uint32_t number, uint32_t now_s)
{
    uint16_t then = field(pool, kind, number, CLIENT_BYTES);

    return (uint32_t)(uint16_t)((uint16_t)(now_s / POOL_CLOCK_S) - then) * POOL_CLOCK_S;
}

uint64_t pool_connection(const struct pool *pool, uint32_t number)
{
    uint64_t connection;

    memcpy(&connection,
           record_at(pool, POOL_SOCKET, number) + pool_layouts[POOL_SOCKET].key + CLIENT_BYTES +
               SEEN_BYTES,
           sizeof(connection));
    return connection;
}

void pool_set_connection(struct pool *pool, uint32_t number, uint64_t connection)
{
    memcpy(record_at(pool, POOL_SOCKET, number) + pool_layouts[POOL_SOCKET].key + CLIENT_BYTES +
               SEEN_BYTES,
           &connection, sizeof(connection));
}

/* ---- choosing */

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t pool_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t bound, uint64_t *random)
{
    return (uint32_t)(((pool_random(random) >> 32) * bound) >> 32);
}

/* The candidates lie on a circle that is cut into `want` arcs at a random place, and one is taken
 * out of each. Every pick alone is then as likely to be any of them, and no two are the same. */
uint32_t pool_choose(const struct pool *pool, uint32_t first, uint32_t except, uint32_t want,
                     uint64_t *random, uint32_t *out)
{
    bool skips = except != POOL_NONE && except >= first;
    uint32_t count = pool->count - MIN(first, pool->count), turn, taken = 0;

    if (skips)
        count--;
    if (want == 0 || count == 0)
        return 0;
    if (want >= count) {
        for (uint32_t i = first; i < pool->count; i++)
            if (i != except)
                out[taken++] = i;
        return taken;
    }
    turn = below(count, random);
    /* Arcs end at multiples of count / want, in 32.32 fixed point: a division costs more than the
     * rest of a pick. */
    const uint64_t arc = ((uint64_t)count << 32) / want;
    for (uint32_t i = 0, begin = 0; i < want; i++) {
        uint32_t end = i + 1 == want ? count : (uint32_t)((arc * (i + 1)) >> 32);
        uint32_t at = turn + begin + below(end - begin, random);

        if (at >= count)
            at -= count;
        at += first;
        out[taken++] = skips && at >= except ? at + 1 : at;
        begin = end;
    }
    return taken;
}
