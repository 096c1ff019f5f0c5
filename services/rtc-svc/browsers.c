/* SPDX-License-Identifier: MIT */
#include "browsers.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/must.h"

struct browser {
    struct browser_name name; /* key */
    struct browsers *browsers;
    enum browser_state state;
    uint8_t ip[16];
    void *link;
    unsigned tries;            /* that did not end in a connection */
    uint64_t seen_ms, next_ms; /* in the swarm; when to offer ourselves */
    struct browser *next_free;
    UT_hash_handle hh;
};

/* How many connections there are for a swarm or an address. */
struct tally {
    uint8_t key[sizeof(struct infohash)]; /* an address fills the first 16 bytes */
    unsigned count;
    UT_hash_handle hh;
};

struct browsers {
    struct browser_limits limits;
    /* A place for each, side by side: on the heap a name that outlives its connection would keep
     * the page on which it lies, and that is twenty times as much. */
    struct browser *places, *free;
    size_t used; /* places so far; those behind cost nothing yet */
    struct browser *all;
    struct tally *swarms, *addresses;
};

struct browsers *browsers_new(const struct browser_limits *limits)
{
    struct browsers *browsers = xcalloc(1, sizeof(*browsers));

    browsers->limits = *limits;
    browsers->places = xcalloc(BROWSERS_MAX, sizeof(*browsers->places));
    return browsers;
}

static void free_tallies(struct tally **tallies)
{
    struct tally *tally, *next;

    HASH_ITER(hh, *tallies, tally, next)
    {
        HASH_DEL(*tallies, tally);
        free(tally);
    }
}

static void forget(struct browser *browser)
{
    HASH_DEL(browser->browsers->all, browser);
    LL_PREPEND2(browser->browsers->free, browser, next_free);
}

void browsers_free(struct browsers **browsers)
{
    if (*browsers == NULL)
        return;
    HASH_CLEAR(hh, (*browsers)->all);
    free((*browsers)->places);
    free_tallies(&(*browsers)->swarms);
    free_tallies(&(*browsers)->addresses);
    free(*browsers);
    *browsers = NULL;
}

static bool is_known_address(const uint8_t ip[16])
{
    static const uint8_t unknown[16];

    return memcmp(ip, unknown, sizeof(unknown)) != 0;
}

static unsigned tally_count(struct tally *tallies, const uint8_t *key, size_t len)
{
    struct tally *tally;
    uint8_t whole[sizeof(tally->key)] = {0};

    memcpy(whole, key, len);
    HASH_FIND(hh, tallies, whole, sizeof(whole), tally);
    return tally != NULL ? tally->count : 0;
}

static void tally_add(struct tally **tallies, const uint8_t *key, size_t len, int by)
{
    struct tally *tally;
    uint8_t whole[sizeof(tally->key)] = {0};

    memcpy(whole, key, len);
    HASH_FIND(hh, *tallies, whole, sizeof(whole), tally);
    if (tally == NULL) {
        tally = xcalloc(1, sizeof(*tally));
        memcpy(tally->key, whole, sizeof(whole));
        HASH_ADD(hh, *tallies, key, sizeof(tally->key), tally);
    }
    tally->count += (unsigned)by;
    if (tally->count == 0) {
        HASH_DEL(*tallies, tally);
        free(tally);
    }
}

static void count_connection(struct browser *browser, int by)
{
    struct browsers *browsers = browser->browsers;

    tally_add(&browsers->swarms, (const uint8_t *)&browser->name.hash, sizeof(struct infohash), by);
    if (is_known_address(browser->ip))
        tally_add(&browsers->addresses, browser->ip, sizeof(browser->ip), by);
}

static struct browser *find(const struct browsers *browsers, const struct browser_name *name)
{
    struct browser *browser;

    HASH_FIND(hh, browsers->all, name, sizeof(*name), browser);
    return browser;
}

/* Whoever came first and is not connected goes: names cost nothing, and strangers who make them up
 * by the thousand must not keep others out. */
static void make_room(struct browsers *browsers)
{
    struct browser *browser, *next;

    if (HASH_COUNT(browsers->all) < BROWSERS_MAX) /* NOLINT */
        return;
    HASH_ITER(hh, browsers->all, browser, next)
    {
        if (browser->link != NULL)
            continue;
        forget(browser);
        return;
    }
}

static struct browser *find_or_add(struct browsers *browsers, const struct browser_name *name)
{
    struct browser *browser = find(browsers, name);

    if (browser != NULL || HASH_COUNT(browsers->all) >= BROWSERS_MAX) /* NOLINT */
        return browser;
    browser = browsers->free;
    if (browser != NULL)
        LL_DELETE2(browsers->free, browser, next_free);
    else
        browser = &browsers->places[browsers->used++];
    *browser = (struct browser){.name = *name, .browsers = browsers};
    HASH_ADD(hh, browsers->all, name, sizeof(browser->name), browser);
    return browser;
}

void *browsers_link(const struct browsers *browsers, const struct browser_name *name)
{
    const struct browser *browser = find(browsers, name);

    return browser != NULL ? browser->link : NULL;
}

enum browser_verdict browsers_judge(struct browsers *browsers, const struct browser_name *name,
                                    const uint8_t ip[16], uint64_t heard_ms, uint64_t now_ms,
                                    const char **why_out)
{
    const struct browser *browser = find(browsers, name);
    bool replaces = browser != NULL && browser->link != NULL;

    *why_out = NULL;
    /* Both offered: theirs has somebody waiting for the answer. */
    if (replaces && browser->state != BROWSER_TRYING && now_ms - heard_ms < BROWSER_SILENCE_MS)
        *why_out = "it is connected";
    else if (!replaces && tally_count(browsers->swarms, (const uint8_t *)&name->hash,
                                      sizeof(name->hash)) >= browsers->limits.per_swarm)
        *why_out = "too many browsers of this torrent";
    else if (is_known_address(ip) && !(replaces && memcmp(browser->ip, ip, 16) == 0) &&
             tally_count(browsers->addresses, ip, 16) >= browsers->limits.per_address)
        *why_out = "too many browsers of one address";
    if (*why_out != NULL)
        return BROWSER_REFUSE;
    return replaces ? BROWSER_REPLACE : BROWSER_TAKE;
}

struct browser *browser_begin(struct browsers *browsers, const struct browser_name *name,
                              const uint8_t ip[16], void *link, uint64_t now_ms)
{
    struct browser *browser = find(browsers, name);

    if (browser == NULL) {
        make_room(browsers);
        browser = find_or_add(browsers, name);
    }
    if (browser == NULL)
        return NULL;
    must(browser->link == NULL);
    browser->state = BROWSER_TRYING;
    browser->link = link;
    browser->seen_ms = now_ms;
    memcpy(browser->ip, ip, sizeof(browser->ip));
    count_connection(browser, 1);
    return browser;
}

void browser_open(struct browser *browser)
{
    browser->state = BROWSER_LINKED;
    browser->tries = 0;
}

void browser_end(struct browser *browser, uint64_t now_ms)
{
    uint64_t wait_ms = BROWSER_PATIENCE_MS;

    count_connection(browser, -1);
    if (browser->state == BROWSER_TRYING) {
        wait_ms = (uint64_t)BROWSER_RETRY_MS << MIN(browser->tries, 10u);
        browser->tries++;
    }
    browser->state = BROWSER_AWAY;
    browser->link = NULL;
    browser->next_ms = now_ms + MIN(wait_ms, BROWSER_RETRY_MAX_MS);
}

size_t browsers_choose(struct browsers *browsers, const struct infohash *hash, const uint8_t *ids,
                       size_t count, bool is_first, uint64_t now_ms, size_t *out, size_t max)
{
    unsigned used = tally_count(browsers->swarms, (const uint8_t *)hash, sizeof(*hash));
    size_t chosen = 0;

    max = MIN(max, browsers->limits.per_swarm > used ? browsers->limits.per_swarm - used : 0);
    for (size_t i = 0; i < count && chosen < max; i++) {
        struct browser_name name = browser_named(hash, ids + i * PEER_ID_BYTES);
        struct browser *browser;

        browser = find_or_add(browsers, &name);
        if (browser == NULL)
            break;
        if (browser->seen_ms == 0)
            browser->next_ms = now_ms + BROWSER_PATIENCE_MS;
        if (is_first && browser->tries == 0)
            browser->next_ms = now_ms;
        browser->seen_ms = now_ms;
        if (browser->link == NULL && browser->next_ms <= now_ms)
            out[chosen++] = i;
    }
    return chosen;
}

void browsers_expire(struct browsers *browsers, uint64_t now_ms)
{
    struct browser *browser, *next;

    HASH_ITER(hh, browsers->all, browser, next)
    {
        if (browser->link == NULL && now_ms - browser->seen_ms >= BROWSER_FORGET_MS)
            forget(browser);
    }
}

size_t browsers_count(const struct browsers *browsers)
{
    return HASH_COUNT(browsers->all); /* NOLINT */
}
