/* SPDX-License-Identifier: MIT */
#include "throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

#define uthash_fatal(msg) must_fail(msg, __FILE__, __LINE__)
#include <uthash.h>

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */

enum { BURST_S = 4, SWEEP_EVERY_MS = 1000, ONE_REQUEST = 1000 };

struct entry {
    struct address address;
    uint64_t connections;
    uint64_t credit; /* in thousandths of a request */
    uint64_t seen_ms;
    UT_hash_handle hh;
};

struct throttle {
    struct throttle_limits limits;
    struct entry *entries;
    uint64_t swept_ms;
};

struct address address_of_ip(const struct ip *ip)
{
    static const uint8_t loopback[16] = {[15] = 1};
    struct address address = {{0}};

    if (ip->len == 4) {
        address.bytes[10] = address.bytes[11] = 0xff;
        memcpy(address.bytes + 12, ip->bytes, 4);
    } else {
        memcpy(address.bytes, ip->bytes, memcmp(ip->bytes, loopback, 16) == 0 ? 16 : 8);
    }
    return address;
}

struct address address_of(const struct sockaddr *sockaddr)
{
    struct ip ip = ip_of(sockaddr);

    return address_of_ip(&ip);
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t v4[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    static const uint8_t v6[16] = {[15] = 1};

    return memcmp(address->bytes, v4, sizeof(v4)) == 0 ||
           memcmp(address->bytes, v6, sizeof(v6)) == 0;
}

struct throttle *throttle_new(const struct throttle_limits *limits)
{
    struct throttle *throttle = xcalloc(1, sizeof(*throttle));

    throttle->limits = *limits;
    return throttle;
}

static void forget(struct throttle *throttle, struct entry *entry)
{
    HASH_DEL(throttle->entries, entry);
    free(entry);
}

void throttle_free(struct throttle **throttle_p)
{
    struct throttle *throttle = *throttle_p;
    struct entry *entry, *next;

    if (throttle == NULL)
        return;
    HASH_ITER(hh, throttle->entries, entry, next)
    forget(throttle, entry);
    free(throttle);
    *throttle_p = NULL;
}

size_t throttle_addresses(const struct throttle *throttle)
{
    return HASH_COUNT(throttle->entries);
}

static uint64_t full_credit(const struct throttle *throttle)
{
    return throttle->limits.requests_per_s * BURST_S * 1000;
}

static void refill(const struct throttle *throttle, struct entry *entry, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms > entry->seen_ms ? now_ms - entry->seen_ms : 0;

    if (passed_ms >= (uint64_t)BURST_S * 1000)
        entry->credit = full_credit(throttle);
    else
        entry->credit =
            MIN(entry->credit + passed_ms * throttle->limits.requests_per_s, full_credit(throttle));
    entry->seen_ms = now_ms;
}

/* At most once a second: whoever fills the table must not make each request walk it. */
static void sweep(struct throttle *throttle, uint64_t now_ms)
{
    struct entry *entry, *next;

    if (now_ms - throttle->swept_ms < SWEEP_EVERY_MS && throttle->swept_ms != 0)
        return;
    throttle->swept_ms = now_ms;
    HASH_ITER(hh, throttle->entries, entry, next)
    {
        refill(throttle, entry, now_ms);
        if (entry->connections == 0 && entry->credit == full_credit(throttle))
            forget(throttle, entry);
    }
}

/* NULL: not limited. When the table stays full the newcomer is let through: the total number of
 * connections has a limit of its own. */
static struct entry *entry_of(struct throttle *throttle, const struct address *address,
                              uint64_t now_ms)
{
    struct entry *entry;

    if (!throttle->limits.counts_loopback && address_is_loopback(address))
        return NULL;
    HASH_FIND(hh, throttle->entries, address, sizeof(*address), entry);
    if (entry != NULL)
        return entry;
    if (HASH_COUNT(throttle->entries) >= throttle->limits.max_addresses)
        sweep(throttle, now_ms);
    if (HASH_COUNT(throttle->entries) >= throttle->limits.max_addresses)
        return NULL;
    entry = xcalloc(1, sizeof(*entry));
    entry->address = *address;
    entry->credit = full_credit(throttle);
    entry->seen_ms = now_ms;
    HASH_ADD(hh, throttle->entries, address, sizeof(entry->address), entry);
    return entry;
}

bool throttle_connect(struct throttle *throttle, const struct address *address, uint64_t now_ms)
{
    struct entry *entry = entry_of(throttle, address, now_ms);

    if (entry == NULL)
        return true;
    if (throttle->limits.connections != 0 && entry->connections >= throttle->limits.connections)
        return false;
    entry->connections++;
    return true;
}

void throttle_disconnect(struct throttle *throttle, const struct address *address)
{
    struct entry *entry;

    HASH_FIND(hh, throttle->entries, address, sizeof(*address), entry);
    if (entry != NULL && entry->connections > 0)
        entry->connections--;
}

unsigned throttle_request(struct throttle *throttle, const struct address *address, uint64_t now_ms)
{
    struct entry *entry;

    if (throttle->limits.requests_per_s == 0 ||
        (entry = entry_of(throttle, address, now_ms)) == NULL)
        return 0;
    refill(throttle, entry, now_ms);
    if (entry->credit < ONE_REQUEST)
        return 1;
    entry->credit -= ONE_REQUEST;
    return 0;
}
/* NOLINTEND(readability-function-cognitive-complexity,clang-analyzer-unix.Malloc) */
