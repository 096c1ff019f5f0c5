/* SPDX-License-Identifier: MIT
 *
 * What clients of the signalling server ask by HTTP: about rooms whose code they know. Who would
 * have to be let in is told no more than that there is one.
 */
#include <string.h>

#include "base/must.h"
#include "room_svc.h"
#include "seats.h"
#include "signal.h"
#include "wire/query.h"

enum { STATUS_OK = 200, STATUS_NOT_FOUND = 404 };

typedef json_t *describe_fn(const struct room_svc *svc, const struct room *room);

/* By name: the id of a member is what it proves by that it is that member. */
static const char *host_name(const struct room *room)
{
    const struct room_member *host = room_host(room);

    return host != NULL ? host->name : "";
}

static json_t *tunnel(const struct room_svc *svc, const struct room *room)
{
    (void)room;
    /* There is nothing to wait for. */
    return json_pack("{s:s,s:b}", "tunnel", svc->settings->public_url, "ready", 1);
}

static json_t *code_and_host(const struct room_svc *svc, const struct room *room)
{
    (void)svc;
    return json_pack("{s:s,s:s}", "code", room_code(room), "host", host_name(room));
}

static json_t *with_participants(const struct room_svc *svc, const struct room *room)
{
    bool is_open = !room_choices(room)->needs_approval && !room_has_password(room);
    json_t *list = json_array();
    size_t count;
    struct room_member *const *members = room_members(room, &count);

    (void)svc;
    for (size_t i = 0; i < count; i++)
        if (is_open && members[i]->presence == ROOM_HERE)
            json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "id", members[i]->id, "name",
                                                  members[i]->name, "role",
                                                  signal_role_word(members[i]->role)));
    return json_pack("{s:s,s:s,s:o}", "code", room_code(room), "host", host_name(room),
                     "participants", list);
}

static json_t *ready_count(const struct room_svc *svc, const struct room *room)
{
    size_t count, ready = 0;
    struct room_member *const *members = room_members(room, &count);

    (void)svc;
    for (size_t i = 0; i < count; i++)
        ready += members[i]->is_ready;
    return json_pack("{s:i}", "readyCount", (int)ready);
}

static json_t *invitation(const struct room_svc *svc, const struct room *room)
{
    return json_pack("{s:s,s:s,s:s}", "code", room_code(room), "host", host_name(room), "tunnel",
                     svc->settings->public_url);
}

/* The code stands between `before` and `after`; where that is NULL, no room is asked about. */
static const struct route {
    const char *before, *after;
    describe_fn *describe;
    unsigned status_unknown; /* of a code that is nobody's */
} routes[] = {
    {"/api/tunnel", NULL, tunnel, 0},
    {"/api/room/", "", code_and_host, STATUS_OK},
    {"/api/room/", "/ready", ready_count, STATUS_OK},
    {"/api/rooms/", "", with_participants, STATUS_NOT_FOUND},
    {"/join/", "", invitation, STATUS_NOT_FOUND},
};

/* `middle`: what is between the two, which is one segment of the path. */
static bool matches(const struct route *route, struct bytes path, struct bytes *middle)
{
    size_t before = strlen(route->before), after = route->after != NULL ? strlen(route->after) : 0;

    if (path.len < before + after || memcmp(path.data, route->before, before) != 0)
        return false;
    *middle = bytes_of(path.data + before, path.len - before - after);
    if (route->after == NULL)
        return middle->len == 0;
    return middle->len > 0 && memchr(middle->data, '/', middle->len) == NULL &&
           memcmp(middle->data + middle->len, route->after, after) == 0;
}

static void answer(struct room_svc *svc, uint64_t question, const struct route *route,
                   struct bytes encoded)
{
    char code[CODE_MAX + 1];
    struct room *room = NULL;
    bool is_text = percent_decode(encoded, code, sizeof(code), false);
    unsigned seat;

    if (is_text && seats_is_elsewhere(svc, code, &seat)) {
        gateway_pass_on(svc->gateways, question, seat);
        return;
    }
    if (is_text)
        room = rooms_find(svc->rooms, code);
    if (route->after == NULL || room != NULL)
        web_front_answer(svc, question, STATUS_OK, route->describe(svc, room));
    else
        web_front_answer(svc, question, route->status_unknown,
                         json_pack("{s:s}", "error", "room not found"));
}

bool signal_asked(struct room_svc *svc, uint64_t question, const struct gateway_client *client)
{
    struct bytes path, middle;

    query_split(client->target, &path);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (matches(&routes[i], path, &middle)) {
            answer(svc, question, &routes[i], middle);
            return true;
        }
    }
    return false;
}
