/* SPDX-License-Identifier: MIT */
#include "transcode.h"

#include <inttypes.h>
#include <proto/torrent.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "distant.h"
#include "film.h"
#include "hardware.h"
#include "head.h"
#include "spare.h"
#include "subtitles.h"
#include "worker.h"

enum {
    STEP_MS = 100,
    PATH_BYTES = 4096,
    WORD_BYTES = 128,
    WORKERS_PER_PROCESSOR = 2,
    WORKERS_MIN = 6,
    PROCESSORS_PER_ENCODER = 2,
    ENCODERS_MIN = 2, /* two viewers apart must not take turns at one */
    PACE_BEGIN = 2,   /* the best there is: measuring tells whether it can be kept up */
};

unsigned transcode_processors(void)
{
    return (unsigned)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

unsigned transcode_workers_max(const struct transcode *transcode)
{
    if (transcode->settings->workers > 0)
        return (unsigned)transcode->settings->workers;
    return MAX(transcode_processors() * WORKERS_PER_PROCESSOR, WORKERS_MIN);
}

unsigned transcode_encoders_max(const struct transcode *transcode)
{
    if (transcode->settings->encoders > 0)
        return (unsigned)transcode->settings->encoders;
    return MAX(transcode_processors() / PROCESSORS_PER_ENCODER, ENCODERS_MIN);
}

static void on_step(void *arg)
{
    struct transcode *transcode = arg;

    cache_tick(transcode->cache);
    hardware_tick(transcode->hardware, clock_ms());
    films_tick(transcode, clock_ms());
    subtitles_tick(transcode->subtitles, clock_ms());
    if (transcode->workers < transcode_workers_max(transcode))
        spare_tick(transcode->spare, heads_jobs(transcode) > 0, clock_ms());
}

/* Segments of another length are of no use; other programs may cut or make them otherwise. */
static enum err made_as(const struct transcode *transcode, char *out, size_t cap,
                        struct error *error)
{
    char path[PATH_BYTES];
    struct stat worker, ours;

    if (worker_binary(path, sizeof(path), error) != ERR_NONE)
        return error->code;
    if (stat(path, &worker) != 0 || stat("/proc/self/exe", &ours) != 0)
        return error_set_errno(error, ERR_CONFIG, "cannot find %s", path);
    snprintf(out, cap, "%" PRIu64 "ms %" PRIu64 "ms %" PRIu64 " %lld.%09ld %lld.%09ld",
             transcode->settings->segment_duration, transcode->settings->encode_duration,
             transcode->settings->max_height, (long long)worker.st_mtim.tv_sec,
             worker.st_mtim.tv_nsec, (long long)ours.st_mtim.tv_sec, ours.st_mtim.tv_nsec);
    return ERR_NONE;
}

static enum err open_cache(struct transcode *transcode, struct error *error)
{
    char word[WORD_BYTES], *folder;
    enum err err = made_as(transcode, word, sizeof(word), error);

    if (err != ERR_NONE)
        return err;
    folder = xasprintf("%s/segments", svc_common(transcode->svc)->data_dir);
    const struct cache_options options = {.folder = folder,
                                          .made_as = word,
                                          .max_bytes = transcode->settings->cache_size,
                                          .free_bytes = transcode->settings->cache_free};
    err = cache_new(&options, &transcode->cache, error);
    free(folder);
    return err;
}

enum err transcode_start(void *state, struct svc *svc, struct error *error)
{
    struct transcode *transcode = state;
    enum err err;

    transcode->svc = svc;
    transcode->settings = svc_settings(svc);
    transcode->pace = PACE_BEGIN;
    err = open_cache(transcode, error);
    if (err != ERR_NONE)
        return err;
    transcode->torrent =
        bus_remote(svc_bus(svc), "torrent", &sharestream__torrent__torrent__descriptor);
    transcode->leases = lease_set_new(svc_bus(svc), transcode->torrent);
    if (distant_start(transcode, error) != ERR_NONE)
        return error->code;
    if (subtitles_new(transcode, &transcode->subtitles, error) != ERR_NONE)
        return error->code;
    transcode->spare = spare_new(svc);
    transcode->hardware = hardware_new(svc, transcode->settings->encoder, clock_ms());
    svc_every(svc, STEP_MS, on_step, transcode);
    svc_ready_text(svc, "cached=%" PRIu64, cache_bytes(transcode->cache));
    return ERR_NONE;
}

void transcode_tick(void *state, uint64_t now_ms)
{
    struct transcode *transcode = state;

    (void)now_ms;
    svc_note(transcode->svc, "workers=%u jobs=%zu cached=%" PRIu64 "MiB", transcode->workers,
             heads_jobs(transcode), cache_bytes(transcode->cache) >> 20);
}

/* Also after a start that failed half-way. */
void transcode_stop(void *state)
{
    struct transcode *transcode = state;

    subtitles_free(&transcode->subtitles);
    if (transcode->leases != NULL) {
        films_free(transcode);
        distant_stop(transcode);
        lease_set_free(&transcode->leases);
    }
    spare_free(&transcode->spare);
    hardware_free(&transcode->hardware);
    cache_free(&transcode->cache);
}

void transcode_refresh_metrics(void *state)
{
    struct transcode *transcode = state;
    struct transcode_metrics *metrics = &transcode->metrics;

    metrics->cache_bytes = cache_bytes(transcode->cache);
    metrics->cache_evicted_total = cache_evicted(transcode->cache);
    metrics->workers = transcode->workers;
    metrics->encoders = transcode->encoders;
    metrics->hardware = hardware_encoder(transcode->hardware) != ENCODER_SOFTWARE;
    metrics->films = films_count(transcode);
    metrics->jobs = heads_jobs(transcode);
}
