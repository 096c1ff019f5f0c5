/* SPDX-License-Identifier: MIT
 *
 * What torrent-svc publishes.
 */
#include "base/must.h"
#include "service.h"

typedef Sharestream__Torrent__Event Event;

static void publish(struct service *service, Event *event,
                    Sharestream__Torrent__Event__KindCase kind)
{
    event->kind_case = kind;
    bus_publish(service->bus, &event->base);
}

void events_changed(struct service *service, const struct torrent *torrent, bool is_gone)
{
    Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Changed changed = SHARESTREAM__TORRENT__CHANGED__INIT;

    changed.info_hash = (char *)(uintptr_t)torrent->hex;
    changed.is_gone = is_gone;
    changed.state = torrent->state;
    event.changed = &changed;
    publish(service, &event, SHARESTREAM__TORRENT__EVENT__KIND_CHANGED);
}

void events_ready(struct service *service, const struct torrent *torrent)
{
    Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Ready ready = SHARESTREAM__TORRENT__READY__INIT;

    ready.info_hash = (char *)(uintptr_t)torrent->hex;
    ready.pieces = torrent->fresh;
    ready.n_pieces = torrent->fresh_count;
    event.ready = &ready;
    publish(service, &event, SHARESTREAM__TORRENT__EVENT__KIND_READY);
}

static bool is_active(const struct torrent *torrent)
{
    return torrent->status.download_rate > 0 || torrent->status.upload_rate > 0 ||
           torrent->state == SHARESTREAM__TORRENT__STATE__METADATA ||
           torrent->state == SHARESTREAM__TORRENT__STATE__CHECKING ||
           torrent->state == SHARESTREAM__TORRENT__STATE__DOWNLOADING ||
           torrent->state == SHARESTREAM__TORRENT__STATE__UPLOADING ||
           torrent_reader_count(torrent) > 0;
}

void events_progress(struct service *service)
{
    Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Progress progress = SHARESTREAM__TORRENT__PROGRESS__INIT;
    unsigned count = HASH_COUNT(service->torrents);
    Info *infos = xcalloc(count, sizeof(*infos));
    Info **pointers = xcalloc(count, sizeof(Info *));
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (!is_active(torrent))
            continue;
        Info *info = &infos[progress.n_torrents];

        info_fill(service, torrent, INFO_BRIEF, 0, info);
        pointers[progress.n_torrents++] = info;
    }
    progress.torrents = pointers;
    event.progress = &progress;
    if (progress.n_torrents > 0)
        publish(service, &event, SHARESTREAM__TORRENT__EVENT__KIND_PROGRESS);
    for (size_t i = 0; i < progress.n_torrents; i++)
        info_clear(&infos[i]);
    free(infos);
    free(pointers);
}

void events_hash(struct service *service, const struct job *job, const char *info_hash,
                 const char *failed)
{
    Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__HashProgress hash = SHARESTREAM__TORRENT__HASH_PROGRESS__INIT;

    hash.job = job->number;
    hash.path = job->what;
    hash.done = job->done;
    hash.total = job->total;
    hash.info_hash = (char *)(uintptr_t)(info_hash != NULL ? info_hash : "");
    hash.error = (char *)(uintptr_t)(failed != NULL ? failed : "");
    event.hash = &hash;
    publish(service, &event, SHARESTREAM__TORRENT__EVENT__KIND_HASH);
}
