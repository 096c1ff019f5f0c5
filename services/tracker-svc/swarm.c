/* SPDX-License-Identifier: MIT */
#include "swarm.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "clients.h"
#include "pool.h"

enum {
    BUCKETS_MIN = 64,
    EVICT_TRIES = 16, /* records looked at for an old one */
    PORT_BYTES = 2,
};

struct swarm {
    struct infohash hash;
    uint32_t downloaded;
    uint32_t touched_s;
    struct swarm *next;          /* in its bucket */
    struct swarm *older, *newer; /* by touched_s */
    struct pool pools[POOL_KINDS];
};

/* The table of swarms grows bucket by bucket (linear hashing: Litwin, VLDB 1980), so that no
 * announce pays for all of them. */
struct swarms {
    struct swarm_limits limits;
    uint64_t seed, random;
    struct swarm **buckets;
    uint32_t bucket_count, bucket_base; /* base <= count < 2 * base, a power of two */
    uint32_t count;
    struct swarm *oldest, *newest;
    /* Where swarms_expire() goes on; NULL: with the oldest. */
    struct swarm *sweep;
    unsigned sweep_kind;
    uint32_t sweep_left; /* records of that pool still to look at, from the end; 0: all */
    uint64_t peers[POOL_KINDS], seeders, swarms_active;
    uint64_t evicted_swarms, evicted_peers, expired_peers;
    struct clients clients;
};

/* ---- the table */

static uint32_t bucket_of(const struct swarms *swarms, const struct infohash *hash)
{
    uint64_t word;
    uint32_t mixed;

    memcpy(&word, hash->bytes, sizeof(word));
    mixed = (uint32_t)(((word ^ swarms->seed) * 0x9e3779b97f4a7c15) >> 32);
    if ((mixed & (2 * swarms->bucket_base - 1)) < swarms->bucket_count)
        return mixed & (2 * swarms->bucket_base - 1);
    return mixed & (swarms->bucket_base - 1);
}

static struct swarm *find(const struct swarms *swarms, const struct infohash *hash)
{
    struct swarm *swarm = swarms->buckets[bucket_of(swarms, hash)];

    while (swarm != NULL && memcmp(&swarm->hash, hash, sizeof(*hash)) != 0)
        swarm = swarm->next;
    return swarm;
}

static void split_a_bucket(struct swarms *swarms)
{
    uint32_t from = swarms->bucket_count - swarms->bucket_base;
    struct swarm *swarm = swarms->buckets[from], *next;

    swarms->buckets[from] = NULL;
    swarms->buckets[swarms->bucket_count++] = NULL;
    for (; swarm != NULL; swarm = next) {
        uint32_t to = bucket_of(swarms, &swarm->hash);

        next = swarm->next;
        swarm->next = swarms->buckets[to];
        swarms->buckets[to] = swarm;
    }
    if (swarms->bucket_count == 2 * swarms->bucket_base) {
        swarms->bucket_base *= 2;
        swarms->buckets =
            xrealloc(swarms->buckets, 2 * swarms->bucket_base * sizeof(struct swarm *));
    }
}

static void unlink_by_age(struct swarms *swarms, struct swarm *swarm)
{
    if (swarms->sweep == swarm) {
        swarms->sweep = swarm->newer;
        swarms->sweep_kind = 0;
        swarms->sweep_left = 0;
    }
    *(swarm->older != NULL ? &swarm->older->newer : &swarms->oldest) = swarm->newer;
    *(swarm->newer != NULL ? &swarm->newer->older : &swarms->newest) = swarm->older;
}

static void touch(struct swarms *swarms, struct swarm *swarm, uint32_t now_s)
{
    if (swarm->touched_s == now_s)
        return;
    swarm->touched_s = now_s;
    if (swarms->newest == swarm)
        return;
    unlink_by_age(swarms, swarm);
    swarm->older = swarms->newest;
    swarm->newer = NULL;
    *(swarms->newest != NULL ? &swarms->newest->newer : &swarms->oldest) = swarm;
    swarms->newest = swarm;
}

static uint32_t count_peers(const struct swarm *swarm)
{
    uint32_t count = 0;

    for (unsigned kind = 0; kind < POOL_KINDS; kind++)
        count += swarm->pools[kind].count;
    return count;
}

static void free_swarm(struct swarms *swarms, struct swarm *swarm)
{
    struct swarm **at = &swarms->buckets[bucket_of(swarms, &swarm->hash)];

    while (*at != swarm)
        at = &(*at)->next;
    *at = swarm->next;
    unlink_by_age(swarms, swarm);
    swarms->swarms_active -= count_peers(swarm) > 0;
    for (enum pool_kind kind = 0; kind < POOL_KINDS; kind++) {
        struct pool *pool = &swarm->pools[kind];

        for (uint32_t i = 0; i < pool->count; i++)
            clients_remove(&swarms->clients, pool_client(pool, kind, i));
        swarms->peers[kind] -= pool->count;
        swarms->seeders -= pool->seeders;
        pool_fini(pool);
    }
    free(swarm);
    swarms->count--;
}

static struct swarm *find_or_add(struct swarms *swarms, const struct infohash *hash, uint32_t now_s)
{
    struct swarm *swarm = find(swarms, hash);
    uint32_t bucket;

    if (swarm != NULL)
        return swarm;
    while (swarms->count >= swarms->limits.max_swarms) {
        swarms->evicted_swarms++;
        swarms->evicted_peers += count_peers(swarms->oldest);
        free_swarm(swarms, swarms->oldest);
    }
    if (swarms->count >= swarms->bucket_count)
        split_a_bucket(swarms);
    swarm = xcalloc(1, sizeof(*swarm));
    swarm->hash = *hash;
    bucket = bucket_of(swarms, hash);
    swarm->next = swarms->buckets[bucket];
    swarms->buckets[bucket] = swarm;
    swarm->touched_s = now_s;
    swarm->older = swarms->newest;
    *(swarms->newest != NULL ? &swarms->newest->newer : &swarms->oldest) = swarm;
    swarms->newest = swarm;
    swarms->count++;
    return swarm;
}

struct swarms *swarms_new(const struct swarm_limits *limits, uint64_t seed)
{
    struct swarms *swarms = xcalloc(1, sizeof(*swarms));

    must(limits->max_swarms > 0 && limits->max_peers > 0 && limits->max_swarm_peers > 0);
    swarms->limits = *limits;
    swarms->seed = seed;
    swarms->random = seed ^ 0x5bd1e995;
    swarms->bucket_base = swarms->bucket_count = BUCKETS_MIN;
    swarms->buckets = xcalloc(2 * BUCKETS_MIN, sizeof(struct swarm *));
    return swarms;
}

void swarms_free(struct swarms **swarms_p)
{
    struct swarms *swarms = *swarms_p;

    if (swarms == NULL)
        return;
    while (swarms->oldest != NULL)
        free_swarm(swarms, swarms->oldest);
    free(swarms->buckets);
    free(swarms);
    *swarms_p = NULL;
}

/* ---- peers */

static void count_swarm(const struct swarm *swarm, struct swarm_counts *out)
{
    *out = (struct swarm_counts){.downloaded = swarm->downloaded};
    for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
        out->complete += swarm->pools[kind].seeders;
        out->incomplete += swarm->pools[kind].count - swarm->pools[kind].seeders;
    }
}

static void remove_peer(struct swarms *swarms, struct swarm *swarm, enum pool_kind kind,
                        uint32_t number)
{
    struct pool *pool = &swarm->pools[kind];

    clients_remove(&swarms->clients, pool_client(pool, kind, number));
    swarms->seeders -= number < pool->seeders;
    swarms->peers[kind]--;
    pool_remove(pool, kind, swarms->seed, number);
    swarms->swarms_active -= pool->count == 0 && count_peers(swarm) == 0;
}

/* The most idle of a few, taken at random: to keep all in order would cost every announce. */
static void evict_peer(struct swarms *swarms, struct swarm *swarm, enum pool_kind kind,
                       uint32_t now_s)
{
    struct pool *pool = &swarm->pools[kind];
    uint32_t tried[EVICT_TRIES], oldest = POOL_NONE, count;

    count = pool_choose(pool, 0, POOL_NONE, EVICT_TRIES, &swarms->random, tried);
    for (uint32_t i = 0; i < count; i++)
        if (oldest == POOL_NONE ||
            pool_idle_s(pool, kind, tried[i], now_s) > pool_idle_s(pool, kind, oldest, now_s))
            oldest = tried[i];
    must(oldest != POOL_NONE);
    swarms->evicted_peers++;
    remove_peer(swarms, swarm, kind, oldest);
}

static uint64_t count_all(const struct swarms *swarms)
{
    uint64_t count = 0;

    for (unsigned kind = 0; kind < POOL_KINDS; kind++)
        count += swarms->peers[kind];
    return count;
}

/* `swarm` was just touched: it is the newest. */
static void make_room(struct swarms *swarms, struct swarm *swarm, enum pool_kind kind,
                      uint32_t now_s)
{
    if (swarm->pools[kind].count >= swarms->limits.max_swarm_peers)
        evict_peer(swarms, swarm, kind, now_s);
    while (count_all(swarms) >= swarms->limits.max_peers && swarms->oldest != swarm) {
        swarms->evicted_swarms++;
        swarms->evicted_peers += count_peers(swarms->oldest);
        free_swarm(swarms, swarms->oldest);
    }
    for (enum pool_kind other = 0; other < POOL_KINDS; other++)
        while (count_all(swarms) >= swarms->limits.max_peers && swarm->pools[other].count > 0)
            evict_peer(swarms, swarm, other, now_s);
}

struct news {
    enum pool_kind kind;
    const uint8_t *key, *peer_id;
    enum swarm_event event;
    bool is_seed;
};

/* Puts down what a peer told. Returns its number, POOL_NONE when it left. */
static uint32_t note_peer(struct swarms *swarms, struct swarm *swarm, const struct news *news,
                          uint32_t now_s)
{
    struct pool *pool = &swarm->pools[news->kind];
    uint32_t number = pool_find(pool, news->kind, swarms->seed, news->key);
    bool was_seeder = number != POOL_NONE && number < pool->seeders;

    if (news->event == SWARM_STOPPED) {
        if (number != POOL_NONE)
            remove_peer(swarms, swarm, news->kind, number);
        return POOL_NONE;
    }
    touch(swarms, swarm, now_s);
    if (number == POOL_NONE) {
        make_room(swarms, swarm, news->kind, now_s);
        swarms->swarms_active += count_peers(swarm) == 0;
        number = pool_add(pool, news->kind, swarms->seed, news->key, news->is_seed);
        pool_set_client(pool, news->kind, number, clients_add(&swarms->clients, news->peer_id));
        swarms->peers[news->kind]++;
    } else {
        /* Who had it already cannot complete it again. */
        if (news->event == SWARM_COMPLETED && !was_seeder && swarm->downloaded < UINT32_MAX)
            swarm->downloaded++;
        number = pool_set_seeder(pool, news->kind, swarms->seed, number, news->is_seed);
    }
    swarms->seeders += (uint64_t)news->is_seed - was_seeder;
    pool_set_seen(pool, news->kind, number, now_s);
    return number;
}

/* ---- address peers */

static bool is_own_machine(const uint8_t *ip, bool is_ipv6)
{
    static const uint8_t loopback6[16] = {[15] = 1};

    return is_ipv6 ? memcmp(ip, loopback6, sizeof(loopback6)) == 0 : ip[0] == 127;
}

/* Writes one peer as it goes onto the wire; its key is in that form already. False: there is no
 * address by which the asker could reach it. Lengths are known to each caller. */
static inline bool tell_one(const uint8_t *key, bool is_ipv6, const struct swarm_announce *announce,
                            bool asker_is_here, uint8_t *to)
{
    const size_t len = is_ipv6 ? PEER6_BYTES : PEER4_BYTES;

    memcpy(to, key, len);
    if (asker_is_here || !is_own_machine(key, is_ipv6))
        return true;
    /* Nobody elsewhere can use 127.0.0.1. */
    if (announce->local == NULL || announce->from.is_ipv6 != is_ipv6 ||
        is_own_machine(announce->local, is_ipv6))
        return false;
    memcpy(to, announce->local, len - PORT_BYTES);
    return true;
}

/* aria2 with a magnet link, too, says that nothing is left: it does not know yet how much there is.
 */
static bool wants_no_seeds(const struct swarm_announce *announce)
{
    return announce->is_seed && announce->event != SWARM_STARTED;
}

static unsigned tell(struct swarms *swarms, const struct swarm *swarm, enum pool_kind kind,
                     const struct swarm_announce *announce, uint32_t except, unsigned want,
                     uint8_t *out)
{
    const struct pool *pool = &swarm->pools[kind];
    const bool asker_is_here = is_own_machine(announce->from.ip, announce->from.is_ipv6);
    uint32_t chosen[SWARM_WANT_MAX], count;
    unsigned told = 0;

    count = pool_choose(pool, wants_no_seeds(announce) ? pool->seeders : 0, except,
                        MIN(want, SWARM_WANT_MAX), &swarms->random, chosen);
    if (kind == POOL_IPV4)
        for (uint32_t i = 0; i < count; i++)
            told += tell_one(pool_key(pool, POOL_IPV4, chosen[i]), false, announce, asker_is_here,
                             out + told * PEER4_BYTES);
    else
        for (uint32_t i = 0; i < count; i++)
            told += tell_one(pool_key(pool, POOL_IPV6, chosen[i]), true, announce, asker_is_here,
                             out + told * PEER6_BYTES);
    return told;
}

static void write_key(const struct swarm_address *from, uint8_t *key)
{
    const size_t ip_len = from->is_ipv6 ? 16 : 4;

    memcpy(key, from->ip, ip_len);
    key[ip_len] = (uint8_t)(from->port >> 8);
    key[ip_len + 1] = (uint8_t)from->port;
}

void swarms_expect(const struct swarms *swarms, const struct swarm_announce *announces,
                   size_t count)
{
    const struct swarm *found[SWARM_EXPECT_MAX];
    uint8_t key[PEER6_BYTES];

    count = MIN(count, SWARM_EXPECT_MAX);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&swarms->buckets[bucket_of(swarms, &announces[i].hash)]);
    for (size_t i = 0; i < count; i++) {
        found[i] = swarms->buckets[bucket_of(swarms, &announces[i].hash)];
        __builtin_prefetch(found[i]);
        __builtin_prefetch((const char *)found[i] + sizeof(struct swarm) / 2);
    }
    for (unsigned step = 0; step < 2; step++)
        for (size_t i = 0; i < count; i++) {
            const enum pool_kind kind = announces[i].from.is_ipv6 ? POOL_IPV6 : POOL_IPV4;

            if (step == 0)
                found[i] = find(swarms, &announces[i].hash);
            if (found[i] == NULL)
                continue;
            write_key(&announces[i].from, key);
            pool_expect(&found[i]->pools[kind], kind, swarms->seed, key, step == 1);
        }
}

void swarms_announce(struct swarms *swarms, const struct swarm_announce *announce, uint32_t now_s,
                     struct swarm_answer *answer)
{
    const enum pool_kind kind = announce->from.is_ipv6 ? POOL_IPV6 : POOL_IPV4;
    uint8_t key[PEER6_BYTES];
    struct swarm *swarm;
    uint32_t number;

    answer->count4 = answer->count6 = 0;
    answer->counts = (struct swarm_counts){0};
    swarm = announce->event == SWARM_STOPPED ? find(swarms, &announce->hash)
                                             : find_or_add(swarms, &announce->hash, now_s);
    if (swarm == NULL)
        return;
    write_key(&announce->from, key);
    number = note_peer(swarms, swarm,
                       &(struct news){.kind = kind,
                                      .key = key,
                                      .peer_id = announce->peer_id,
                                      .event = announce->event,
                                      .is_seed = announce->is_seed},
                       now_s);
    count_swarm(swarm, &answer->counts);
    if (announce->event == SWARM_STOPPED)
        return;
    answer->count4 = tell(swarms, swarm, POOL_IPV4, announce,
                          kind == POOL_IPV4 ? number : POOL_NONE, announce->want4, answer->peers4);
    answer->count6 = tell(swarms, swarm, POOL_IPV6, announce,
                          kind == POOL_IPV6 ? number : POOL_NONE, announce->want6, answer->peers6);
}

/* ---- socket peers */

static unsigned choose_sockets(struct swarms *swarms, const struct pool *pool, bool for_seed,
                               uint32_t except, unsigned want, struct swarm_socket *others)
{
    uint32_t chosen[SWARM_WANT_MAX];
    uint32_t count = pool_choose(pool, for_seed ? pool->seeders : 0, except,
                                 MIN(want, SWARM_WANT_MAX), &swarms->random, chosen);

    for (uint32_t i = 0; i < count; i++) {
        others[i].connection = pool_connection(pool, chosen[i]);
        memcpy(others[i].peer_id, pool_key(pool, POOL_SOCKET, chosen[i]), PEER_ID_BYTES);
    }
    return count;
}

unsigned swarms_announce_socket(struct swarms *swarms, const struct infohash *hash,
                                const struct swarm_socket *from, enum swarm_event event,
                                bool is_seed, unsigned want, uint32_t now_s,
                                struct swarm_socket *others, struct swarm_counts *counts)
{
    struct swarm *swarm =
        event == SWARM_STOPPED ? find(swarms, hash) : find_or_add(swarms, hash, now_s);
    struct pool *pool;
    uint32_t number;

    *counts = (struct swarm_counts){0};
    if (swarm == NULL)
        return 0;
    pool = &swarm->pools[POOL_SOCKET];
    number = note_peer(swarms, swarm,
                       &(struct news){.kind = POOL_SOCKET,
                                      .key = from->peer_id,
                                      .peer_id = from->peer_id,
                                      .event = event,
                                      .is_seed = is_seed},
                       now_s);
    count_swarm(swarm, counts);
    if (number == POOL_NONE)
        return 0;
    pool_set_connection(pool, number, from->connection);
    return choose_sockets(swarms, pool, is_seed, number, want, others);
}

unsigned swarms_choose_sockets(struct swarms *swarms, const struct infohash *hash, bool for_seed,
                               unsigned want, struct swarm_socket *others)
{
    const struct swarm *swarm = find(swarms, hash);

    return swarm == NULL ? 0
                         : choose_sockets(swarms, &swarm->pools[POOL_SOCKET], for_seed, POOL_NONE,
                                          want, others);
}

bool swarms_find_socket(const struct swarms *swarms, const struct infohash *hash,
                        const uint8_t *peer_id, uint64_t *connection_out)
{
    const struct swarm *swarm = find(swarms, hash);
    uint32_t number;

    if (swarm == NULL)
        return false;
    number = pool_find(&swarm->pools[POOL_SOCKET], POOL_SOCKET, swarms->seed, peer_id);
    if (number == POOL_NONE)
        return false;
    *connection_out = pool_connection(&swarm->pools[POOL_SOCKET], number);
    return true;
}

void swarms_leave_socket(struct swarms *swarms, const struct infohash *hash,
                         const struct swarm_socket *from)
{
    struct swarm *swarm = find(swarms, hash);
    uint32_t number;

    if (swarm == NULL)
        return;
    number = pool_find(&swarm->pools[POOL_SOCKET], POOL_SOCKET, swarms->seed, from->peer_id);
    if (number != POOL_NONE &&
        pool_connection(&swarm->pools[POOL_SOCKET], number) == from->connection)
        remove_peer(swarms, swarm, POOL_SOCKET, number);
}

/* ---- looking */

void swarms_scrape(const struct swarms *swarms, const struct infohash *hash,
                   struct swarm_counts *counts)
{
    const struct swarm *swarm = find(swarms, hash);

    *counts = (struct swarm_counts){0};
    if (swarm != NULL)
        count_swarm(swarm, counts);
}

void swarms_filter(struct swarms *swarms, bool (*is_kept)(void *arg, const struct infohash *hash),
                   void *arg)
{
    struct swarm *swarm, *newer;

    for (swarm = swarms->oldest; swarm != NULL; swarm = newer) {
        newer = swarm->newer;
        if (!is_kept(arg, &swarm->hash))
            free_swarm(swarms, swarm);
    }
}

/* Looks at up to `budget` records of a pool from the end, where removing moves nothing that was not
 * looked at. Returns how many; *left_out says how many remain. */
static size_t sweep_pool(struct swarms *swarms, struct swarm *swarm, enum pool_kind kind,
                         uint32_t now_s, size_t budget)
{
    const uint32_t timeout_s =
        kind == POOL_SOCKET ? swarms->limits.socket_timeout_s : swarms->limits.peer_timeout_s;
    struct pool *pool = &swarm->pools[kind];
    size_t looked = 0;
    uint32_t at = swarms->sweep_left == 0 ? pool->count : MIN(swarms->sweep_left, pool->count);

    for (; at > 0 && looked < budget; looked++) {
        at--;
        if (pool_idle_s(pool, kind, at, now_s) <= timeout_s)
            continue;
        swarms->expired_peers++;
        remove_peer(swarms, swarm, kind, at);
    }
    swarms->sweep_left = at;
    return looked;
}

void swarms_expire(struct swarms *swarms, uint32_t now_s, size_t budget)
{
    if (swarms->sweep == NULL)
        swarms->sweep = swarms->oldest;
    while (budget > 0 && swarms->sweep != NULL) {
        struct swarm *swarm = swarms->sweep;

        budget -= sweep_pool(swarms, swarm, swarms->sweep_kind, now_s, budget);
        if (swarms->sweep_left > 0)
            return;
        if (++swarms->sweep_kind < POOL_KINDS)
            continue;
        swarms->sweep_kind = 0;
        swarms->sweep = swarm->newer;
        budget -= budget > 0;
        if (count_peers(swarm) == 0 && now_s - swarm->touched_s > swarms->limits.peer_timeout_s)
            free_swarm(swarms, swarm);
    }
}

void swarms_stats(const struct swarms *swarms, struct swarms_stats *out)
{
    *out = (struct swarms_stats){
        .swarms = swarms->count,
        .swarms_active = swarms->swarms_active,
        .peers4 = swarms->peers[POOL_IPV4],
        .peers6 = swarms->peers[POOL_IPV6],
        .sockets = swarms->peers[POOL_SOCKET],
        .seeders = swarms->seeders,
        .evicted_swarms = swarms->evicted_swarms,
        .evicted_peers = swarms->evicted_peers,
        .expired_peers = swarms->expired_peers,
    };
}

uint64_t swarms_memory(const struct swarms *swarms)
{
    uint64_t bytes = sizeof(*swarms) + 2 * (uint64_t)swarms->bucket_base * sizeof(struct swarm *) +
                     swarms->count * sizeof(struct swarm);

    for (const struct swarm *swarm = swarms->oldest; swarm != NULL; swarm = swarm->newer)
        for (enum pool_kind kind = 0; kind < POOL_KINDS; kind++)
            bytes += pool_memory(&swarm->pools[kind], kind);
    return bytes;
}

size_t swarms_clients(const struct swarms *swarms, struct swarm_client *out, size_t cap)
{
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(swarms->clients.rows) && count < cap; i++) {
        const struct client *row = &swarms->clients.rows[i];

        if (row->peers == 0)
            continue;
        memcpy(out[count].name, &row->name, CLIENT_NAME_BYTES);
        out[count].name[CLIENT_NAME_BYTES] = '\0';
        out[count++].peers = row->peers;
    }
    return count;
}

/* Keeps `out` a list of the largest so far, by insertion. */
size_t swarms_list(const struct swarms *swarms, struct swarm_row *out, size_t cap, uint32_t now_s)
{
    size_t count = 0;

    for (const struct swarm *swarm = swarms->newest; swarm != NULL; swarm = swarm->older) {
        uint32_t peers = count_peers(swarm);
        size_t at = count;

        while (at > 0 && out[at - 1].counts.complete + out[at - 1].counts.incomplete < peers)
            at--;
        if (at == cap)
            continue;
        count = MIN(count + 1, cap);
        memmove(&out[at + 1], &out[at], (count - at - 1) * sizeof(*out));
        out[at] = (struct swarm_row){.hash = swarm->hash,
                                     .sockets = swarm->pools[POOL_SOCKET].count,
                                     .idle_s = now_s - swarm->touched_s};
        count_swarm(swarm, &out[at].counts);
    }
    return count;
}
