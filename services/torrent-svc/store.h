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

#include "base/bytes.h"
#include "base/error.h"
#include "wire/infohash.h"

struct store;

/* Owned strings; store_row_clear() frees them. The blobs are kept apart: they are large, and only
 * read at the start. */
struct store_row {
    struct infohash hash;
    char *name;      /* as shown before metadata: dn or hash; later the torrent's */
    char *magnet;    /* as given, with all its trackers; NULL when it came as a file */
    char *save_path; /* folder with the data */
    bool has_metainfo;
    uint64_t added_ms, used_ms; /* unix */
    bool is_paused, is_seed, has_background;
    bool is_checked; /* its pieces were found out once, and nothing happened since that could make
                        ready map and resume data wrong; false: check every byte at the start */
    bool is_leaving; /* removed; its data may not be gone yet */
    char *selected;  /* see selection.h; NULL = all files */
    uint64_t download_limit, upload_limit;
    uint32_t max_connections;
};

/* ERR_CONFIG: the file is damaged, or of a newer version. When the machine went down while the last
 * life ran, so that the page cache was lost, no row is_checked any more. */
enum err store_open(const char *path, struct store **out, struct error *error);
/* `is_clean`: data and resume data are on disk, so that they can be trusted even after a reboot. */
void store_close(struct store **store, bool is_clean);
/* Says in which folder downloads lie. When it was another one before (data_dir was moved, or
 * restored elsewhere), rows that lay there lie here. */
enum err store_settle(struct store *store, const char *folder, struct error *error);
/* False: the machine went down while the last life ran. */
bool store_was_safe(const struct store *store);

/* The blobs of a row that exists stay as they are. */
enum err store_put(struct store *store, const struct store_row *row, struct error *error);
enum store_blob { STORE_METAINFO, STORE_RESUME };
/* The row must exist, or nothing happens. */
enum err store_put_blob(struct store *store, const struct infohash *hash, enum store_blob which,
                        const uint8_t *data, size_t len, struct error *error);
enum err store_delete(struct store *store, const struct infohash *hash, struct error *error);
/* Oldest first. The row is the callee's to take (set fields to NULL) or leave; the blobs, empty
 * when absent, live until it returns. It must not change the database. */
enum err store_each(struct store *store,
                    void (*on_row)(void *arg, struct store_row *row, struct bytes metainfo,
                                   struct bytes resume),
                    void *arg, struct error *error);
/* A file that is being sent, or was: then it is another name of a torrent. */
struct store_upload {
    struct infohash hash;
    char *name;
    uint64_t size, received, tail_at; /* see arrival.h */
    uint64_t grown_ms;                /* unix: when something came last */
    struct bytes hashes;              /* of its pieces, 20 bytes each */
    bool has_torrent;
    struct infohash torrent; /* what it became */
};
enum err store_put_upload(struct store *store, const struct store_upload *upload,
                          struct error *error);
enum err store_delete_upload(struct store *store, const struct infohash *hash, struct error *error);
/* As store_each(); what of an upload was not yet a torrent when the machine went down has
 * received nothing. Name and hashes live until on_upload returns. */
enum err store_each_upload(struct store *store,
                           void (*on_upload)(void *arg, const struct store_upload *upload),
                           void *arg, struct error *error);
/* A value of the service itself (DHT state ...). Missing: ERR_NONE with *data_out NULL. Caller
 * frees. */
enum err store_get_value(struct store *store, const char *key, uint8_t **data_out, size_t *len_out);
enum err store_put_value(struct store *store, const char *key, const void *data, size_t len,
                         struct error *error);

void store_row_clear(struct store_row *row);

#endif
