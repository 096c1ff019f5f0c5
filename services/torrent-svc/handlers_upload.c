/* SPDX-License-Identifier: MIT */
#include "handlers_upload.h"

#include <stdlib.h>

#include "base/must.h"
#include "media_folder.h"

static void answer_arriving(const struct service *service, const struct torrent *torrent,
                            Sharestream__Torrent__Upload_Closure closure, void *data)
{
    const struct arrival *arrival = &torrent->upload->arrival;
    Sharestream__Torrent__Upload reply = SHARESTREAM__TORRENT__UPLOAD__INIT;

    reply.info_hash = (char *)(uintptr_t)torrent->hex;
    reply.name = torrent->row.name;
    reply.size_bytes = arrival->size;
    reply.received_bytes = arrival->received;
    reply.tail_bytes = arrival->size - arrival->tail_at;
    reply.piece_bytes = arrival->piece_bytes;
    reply.expires_unix_ms = upload_expires_ms(service, torrent);
    closure(&reply, data);
}

static void answer_complete(const struct alias *alias, Sharestream__Torrent__Upload_Closure closure,
                            void *data)
{
    const struct ready_layout *layout = ready_map_layout(alias->map);
    Sharestream__Torrent__Upload reply = SHARESTREAM__TORRENT__UPLOAD__INIT;
    char hex[INFOHASH_TEXT], torrent[INFOHASH_TEXT];

    reply.info_hash = infohash_text(&alias->hash, hex);
    reply.name = (char *)(uintptr_t)layout->name;
    reply.size_bytes = reply.received_bytes = layout->total_bytes;
    reply.piece_bytes = layout->piece_bytes;
    reply.torrent = infohash_text(&alias->torrent, torrent);
    closure(&reply, data);
}

void handlers_begin_upload(struct service *service,
                           const Sharestream__Torrent__BeginUploadRequest *request,
                           Sharestream__Torrent__Upload_Closure closure, void *data)
{
    struct torrent *torrent;
    struct error error;

    if (upload_begin(service, request->name, request->size_bytes, &torrent, &error) != ERR_NONE)
        bus_fail_error(data, &error);
    else
        answer_arriving(service, torrent, closure, data);
}

void handlers_find_upload(struct service *service, const struct infohash *hash,
                          Sharestream__Torrent__Upload_Closure closure, void *data)
{
    const struct alias *alias = upload_alias(service, hash);
    const struct torrent *torrent = torrent_find(service, hash);

    if (alias != NULL)
        answer_complete(alias, closure, data);
    else if (torrent != NULL && torrent->upload != NULL)
        answer_arriving(service, torrent, closure, data);
    else
        bus_fail(data, ERR_NOT_FOUND, "this torrent was not sent to this server");
}

void handlers_grow_upload(struct service *service, struct torrent *torrent,
                          const Sharestream__Torrent__GrowUploadRequest *request,
                          Sharestream__Torrent__Upload_Closure closure, void *data)
{
    struct infohash hash = torrent->hash;
    struct error error;

    if (torrent->upload == NULL)
        bus_fail(data, ERR_EXISTS, "it is complete");
    else if (upload_grow(service, torrent, request->position, request->size_bytes, request->is_tail,
                         &error) != ERR_NONE)
        bus_fail_error(data, &error);
    else
        handlers_find_upload(service, &hash, closure, data);
}

static void free_entries(Sharestream__Torrent__BrowseReply *reply)
{
    for (size_t i = 0; i < reply->n_entries; i++) {
        free(reply->entries[i]->name);
        free(reply->entries[i]->path);
        free(reply->entries[i]);
    }
    free(reply->entries);
}

static void add_entry(void *arg, const struct media_entry *entry)
{
    Sharestream__Torrent__BrowseReply *reply = arg;
    Sharestream__Torrent__BrowseReply__Entry *out = xcalloc(1, sizeof(*out));

    sharestream__torrent__browse_reply__entry__init(out);
    out->name = xstrdup(entry->name);
    out->path = xstrdup(entry->path);
    out->is_folder = entry->is_folder;
    out->size_bytes = entry->size;
    reply->entries = xrealloc(reply->entries, (reply->n_entries + 1) * sizeof(void *));
    reply->entries[reply->n_entries++] = out;
}

void handlers_browse(struct service *service, const Sharestream__Torrent__BrowseRequest *request,
                     Sharestream__Torrent__BrowseReply_Closure closure, void *data)
{
    Sharestream__Torrent__BrowseReply reply = SHARESTREAM__TORRENT__BROWSE_REPLY__INIT;
    struct error error;
    bool is_cut = false;

    reply.has_folder = service->settings->media_folder[0] != '\0';
    if (reply.has_folder && media_folder_list(service->settings->media_folder, request->path,
                                              add_entry, &reply, &is_cut, &error) != ERR_NONE) {
        bus_fail_error(data, &error);
    } else {
        reply.is_cut = is_cut;
        closure(&reply, data);
    }
    free_entries(&reply);
}
