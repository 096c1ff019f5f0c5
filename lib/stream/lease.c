/* SPDX-License-Identifier: MIT */
#include "stream/lease.h"

#include <proto/torrent.pb-c.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>
#include <utlist.h>

#include "base/must.h"
#include "stream/mirror.h"

enum {
    READ_DEADLINE_MS = 4000, /* a lease lives 10 s: one lost Read does not end it */
    CLOSE_DEADLINE_MS = 2000,
};

/* What torrent-svc was told last. */
struct told {
    bool is_known, is_waiting;
    uint64_t position;
};

struct lease {
    struct lease_set *set;
    struct group *group;
    uint64_t id;
    uint32_t file;
    uint64_t position, end;
    bool has_begun; /* torrent-svc has heard of it, or should */
    bool is_waiting;
    bool is_asking; /* `call` is a Read without its reply */
    uint64_t call;
    struct told told;
    uint64_t renew_at_ms; /* 0: the next tick sets it */
    struct error error;
    lease_wake_fn *on_wake;
    void *arg;
    struct lease *prev, *next; /* of the group */
    bool is_woken;
    struct lease *woken_prev, *woken_next;
};

/* The leases of one torrent; lives while there are any. */
struct group {
    struct infohash hash;
    char text[INFOHASH_TEXT];
    struct lease *leases;
    UT_hash_handle hh;
};

struct lease_set {
    struct bus *bus;
    struct bus_remote *torrent;
    uint64_t next_id;
    struct mirrors *mirrors; /* NULL: there are none */
    struct group *groups;
    struct lease *woken; /* about to be called; closing one takes it out */
};

static struct bytes key_of(const struct group *group)
{
    return bytes_of_text(group->text);
}

/* ---- waking */

static void mark_group(struct lease_set *set, struct group *group, const struct error *why)
{
    struct lease *lease;

    DL_FOREACH(group->leases, lease)
    {
        if (why != NULL) {
            lease->error = *why;
            lease->told.is_known = false;
        }
        if (!lease->is_waiting || lease->is_woken)
            continue;
        lease->is_woken = true;
        DL_APPEND2(set->woken, lease, woken_prev, woken_next);
    }
}

static void mark_all(struct lease_set *set)
{
    for (struct group *group = set->groups; group != NULL; group = group->hh.next)
        mark_group(set, group, NULL);
}

static void take_out(struct lease *lease)
{
    if (lease->is_woken)
        DL_DELETE2(lease->set->woken, lease, woken_prev, woken_next);
    lease->is_woken = false;
}

/* A callback may close any lease, its own too, so nothing is kept over the call but the list. */
static void call_woken(struct lease_set *set)
{
    struct lease *lease;

    while ((lease = set->woken) != NULL) {
        take_out(lease);
        if (lease->is_waiting)
            lease->on_wake(lease->arg);
    }
}

/* ---- from other machines */

static void pull(struct lease *lease)
{
    mirrors_pull(lease->set->mirrors, &lease->group->hash, lease->file, lease->position,
                 lease->end);
}

static void pull_group(struct group *group)
{
    struct lease *lease;

    DL_FOREACH(group->leases, lease)
    if (lease->has_begun)
        pull(lease);
}

/* ---- telling torrent-svc */

static bool is_passing(enum err code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_BUSY ||
           code == ERR_CANCELLED;
}

static bool knows_position(const struct lease *lease)
{
    return lease->told.is_known && lease->told.is_waiting == lease->is_waiting &&
           lease->told.position == lease->position;
}

static void on_read(const Sharestream__Torrent__ReadReply *reply, void *arg);

static void ask(struct lease *lease)
{
    Sharestream__Torrent__ReadRequest request = SHARESTREAM__TORRENT__READ_REQUEST__INIT;
    struct bus_remote *torrent = lease->set->torrent;

    lease->has_begun = true;
    /* While it is away, requests would only pile up: on_up() repeats all. */
    if (lease->is_asking || !bus_is_up(torrent))
        return;
    request.info_hash = lease->group->text;
    request.reader = lease->id;
    request.file = lease->file;
    request.position = lease->position;
    request.end = lease->end;
    request.is_waiting = lease->is_waiting;
    lease->told = (struct told){true, lease->is_waiting, lease->position};
    lease->renew_at_ms = 0;
    lease->is_asking = true;
    sharestream__torrent__torrent__read(
        bus_to_holder(torrent, READ_DEADLINE_MS, key_of(lease->group), &lease->call), &request,
        on_read, lease);
}

static void on_read(const Sharestream__Torrent__ReadReply *reply, void *arg)
{
    struct lease *lease = arg;
    struct lease_set *set = lease->set;
    bool has_news = reply != NULL && reply->ready_bytes > 0;

    lease->is_asking = false;
    if (reply == NULL) {
        const struct error *why = bus_error(set->torrent);

        lease->told.is_known = false;
        if (is_passing(why->code))
            return; /* the next renewal or on_up() tries again */
        lease->error = *why;
        has_news = true;
    } else {
        lease->error = (struct error){.code = ERR_NONE};
        if (lease->is_waiting && !knows_position(lease))
            ask(lease);
    }
    if (has_news && lease->is_waiting && !lease->is_woken) {
        lease->is_woken = true;
        DL_APPEND2(set->woken, lease, woken_prev, woken_next);
    }
    call_woken(set);
}

static void on_closed(const Sharestream__Torrent__Empty *reply, void *arg)
{
    (void)reply; /* refused or lost: then the lease ends by silence */
    (void)arg;
}

/* ---- what torrent-svc tells */

static struct group *find_group(struct lease_set *set, const char *hash_text)
{
    struct infohash hash;
    struct group *group = NULL;

    if (infohash_parse(bytes_of_text(hash_text), &hash))
        HASH_FIND(hh, set->groups, &hash, sizeof(hash), group);
    return group;
}

static void remove_mirror(struct lease_set *set, const char *hash_text)
{
    struct infohash hash;

    if (infohash_parse(bytes_of_text(hash_text), &hash))
        mirrors_remove(set->mirrors, &hash);
}

static void on_event(void *arg, unsigned instance, const ProtobufCMessage *message)
{
    const Sharestream__Torrent__Event *event = (const Sharestream__Torrent__Event *)message;
    struct lease_set *set = arg;
    struct group *group = NULL;
    struct error removed;
    bool is_gone = false;

    (void)instance;
    if (event->kind_case == SHARESTREAM__TORRENT__EVENT__KIND_READY) {
        group = find_group(set, event->ready->info_hash);
    } else if (event->kind_case == SHARESTREAM__TORRENT__EVENT__KIND_CHANGED) {
        group = find_group(set, event->changed->info_hash);
        is_gone = event->changed->is_gone;
    }
    if (is_gone)
        remove_mirror(set, event->changed->info_hash);
    if (group == NULL)
        return;
    error_set(&removed, ERR_NOT_FOUND, "the torrent was removed");
    mark_group(set, group, is_gone ? &removed : NULL);
    if (!is_gone)
        pull_group(group);
    call_woken(set);
}

/* A first or a new life knows none of our leases, and may have published before we listened. */
static void on_up(void *arg, unsigned instance)
{
    struct lease_set *set = arg;
    struct lease *lease;

    (void)instance;
    for (struct group *group = set->groups; group != NULL; group = group->hh.next) {
        DL_FOREACH(group->leases, lease)
        {
            lease->told.is_known = false;
            if (lease->has_begun)
                ask(lease);
        }
        pull_group(group);
    }
    mark_all(set);
    call_woken(set);
}

static void on_gap(void *arg, unsigned instance)
{
    struct lease_set *set = arg;

    (void)instance;
    mark_all(set);
    call_woken(set);
}

/* ---- sets */

struct lease_set *lease_set_new(struct bus *bus, struct bus_remote *torrent)
{
    struct lease_set *set = xcalloc(1, sizeof(*set));
    const struct bus_watch watch = {
        .event = &sharestream__torrent__event__descriptor,
        .on_event = on_event,
        .on_up = on_up,
        .on_gap = on_gap,
        .arg = set,
    };

    set->bus = bus;
    set->torrent = torrent;
    /* Readers are told apart by their ids alone, whatever process, thread or life they are of. */
    must(getrandom(&set->next_id, sizeof(set->next_id), 0) == sizeof(set->next_id));
    bus_watch(torrent, &watch);
    return set;
}

void lease_set_free(struct lease_set **set_p)
{
    static const struct bus_watch nothing;
    struct lease_set *set = *set_p;

    if (set == NULL)
        return;
    must(set->groups == NULL);
    mirrors_free(&set->mirrors);
    bus_watch(set->torrent, &nothing);
    free(set);
    *set_p = NULL;
}

void lease_set_tick(struct lease_set *set, uint64_t now_ms)
{
    struct lease *lease;

    for (struct group *group = set->groups; group != NULL; group = group->hh.next) {
        DL_FOREACH(group->leases, lease)
        {
            if (lease->renew_at_ms == 0) {
                lease->renew_at_ms = now_ms + LEASE_RENEW_MS;
            } else if (lease->has_begun && lease->error.code == ERR_NONE &&
                       now_ms >= lease->renew_at_ms) {
                ask(lease);
                pull(lease);
            }
        }
    }
}

/* ---- what lies on other machines */

static void on_arrived(void *arg, const struct infohash *hash, const struct error *why)
{
    struct lease_set *set = arg;
    struct group *group;

    HASH_FIND(hh, set->groups, hash, sizeof(*hash), group);
    if (group == NULL)
        return;
    mark_group(set, group, why);
    if (why == NULL)
        pull_group(group);
    call_woken(set);
}

static bool is_wanted(void *arg, const struct infohash *hash, uint32_t file, uint64_t position)
{
    const struct lease_set *set = arg;
    struct group *group;
    struct lease *lease;

    HASH_FIND(hh, set->groups, hash, sizeof(*hash), group);
    if (group == NULL)
        return false;
    DL_FOREACH(group->leases, lease)
    if (lease->file == file && position + MIRROR_BLOCK_BYTES > lease->position &&
        position < lease->position + MIRROR_AHEAD_BYTES)
        return true;
    return false;
}

enum err lease_set_mirror(struct lease_set *set, const struct mirror_config *config,
                          struct error *error)
{
    const struct mirror_owner owner = {.bus = set->bus,
                                       .torrent = set->torrent,
                                       .on_arrived = on_arrived,
                                       .is_wanted = is_wanted,
                                       .arg = set};

    return mirrors_new(config, &owner, &set->mirrors, error);
}

enum err lease_set_add_mirror(struct lease_set *set, const struct mirror_draft *draft,
                              struct error *error)
{
    return mirrors_make(set->mirrors, draft, error);
}

enum err lease_set_open_map(struct lease_set *set, const char *run_dir, const struct infohash *hash,
                            struct ready_map **out, struct error *error)
{
    enum err err = ready_map_open(run_dir, hash, out, error);

    if (err != ERR_NOT_FOUND || set->mirrors == NULL)
        return err;
    return ready_map_open(mirrors_folder(set->mirrors), hash, out, error);
}

const char *lease_set_mirror_folder(const struct lease_set *set)
{
    return set->mirrors != NULL ? mirrors_folder(set->mirrors) : NULL;
}

bool lease_set_may_forget(const struct lease_set *set, const struct infohash *hash)
{
    return mirrors_may_forget(set->mirrors, hash);
}

void lease_set_open_file(struct lease_set *set, const struct infohash *hash, uint32_t file)
{
    mirrors_open_file(set->mirrors, hash, file);
}

/* ---- leases */

struct lease *lease_open(struct lease_set *set, const struct infohash *hash, uint32_t file,
                         uint64_t position, uint64_t end, lease_wake_fn *on_wake, void *arg)
{
    struct lease *lease = xcalloc(1, sizeof(*lease));
    struct group *group;

    HASH_FIND(hh, set->groups, hash, sizeof(*hash), group);
    if (group == NULL) {
        group = xcalloc(1, sizeof(*group));
        group->hash = *hash;
        infohash_text(hash, group->text);
        HASH_ADD(hh, set->groups, hash, sizeof(group->hash), group);
    }
    lease->set = set;
    lease->group = group;
    lease->id = set->next_id++;
    lease->file = file;
    lease->position = position;
    lease->end = end;
    lease->on_wake = on_wake;
    lease->arg = arg;
    DL_APPEND(group->leases, lease);
    return lease;
}

void lease_move(struct lease *lease, uint64_t position)
{
    lease->position = position;
}

void lease_wait(struct lease *lease)
{
    lease->is_waiting = true;
    lease->error = (struct error){.code = ERR_NONE};
    if (!knows_position(lease))
        ask(lease);
    pull(lease);
}

void lease_resume(struct lease *lease)
{
    lease->is_waiting = false;
}

const struct error *lease_error(const struct lease *lease)
{
    return lease->error.code != ERR_NONE ? &lease->error : NULL;
}

static void say_close(struct lease *lease)
{
    Sharestream__Torrent__CloseRequest request = SHARESTREAM__TORRENT__CLOSE_REQUEST__INIT;
    struct bus_remote *torrent = lease->set->torrent;

    request.info_hash = lease->group->text;
    request.reader = lease->id;
    sharestream__torrent__torrent__close(
        bus_to_holder(torrent, CLOSE_DEADLINE_MS, key_of(lease->group), NULL), &request, on_closed,
        NULL);
}

void lease_close(struct lease **lease_p)
{
    struct lease *lease = *lease_p;

    if (lease == NULL)
        return;
    struct lease_set *set = lease->set;
    struct group *group = lease->group;

    *lease_p = NULL;
    take_out(lease);
    if (lease->is_asking)
        bus_cancel(set->bus, lease->call);
    if (lease->has_begun && bus_is_up(set->torrent))
        say_close(lease);
    DL_DELETE(group->leases, lease);
    if (group->leases == NULL) {
        HASH_DEL(set->groups, group);
        free(group);
    }
    free(lease);
}
