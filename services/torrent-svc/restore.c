/* SPDX-License-Identifier: MIT
 *
 * restore: what the last life left behind. Three kinds of memory, best first:
 *   the ready map of this boot: every piece in it was verified and is in the page cache at least,
 * whatever killed us; libtorrent's resume data, if the last life ended cleanly or in this boot;
 *   nothing to trust (power loss): every piece on disk is checked against its hash.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "service.h"

static void believe(struct service *service, const struct store_row *row, struct lt_add *add,
                    struct ready_map **map_out)
{
    *map_out = NULL;
    if (row->metainfo == NULL)
        return;
    add->metainfo = bytes_of(row->metainfo, row->metainfo_len);
    add->magnet = NULL;
    if (ready_map_open(service->run_dir, &row->hash, map_out, NULL) == ERR_NONE) {
        add->have = ready_map_pieces(*map_out);
        add->have_count = ready_map_layout(*map_out)->piece_count;
    } else if (row->resume != NULL && store_was_safe(service->store)) {
        add->resume = bytes_of(row->resume, row->resume_len);
    } else {
        add->verify = true;
    }
}

static void restore_one(void *arg, struct store_row *row)
{
    struct service *service = arg;
    struct ready_map *map;
    struct torrent *torrent;
    struct error error;
    bool is_new;
    struct torrent_add add = {.lt = {.magnet = row->magnet,
                                     .save_path = row->save_path,
                                     .paused = row->is_paused,
                                     .sequential = true,
                                     .download_limit = row->download_limit,
                                     .upload_limit = row->upload_limit,
                                     .max_connections = row->max_connections}};

    if (row->magnet == NULL && row->metainfo == NULL)
        return;
    believe(service, row, &add.lt, &map);
    char *name = xstrdup(row->name);
    add.row = *row;
    *row = (struct store_row){0};
    if (torrent_add(service, &add, &torrent, &is_new, &error) != ERR_NONE)
        log_error("torrent not restored", "name=%s error=%s", name, error.text);
    else
        log_debug("torrent restored", "hash=%s by=%s", torrent->hex,
                  map != NULL         ? "map"
                  : add.lt.verify     ? "check"
                  : add.lt.resume.len ? "resume"
                                      : "magnet");
    store_row_clear(&add.row); /* taken over unless it failed */
    ready_map_close(&map);
    free(name);
}

enum err restore_all(struct service *service, struct error *error)
{
    if (!store_was_safe(service->store))
        log_warn("the machine went down while we ran; checking all data on disk");
    return store_each(service->store, restore_one, service, error);
}
