/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/room.proto: what the operator asks and does.
 */
#include <proto/room.pb-c.h>
#include <string.h>

#include "base/must.h"
#include "room_svc.h"
#include "room_view.h"
#include "seats.h"

enum { LIST_MAX = 100 };

typedef Sharestream__Room__Room_Service Rpc;
typedef Sharestream__Room__ListReply__Room Summary;

/* ---- errors */

/* Sentences of the bus have no full stop. */
static void fail(void *data, enum room_error error)
{
    const char *sentence = room_error_sentence(error);

    bus_fail(data, room_error_code(error), "%.*s", (int)strcspn(sentence, "."), sentence);
}

/* Rooms want UTF-8, and the command line passes on whatever was typed. */
static bool is_utf8(const ProtobufCMessage *request)
{
    for (unsigned i = 0; i < request->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &request->descriptor->fields[i];
        const void *value = (const uint8_t *)request + field->offset;

        if (field->type == PROTOBUF_C_TYPE_STRING &&
            !utf8_valid(bytes_of_text(*(char *const *)value)))
            return false;
    }
    return true;
}

/* False: answered. Unavailable, so that whoever asks anybody asks the next one. */
static bool is_ours(const char *code, void *data)
{
    struct room_svc *svc = bus_state(data);
    unsigned seat;

    if (!seats_is_elsewhere(svc, code, &seat))
        return true;
    bus_fail(data, ERR_UNAVAILABLE, "room %.80s is with seat %u of %u, and this is seat %u", code,
             seat, svc->seats, svc->seat);
    return false;
}

/* NULL: answered. */
static struct room *named(const char *code, void *data)
{
    struct room_svc *svc = bus_state(data);
    struct room *room;

    if (!is_ours(code, data))
        return NULL;
    room = rooms_find(svc->rooms, code);
    if (keep_is_settling(svc)) {
        bus_fail(data, ERR_BUSY, "the rooms are just being opened again; try again in a moment");
        return NULL;
    }
    if (room == NULL)
        bus_fail(data, ERR_NOT_FOUND, "there is no room %.80s", code);
    return room;
}

/* What came of it, also to those in the rooms. */
static void finish(enum room_error error, Sharestream__Room__Nothing_Closure closure, void *data)
{
    static const Sharestream__Room__Nothing reply = SHARESTREAM__ROOM__NOTHING__INIT;

    house_flush(bus_state(data));
    if (error == ROOM_OK)
        closure(&reply, data);
    else
        fail(data, error);
}

static void answer_room(const struct room *room, Sharestream__Page__Room_Closure closure,
                        void *data)
{
    struct view view = {.now_ms = house_now(bus_state(data))};

    closure(view_room(&view, room, true), data);
    view_fini(&view);
}

/* ---- looking */

static void on_stats(Rpc *rpc, const Sharestream__Room__StatsRequest *request,
                     Sharestream__Room__StatsReply_Closure closure, void *data)
{
    Sharestream__Room__StatsReply reply = SHARESTREAM__ROOM__STATS_REPLY__INIT;
    const struct room_svc *svc = bus_state(data);

    (void)rpc;
    (void)request;
    reply.connections = gateways_connections(svc->gateways);
    reply.rooms = rooms_count(svc->rooms);
    closure(&reply, data);
}

/* Keeps the list sorted, and the first ones of all when there are more than it holds. */
static void insert(const struct room *list[], size_t *count, size_t max, const struct room *room)
{
    size_t at = *count;

    while (at > 0 && strcmp(room_code(list[at - 1]), room_code(room)) > 0)
        at--;
    if (at == max)
        return;
    if (*count < max)
        (*count)++;
    memmove(&list[at + 1], &list[at], (*count - 1 - at) * sizeof(list[0]));
    list[at] = room;
}

static void summarise(const struct room *room, Summary *out)
{
    size_t queued;
    struct room_item *const *queue = room_queue(room, &queued);

    sharestream__room__list_reply__room__init(out);
    out->code = view_text(room_code(room));
    out->title = view_text(room_choices(room)->title);
    out->members = room_count_present(room);
    out->has_password = room_has_password(room);
    out->created_ms = room_created_ms(room);
    out->empty_since_ms = room_empty_since_ms(room);
    if (queued > 0)
        out->film = view_text(queue[0]->name[0] != '\0' ? queue[0]->name : queue[0]->source);
    out->is_playing = room_clock(room)->wants_play;
}

static void on_list(Rpc *rpc, const Sharestream__Room__ListRequest *request,
                    Sharestream__Room__ListReply_Closure closure, void *data)
{
    Sharestream__Room__ListReply reply = SHARESTREAM__ROOM__LIST_REPLY__INIT;
    const struct room_svc *svc = bus_state(data);
    size_t limit = request->limit > 0 ? MIN(request->limit, (uint32_t)LIST_MAX) : LIST_MAX;
    const struct room *rooms[LIST_MAX + 1];
    Summary summaries[LIST_MAX], *pointers[LIST_MAX];
    size_t count = 0;

    (void)rpc;
    /* One more than is told shows whether there are more. */
    for (const struct room *room = NULL; (room = rooms_next(svc->rooms, room)) != NULL;)
        if (strcmp(room_code(room), request->after) > 0)
            insert(rooms, &count, limit + 1, room);
    for (size_t i = 0; i < MIN(count, limit); i++) {
        summarise(rooms[i], &summaries[i]);
        pointers[i] = &summaries[i];
    }
    reply.rooms = pointers;
    reply.n_rooms = MIN(count, limit);
    reply.total = rooms_count(svc->rooms);
    if (count > limit)
        reply.next = view_text(room_code(rooms[limit - 1]));
    closure(&reply, data);
}

static void on_show(Rpc *rpc, const Sharestream__Room__Name *request,
                    Sharestream__Page__Room_Closure closure, void *data)
{
    const struct room *room = named(request->code, data);

    (void)rpc;
    if (room != NULL)
        answer_room(room, closure, data);
}

/* ---- making one */

static enum room_error furnish(struct room *room, const Sharestream__Room__CreateRequest *request,
                               int64_t now_ms)
{
    struct room_choices choices = *room_choices(room);
    const struct room_item item = {.kind = asked_source(request->source),
                                   .source = request->source,
                                   .file = request->file,
                                   .name = request->name,
                                   .duration_ms = request->duration_ms,
                                   .is_to_fetch = true};
    enum room_error error;
    uint64_t number;

    if (strlen(request->title) > ROOM_TITLE_MAX)
        return ROOM_TOO_LONG;
    strcpy(choices.title, request->title);
    choices.needs_approval |= request->needs_approval;
    error = room_configure(room, NULL, &choices, now_ms);
    if (error == ROOM_OK)
        error = room_set_password(room, NULL, request->password, now_ms);
    if (error == ROOM_OK && request->source[0] != '\0')
        error = room_queue_add(room, NULL, &item, now_ms, &number);
    return error;
}

static void on_create(Rpc *rpc, const Sharestream__Room__CreateRequest *request,
                      Sharestream__Page__Room_Closure closure, void *data)
{
    struct room_svc *svc = bus_state(data);
    int64_t now_ms = house_now(svc);
    struct room *room;
    enum room_error error;

    (void)rpc;
    if (!is_utf8(&request->base)) {
        fail(data, ROOM_INVALID);
        return;
    }
    if (!is_ours(request->code, data))
        return;
    if (rooms_find(svc->rooms, request->code) != NULL) {
        bus_fail(data, ERR_EXISTS, "there is a room %.80s already", request->code);
        return;
    }
    error = rooms_create(svc->rooms, request->code, NULL, "", now_ms, &room);
    if (error == ROOM_OK && (error = furnish(room, request, now_ms)) != ROOM_OK)
        rooms_close(svc->rooms, room, NULL, now_ms);
    house_flush(svc);
    if (error == ROOM_OK)
        answer_room(room, closure, data);
    else
        fail(data, error);
}

/* ---- changing one */

static void on_close(Rpc *rpc, const Sharestream__Room__Name *request,
                     Sharestream__Room__Nothing_Closure closure, void *data)
{
    const struct room_svc *svc = bus_state(data);
    struct room *room = named(request->code, data);

    (void)rpc;
    if (room != NULL)
        finish(rooms_close(svc->rooms, room, NULL, house_now(svc)), closure, data);
}

static void on_kick(Rpc *rpc, const Sharestream__Room__KickRequest *request,
                    Sharestream__Room__Nothing_Closure closure, void *data)
{
    struct room *room = named(request->code, data);
    int64_t now_ms = house_now(bus_state(data));

    (void)rpc;
    if (room != NULL)
        finish(request->bans ? room_ban(room, NULL, request->id, false, now_ms)
                             : room_kick(room, NULL, request->id, now_ms),
               closure, data);
}

static void on_say(Rpc *rpc, const Sharestream__Room__SayRequest *request,
                   Sharestream__Room__Nothing_Closure closure, void *data)
{
    struct room *room = named(request->code, data);
    enum room_error error = ROOM_INVALID;
    uint64_t number;

    (void)rpc;
    if (room == NULL)
        return;
    if (is_utf8(&request->base))
        error = room_say(room, NULL, request->text, NULL, house_now(bus_state(data)), &number);
    finish(error, closure, data);
}

static void on_command(Rpc *rpc, const Sharestream__Room__CommandRequest *request,
                       Sharestream__Page__Clock_Closure closure, void *data)
{
    static const enum room_command_kind kinds[] = {
        [SHARESTREAM__ROOM__COMMAND_KIND__PLAY] = ROOM_PLAY,
        [SHARESTREAM__ROOM__COMMAND_KIND__PAUSE] = ROOM_PAUSE,
        [SHARESTREAM__ROOM__COMMAND_KIND__SEEK] = ROOM_SEEK,
        [SHARESTREAM__ROOM__COMMAND_KIND__RATE] = ROOM_RATE,
    };
    struct room *room = named(request->code, data);
    struct view view = {.now_ms = house_now(bus_state(data))};
    enum room_error error = ROOM_INVALID;

    (void)rpc;
    if (room == NULL)
        return;
    if ((unsigned)request->kind < COUNT_OF(kinds)) {
        bool is_seek = kinds[request->kind] == ROOM_SEEK,
             is_rate = kinds[request->kind] == ROOM_RATE;
        const struct room_command command = {
            .kind = kinds[request->kind],
            .position_ms = is_seek ? request->position_ms : -1,
            .rate_permille = is_rate ? asked_rate(request->rate) : 0,
        };

        if (!is_rate || command.rate_permille > 0)
            error = room_command(room, NULL, &command, view.now_ms);
    }
    house_flush(bus_state(data));
    if (error == ROOM_OK)
        closure(view_clock(&view, room), data);
    else
        fail(data, error);
    view_fini(&view);
}

ProtobufCService *room_service(void)
{
    static Rpc rpc = SHARESTREAM__ROOM__ROOM__INIT(on_);

    return &rpc.base;
}
