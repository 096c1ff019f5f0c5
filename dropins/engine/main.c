/* SPDX-License-Identifier: MIT
 *
 * sharestream-engine: takes the place of the engine of the ShareStream app: one torrent at a time,
 * told what to do at its standard input, line by line. It brings the services that it needs.
 */
#include <stdio.h>

#include "base/flags.h"
#include "base/must.h"
#include "engine.h"
#include "place.h"
#include "svc/contract.h"
#include "svc/supervise.h"

enum { GRACE_MS = 15000 };

static const char about[] = "the engine of the ShareStream app: one torrent at a time";

struct given {
    const char *http_port, *http, *port, *data_dir;
};

static enum err settle(const struct given *given, struct error *error)
{
    struct place place;

    if (place_read(given->http_port, given->http, given->port, &place, error) != ERR_NONE)
        return error->code;
    supervise_set("HTTP_ENGINE_LISTEN", place.http);
    supervise_set("TORRENT_LISTEN", place.torrent);
    supervise_set("SUPERVISOR_SERVICES", "torrent,transcode,rtc,http");
    supervise_set("HTTP_LISTEN", "127.0.0.1:0");
    supervise_set("HTTP_TRACKER_LISTEN", "");
    /* There is none: the app names the tracker, which may well be on this machine. */
    supervise_set("TORRENT_OWN_TRACKER", "false");
    supervise_set_default("RTC_ALLOW_PRIVATE_URLS", "true");
    return supervise_place("sharestream-engine", "engine.0",
                           given->data_dir != NULL ? given->data_dir : "data", error);
}

/* -1: go on; else the exit code. */
static int begin(int argc, char **argv)
{
    struct given given = {NULL};
    const struct flag flags[] = {
        {"http-port", "N", "port of the player's addresses on this machine; 0: a free one [42069]",
         &given.http_port, NULL},
        {"http", "ADDR", "the same as an address: :0, :42069, localhost:42069", &given.http, NULL},
        {"port", "N", "port for BitTorrent peers; 0: a free one [6881]", &given.port, NULL},
        {"data-dir", "DIR", "folder for what is fetched [data]", &given.data_dir, NULL},
    };
    const struct flags_program program = {"sharestream-engine", about, SHARESTREAM_VERSION, flags,
                                          COUNT_OF(flags)};
    struct error error;
    int code = flags_begin(&program, argc, argv);

    if (code >= 0 || settle(&given, &error) == ERR_NONE)
        return code;
    fprintf(stderr, "%s: %s\n", program.name, error.text);
    return error.code == ERR_INVALID ? FLAGS_EXIT_USAGE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static const struct svc_def def = {
        .name = "engine",
        .starts_programs = true,
        .about = about,
        .grace_ms = GRACE_MS,
        .state_size = sizeof(struct engine),
        .start = engine_start,
        .drain = engine_drain,
        .is_drained = engine_is_drained,
        .stop = engine_stop,
    };
    int code = begin(argc, argv);

    return code >= 0 ? code : svc_main(1, argv, &def);
}
