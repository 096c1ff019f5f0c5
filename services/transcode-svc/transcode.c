/* SPDX-License-Identifier: MIT */
#include "transcode.h"

#include <inttypes.h>
#include <proto/torrent.pb-c.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "film.h"

enum { STEP_MS = 100, WORKERS_PER_PROCESSOR = 2 };

unsigned transcode_workers_max(const struct transcode *transcode)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (transcode->settings->workers > 0)
        return (unsigned)transcode->settings->workers;
    return (unsigned)MAX(processors, 1) * WORKERS_PER_PROCESSOR;
}

static void on_step(void *arg)
{
    films_tick(arg, clock_ms());
}

enum err transcode_start(void *state, struct svc *svc, struct error *error)
{
    struct transcode *transcode = state;
    char *folder = xasprintf("%s/segments", svc_common(svc)->data_dir);
    enum err err;

    transcode->svc = svc;
    transcode->settings = svc_settings(svc);
    err = cache_new(folder, transcode->settings->cache_size, transcode->settings->cache_free,
                    &transcode->cache, error);
    free(folder);
    if (err != ERR_NONE)
        return err;
    transcode->torrent =
        bus_remote(svc_bus(svc), "torrent", &sharestream__torrent__torrent__descriptor);
    transcode->leases = lease_set_new(svc_bus(svc), transcode->torrent);
    svc_every(svc, STEP_MS, on_step, transcode);
    svc_ready_text(svc, "cached=%" PRIu64, cache_bytes(transcode->cache));
    return ERR_NONE;
}

void transcode_tick(void *state, uint64_t now_ms)
{
    struct transcode *transcode = state;

    (void)now_ms;
    svc_note(transcode->svc, "workers=%u jobs=%zu cached=%" PRIu64 "MiB", transcode->workers,
             films_jobs(transcode), cache_bytes(transcode->cache) >> 20);
}

/* Also after a start that failed half-way. */
void transcode_stop(void *state)
{
    struct transcode *transcode = state;

    if (transcode->leases != NULL) {
        films_free(transcode);
        lease_set_free(&transcode->leases);
    }
    cache_free(&transcode->cache);
}

void transcode_refresh_metrics(void *state)
{
    struct transcode *transcode = state;
    struct transcode_metrics *metrics = &transcode->metrics;

    metrics->cache_bytes = cache_bytes(transcode->cache);
    metrics->cache_evicted_total = cache_evicted(transcode->cache);
    metrics->workers = transcode->workers;
    metrics->films = films_count(transcode);
    metrics->jobs = films_jobs(transcode);
}
