/* SPDX-License-Identifier: MIT
 *
 * store: what must outlive the process, in one SQLite file (WAL). One row per torrent. Small and
 * synchronous: a write takes less than a millisecond and happens when a torrent changes, not when
 * bytes flow.
 */
#ifndef TORRENT_STORE_H
#define TORRENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/infohash.h"

struct store;

/* Owned strings and blobs; store_row_clear() frees them. */
struct store_row {
    struct infohash hash;
    char *name;        /* as shown before metadata: dn or hash; later the torrent's */
    char *magnet;      /* as given, with its trackers; NULL when it came as a file */
    char *save_path;   /* folder with the data */
    uint8_t *metainfo; /* the .torrent, NULL until known */
    size_t metainfo_len;
    uint8_t *resume;
    size_t resume_len;
    uint64_t added_ms, used_ms; /* unix */
    bool is_paused, is_seed, has_background;
    char *selected; /* comma-separated file ids, NULL = all */
    uint64_t download_limit, upload_limit;
    uint32_t max_connections;
};

enum err store_open(const char *path, struct store **out, struct error *error);
/* Marks the shutdown as clean: resume data can be trusted at the next start even after a reboot. */
void store_close(struct store **store, bool is_clean);
/* True when the last life ended by store_close(is_clean), or died in this boot (the page cache
 * survived). */
bool store_was_safe(const struct store *store);

enum err store_put(struct store *store, const struct store_row *row, struct error *error);
enum err store_put_resume(struct store *store, const struct infohash *hash, const uint8_t *data,
                          size_t len, struct error *error);
enum err store_delete(struct store *store, const struct infohash *hash, struct error *error);
/* Oldest first. The row is the callee's to take (set fields to NULL) or leave. */
enum err store_each(struct store *store, void (*on_row)(void *arg, struct store_row *row),
                    void *arg, struct error *error);
/* A value of the service itself (DHT state ...). Missing: ERR_NONE with *data_out NULL. Caller
 * frees. */
enum err store_get_value(struct store *store, const char *key, uint8_t **data_out, size_t *len_out);
enum err store_put_value(struct store *store, const char *key, const void *data, size_t len);

void store_row_clear(struct store_row *row);

#endif
