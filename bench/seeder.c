/* SPDX-License-Identifier: MIT
 *
 * seeder: the other side of the downloads in bench/: libtorrent and nothing else, so that it
 * answers at once and keeps a limit evenly. It believes that the data is there, says "ready" and
 * seeds until it is killed.
 *
 *   bench_seeder ADDRESS:PORT BYTES_PER_S {METAINFO FOLDER}...
 *
 * BYTES_PER_S holds for each torrent; 0 is no limit.
 */
#include "lt.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

enum { METAINFO_MAX = 16 << 20 };

static void add(struct lt_session *session, const char *metainfo, const char *folder,
                uint64_t upload_limit)
{
    uint8_t *data = xcalloc(1, METAINFO_MAX);
    FILE *file = fopen(metainfo, "rb");
    struct error error;
    size_t len;
    bool is_new;
    lt_id id;

    must(file != NULL);
    len = fread(data, 1, METAINFO_MAX, file);
    fclose(file);
    if (lt_add(session,
               &(struct lt_add){.metainfo = bytes_of(data, len),
                                .save_path = folder,
                                .seed = true,
                                .upload_limit = upload_limit},
               &id, &is_new, &error) != ERR_NONE) {
        fprintf(stderr, "seeder: %s: %s\n", metainfo, error.text);
        exit(1);
    }
    free(data);
}

int main(int argc, char **argv)
{
    struct lt_config config = {.outgoing = "",
                               .user_agent = "libtorrent/2.0 bench",
                               .encryption = "allow",
                               .max_connections = 100,
                               .upload_slots = 100,
                               .proxy = "",
                               .dht_bootstrap = "",
                               .disk = LT_DISK_POSIX};
    struct lt_session *session;
    struct error error;

    if (argc < 5 || argc % 2 == 0) {
        fprintf(stderr, "usage: bench_seeder ADDRESS:PORT BYTES_PER_S {METAINFO FOLDER}...\n");
        return 2;
    }
    config.listen = argv[1];
    session = lt_session_new(&config, &error);
    if (session == NULL) {
        fprintf(stderr, "seeder: %s\n", error.text);
        return 1;
    }
    for (int i = 3; i < argc; i += 2)
        add(session, argv[i], argv[i + 1], strtoull(argv[2], NULL, 10));
    for (;;) {
        struct pollfd readable = {.fd = lt_fd(session), .events = POLLIN};
        struct lt_alert alert;

        while (lt_poll(session, &alert)) {
            if (alert.type == LT_LISTEN_FAILED || alert.type == LT_FILE_ERROR) {
                fprintf(stderr, "seeder: %s\n", alert.text);
                return 1;
            }
        }
        poll(&readable, 1, -1);
    }
}
