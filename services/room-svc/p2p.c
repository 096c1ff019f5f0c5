/* SPDX-License-Identifier: MIT
 *
 * p2p: the dialect of p2p-go-app: a WebSocket at /ws on which clients find each other in rooms and
 * exchange what their browsers need to connect. One JSON object a message. What makes no sense is
 * ignored, as its server did; an error is told only to who cannot be identified, and ends that
 * connection without a closing frame.
 *
 * Names are unique for the whole server there. Members' ids are made here; who keeps a name is a
 * guest with that name in `own`, behind the id.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "wire/json.h"

enum { ID_CHARS = 36, TYPE_MAX = 32 };

/* `own` is the id, and behind it the name. */
static bool is_identified(const struct guest *guest)
{
    return guest->own[0] != '\0';
}

static const char *name_of(const struct guest *guest)
{
    return guest->own + ID_CHARS;
}

/* RFC 9562, version 4. */
static void make_id(char out[ID_CHARS + 1])
{
    uint8_t raw[16];
    char hex[2 * sizeof(raw) + 1];

    must(getrandom(raw, sizeof(raw), 0) == (ssize_t)sizeof(raw));
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    hex_encode(bytes_of(raw, sizeof(raw)), hex);
    snprintf(out, ID_CHARS + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
             hex + 20);
}

static void add_peer(struct text *out, const char *id, const char *name)
{
    text_add(out, "{\"id\":");
    json_string_add(out, bytes_of_text(id));
    text_add(out, ",\"username\":");
    json_string_add(out, bytes_of_text(name));
    text_add(out, "}");
}

/* ---- who it is */

static void refuse(struct guest *guest, const char *why)
{
    struct text out = {0};

    text_addf(&out,
              "{\"type\":\"AUTH_ERROR\",\"status\":\"error\",\"username\":\"\","
              "\"message\":\"%s\"}",
              why);
    guest_send(guest, text_str(&out));
    text_fini(&out);
    guest_close(guest, GUEST_CUT, "");
}

static bool is_taken(const struct room_svc *svc, const char *name)
{
    const struct guest *guest;

    for (guest = svc->guests; guest != NULL; guest = guest->hh.next)
        if (guest->dialect == &p2p_dialect && is_identified(guest) &&
            strcmp(name_of(guest), name) == 0)
            return true;
    return false;
}

static void identify(struct guest *guest, struct bytes payload)
{
    char type[TYPE_MAX], name[ROOM_NAME_MAX + 1];
    struct field fields[] = {FIELD_TEXT_OF("type", type), FIELD_TEXT_OF("username", name)};
    struct text out = {0};

    guest->speak_by_ms = 0;
    if (!fields_read(payload, fields, COUNT_OF(fields)) || strcmp(type, "IDENTIFY") != 0) {
        refuse(guest, "Invalid initial message. Expected type 'IDENTIFY'.");
    } else if (name[0] == '\0') {
        refuse(guest, "Username cannot be empty.");
    } else if (is_taken(guest->svc, name)) {
        refuse(guest, "Username already taken.");
    } else {
        make_id(guest->own);
        snprintf(guest->own + ID_CHARS, sizeof(guest->own) - ID_CHARS, "%s", name);
        guest_keep(guest);
        text_add(&out, "{\"type\":\"AUTH_SUCCESS\",\"status\":\"success\",\"username\":");
        json_string_add(&out, bytes_of_text(name));
        text_add(&out, "}");
        guest_send(guest, text_str(&out));
        text_fini(&out);
    }
}

/* ---- rooms */

static void send_members(struct guest *guest, const struct room *room, const char *room_id)
{
    struct text out = {0};
    size_t count, listed = 0;
    struct room_member *const *members = room_members(room, &count);

    text_add(&out, "{\"type\":\"ROOM_MEMBERS\",\"roomId\":");
    json_string_add(&out, bytes_of_text(room_id));
    text_add(&out, ",\"members\":[");
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE || members[i]->number == guest->number)
            continue;
        text_add(&out, listed++ > 0 ? "," : "");
        add_peer(&out, members[i]->id, members[i]->name);
    }
    text_add(&out, "]}");
    guest_send(guest, text_str(&out));
    text_fini(&out);
}

static void join_room(struct guest *guest, const char *room_id)
{
    struct room *room = rooms_find(guest->svc->rooms, room_id);
    struct room_join join = {.name = name_of(guest)};
    char id[ID_CHARS + 1];

    if (room == NULL && rooms_create(guest->svc->rooms, room_id, "", guest->address,
                                     house_now(guest->svc), &room) != ROOM_OK)
        return;
    snprintf(id, sizeof(id), "%.*s", ID_CHARS, guest->own);
    join.id = id;
    if (guest_join(guest, &p2p_dialect, room, &join, false, NULL) == ROOM_OK)
        send_members(guest, room, room_id);
}

static void relay(struct guest *guest, enum room_relay kind, const char *to, struct bytes data)
{
    struct room *room;
    struct room_member *member = guest_member(guest, &room);

    if (member != NULL && to[0] != '\0')
        room_relay(room, member, to, kind, data, house_now(guest->svc));
}

static const struct {
    const char *type, *key;
    enum room_relay kind;
} relays[] = {
    {"SDP_OFFER", "sdp", ROOM_OFFER},
    {"SDP_ANSWER", "sdp", ROOM_ANSWER},
    {"ICE_CANDIDATE", "iceCandidate", ROOM_CANDIDATE},
};

static void on_message(struct guest *guest, struct bytes payload, bool is_binary)
{
    char type[TYPE_MAX], to[ROOM_ID_MAX + 1], room_id[CODE_MAX + 1];
    struct bytes sdp, candidate;
    struct field fields[] = {
        FIELD_TEXT_OF("type", type),
        FIELD_TEXT_OF("toPeerId", to),
        FIELD_TEXT_OF("roomId", room_id),
        FIELD_RAW_OF("sdp", sdp),
        FIELD_RAW_OF("iceCandidate", candidate),
    };

    if (!is_identified(guest)) {
        identify(guest, is_binary ? bytes_of(NULL, 0) : payload);
        return;
    }
    if (is_binary || !fields_read(payload, fields, COUNT_OF(fields)))
        return;
    if (strcmp(type, "JOIN_ROOM") == 0)
        join_room(guest, room_id);
    for (size_t i = 0; i < COUNT_OF(relays); i++)
        if (strcmp(type, relays[i].type) == 0)
            relay(guest, relays[i].kind, to, relays[i].kind == ROOM_CANDIDATE ? candidate : sdp);
}

static void on_opened(struct guest *guest)
{
    guest->speak_by_ms = clock_ms() + guest->svc->settings->identify_time;
}

/* ---- what rooms tell */

static void tell_joined(struct room_svc *svc, const struct room *room,
                        const struct room_event *event)
{
    struct text out = {0};

    text_add(&out, "{\"type\":\"NEW_PEER_IN_ROOM\",\"roomId\":");
    json_string_add(&out, bytes_of_text(room_code(room)));
    text_add(&out, ",\"peer\":");
    add_peer(&out, event->member->id, event->member->name);
    text_add(&out, "}");
    house_tell(svc, &p2p_dialect, room, event, false, NULL, text_str(&out));
    text_fini(&out);
}

static void tell_relayed(struct room_svc *svc, const struct room *room,
                         const struct room_event *event)
{
    for (size_t i = 0; i < COUNT_OF(relays); i++) {
        struct text out = {0};

        if (relays[i].kind != event->relay || event->to == NULL)
            continue;
        text_addf(&out, "{\"type\":\"%s\",\"fromPeerId\":", relays[i].type);
        json_string_add(&out, bytes_of_text(event->member->id));
        text_add(&out, ",\"toPeerId\":");
        json_string_add(&out, bytes_of_text(event->to->id));
        text_addf(&out, ",\"%s\":", relays[i].key);
        text_add_bytes(&out, event->data);
        text_add(&out, "}");
        house_tell(svc, &p2p_dialect, room, event, false, NULL, text_str(&out));
        text_fini(&out);
    }
}

static void on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest)
{
    (void)guest;
    if (event->kind == ROOM_JOINED)
        tell_joined(svc, room, event);
    else if (event->kind == ROOM_RELAYED)
        tell_relayed(svc, room, event);
}

const struct dialect p2p_dialect = {
    .id = DIALECT_P2P,
    .name = "p2p",
    .path = "/ws",
    .on_opened = on_opened,
    .on_message = on_message,
    .on_room = on_room,
};
