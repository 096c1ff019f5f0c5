/* SPDX-License-Identifier: MIT
 *
 * engine: the state of sharestream-engine, and who does what.
 *
 * The app wants at most one torrent. What it wants and what torrent-svc has are compared again and
 * again, once a second or faster while they differ, and one step is made towards it; so it does not
 * matter which of our questions was lost when a service died.
 *
 *     command -> want.c: others removed -> seeded or added -> told, with its address -> progress
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <sys/types.h>

#include "svc/svc.h"
#include "wire/engine_command.h"

struct engine {
    struct svc *svc;
    struct bus_remote *torrent, *http;
    uint64_t started_ms;

    /* ---- engine.c: sharestreamd, our child, and what the app writes */
    pid_t child;
    int child_fd;  /* a pidfd; -1: it has ended */
    uint16_t port; /* of the player's addresses; 0: not ready yet */
    char *input;   /* ENGINE_LINE_MAX bytes */
    size_t input_len;
    bool is_skipping;   /* the rest of a line that was too long */
    bool is_input_file; /* which cannot be waited for */
    bool is_asking;     /* for the port */
    bool has_quit;      /* the app said so */
    bool is_ending;

    /* ---- want.c */
    bool wants_torrent;              /* else: none */
    struct engine_command wanted;    /* seed or add */
    char hash[INFOHASH_TEXT];        /* of it; empty while a file is being read */
    bool is_stopping;                /* to be told once all are gone */
    bool is_asked;                   /* torrent-svc was asked to take it, */
    bool is_placed;                  /* and has */
    bool is_told;                    /* and the app knows its address */
    bool is_done;                    /* told that all is here */
    char *failure;                   /* the last one told of it */
    char *name, *server_url;         /* once told */
    uint32_t file;                   /* which is played */
    uint64_t call, list_call;        /* under way; 0: none */
    uint64_t listed_ms, progress_ms; /* when, last */
    struct {
        double progress;
        uint64_t download, upload;
        uint32_t peers;
    } now; /* of the torrent, as last seen */
};

/* ---- engine.c: see struct svc_def */
enum err engine_start(void *state, struct svc *svc, struct error *error);
void engine_drain(void *state);
bool engine_is_drained(void *state);
void engine_stop(void *state);

/* ---- want.c: towards what the app wants */
void want_command(struct engine *engine, struct engine_command *take);
/* Several times a second. */
void want_tick(struct engine *engine);
void want_fini(struct engine *engine);

/* ---- speech.c: what the app is told, one JSON object a line */
void say_ready(const struct engine *engine);
/* With the link by which others find it. */
void say_seeding(const struct engine *engine, const char *magnet);
void say_added(const struct engine *engine, const Sharestream__Torrent__TorrentInfo *info);
void say_progress(const struct engine *engine);
void say_info(const struct engine *engine);
/* "done", "stopped" */
void say(const char *event);
void say_error(const char *sentence);

#endif
