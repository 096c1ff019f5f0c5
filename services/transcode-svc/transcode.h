/* SPDX-License-Identifier: MIT
 *
 * transcode: the state of the process, and who does what. One thread. No codec runs in here: files
 * of strangers are read by workers.
 *
 *   transcode_handlers.c --> film.c (one media file) --> head.c (one queue) --> spare.c, worker.c
 *            |                 |--> plan.c, choice.c, ladder.c, hardware.c, pace.c
 *            |                 `--> job.c, source.c; cache.c: what was made
 *            |--> subtitles.c (what is made of a whole file) --> head.c as well
 *            |                 `--> captions.c: which; uploads.c
 *            `--> playlist.c, rendition.c
 */
#ifndef TRANSCODE_TRANSCODE_H
#define TRANSCODE_TRANSCODE_H

#include "cache.h"
#include "stream/lease.h"
#include "svc/svc.h"
#include "transcode_settings.h"

struct film;
struct subtitles;
struct hardware;
struct head;
struct spare;

struct transcode {
    struct svc *svc;
    const struct transcode_settings *settings;
    struct cache *cache;
    struct bus_remote *torrent;
    struct lease_set *leases;
    struct distant *distant; /* hash: those that are looked for */
    struct spare *spare;
    struct hardware *hardware;
    struct film *films; /* hash by id */
    struct head *heads; /* all there are */
    struct subtitles *subtitles;
    uint64_t tickets; /* counts outputs */
    unsigned workers, encoders;
    unsigned pace; /* of encoders where the preset is chosen by measuring: 0 is the fastest */
    struct transcode_metrics metrics;
};

/* ---- transcode.c: the life of the process; main.c puts these into its svc_def */
enum err transcode_start(void *state, struct svc *svc, struct error *error);
void transcode_tick(void *state, uint64_t now_ms);
void transcode_stop(void *state);
void transcode_refresh_metrics(void *state);
unsigned transcode_workers_max(const struct transcode *transcode);
unsigned transcode_encoders_max(const struct transcode *transcode);
unsigned transcode_processors(void);

/* ---- transcode_handlers.c */
ProtobufCService *transcode_service(void);

#endif
