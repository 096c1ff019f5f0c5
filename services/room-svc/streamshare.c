/* SPDX-License-Identifier: MIT
 *
 * streamshare: the dialect of Streamshare, by Socket.IO: objects with a `command`, in any case, on
 * the event `message`, on `command`, or on one that is named like the command; answers come on
 * `message`. docs/dialects.md has them.
 *
 * PLAY, PAUSE and SYNC reach the others as they came, with who said it. All else that happens is
 * told by a whole HELLO. Clients have no identity but a name: who comes back under the same one
 * from the same address, when it is not there any more, is the same member with the same number.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "wire/json.h"

enum {
    COMMAND_MAX = 16,
    CALLED_MAX = 150,
    WANTED_NAME_MAX = 255, /* rooms cut it */
    PLAYLIST_MAX = 128 << 10,
    OBJECT_MAX = ROOM_BLOB_MAX - 1024, /* what is told of it has some keys more */
    MS = 1000,
};

static const char event_name[] = "message";

/* ---- what is told */

static void add_seconds(struct text *out, const char *before, int64_t ms)
{
    text_addf(out, "%s%lld.%03d", before, (long long)(ms / MS), (int)(ms % MS));
}

static void add_time(struct text *out, const char *before, const struct room_svc *svc)
{
    text_addf(out, "%s%lld", before, (long long)house_now(svc));
}

/* At the end of what somebody did; NULL: the server, or the room by itself. */
static void add_meta(struct text *out, const struct room_svc *svc, const struct room_member *member)
{
    text_addf(out, ",\"meta\":{\"userId\":%u", member != NULL ? member->number : 0);
    if (member != NULL)
        json_text_add(out, ",\"name\":", member->name);
    add_time(out, ",\"receivedAt\":", svc);
    text_add(out, "}}");
}

static void add_users(struct text *out, const struct room *room)
{
    size_t count, listed = 0;
    struct room_member *const *members = room_members(room, &count);

    text_add(out, "\"users\":[");
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE)
            continue;
        text_addf(out, "%s{\"id\":%u", listed++ > 0 ? "," : "", members[i]->number);
        json_text_add(out, ",\"name\":", members[i]->name);
        text_add(out, "}");
    }
    text_add(out, "]");
}

/* Who hears it plays from there at once: so the latest state counts, from when it is told. */
static void add_status(struct text *out, const struct room_svc *svc, const struct room *room)
{
    const struct clock_state *state = &room_clock(room)->state;

    add_seconds(out, ",\"status\":{\"currentTime\":", clock_position(state, house_now(svc)));
    text_addf(out, ",\"state\":\"%s\"}", state->is_playing ? "PLAYING" : "PAUSED");
}

/* As many as fit into what can be told at every change. */
static void add_playlist(struct text *out, const struct room *room)
{
    size_t count;
    struct room_item *const *queue = room_queue(room, &count);
    size_t begin = out->len;

    text_add(out, ",\"playlist\":[");
    for (size_t i = 0; i < count && out->len - begin < PLAYLIST_MAX; i++) {
        text_add(out, i > 0 ? "," : "");
        json_text_add(
            out, "{\"filename\":", queue[i]->name[0] != '\0' ? queue[i]->name : queue[i]->file);
        json_text_add(out, ",\"torrentId\":", queue[i]->source);
        text_add(out, "}");
    }
    text_add(out, "]");
}

/* `you`: whom it is told to alone; NULL: all. */
static void add_hello(struct text *out, const struct room_svc *svc, const struct room *room,
                      const struct room_member *you)
{
    text_add(out, "{\"command\":\"HELLO\",");
    add_users(out, room);
    add_status(out, svc, room);
    add_playlist(out, room);
    add_time(out, ",\"dispatchedAt\":", svc);
    json_text_add(out, ",\"meta\":{\"roomId\":", room_code(room));
    if (you != NULL)
        text_addf(out, ",\"you\":%u", you->number);
    text_add(out, "}}");
}

static void say_hello(struct guest *guest, const struct room *room,
                      const struct room_member *member)
{
    struct text out = {0};

    add_hello(&out, guest->svc, room, member);
    guest_emit(guest, event_name, text_str(&out));
    text_fini(&out);
}

static void say_error(struct guest *guest, const char *why)
{
    struct text out = {0};

    json_text_add(&out, "{\"command\":\"ERROR\",\"message\":", why);
    add_time(&out, ",\"dispatchedAt\":", guest->svc);
    text_add(&out, "}");
    guest_emit(guest, event_name, text_str(&out));
    text_fini(&out);
}

/* ---- commands */

struct said {
    struct guest *guest;
    const char *command; /* in upper case */
    struct bytes object;
    struct room *room; /* NULL: the guest is in none */
    struct room_member *member;
    bool *is_moving_out; /* another seat answers */
};

/* The member that a client of this name was, if it is not here now. */
static const struct room_member *find_absent(const struct room *room, const struct guest *guest,
                                             const char *name)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++)
        if (members[i]->dialect == DIALECT_STREAMSHARE && members[i]->connection == 0 &&
            strcmp(members[i]->name, name) == 0 && strcmp(members[i]->address, guest->address) == 0)
            return members[i];
    return NULL;
}

static enum room_error enter(struct guest *guest, struct room *room, const char *name)
{
    const struct room_member *before = find_absent(room, guest, name);
    char id[ROOM_ID_MAX + 1];
    struct room_join join = {.id = id, .name = name};
    struct room_member *member;
    enum room_error error;

    snprintf(id, sizeof(id), "%s", before != NULL ? before->id : sio_id(guest->socket));
    error = guest_join(guest, &streamshare_dialect, room, &join, false, &member);
    if (error == ROOM_OK)
        say_hello(guest, room, member);
    return error;
}

static enum room_error on_join(const struct said *said)
{
    char name[WANTED_NAME_MAX + 1], called[CALLED_MAX + 1];
    struct field fields[] = {FIELD_TEXT_OF("name", name), FIELD_TEXT_OF("roomId", called)};
    struct room *room;
    enum house_place place;
    enum room_error error;

    fields_read(said->object, fields, COUNT_OF(fields));
    place = house_place_called(said->guest, called);
    if (place != HOUSE_HERE) {
        *said->is_moving_out = place == HOUSE_MOVES;
        return ROOM_AWAY;
    }
    error = house_open(said->guest->svc, called, said->guest->address, &room);
    if (error != ROOM_OK)
        return error;
    if (room != said->room)
        return enter(said->guest, room, name);
    if (name[0] != '\0' && strcmp(name, said->member->name) != 0)
        error = room_rename(room, said->member, name, house_now(said->guest->svc));
    say_hello(said->guest, room, said->member);
    return error;
}

static enum room_error on_hello(const struct said *said)
{
    say_hello(said->guest, said->room, said->member);
    return ROOM_OK;
}

/* What the client said, but for the keys that are ours to fill in. */
static void add_said(struct text *out, const struct said *said)
{
    struct json json = json_of(said->object);
    struct bytes key, value;

    text_addf(out, "{\"command\":\"%s\",\"userId\":%u", said->command, said->member->number);
    json_open_object(&json);
    while (json_next_key(&json, &key)) {
        value = json_take(&json);
        if (json_string_is(key, "command") || json_string_is(key, "userId") ||
            json_string_is(key, "meta"))
            continue;
        text_add(out, ",\"");
        text_add_bytes(out, key);
        text_add(out, "\":");
        text_add_bytes(out, value);
    }
    add_meta(out, said->guest->svc, said->member);
}

static enum room_error on_sync(const struct said *said)
{
    struct text out = {0};
    enum room_error error;

    add_said(&out, said);
    error = room_pass_on(said->room, said->member, bytes_of(out.data, out.len),
                         house_now(said->guest->svc));
    text_fini(&out);
    return error;
}

/* There is no command to jump: who says PLAY while the room plays means the place. */
static enum room_error on_playback(const struct said *said)
{
    bool plays = strcmp(said->command, "PLAY") == 0;
    double time;
    struct field fields[] = {FIELD_NUMBER_OF("currentTime", time)};
    struct room_command command = {
        .kind = plays ? ROOM_PLAY : ROOM_PAUSE,
        .position_ms = -1,
        .is_exact = true,
    };
    struct text out = {0};
    enum room_error error;

    fields_read(said->object, fields, COUNT_OF(fields));
    if (fields[0].is_there && time >= 0)
        command.position_ms = (int64_t)MIN(time * MS + 0.5, CLOCK_POSITION_MAX_MS);
    if (command.position_ms >= 0 && room_clock(said->room)->wants_play == plays)
        command.kind = ROOM_SEEK;
    error = room_command(said->room, said->member, &command, house_now(said->guest->svc));
    if (error != ROOM_OK)
        return error;
    add_said(&out, said);
    house_tell(said->guest->svc, &streamshare_dialect, said->room,
               &(struct room_event){.member = said->member}, false, event_name, text_str(&out));
    text_fini(&out);
    return ROOM_OK;
}

static enum room_error on_add_video(const struct said *said)
{
    char filename[ROOM_TITLE_MAX + 1], source[ROOM_SOURCE_MAX + 1];
    struct bytes video;
    struct field outer[] = {FIELD_RAW_OF("video", video)};
    struct field inner[] = {FIELD_TEXT_OF("filename", filename),
                            FIELD_TEXT_OF("torrentId", source)};
    uint64_t number;

    fields_read(said->object, outer, COUNT_OF(outer));
    fields_read(outer[0].is_there ? video : said->object, inner, COUNT_OF(inner));
    return room_queue_add(
        said->room, said->member,
        &(struct room_item){.kind = ROOM_SOURCE_TORRENT, .source = source, .name = filename},
        house_now(said->guest->svc), &number);
}

static enum room_error on_next_video(const struct said *said)
{
    return room_queue_next(said->room, said->member, house_now(said->guest->svc));
}

static const struct command {
    const char *name;
    enum room_error (*run)(const struct said *said);
} commands[] = {
    {"JOIN", on_join},
    {"HELLO", on_hello},
    {"PLAY", on_playback},
    {"PAUSE", on_playback},
    {"SYNC", on_sync},
    {"ADD_VIDEO", on_add_video},
    {"NEXT_VIDEO", on_next_video},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcasecmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* ---- events of Socket.IO */

static bool is_envelope(struct bytes name)
{
    return bytes_equal_text(name, event_name) || bytes_equal_text(name, "command");
}

static const struct command *find_said(const struct sio_event *event, struct bytes object)
{
    char name[COMMAND_MAX] = "";
    struct field fields[] = {FIELD_TEXT_OF("command", name)};

    if (event->is_number || !fields_read(object, fields, COUNT_OF(fields)))
        return NULL;
    if (!is_envelope(event->name)) {
        if (event->name.len >= sizeof(name))
            return NULL;
        snprintf(name, sizeof(name), "%.*s", (int)event->name.len, (const char *)event->name.data);
    }
    return find_command(name);
}

static void answer(struct guest *guest, const struct sio_event *event, enum room_error error)
{
    struct text out = {0};

    text_addf(&out, "{\"success\":%s", error == ROOM_OK ? "true" : "false");
    if (error != ROOM_OK) {
        json_text_add(&out, ",\"error\":", room_error_sentence(error));
        json_text_add(&out, ",\"code\":", room_error_word(error));
    }
    text_add(&out, "}");
    guest_ack(guest, event, text_str(&out));
    text_fini(&out);
}

static bool on_emitted(struct guest *guest, const struct sio_event *event)
{
    struct bytes args = event->payload.args;
    struct said said = {.guest = guest,
                        .object = args.len > 0 ? fields_take_argument(&args) : bytes_of_text("{}")};
    const struct command *command = find_said(event, said.object);
    enum room_error error = ROOM_INVALID;
    bool is_moving = false;

    if (command == NULL || (guest->code[0] != '\0' && guest->dialect != &streamshare_dialect))
        return false;
    said.command = command->name;
    said.is_moving_out = &is_moving;
    said.member = guest_member(guest, &said.room);
    if (said.member == NULL && command->run != on_join)
        error = ROOM_NOT_ALLOWED;
    else if (said.object.len > OBJECT_MAX)
        error = ROOM_TOO_LONG;
    else if (event->payload.attachment_count == 0)
        error = command->run(&said);
    if (is_moving)
        return true;
    if (error != ROOM_OK && command->run == on_join)
        say_error(guest, room_error_sentence(error));
    answer(guest, event, error);
    return true;
}

/* ---- what rooms tell */

/* Of those who speak otherwise, and of the room itself. */
static void tell_playback(struct room_svc *svc, const struct room *room,
                          const struct room_event *event)
{
    const struct clock_state *state = &room_clock(room)->state;
    struct text out = {0};

    text_addf(&out, "{\"command\":\"%s\",\"userId\":%u", state->is_playing ? "PLAY" : "PAUSE",
              event->member != NULL ? event->member->number : 0);
    add_seconds(&out, ",\"currentTime\":", clock_position(state, house_now(svc)));
    add_time(&out, ",\"dispatchedAt\":", svc);
    add_meta(&out, svc, event->member);
    house_tell(svc, &streamshare_dialect, room, event, false, event_name, text_str(&out));
    text_fini(&out);
}

static void tell_hello(struct room_svc *svc, const struct room *room,
                       const struct room_event *event, bool echoes)
{
    struct text out = {0};

    add_hello(&out, svc, room, NULL);
    house_tell(svc, &streamshare_dialect, room, event, echoes, event_name, text_str(&out));
    text_fini(&out);
}

static void tell_passed(struct room_svc *svc, const struct room *room,
                        const struct room_event *event)
{
    struct text out = {0};

    text_add_bytes(&out, event->data);
    house_tell(svc, &streamshare_dialect, room, event, false, event_name, text_str(&out));
    text_fini(&out);
}

static bool is_own(const struct room_event *event)
{
    return event->member != NULL && event->member->dialect == DIALECT_STREAMSHARE;
}

static void on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest)
{
    if (event->kind == ROOM_EXPELLED && guest != NULL)
        say_error(guest, "You are not in this room any more.");
    if (event->to != NULL)
        return;
    switch ((int)event->kind) {
    case ROOM_JOINED:
    case ROOM_BACK:
    case ROOM_LOST_TOUCH:
        tell_hello(svc, room, event, false);
        break;
    case ROOM_LEFT:
        if (event->why != ROOM_WHY_EXPIRED) /* was not listed any more */
            tell_hello(svc, room, event, false);
        break;
    case ROOM_MEMBER:
    case ROOM_QUEUED:
        tell_hello(svc, room, event, true);
        break;
    case ROOM_PLAYBACK:
        /* Theirs is passed on as it is; of another film HELLO has told. */
        if (event->cause != ROOM_CAUSE_LOAD && !is_own(event))
            tell_playback(svc, room, event);
        break;
    case ROOM_RELAYED:
        if (event->relay == ROOM_OTHER && is_own(event))
            tell_passed(svc, room, event);
        break;
    default:
        break;
    }
}

const struct dialect streamshare_dialect = {
    .id = DIALECT_STREAMSHARE,
    .name = "streamshare",
    .nsp = "/",
    .on_emitted = on_emitted,
    .on_room = on_room,
};
