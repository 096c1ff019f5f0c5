/* SPDX-License-Identifier: MIT
 *
 * routes_rooms: /api/v1/rooms, what the operator sees of rooms and does in them. Each handler turns
 * a request into one message for room-svc. How people meet in rooms is none of this: they come by
 * Socket.IO and WebSockets.
 */
#include <proto/room.pb-c.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"
#include "base/units.h"
#include "bus/pb_json.h"
#include "routes.h"
#include "shapes.h"
#include "wire/query.h"

enum { CODE_TEXT = 256, LIST_MAX = 100 };

typedef Sharestream__Room__CreateRequest CreateRequest;

/* The :code of the path, decoded; NULL: answered. */
static char *read_code(struct exchange *x)
{
    char *code = exchange_alloc(x, CODE_TEXT);

    if (percent_decode(exchange_route(x)->source, code, CODE_TEXT, false))
        return code;
    exchange_fail(x, ERR_NOT_FOUND, "that is no code of a room");
    return NULL;
}

static ProtobufCService *room_service(struct exchange *x, const char *code)
{
    return exchange_room(x, ROUTES_CALL_MS, code);
}

/* The body as a message of which `code` is the one of the path; NULL: answered. */
static void *read_about_room(struct exchange *x, const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(descriptor, "code");
    const char *code = read_code(x);
    ProtobufCMessage *message = code != NULL ? routes_read_message(x, descriptor) : NULL;

    must(field != NULL);
    if (message != NULL)
        routes_set_text((void *)((uint8_t *)message + field->offset), code);
    return message;
}

/* ---- replies */

#define DEFINE_ANSWER(name, type)                                                                  \
    static void name(const type *reply, void *arg)                                                 \
    {                                                                                              \
        routes_answer_message(arg, reply);                                                         \
    }
DEFINE_ANSWER(on_shown, Sharestream__Page__Room)
DEFINE_ANSWER(on_commanded, Sharestream__Page__Clock)

static void on_done(const Sharestream__Room__Nothing *reply, void *arg)
{
    struct exchange *x = arg;

    if (reply == NULL)
        exchange_fail_error(x, exchange_call_error(x));
    else
        exchange_reply(x, 204, NULL, bytes_of(NULL, 0));
}

/* ---- looking */

typedef Sharestream__Room__ListReply ListReply;

/* A page of the rooms of all seats; one that nobody holds has no part in it. */
struct listing {
    struct exchange *x;
    unsigned seat, seats, answers;
    char after[CODE_TEXT];
    uint32_t limit;
    struct text packed; /* lists one behind the other are one list */
    uint64_t total;
    bool has_more;
};

static void listing_fini(void *memory)
{
    text_fini(&((struct listing *)memory)->packed);
}

static int compare_codes(const void *one, const void *other)
{
    const Sharestream__Room__ListReply__Room *const *a = one, *const *b = other;

    return strcmp((*a)->code, (*b)->code);
}

/* Each seat has told as many as are wanted of all. */
static void answer_list(struct listing *listing)
{
    size_t limit = listing->limit > 0 ? MIN(listing->limit, (uint32_t)LIST_MAX) : LIST_MAX, found;
    ListReply *list = sharestream__room__list_reply__unpack(
        NULL, listing->packed.len, (const uint8_t *)text_str(&listing->packed));

    must(list != NULL); /* it was packed by us */
    found = list->n_rooms;
    if (found > 1)
        qsort(list->rooms, found, sizeof(list->rooms[0]), compare_codes);
    list->n_rooms = MIN(found, limit);
    list->total = listing->total;
    routes_set_text(&list->next, list->n_rooms > 0 && (listing->has_more || found > limit)
                                     ? list->rooms[list->n_rooms - 1]->code
                                     : "");
    routes_answer_message(listing->x, list);
    list->n_rooms = found;
    sharestream__room__list_reply__free_unpacked(list, NULL);
}

static void ask_list(struct listing *listing);

static void on_listed(const ListReply *reply, void *arg)
{
    struct listing *listing = arg;

    if (reply != NULL) {
        size_t len = sharestream__room__list_reply__get_packed_size(reply);

        sharestream__room__list_reply__pack(reply, text_grow(&listing->packed, len));
        listing->answers++;
        listing->total += reply->total;
        listing->has_more |= reply->next[0] != '\0';
    }
    if (++listing->seat < listing->seats)
        ask_list(listing);
    else if (listing->answers > 0)
        answer_list(listing);
    else
        exchange_fail_error(listing->x, exchange_call_error(listing->x));
}

static void ask_list(struct listing *listing)
{
    Sharestream__Room__ListRequest request = SHARESTREAM__ROOM__LIST_REQUEST__INIT;

    request.after = listing->after;
    request.limit = listing->limit;
    sharestream__room__room__list(exchange_room_seat(listing->x, listing->seat, ROUTES_CALL_MS),
                                  &request, on_listed, listing);
}

void on_rooms(struct exchange *x)
{
    struct listing *listing = exchange_alloc_until(x, sizeof(*listing), listing_fini);
    uint64_t limit;

    listing->x = x;
    listing->seats = exchange_room_seats(x);
    if (!query_get(exchange_route(x)->query, "after", listing->after, sizeof(listing->after)))
        listing->after[0] = '\0';
    if (!routes_read_number(x, "limit", &limit))
        return;
    if (limit == 0 && query_raw(exchange_route(x)->query, "limit").data != NULL) {
        exchange_fail(x, ERR_INVALID, "limit is at least 1");
        return;
    }
    listing->limit = (uint32_t)MIN(limit, (uint64_t)UINT32_MAX);
    ask_list(listing);
}

void on_room_show(struct exchange *x)
{
    Sharestream__Room__Name request = SHARESTREAM__ROOM__NAME__INIT;

    request.code = read_code(x);
    if (request.code != NULL)
        sharestream__room__room__show(room_service(x, request.code), &request, on_shown, x);
}

/* ---- making one */

struct making {
    struct exchange *x;
    CreateRequest *request;
};

static void making_fini(void *memory)
{
    protobuf_c_message_free_unpacked(&((struct making *)memory)->request->base, NULL);
}

static void on_created(const Sharestream__Page__Room *room, void *arg)
{
    struct exchange *x = arg;
    struct text code = {0}, text = {0};

    if (room == NULL) {
        exchange_fail_error(x, exchange_call_error(x));
        return;
    }
    text_add_percent(&code, bytes_of_text(room->code), "");
    text_addf(&text, "/api/v1/rooms/%s", text_str(&code));
    exchange_add_header(x, "location", text_str(&text));
    text_clear(&text);
    routes_add_base(x, &text);
    text_addf(&text, "/room/%s", text_str(&code));
    exchange_reply_json(x, 201,
                        json_pack("{s:s,s:o,s:o}", "code", room->code, "url",
                                  shape_text(text_str(&text)), "room", pb_to_json(&room->base)));
    text_fini(&code);
    text_fini(&text);
}

static void create(struct making *making)
{
    sharestream__room__room__create(room_service(making->x, making->request->code), making->request,
                                    on_created, making->x);
}

static void on_added(const Sharestream__Torrent__AddReply *reply, void *arg)
{
    struct making *making = arg;
    CreateRequest *request = making->request;

    if (reply == NULL) {
        exchange_fail_error(making->x, exchange_call_error(making->x));
        return;
    }
    /* Before its metadata is here a torrent is called by its hash, which is no name for people. */
    if (request->name[0] == '\0' && reply->info != NULL &&
        strcmp(reply->info->name, reply->info_hash) != 0)
        routes_set_text(&request->name, reply->info->name);
    create(making);
}

static bool is_url(const char *source)
{
    return strncasecmp(source, "http://", 7) == 0 || strncasecmp(source, "https://", 8) == 0;
}

/* A torrent is added at once: who enters the room may not, and it has a start then. */
static void send_add(struct making *making, const Sharestream__Torrent__AddRequest *add)
{
    char *key = routes_key_of_add(add);

    sharestream__torrent__torrent__add(exchange_torrent(making->x, ROUTES_CALL_MS, key), add,
                                       on_added, making);
    free(key);
}

void on_room_create(struct exchange *x)
{
    CreateRequest *request =
        (void *)routes_read_message(x, &sharestream__room__create_request__descriptor);
    Sharestream__Torrent__AddRequest add = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct making *making;

    if (request == NULL)
        return;
    making = exchange_alloc_until(x, sizeof(*making), making_fini);
    *making = (struct making){x, request};
    add.source = request->source;
    if (add.source[0] == '\0' || is_url(add.source))
        create(making);
    else
        send_add(making, &add);
}

/* ---- changing one */

void on_room_close(struct exchange *x)
{
    Sharestream__Room__Name request = SHARESTREAM__ROOM__NAME__INIT;

    request.code = read_code(x);
    if (request.code != NULL)
        sharestream__room__room__close(room_service(x, request.code), &request, on_done, x);
}

void on_room_kick(struct exchange *x)
{
    Sharestream__Room__KickRequest *request =
        read_about_room(x, &sharestream__room__kick_request__descriptor);

    if (request == NULL)
        return;
    sharestream__room__room__kick(room_service(x, request->code), request, on_done, x);
    protobuf_c_message_free_unpacked(&request->base, NULL);
}

void on_room_say(struct exchange *x)
{
    Sharestream__Room__SayRequest *request =
        read_about_room(x, &sharestream__room__say_request__descriptor);

    if (request == NULL)
        return;
    sharestream__room__room__say(room_service(x, request->code), request, on_done, x);
    protobuf_c_message_free_unpacked(&request->base, NULL);
}

static Sharestream__Room__CommandKind kind_of(enum route_id route)
{
    if (route == ROUTE_ROOM_PAUSE)
        return SHARESTREAM__ROOM__COMMAND_KIND__PAUSE;
    if (route == ROUTE_ROOM_SEEK)
        return SHARESTREAM__ROOM__COMMAND_KIND__SEEK;
    return route == ROUTE_ROOM_RATE ? SHARESTREAM__ROOM__COMMAND_KIND__RATE
                                    : SHARESTREAM__ROOM__COMMAND_KIND__PLAY;
}

void on_room_command(struct exchange *x)
{
    Sharestream__Room__CommandRequest *request =
        read_about_room(x, &sharestream__room__command_request__descriptor);

    if (request == NULL)
        return;
    request->kind = kind_of(exchange_route(x)->id);
    sharestream__room__room__command(room_service(x, request->code), request, on_commanded, x);
    protobuf_c_message_free_unpacked(&request->base, NULL);
}
