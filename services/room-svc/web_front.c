/* SPDX-License-Identifier: MIT
 *
 * web_front: what clients ask by HTTP, and whose a connection is, as the gateways bring it.
 */
#include <stdlib.h>

#include "base/must.h"
#include "ice.h"
#include "room.h"

enum { STATUS_OK = 200, STATUS_NOT_FOUND = 404 };

static void answer(struct room *room, uint64_t question, unsigned status, json_t *take)
{
    char *body = json_dumps(take, JSON_COMPACT);

    must(body != NULL);
    gateway_answer(room->gateways, question, status, "application/json", bytes_of_text(body));
    free(body);
    json_decref(take);
}

static bool is_path(const struct gateway_client *client, const char *path)
{
    size_t len = strlen(path);

    return client->target.len >= len && memcmp(client->target.data, path, len) == 0 &&
           (client->target.len == len || client->target.data[len] == '?');
}

static void on_asked(void *arg, uint64_t question, const struct gateway_client *client)
{
    struct room *room = arg;

    room->metrics.questions_total++;
    if (is_path(client, "/ice-servers"))
        answer(room, question, STATUS_OK, ice_servers(room->settings));
    else if (is_path(client, "/api/turn"))
        answer(room, question, STATUS_OK,
               json_pack("{s:o}", "iceServers", ice_servers(room->settings)));
    else
        answer(room, question, STATUS_NOT_FOUND, json_pack("{s:s}", "error", "not found"));
}

/* No dialect is spoken yet. */
static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    struct room *room = arg;

    (void)connection;
    (void)client;
    room->metrics.refused_total++;
    return NULL;
}

static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    (void)arg;
    (void)state;
    (void)payload;
    (void)is_binary;
}

static void on_closed(void *arg, void *state)
{
    (void)arg;
    (void)state;
}

struct gateway_actor web_front(struct room *room)
{
    return (struct gateway_actor){.on_opened = on_opened,
                                  .on_received = on_received,
                                  .on_closed = on_closed,
                                  .on_asked = on_asked,
                                  .arg = room};
}
