/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

enum { MAPS_IDLE_MAX = 64, MAPS_IDLE_MS = 30000 };

struct map_entry {
    h2o_linklist_t link; /* unlinked: nobody finds it any more, the last user closes it */
    struct infohash hash;
    struct ready_map *map;
    unsigned users;
    uint64_t used_ms;
};

static struct map_entry *entry_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct map_entry, link, link);
}

static void forget(struct map_entry *entry)
{
    if (h2o_linklist_is_linked(&entry->link))
        h2o_linklist_unlink(&entry->link);
    if (entry->users > 0)
        return;
    ready_map_close(&entry->map);
    free(entry);
}

/* Passing over all entries is cheap: there are few, and those of removed torrents must go. */
static struct map_entry *find(struct loop *loop, const struct infohash *hash)
{
    h2o_linklist_t *link, *next;

    for (link = loop->maps.next; link != &loop->maps; link = next) {
        struct map_entry *entry = entry_at(link);

        next = link->next;
        if (memcmp(&entry->hash, hash, sizeof(*hash)) != 0)
            continue;
        if (!ready_map_is_gone(entry->map))
            return entry;
        forget(entry);
    }
    return NULL;
}

struct ready_map *loop_map_take(struct loop *loop, const struct infohash *hash,
                                struct map_entry **entry_out)
{
    struct map_entry *entry = find(loop, hash);
    struct ready_map *map;
    struct error error = {0};

    *entry_out = NULL;
    if (entry == NULL) {
        if (lease_set_open_map(loop->leases, loop->http->run_dir, hash, &map, &error) != ERR_NONE) {
            if (error.code != ERR_NOT_FOUND)
                log_warn("ready map not usable", "why=%s", error.text);
            return NULL;
        }
        entry = xcalloc(1, sizeof(*entry));
        entry->hash = *hash;
        entry->map = map;
        h2o_linklist_insert(&loop->maps, &entry->link);
    }
    entry->users++;
    entry->used_ms = clock_ms();
    *entry_out = entry;
    return entry->map;
}

void loop_map_release(struct map_entry **entry_p)
{
    struct map_entry *entry = *entry_p;

    *entry_p = NULL;
    if (entry == NULL || --entry->users > 0)
        return;
    if (!h2o_linklist_is_linked(&entry->link))
        forget(entry);
}

void loop_maps_sweep(struct loop *loop, uint64_t now_ms)
{
    h2o_linklist_t *link, *next;
    size_t idle = 0;

    for (link = loop->maps.next; link != &loop->maps; link = next) {
        struct map_entry *entry = entry_at(link);

        next = link->next;
        if (entry->users == 0 && (now_ms - entry->used_ms > MAPS_IDLE_MS ||
                                  ready_map_is_gone(entry->map) || ++idle > MAPS_IDLE_MAX))
            forget(entry);
    }
}

void loop_maps_close(struct loop *loop)
{
    h2o_linklist_t *link, *next;

    for (link = loop->maps.next; link != &loop->maps; link = next) {
        next = link->next;
        forget(entry_at(link));
    }
}
