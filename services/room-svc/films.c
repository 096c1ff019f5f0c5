/* SPDX-License-Identifier: MIT */
#include "films.h"

#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/must.h"
#include "page.h"
#include "room_svc.h"
#include "room_view.h"

enum {
    CALL_MS = 10000,
    AGAIN_MS = 5000,       /* after the deadline of a call; grants are not asked for more often */
    NOT_NEEDED_MS = 60000, /* no token is wanted: that may be another one after a restart */
    QUERY_TEXT = 128,
};

/* Of one room. */
struct film {
    char code[CODE_MAX + 1];
    uint64_t item;            /* the head of its queue; 0: the queue is empty */
    char hash[INFOHASH_TEXT]; /* of it; "": not of a torrent, or not known */
    char query[QUERY_TEXT];   /* of the grant; "": none */
    int64_t until_ms;
    int64_t grant_ms, fetch_ms; /* when to ask, again */
    UT_hash_handle hh;          /* by code */
};

struct films {
    struct film *all;
    struct bus_remote *http, *torrent;
};

/* What an answer is about. */
struct question {
    struct room_svc *svc;
    char code[CODE_MAX + 1];
    char hash[INFOHASH_TEXT];
    uint64_t item;
};

static struct question *ask_about(struct room_svc *svc, const struct film *film)
{
    struct question *question = xcalloc(1, sizeof(*question));

    question->svc = svc;
    memcpy(question->code, film->code, sizeof(question->code));
    memcpy(question->hash, film->hash, sizeof(question->hash));
    question->item = film->item;
    return question;
}

static struct film *find(const struct room_svc *svc, const char *code)
{
    struct film *film;

    HASH_FIND_STR(svc->films->all, code, film); /* NOLINT */
    return film;
}

static ProtobufCService *call(struct bus_remote *remote, const char *hash)
{
    return bus_to_holder(remote, CALL_MS, bytes_of_text(hash), NULL);
}

/* ---- grants */

static void keep_grant(struct film *film, const Sharestream__Http__GrantReply *reply,
                       int64_t now_ms)
{
    film->until_ms = (int64_t)reply->expires_unix_s * 1000;
    film->grant_ms = now_ms + (film->until_ms != 0 ? MAX((film->until_ms - now_ms) / 2, AGAIN_MS)
                                                   : NOT_NEEDED_MS);
    snprintf(film->query, sizeof(film->query), "%s", reply->query);
}

static void on_granted(const Sharestream__Http__GrantReply *reply, void *arg)
{
    struct question *question = arg;
    struct room_svc *svc = question->svc;
    struct room *room = svc->films != NULL ? rooms_find(svc->rooms, question->code) : NULL;
    struct film *film = room != NULL ? find(svc, question->code) : NULL;
    Sharestream__Page__Grant grant;

    /* Without an answer it is asked for again; of a film that is over nobody wants to hear. */
    if (film != NULL && reply != NULL && strcmp(film->hash, question->hash) == 0) {
        keep_grant(film, reply, house_now(svc));
        if (films_grant(svc, room, &grant)) {
            svc->metrics.grants_total++;
            page_tell_grant(svc, room, &grant);
            house_flush(svc);
        }
    }
    free(question);
}

static void ask_grant(struct room_svc *svc, struct film *film, int64_t now_ms)
{
    Sharestream__Http__GrantRequest request = SHARESTREAM__HTTP__GRANT_REQUEST__INIT;

    film->grant_ms = now_ms + CALL_MS + AGAIN_MS;
    request.info_hash = film->hash;
    sharestream__http__http__grant(call(svc->films->http, film->hash), &request, on_granted,
                                   ask_about(svc, film));
}

bool films_grant(const struct room_svc *svc, const struct room *room, Sharestream__Page__Grant *out)
{
    struct film *film = find(svc, room_code(room));

    if (film == NULL || film->query[0] == '\0' || film->until_ms <= house_now(svc))
        return false;
    sharestream__page__grant__init(out);
    out->info_hash = film->hash;
    out->query = film->query;
    out->until_ms = film->until_ms;
    return true;
}

/* ---- that the server has it */

/* Whoever queued it will not be asked again: only what passes by itself is tried again. */
static bool passes(enum err code)
{
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_BUSY ||
           code == ERR_NO_SPACE || code == ERR_CANCELLED;
}

static void on_fetched(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    struct question *question = arg;
    struct room_svc *svc = question->svc;
    struct room *room = svc->films != NULL ? rooms_find(svc->rooms, question->code) : NULL;
    const struct error *error =
        reply == NULL && room != NULL ? bus_error(svc->films->torrent) : NULL;

    if (room != NULL && (error == NULL || !passes(error->code))) {
        if (error == NULL)
            svc->metrics.fetched_total++;
        else
            log_debug("a film of a queue cannot be added", "hash=%s err=\"%s\"", question->hash,
                      error->text);
        room_fetched(room, question->item);
        keep_touch(svc, question->code);
        house_flush(svc);
    }
    free(question);
}

static void fetch(struct room_svc *svc, struct film *film, const struct room_item *head,
                  int64_t now_ms)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;

    film->fetch_ms = now_ms + CALL_MS + AGAIN_MS;
    request.source = view_text(head->source);
    sharestream__torrent__torrent__add(call(svc->films->torrent, film->hash), &request, on_fetched,
                                       ask_about(svc, film));
}

/* ---- looking */

static const struct room_item *head_of(const struct room *room)
{
    size_t count;
    struct room_item *const *queue = room_queue(room, &count);

    return count > 0 ? queue[0] : NULL;
}

/* What is due. While it is not known who is still connected, members would miss what they are told.
 */
static void follow(struct room_svc *svc, struct film *film, const struct room_item *head)
{
    int64_t now_ms = house_now(svc);

    if (film->hash[0] == '\0' || keep_is_settling(svc))
        return;
    if (now_ms >= film->grant_ms)
        ask_grant(svc, film, now_ms);
    if (head->is_to_fetch && now_ms >= film->fetch_ms)
        fetch(svc, film, head, now_ms);
}

static void read_hash(const struct room_item *head, char out[INFOHASH_TEXT])
{
    struct infohash hash;

    if (head != NULL && head->kind == ROOM_SOURCE_TORRENT && asked_torrent(head->source, &hash))
        infohash_text(&hash, out);
    else
        out[0] = '\0';
}

void films_look(struct room_svc *svc, const struct room *room)
{
    const struct room_item *head = head_of(room);
    struct film *film = find(svc, room_code(room));
    char hash[INFOHASH_TEXT];

    if (film == NULL) {
        film = xcalloc(1, sizeof(*film));
        snprintf(film->code, sizeof(film->code), "%s", room_code(room));
        HASH_ADD_STR(svc->films->all, code, film); /* NOLINT */
    }
    if (film->item != (head != NULL ? head->number : 0)) {
        film->item = head != NULL ? head->number : 0;
        film->fetch_ms = 0;
    }
    read_hash(head, hash);
    if (strcmp(hash, film->hash) != 0) {
        memcpy(film->hash, hash, sizeof(hash));
        film->query[0] = '\0';
        film->grant_ms = 0;
    }
    follow(svc, film, head);
}

void films_tick(struct room_svc *svc)
{
    struct film *film, *next;

    for (struct room *room = NULL; (room = rooms_next(svc->rooms, room)) != NULL;) {
        const struct room_item *head = head_of(room);

        if (head == NULL || room_count_present(room) == 0)
            continue;
        film = find(svc, room_code(room));
        if (film != NULL && film->item == head->number)
            follow(svc, film, head);
        else
            films_look(svc, room);
    }
    HASH_ITER(hh, svc->films->all, film, next) /* NOLINT */
    if (rooms_find(svc->rooms, film->code) == NULL) {
        HASH_DEL(svc->films->all, film); /* NOLINT */
        free(film);
    }
}

/* ---- what the server has */

struct finding {
    struct room_svc *svc;
    films_found_fn *on_found;
    void *arg;
    char hash[INFOHASH_TEXT];
};

static void on_got(const Sharestream__Torrent__TorrentInfo *info, void *arg)
{
    struct finding *finding = arg;
    const struct films *films = finding->svc->films;
    bool has_name = info != NULL && strcmp(info->name, finding->hash) != 0;
    enum room_error error = ROOM_OK;

    if (info == NULL)
        error = films != NULL && bus_error(films->torrent)->code == ERR_NOT_FOUND
                    ? ROOM_NOT_ON_SERVER
                    : ROOM_CANNOT_LOOK;
    finding->on_found(finding->arg, error, has_name ? info->name : "");
    free(finding);
}

void films_find(struct room_svc *svc, const struct infohash *hash, films_found_fn *on_found,
                void *arg)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    struct finding *finding = xcalloc(1, sizeof(*finding));

    *finding = (struct finding){.svc = svc, .on_found = on_found, .arg = arg};
    request.info_hash = infohash_text(hash, finding->hash);
    request.first_file = UINT32_MAX; /* none of them */
    sharestream__torrent__torrent__get(call(svc->films->torrent, finding->hash), &request, on_got,
                                       finding);
}

/* ---- a life */

void films_start(struct room_svc *svc)
{
    struct bus *bus = svc_bus(svc->svc);

    svc->films = xcalloc(1, sizeof(*svc->films));
    svc->films->http = bus_remote(bus, "http", &sharestream__http__http__descriptor);
    svc->films->torrent = bus_remote(bus, "torrent", &sharestream__torrent__torrent__descriptor);
}

/* Answers may still come: they find nothing. */
void films_stop(struct room_svc *svc)
{
    struct film *film, *next;

    if (svc->films == NULL)
        return;
    HASH_ITER(hh, svc->films->all, film, next) /* NOLINT */
    {
        HASH_DEL(svc->films->all, film); /* NOLINT */
        free(film);
    }
    free(svc->films);
    svc->films = NULL;
}
