/* SPDX-License-Identifier: MIT
 *
 * What our page says. Each event is the call of an rpc of proto/page.proto: its argument becomes
 * the request, the reply becomes the ack.
 */
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "bus/pb_json.h"
#include "room_svc.h"
#include "room_view.h"
#include "wire/json.h"

enum {
    REQUEST_MAX = 3 * ROOM_RELAY_MAX, /* bytes; a text in JSON is longer than what it says */
    METHOD_NAME_MAX = 32,
    SECRET_MIN = 16,
};

typedef Sharestream__Page__Page_Service Page;
typedef Sharestream__Page__Done_Closure done_fn;
typedef Sharestream__Page__Nothing Nothing;

/* One event that is being answered. */
struct call {
    struct guest *guest;
    const struct sio_event *event;
    struct room *room; /* both NULL: it is in none */
    struct room_member *member;
    int64_t now_ms;
    json_t *more; /* goes into the ack as well; NULL: nothing */
};

/* ---- answers */

/* The message may name what the client wrote, cut anywhere: it need not be UTF-8. */
static void refuse(struct call *call, const char *code, const char *message)
{
    struct text answer = {0};

    text_addf(&answer, "{\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":", code);
    json_string_add(&answer, bytes_of_text(message));
    text_add(&answer, "}}");
    guest_ack(call->guest, call->event, text_str(&answer));
    text_fini(&answer);
}

static void refuse_as(struct call *call, enum room_error error)
{
    refuse(call, room_error_word(error), room_error_sentence(error));
}

static void on_reply(const ProtobufCMessage *reply, void *data)
{
    struct call *call = data;
    json_t *fields = pb_to_json(reply), *answer = json_pack("{s:b}", "ok", 1);
    char *text;

    json_object_update(answer, fields);
    if (call->more != NULL)
        json_object_update(answer, call->more);
    text = json_dumps(answer, JSON_COMPACT);
    must(text != NULL);
    guest_ack(call->guest, call->event, text);
    free(text);
    json_decref(answer);
    json_decref(fields);
}

static void finish(struct call *call, enum room_error error, done_fn done)
{
    static const Sharestream__Page__Done reply = SHARESTREAM__PAGE__DONE__INIT;

    if (error == ROOM_OK)
        done(&reply, call);
    else
        refuse_as(call, error);
}

/* ---- coming and going */

/* Empty: not told. */
static const char *told(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* Ids are seen by all: without a secret anybody could be anybody. */
static enum room_error check_identity(const struct room_join *join)
{
    return join->id[0] != '\0' && strlen(join->secret) >= SECRET_MIN ? ROOM_OK : ROOM_INVALID;
}

static void enter(struct call *call, struct room *room, struct room_join *join,
                  Sharestream__Page__Entered_Closure done)
{
    struct room_svc *svc = call->guest->svc;
    Sharestream__Page__Entered reply = SHARESTREAM__PAGE__ENTERED__INIT;
    char name[CODE_MAX + 16];
    struct room_member *member;
    enum room_error error = guest_join(call->guest, &page_dialect, room, join, false, &member);

    if (error != ROOM_OK) {
        refuse_as(call, error);
        return;
    }
    struct view view = {.now_ms = call->now_ms};
    Sharestream__Page__Grant grant, *grants = &grant;

    films_look(svc, room);
    if (films_grant(svc, room, &grant)) {
        reply.grants = &grants;
        reply.n_grants = 1;
    }
    reply.is_operator = call->guest->is_admin;
    reply.you = member->id;
    reply.tracker = view_text("tracker"); /* http-svc's path */
    reply.now_ms = call->now_ms;
    reply.room = view_room(&view, room, member->role >= ROOM_MODERATOR);
    snprintf(name, sizeof(name), "%s-%u", room_code(room), member->number);
    call->more = json_pack("{s:o}", "iceServers", ice_front_member(svc, bytes_of_text(name)));
    done(&reply, call);
    json_decref(call->more);
    view_fini(&view);
}

static void on_create(Page *page, const Sharestream__Page__CreateRequest *request,
                      Sharestream__Page__Entered_Closure done, void *data)
{
    struct call *call = data;
    struct rooms *rooms = call->guest->svc->rooms;
    struct room_join join = {.id = request->id,
                             .secret = request->secret,
                             .name = request->name,
                             .capabilities = told(request->capabilities),
                             .is_creator = true};
    struct room *room = NULL;
    enum room_error error = check_identity(&join);
    enum house_place place = house_place(call->guest, request->code);
    size_t known;

    (void)page;
    if (place == HOUSE_MOVES)
        return;
    if (place == HOUSE_AWAY)
        error = ROOM_AWAY;
    if (error == ROOM_OK)
        error = rooms_create(rooms, request->code, request->id, call->guest->address, call->now_ms,
                             &room);
    if (error != ROOM_OK) {
        refuse_as(call, error);
        return;
    }
    enter(call, room, &join, done);
    /* Not one that nobody could enter. */
    room_members(room, &known);
    if (known == 0)
        rooms_close(rooms, room, NULL, call->now_ms);
}

/* False: refused, or it is another seat's to answer. */
static bool read_join(struct call *call, const Sharestream__Page__JoinRequest *request,
                      struct room_join *join, struct room **room_out)
{
    enum house_place place = house_place(call->guest, request->code);
    enum room_error error;

    if (place == HOUSE_MOVES)
        return false;
    *join = (struct room_join){.id = request->id,
                               .secret = request->secret,
                               .name = request->name,
                               .password = told(request->password),
                               .capabilities = told(request->capabilities),
                               .call = told(request->call)};
    *room_out = rooms_find(call->guest->svc->rooms, request->code);
    error = *room_out != NULL ? check_identity(join) : ROOM_NO_ROOM;
    if (place == HOUSE_AWAY)
        error = ROOM_AWAY;
    if (error != ROOM_OK)
        refuse_as(call, error);
    return error == ROOM_OK;
}

static void on_join(Page *page, const Sharestream__Page__JoinRequest *request,
                    Sharestream__Page__Entered_Closure done, void *data)
{
    struct room_join join;
    struct room *room;

    (void)page;
    if (read_join(data, request, &join, &room))
        enter(data, room, &join, done);
}

static void on_knock(Page *page, const Sharestream__Page__JoinRequest *request, done_fn done,
                     void *data)
{
    struct call *call = data;
    struct room_join join;
    struct room *room;

    (void)page;
    if (read_join(call, request, &join, &room))
        finish(call, guest_join(call->guest, &page_dialect, room, &join, true, NULL), done);
}

static void on_time(Page *page, const Nothing *request, Sharestream__Page__TimeReply_Closure done,
                    void *data)
{
    Sharestream__Page__TimeReply reply = SHARESTREAM__PAGE__TIME_REPLY__INIT;
    struct call *call = data;

    (void)page;
    (void)request;
    reply.heard_ms = call->now_ms;
    reply.answered_ms = house_now(call->guest->svc);
    done(&reply, data);
}

static void on_leave(Page *page, const Nothing *request, done_fn done, void *data)
{
    struct call *call = data;

    (void)page;
    (void)request;
    guest_leave(call->guest);
    finish(call, ROOM_OK, done);
}

static void on_close(Page *page, const Nothing *request, done_fn done, void *data)
{
    struct call *call = data;

    (void)page;
    (void)request;
    finish(call, rooms_close(call->guest->svc->rooms, call->room, call->member, call->now_ms),
           done);
}

/* ---- what is one call of the core */

/* on_NAME() for a request of that type: what `call_of_core` says, done for `call`. */
#define HANDLER(name, type, call_of_core)                                                          \
    static void name(Page *page, const Sharestream__Page__##type *request, done_fn done,           \
                     void *data)                                                                   \
    {                                                                                              \
        struct call *call = data;                                                                  \
                                                                                                   \
        (void)page;                                                                                \
        (void)request;                                                                             \
        finish(call, call_of_core, done);                                                          \
    }
#define THEIR call->room, call->member
#define NOW   call->now_ms

HANDLER(on_rename, RenameRequest, room_rename(THEIR, request->name, NOW))
HANDLER(on_capabilities, CapabilitiesRequest,
        room_set_capabilities(THEIR, request->capabilities, NOW))
HANDLER(on_call, CallRequest, room_set_call(THEIR, request->call, NOW))
HANDLER(on_avatar, AvatarRequest,
        room_set_avatar(THEIR, request->avatar != NULL ? request->avatar->sign : "",
                        request->avatar != NULL ? request->avatar->hue : 0, NOW))
HANDLER(on_answer, AnswerRequest, room_answer(THEIR, request->id, request->admits, NOW))
HANDLER(on_kick, Whom, room_kick(THEIR, request->id, NOW))
HANDLER(on_ban, BanRequest, room_ban(THEIR, request->id, request->by_address, NOW))
HANDLER(on_unban, Whom, room_unban(THEIR, request->id, NOW))
HANDLER(on_mute, MuteRequest, room_mute(THEIR, request->id, request->is_muted, NOW))
HANDLER(on_role, RoleRequest, room_set_role(THEIR, request->id, (enum room_role)request->role, NOW))
HANDLER(on_password, PasswordRequest, room_set_password(THEIR, request->password, NOW))
HANDLER(on_delay, DelayRequest, room_delay(THEIR, request->delay_ms, NOW))
HANDLER(on_ready, Nothing, room_set_ready(THEIR, NOW))
HANDLER(on_start, Nothing, room_start(THEIR, NOW))
HANDLER(on_queue_remove, Number, room_queue_remove(THEIR, request->number, NOW))
HANDLER(on_queue_move, QueueMoveRequest,
        room_queue_move(THEIR, request->number, request->index, NOW))
HANDLER(on_queue_next, Nothing, room_queue_next(THEIR, NOW))
HANDLER(on_vote, VoteRequest, room_vote_skip(THEIR, request->wants, NOW))
HANDLER(on_describe, DescribeRequest,
        room_describe(THEIR, request->name, request->duration_ms, NOW))
HANDLER(on_react, ReactRequest, room_react(THEIR, request->line, request->what, NOW))
HANDLER(on_typing, TypingRequest, room_type(THEIR, request->is_on, NOW))
HANDLER(on_rtc, Nothing, room_want_rtc(THEIR, NOW))

/* ---- what is a little more */

static void on_configure(Page *page, const Sharestream__Page__Choices *request, done_fn done,
                         void *data)
{
    struct call *call = data;
    struct room_choices choices = {
        .needs_approval = request->needs_approval,
        .may = {[ROOM_MAY_PLAY] = (enum room_role)request->may_play,
                [ROOM_MAY_SEEK] = (enum room_role)request->may_seek,
                [ROOM_MAY_QUEUE] = (enum room_role)request->may_queue,
                [ROOM_MAY_CHAT] = (enum room_role)request->may_chat},
        .policy = (enum clock_policy)request->stragglers,
        .wait_ms = request->wait_ms,
        .skip_percent = request->skip_percent,
        .max_members = request->max_members,
    };

    (void)page;
    if (strlen(request->title) > ROOM_TITLE_MAX) {
        refuse_as(call, ROOM_TOO_LONG);
        return;
    }
    strcpy(choices.title, request->title);
    finish(call, room_configure(THEIR, &choices, NOW), done);
}

static void command(struct call *call, struct room_command told, done_fn done)
{
    finish(call, room_command(THEIR, &told, NOW), done);
}

static void play_or_pause(struct call *call, enum room_command_kind kind,
                          const Sharestream__Page__PlayRequest *request, done_fn done)
{
    command(call,
            (struct room_command){.kind = kind,
                                  .position_ms = request->is_elsewhere ? request->position_ms : -1,
                                  .key = request->key},
            done);
}

static void on_play(Page *page, const Sharestream__Page__PlayRequest *request, done_fn done,
                    void *data)
{
    (void)page;
    play_or_pause(data, ROOM_PLAY, request, done);
}

static void on_pause(Page *page, const Sharestream__Page__PlayRequest *request, done_fn done,
                     void *data)
{
    (void)page;
    play_or_pause(data, ROOM_PAUSE, request, done);
}

static void on_seek(Page *page, const Sharestream__Page__SeekRequest *request, done_fn done,
                    void *data)
{
    (void)page;
    command(data,
            (struct room_command){
                .kind = ROOM_SEEK, .position_ms = request->position_ms, .key = request->key},
            done);
}

static void on_rate(Page *page, const Sharestream__Page__RateRequest *request, done_fn done,
                    void *data)
{
    uint32_t permille = asked_rate(request->rate);

    (void)page;
    if (permille > 0)
        command(data,
                (struct room_command){.kind = ROOM_RATE,
                                      .position_ms = -1,
                                      .rate_permille = permille,
                                      .key = request->key},
                done);
    else
        refuse_as(data, ROOM_INVALID);
}

static void on_undo(Page *page, const Sharestream__Page__UndoRequest *request, done_fn done,
                    void *data)
{
    (void)page;
    command(data,
            (struct room_command){.kind = ROOM_UNDO_SEEK, .position_ms = -1, .key = request->key},
            done);
}

static void on_report(Page *page, const Sharestream__Page__ReportRequest *request, done_fn done,
                      void *data)
{
    struct call *call = data;
    const struct clock_report report = {.epoch = request->epoch,
                                        .at_ms = request->at_ms,
                                        .position_ms = request->position_ms,
                                        .buffered_ms = request->buffered_ms,
                                        .duration_ms = request->duration_ms};

    (void)page;
    finish(call, room_report(THEIR, &report, NOW), done);
}

static void reply_number(struct call *call, enum room_error error, uint64_t number,
                         Sharestream__Page__Number_Closure done)
{
    Sharestream__Page__Number reply = SHARESTREAM__PAGE__NUMBER__INIT;

    reply.number = number;
    if (error == ROOM_OK)
        done(&reply, call);
    else
        refuse_as(call, error);
}

typedef Sharestream__Page__QueueAddRequest QueueAddRequest;

/* `name`: where none was told. */
static void add_to_queue(struct call *call, const QueueAddRequest *request, const char *name,
                         bool is_to_fetch, Sharestream__Page__Number_Closure done)
{
    const struct room_item item = {.kind = asked_source(request->source),
                                   .source = request->source,
                                   .file = request->file,
                                   .name = request->name[0] != '\0' ? request->name : name,
                                   .duration_ms = request->duration_ms,
                                   .is_to_fetch = is_to_fetch};
    uint64_t number;
    enum room_error error = room_queue_add(THEIR, &item, NOW, &number);

    reply_number(call, error, number, done);
}

/* Who waits to hear whether the server has what is to go into the queue. */
struct adding {
    struct room_svc *svc;
    uint64_t connection;
    char code[CODE_MAX + 1];
    uint32_t number;
    struct sio_event event; /* for the ack alone */
    QueueAddRequest *request;
    Sharestream__Page__Number_Closure done;
};

static void on_found(void *arg, enum room_error error, const char *name)
{
    struct adding *adding = arg;
    struct guest *guest = guest_find(adding->svc, adding->connection);
    struct call call = {.guest = guest, .event = &adding->event, .now_ms = house_now(adding->svc)};

    if (guest != NULL) {
        guest->is_adding = false;
        if (strcmp(guest->code, adding->code) == 0 && guest->number == adding->number)
            call.member = guest_member(guest, &call.room);
        if (call.member == NULL)
            error = ROOM_NO_ROOM;
        if (error == ROOM_OK)
            add_to_queue(&call, adding->request, name, false, adding->done);
        else
            refuse_as(&call, error);
        house_flush(adding->svc);
    }
    protobuf_c_message_free_unpacked(&adding->request->base, NULL);
    free(adding);
}

static QueueAddRequest *copy_request(const QueueAddRequest *request)
{
    size_t len = sharestream__page__queue_add_request__get_packed_size(request);
    uint8_t *packed = xcalloc(1, len + 1);
    QueueAddRequest *copy;

    sharestream__page__queue_add_request__pack(request, packed);
    copy = sharestream__page__queue_add_request__unpack(NULL, len, packed);
    must(copy != NULL);
    free(packed);
    return copy;
}

static void look_first(struct call *call, const QueueAddRequest *request,
                       const struct infohash *hash, Sharestream__Page__Number_Closure done)
{
    struct guest *guest = call->guest;
    struct adding *adding;

    if (guest->is_adding) {
        refuse_as(call, ROOM_TOO_FAST);
        return;
    }
    guest->is_adding = true;
    adding = xcalloc(1, sizeof(*adding));
    *adding = (struct adding){
        .svc = guest->svc,
        .connection = guest->connection,
        .number = guest->number,
        .event = {.wants_ack = call->event->wants_ack, .id = call->event->id},
        .request = copy_request(request),
        .done = done,
    };
    memcpy(adding->code, guest->code, sizeof(adding->code));
    films_find(guest->svc, hash, on_found, adding);
}

static void on_queue_add(Page *page, const QueueAddRequest *request,
                         Sharestream__Page__Number_Closure done, void *data)
{
    struct call *call = data;
    bool may_add = call->guest->is_admin || call->guest->svc->settings->guests_may_add;
    struct infohash hash;

    (void)page;
    /* Who may not change the queue at all is told so at once. */
    if (may_add || !room_may(THEIR, ROOM_MAY_QUEUE) ||
        asked_source(request->source) != ROOM_SOURCE_TORRENT ||
        !asked_torrent(request->source, &hash))
        add_to_queue(call, request, "", may_add, done);
    else
        look_first(call, request, &hash, done);
}

static void on_say(Page *page, const Sharestream__Page__SayRequest *request,
                   Sharestream__Page__Number_Closure done, void *data)
{
    struct call *call = data;
    uint64_t number;
    enum room_error error = room_say(THEIR, request->text, request->key, NOW, &number);

    (void)page;
    reply_number(call, error, number, done);
}

/* It goes into messages of other dialects as it is, no deeper than others may say it. */
static bool is_json(struct bytes text)
{
    struct json json = json_of(text);

    json_take_within(&json, SOCKETIO_DEPTH_MAX);
    return json_is_done(&json);
}

static void on_relay(Page *page, const Sharestream__Page__RelayRequest *request, done_fn done,
                     void *data)
{
    struct call *call = data;
    struct bytes text = bytes_of_text(request->data);
    enum room_error error = ROOM_INVALID;

    (void)page;
    if (is_json(text))
        error = room_relay(THEIR, told(request->to), (enum room_relay)request->kind, text, NOW);
    finish(call, error, done);
}

/* ---- dispatch */

/* All others are for members: to the core, nobody is the operator. */
static bool is_for_everybody(const char *method)
{
    static const char *const open[] = {"Create", "Join", "Knock", "Time"};

    for (size_t i = 0; i < COUNT_OF(open); i++)
        if (strcmp(method, open[i]) == 0)
            return true;
    return false;
}

/* The method that an event is the call of: "queueAdd" is QueueAdd. NULL: none. */
static const ProtobufCMethodDescriptor *find_method(const struct sio_event *event)
{
    char name[METHOD_NAME_MAX];

    if (event->is_number || event->name.len == 0 || event->name.len >= sizeof(name) ||
        !islower(event->name.data[0]))
        return NULL;
    memcpy(name, event->name.data, event->name.len);
    name[event->name.len] = '\0';
    name[0] = (char)toupper((unsigned char)name[0]);
    return protobuf_c_service_descriptor_get_method_by_name(&sharestream__page__page__descriptor,
                                                            name);
}

/* The one argument; nothing at all is an object without fields. */
static ProtobufCMessage *read_request(const struct sio_event *event,
                                      const ProtobufCMessageDescriptor *descriptor,
                                      struct error *error)
{
    struct bytes args = event->payload.args;
    ProtobufCMessage *request = NULL;
    json_error_t json_error;
    json_t *json;

    if (args.len > REQUEST_MAX) {
        error_set(error, ERR_TOO_LARGE, "that is too much at once");
        return NULL;
    }
    json = args.len > 0 ? json_loadb((const char *)args.data, args.len, 0, &json_error)
                        : json_object();
    if (json == NULL)
        error_set(error, ERR_INVALID, "the one argument should be a JSON object");
    else
        pb_from_json(descriptor, json, &request, error);
    json_decref(json);
    return request;
}

static bool on_emitted(struct guest *guest, const struct sio_event *event)
{
    static Page page = SHARESTREAM__PAGE__PAGE__INIT(on_);
    const ProtobufCMethodDescriptor *method = find_method(event);
    struct call call = {.guest = guest, .event = event, .now_ms = house_now(guest->svc)};
    ProtobufCMessage *request;
    struct error error;

    call.member = guest_member(guest, &call.room);
    if (method == NULL) {
        refuse(&call, room_error_word(ROOM_INVALID), "There is no such event.");
    } else if (call.member == NULL && !is_for_everybody(method->name)) {
        refuse_as(&call, ROOM_NO_ROOM);
    } else if ((request = read_request(event, method->input, &error)) == NULL) {
        refuse(&call, room_error_word(ROOM_INVALID), error.text);
    } else {
        page.base.invoke(&page.base, (unsigned)(method - page.base.descriptor->methods), request,
                         on_reply, &call);
        protobuf_c_message_free_unpacked(request, NULL);
    }
    return true;
}

const struct dialect page_dialect = {
    .id = DIALECT_PAGE,
    .name = "page",
    .nsp = "/room",
    .on_emitted = on_emitted,
    .on_room = page_on_room,
};
