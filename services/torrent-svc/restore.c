/* SPDX-License-Identifier: MIT
 *
 * restore: what the last life left behind. Three kinds of memory, best first:
 *   the ready map of this boot, if it is ours: every piece in it was verified and is in the page
 *   cache at least, whatever killed us;
 *   libtorrent's resume data, if the last life ended cleanly or in this boot;
 *   nothing to trust (power loss, or killed while checking): every piece on disk is checked against
 *   its hash.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/must.h"
#include "service.h"
#include "wire/magnet.h"

/* Another torrent-svc of this machine may have the same torrent: its map tells of its own files. */
static bool is_of(const struct ready_map *map, const char *save_path)
{
    const struct ready_layout *layout = ready_map_layout(map);
    size_t len = strlen(save_path);

    for (uint32_t i = 0; i < layout->file_count; i++) {
        const char *path = layout->files[i].disk_path;

        if (strncmp(path, save_path, len) != 0 || path[len] != '/')
            return false;
    }
    return true;
}

/* Resume data also tells of peers and trackers, so it is handed over in any case. */
static const char *believe(const struct service *service, const struct store_row *row,
                           struct lt_add *add, struct ready_map **map_out)
{
    *map_out = NULL;
    if (!row->has_metainfo)
        return "magnet";
    if (!row->is_checked) {
        add->verify = true;
        return "check";
    }
    if (ready_map_open(service->run_dir, &row->hash, map_out, NULL) == ERR_NONE &&
        is_of(*map_out, row->save_path)) {
        add->have = ready_map_pieces(*map_out);
        add->have_count = ready_map_layout(*map_out)->piece_count;
        return "map";
    }
    return "resume";
}

/* The peers a magnet names (x.pe) are nowhere else: no tracker or DHT may know them. */
static void reconnect(struct service *service, const struct torrent *torrent)
{
    struct magnet magnet;
    struct endpoint peer;

    if (torrent->row.magnet == NULL ||
        magnet_parse(bytes_of_text(torrent->row.magnet), &magnet, NULL) != ERR_NONE)
        return;
    for (size_t i = 0; i < magnet.peer_count; i++)
        if (parse_endpoint(magnet.peers[i], &peer))
            lt_connect_peer(service->lt, torrent->id, peer.host, peer.port, NULL);
    magnet_fini(&magnet);
}

static void restore_one(void *arg, struct store_row *row, struct bytes metainfo,
                        struct bytes resume)
{
    struct service *service = arg;
    struct ready_map *map;
    struct torrent *torrent;
    struct error error;
    bool is_new, is_leaving = row->is_leaving;
    char hex[INFOHASH_TEXT];
    struct torrent_add add = {
        .lt = {.magnet = metainfo.len == 0 ? row->magnet : NULL,
               .metainfo = metainfo,
               .resume = resume,
               .save_path = row->save_path,
               .paused = row->is_paused || is_leaving,
               .sequential = true,
               .download_limit = row->download_limit,
               .upload_limit = row->upload_limit,
               .max_connections = row->max_connections != 0
                                      ? row->max_connections
                                      : (uint32_t)service->settings->torrent_connections},
        .may_have_data = true};

    if (row->magnet == NULL && metainfo.len == 0)
        return;
    const char *by = believe(service, row, &add.lt, &map);
    infohash_text(&row->hash, hex);
    if (!row->is_seed)
        mkdir(row->save_path, 0755); /* somebody may have tidied up */
    add.row = *row;
    *row = (struct store_row){0};
    if (torrent_add(service, &add, &torrent, &is_new, &error) != ERR_NONE) {
        log_error("torrent not restored", "hash=%s error=%s", hex, error.text);
    } else {
        log_debug("torrent restored", "hash=%s by=%s", hex, by);
        reconnect(service, torrent);
    }
    store_row_clear(&add.row); /* taken over unless it failed */
    ready_map_close(&map);
}

/* Removed by the last life, which did not live to see its data go. */
static void finish_removals(struct service *service)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->row.is_leaving)
            torrent_remove(service, torrent, true);
    }
}

enum err restore_all(struct service *service, struct error *error)
{
    if (!store_was_safe(service->store))
        log_warn("the machine went down while we ran; checking all data on disk");
    enum err err = store_each(service->store, restore_one, service, error);
    if (err == ERR_NONE)
        finish_removals(service);
    return err;
}
