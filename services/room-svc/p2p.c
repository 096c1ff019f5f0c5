/* SPDX-License-Identifier: MIT
 *
 * p2p: the dialect of p2p-go-app: a WebSocket at /ws on which clients find each other in rooms and
 * exchange what their browsers need to connect. One JSON object a message; docs/dialects.md has
 * them. What makes no sense is ignored, as its server did; an error is told only to who cannot be
 * identified, and ends that connection without a closing frame.
 *
 * Names are unique for the whole server there, and rooms are called by any text. So a guest has a
 * struct p2p_peer with what it calls itself and its room; members' ids are made here, one for each
 * connection. Who goes has left: it comes back as somebody else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/must.h"
#include "fields.h"
#include "room_svc.h"
#include "wire/json.h"
#include "wire/websocket.h"

enum {
    ID_CHARS = 36,
    TYPE_MAX = 32,
    CALLED_MAX = 150,
    INDEX_MAX = UINT16_MAX,
    LENGTH_AT = ID_CHARS, /* in struct guest's `own`: id, length of name, name, room */
    NAME_AT = LENGTH_AT + 2,
};
_Static_assert(NAME_AT + ROOM_NAME_MAX + CALLED_MAX <= GUEST_OWN_MAX, "what is kept has to fit");

struct p2p_peer {
    char id[ID_CHARS + 1];
    char name[ROOM_NAME_MAX + 1];
    char room[CALLED_MAX + 1]; /* as this client calls it */
    UT_hash_handle hh;         /* by name */
};

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

/* ---- who it is */

/* uthash is made of macros, whose insides the checks take for ours. */
/* NOLINTBEGIN */
static bool is_taken(const struct room_svc *svc, const char *name)
{
    struct p2p_peer *peer;

    HASH_FIND_STR(svc->p2p_peers, name, peer);
    return peer != NULL;
}

static void add(struct guest *guest, struct p2p_peer *peer)
{
    HASH_ADD_STR(guest->svc->p2p_peers, name, peer);
    guest->state = peer;
}

static void on_gone(struct guest *guest)
{
    struct p2p_peer *peer = guest->state;

    guest_leave(guest);
    if (peer == NULL)
        return;
    HASH_DEL(guest->svc->p2p_peers, peer);
    free(peer);
}
/* NOLINTEND */

static void keep(struct guest *guest)
{
    const struct p2p_peer *peer = guest->state;

    snprintf(guest->own, sizeof(guest->own), "%s%02u%s%s", peer->id,
             (unsigned)strlen(peer->name) % 100, peer->name, peer->room);
    guest_keep(guest);
}

/* The other way; NULL: it has not said who it is. */
static struct p2p_peer *read_kept(const char *own)
{
    struct p2p_peer *peer = xcalloc(1, sizeof(*peer));
    size_t kept = strlen(own), len = 0;

    if (kept > NAME_AT)
        len = (size_t)(own[LENGTH_AT] - '0') * 10 + (size_t)(own[LENGTH_AT + 1] - '0');
    if (len == 0 || len > ROOM_NAME_MAX || kept - NAME_AT < len ||
        kept - NAME_AT - len > CALLED_MAX) {
        free(peer);
        return NULL;
    }
    memcpy(peer->id, own, ID_CHARS);
    memcpy(peer->name, own + NAME_AT, len);
    snprintf(peer->room, sizeof(peer->room), "%s", own + NAME_AT + len);
    return peer;
}

static void refuse(struct guest *guest, const char *why)
{
    struct text out = {0};

    text_addf(&out,
              "{\"type\":\"AUTH_ERROR\",\"status\":\"error\",\"username\":\"\","
              "\"message\":\"%s\"}",
              why);
    guest_send(guest, text_str(&out));
    text_fini(&out);
    guest_close(guest, WEBSOCKET_CUT, "");
}

static void welcome(struct guest *guest, const char *name)
{
    struct p2p_peer *peer = xcalloc(1, sizeof(*peer));
    struct text out = {0};

    make_id(peer->id);
    snprintf(peer->name, sizeof(peer->name), "%s", name);
    add(guest, peer);
    keep(guest);
    json_text_add(&out, "{\"type\":\"AUTH_SUCCESS\",\"status\":\"success\",\"username\":", name);
    text_add(&out, "}");
    guest_send(guest, text_str(&out));
    text_fini(&out);
}

/* A value that is a text, or null, or not there. */
static bool is_text(struct bytes raw)
{
    return raw.len == 0 || raw.data[0] == '"' || bytes_equal_text(raw, "null");
}

/* `payload` is empty for one that is no text. */
static void identify(struct guest *guest, struct bytes payload)
{
    char type[TYPE_MAX], name[ROOM_NAME_MAX + 1];
    struct bytes raw;
    struct field first[] = {FIELD_TEXT_OF("type", type), FIELD_RAW_OF("username", raw)};
    struct field second[] = {FIELD_TEXT_OF("username", name)};

    guest->speak_by_ms = 0;
    if (!fields_read(payload, first, COUNT_OF(first)) || strcmp(type, "IDENTIFY") != 0 ||
        !is_text(raw))
        refuse(guest, "Invalid initial message. Expected type 'IDENTIFY'.");
    else if (raw.len == 0 || bytes_equal_text(raw, "null") || bytes_equal_text(raw, "\"\""))
        refuse(guest, "Username cannot be empty.");
    else if (!fields_read(payload, second, COUNT_OF(second)) || !second[0].is_there)
        refuse(guest, "Username is too long.");
    else if (is_taken(guest->svc, name))
        refuse(guest, "Username already taken.");
    else
        welcome(guest, name);
}

/* ---- what is told */

/* A peer under the name that it gave: in the room it may have got another one. */
static void add_peer(struct text *out, const struct room_svc *svc, const struct room_member *member)
{
    const struct guest *guest =
        member->dialect == DIALECT_P2P ? guest_find(svc, member->connection) : NULL;
    const struct p2p_peer *peer = guest != NULL ? guest->state : NULL;

    json_text_add(out, "{\"id\":", member->id);
    json_text_add(out, ",\"username\":", peer != NULL ? peer->name : member->name);
    text_add(out, "}");
}

/* To one, about the room as it calls that. */
static void tell(struct guest *guest, const char *type, const char *called, const char *rest)
{
    struct text out = {0};

    text_addf(&out, "{\"type\":\"%s\",", type);
    json_text_add(&out, "\"roomId\":", called);
    text_add(&out, rest);
    text_add(&out, "}");
    guest_send(guest, text_str(&out));
    text_fini(&out);
}

/* To all others of this dialect. */
static void tell_others(struct room_svc *svc, const struct room *room,
                        const struct room_member *about, const char *type, const char *rest)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    for (size_t i = 0; i < count; i++) {
        struct guest *guest = members[i] != about && members[i]->dialect == DIALECT_P2P &&
                                      members[i]->presence == ROOM_HERE
                                  ? guest_find(svc, members[i]->connection)
                                  : NULL;

        if (guest != NULL && guest->state != NULL)
            tell(guest, type, ((struct p2p_peer *)guest->state)->room, rest);
    }
}

static void tell_joined(struct room_svc *svc, const struct room *room,
                        const struct room_member *member)
{
    struct text rest = {0};

    text_add(&rest, ",\"peer\":");
    add_peer(&rest, svc, member);
    tell_others(svc, room, member, "NEW_PEER_IN_ROOM", text_str(&rest));
    text_fini(&rest);
}

static void tell_left(struct room_svc *svc, const struct room *room,
                      const struct room_member *member)
{
    struct text rest = {0};

    json_text_add(&rest, ",\"peerId\":", member->id);
    tell_others(svc, room, member, "PEER_LEFT", text_str(&rest));
    text_fini(&rest);
}

static void tell_trouble(struct guest *guest, const char *called, const char *why)
{
    struct text rest = {0};

    json_text_add(&rest, ",\"message\":", why);
    tell(guest, "ROOM_ERROR", called, text_str(&rest));
    text_fini(&rest);
}

static void tell_members(struct guest *guest, const struct room *room)
{
    const struct p2p_peer *self = guest->state;
    struct text rest = {0};
    size_t count, listed = 0;
    struct room_member *const *members = room_members(room, &count);

    text_add(&rest, ",\"members\":[");
    for (size_t i = 0; i < count; i++) {
        if (members[i]->presence != ROOM_HERE || members[i]->number == guest->number)
            continue;
        text_add(&rest, listed++ > 0 ? "," : "");
        add_peer(&rest, guest->svc, members[i]);
    }
    text_add(&rest, "]");
    tell(guest, "ROOM_MEMBERS", self->room, text_str(&rest));
    text_fini(&rest);
}

/* ---- what clients say */

static void join_room(struct guest *guest, const char *called)
{
    struct p2p_peer *self = guest->state;
    enum house_place place = house_place_called(guest, called);
    struct room_join join = {.id = self->id, .name = self->name};
    struct room *room, *before;
    struct room_member *member = guest_member(guest, &before);
    enum room_error error = ROOM_AWAY;
    bool is_again;

    if (place == HOUSE_MOVES) {
        self->room[0] = '\0';
        keep(guest);
        return;
    }
    if (place == HOUSE_HERE)
        error = house_open(guest->svc, called, guest->address, &room);
    is_again = member != NULL && error == ROOM_OK && room == before;
    if (error == ROOM_OK)
        error = guest_join(guest, &p2p_dialect, room, &join, false, &member);
    if (error != ROOM_OK) {
        tell_trouble(guest, called, room_error_sentence(error));
        return;
    }
    snprintf(self->room, sizeof(self->room), "%s", called);
    keep(guest);
    tell_members(guest, room);
    if (is_again)
        tell_joined(guest->svc, room, member);
}

static void relay(struct guest *guest, enum room_relay kind, const char *to, struct bytes data)
{
    struct room *room;
    struct room_member *member = guest_member(guest, &room);

    if (member != NULL && to[0] != '\0' && data.len > 0 && data.data[0] == '{')
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
    char type[TYPE_MAX], to[ROOM_ID_MAX + 1], called[CALLED_MAX + 1];
    struct bytes sdp, candidate;
    struct field fields[] = {
        FIELD_TEXT_OF("type", type),
        FIELD_TEXT_OF("toPeerId", to),
        FIELD_TEXT_OF("roomId", called),
        FIELD_RAW_OF("sdp", sdp),
        FIELD_RAW_OF("iceCandidate", candidate),
    };

    if (guest->state == NULL) {
        identify(guest, is_binary ? bytes_of(NULL, 0) : payload);
        return;
    }
    if (is_binary || !fields_read(payload, fields, COUNT_OF(fields)))
        return;
    if (strcmp(type, "JOIN_ROOM") == 0 && called[0] != '\0')
        join_room(guest, called);
    for (size_t i = 0; i < COUNT_OF(relays); i++)
        if (strcmp(type, relays[i].type) == 0)
            relay(guest, relays[i].kind, to, relays[i].kind == ROOM_CANDIDATE ? candidate : sdp);
}

static void on_opened(struct guest *guest)
{
    guest->speak_by_ms = clock_ms() + guest->svc->settings->identify_time;
}

/* Its member may have been taken for gone, when only this process and http-svc had lost sight of
 * each other. */
static void on_resumed(struct guest *guest)
{
    struct p2p_peer *peer = read_kept(guest->own);
    char called[CALLED_MAX + 1];

    if (peer == NULL) {
        on_opened(guest);
        return;
    }
    add(guest, peer);
    snprintf(called, sizeof(called), "%s", peer->room);
    if (called[0] != '\0' && guest->code[0] == '\0')
        join_room(guest, called);
}

/* ---- what rooms tell */

/* Null and nothing are "". False: it is no text. */
static bool add_value(struct text *out, const char *before, struct bytes raw)
{
    text_add(out, before);
    text_add_bytes(out, raw.len > 0 && raw.data[0] == '"' ? raw : bytes_of_text("\"\""));
    return is_text(raw);
}

static bool add_description(struct text *out, struct bytes data)
{
    struct bytes type, sdp;
    struct field fields[] = {FIELD_RAW_OF("type", type), FIELD_RAW_OF("sdp", sdp)};

    return fields_read(data, fields, COUNT_OF(fields)) && add_value(out, "{\"type\":", type) &&
           add_value(out, ",\"sdp\":", sdp);
}

static bool add_candidate(struct text *out, struct bytes data)
{
    struct bytes candidate, mid;
    double index;
    struct field fields[] = {FIELD_RAW_OF("candidate", candidate), FIELD_RAW_OF("sdpMid", mid),
                             FIELD_NUMBER_OF("sdpMLineIndex", index)};

    if (!fields_read(data, fields, COUNT_OF(fields)) ||
        !add_value(out, "{\"candidate\":", candidate) || !add_value(out, ",\"sdpMid\":", mid) ||
        index < 0 || index > INDEX_MAX || index != (double)(unsigned)index)
        return false;
    text_addf(out, ",\"sdpMLineIndex\":%u", (unsigned)index);
    return true;
}

/* With the keys that its server knew, and no others. */
static void tell_relayed(struct room_svc *svc, const struct room *room,
                         const struct room_event *event)
{
    for (size_t i = 0; i < COUNT_OF(relays); i++) {
        struct text out = {0};

        if (relays[i].kind != event->relay || event->to == NULL)
            continue;
        text_addf(&out, "{\"type\":\"%s\"", relays[i].type);
        json_text_add(&out, ",\"fromPeerId\":", room_relay_from(event));
        json_text_add(&out, ",\"toPeerId\":", event->to->id);
        text_addf(&out, ",\"%s\":", relays[i].key);
        if (event->relay == ROOM_CANDIDATE ? add_candidate(&out, event->data)
                                           : add_description(&out, event->data)) {
            text_add(&out, "}}");
            house_tell(svc, &p2p_dialect, room, event, false, NULL, text_str(&out));
        }
        text_fini(&out);
    }
}

static void on_expelled(struct guest *guest)
{
    struct p2p_peer *self = guest->state;

    if (self == NULL)
        return;
    tell_trouble(guest, self->room, "You are not in this room any more.");
    self->room[0] = '\0';
    keep(guest);
}

static void on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest)
{
    if (event->kind == ROOM_JOINED || event->kind == ROOM_BACK)
        tell_joined(svc, room, event->member);
    else if (event->kind == ROOM_LOST_TOUCH ||
             (event->kind == ROOM_LEFT && event->why != ROOM_WHY_EXPIRED))
        tell_left(svc, room, event->member);
    else if (event->kind == ROOM_RELAYED)
        tell_relayed(svc, room, event);
    else if (event->kind == ROOM_EXPELLED && guest != NULL)
        on_expelled(guest);
}

const struct dialect p2p_dialect = {
    .id = DIALECT_P2P,
    .name = "p2p",
    .path = "/ws",
    .on_opened = on_opened,
    .on_resumed = on_resumed,
    .on_message = on_message,
    .on_gone = on_gone,
    .on_room = on_room,
};
