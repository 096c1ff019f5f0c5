/* SPDX-License-Identifier: MIT */
#include "routes_listing.h"

#include <stdio.h>

#include "routes.h"

/* A message holds 8 MiB of names: a .torrent of 16 MiB can say no more than fills ten of them,
 * unless it repeats long names of folders to annoy us. */
enum { MESSAGES_MAX = 16, BODY_BYTES_MAX = 128 << 20 };

typedef Sharestream__Torrent__TorrentInfo Info;

struct listing {
    struct exchange *x;
    const struct listing_kind *kind;
    struct text body;
    char hash[INFOHASH_TEXT];
    uint32_t next_file;
    unsigned messages;
};

static void listing_fini(void *memory)
{
    struct listing *listing = memory;

    text_fini(&listing->body);
}

static void take(struct listing *listing, const Info *info);

static void on_more(const Info *info, void *arg)
{
    struct listing *listing = arg;

    if (info == NULL)
        exchange_fail_error(listing->x, exchange_call_error(listing->x));
    else if (info->n_files == 0 || info->files[0]->id != listing->next_file)
        exchange_fail(listing->x, ERR_BUSY, "the torrent changed while its files were listed");
    else
        take(listing, info);
}

static void ask_for_more(struct listing *listing)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = listing->hash;
    request.first_file = listing->next_file;
    exchange_watch(listing->x);
    sharestream__torrent__torrent__get(exchange_torrent(listing->x, ROUTES_CALL_MS, listing->hash),
                                       &request, on_more, listing);
}

static void take(struct listing *listing, const Info *info)
{
    listing->kind->add(listing->x, info, &listing->body);
    listing->next_file += (uint32_t)info->n_files;
    listing->messages++;
    if (listing->next_file >= info->file_count)
        listing->kind->answer(listing->x, info, &listing->body);
    else if (listing->messages == MESSAGES_MAX || listing->body.len > BODY_BYTES_MAX)
        exchange_fail_as(listing->x, 500, ERR_INTERNAL,
                         "this torrent has too many files for one answer; "
                         "/api/v1/torrents/{hash}/files?firstFile= lists them in parts");
    else
        ask_for_more(listing);
}

void listing_answer(struct exchange *x, const struct listing_kind *kind, const Info *first)
{
    struct listing *listing = exchange_alloc_until(x, sizeof(*listing), listing_fini);

    listing->x = x;
    listing->kind = kind;
    snprintf(listing->hash, sizeof(listing->hash), "%s", first->info_hash);
    take(listing, first);
}
