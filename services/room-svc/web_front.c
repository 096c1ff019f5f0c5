/* SPDX-License-Identifier: MIT
 *
 * web_front: what clients ask by HTTP, and whose a connection is, as the gateways bring it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "room_svc.h"
#include "signal.h"
#include "sio/sio_gateway.h"

enum { STATUS_NOT_FOUND = 404, STATUS_BUSY = 429 };

void web_front_answer(struct room_svc *room, uint64_t question, unsigned status, json_t *take)
{
    char *body = json_dumps(take, JSON_COMPACT);

    must(body != NULL);
    gateway_answer(room->gateways, question, status, "application/json", bytes_of_text(body));
    free(body);
    json_decref(take);
}

static bool begins_with(struct bytes target, const char *path)
{
    size_t len = strlen(path);

    return target.len >= len && memcmp(target.data, path, len) == 0;
}

/* In the shapes that http-svc has. */
void web_front_fail(struct room_svc *room, uint64_t question, const struct gateway_client *client,
                    unsigned status, enum err code, const char *why)
{
    web_front_answer(
        room, question, status,
        begins_with(client->target, "/api/")
            ? json_pack("{s:{s:s,s:s}}", "error", "code", err_word(code), "message", why)
            : json_pack("{s:s}", "error", why));
}

static bool is_too_fast(struct room_svc *room, const struct gateway_client *client)
{
    uint8_t ip[GATEWAY_ADDRESS_MAX];

    gateway_ip(client->address, ip);
    return !limiter_takes(&room->limiter, ip, (uint32_t)(clock_ms() / 1000));
}

static void on_asked(void *arg, uint64_t question, const struct gateway_client *client)
{
    struct room_svc *room = arg;

    room->metrics.questions_total++;
    if (is_too_fast(room, client)) {
        room->metrics.limited_total++;
        web_front_fail(room, question, client, STATUS_BUSY, ERR_BUSY,
                       "too many requests from your address");
    } else if (!ice_front_asked(room, question, client) && !signal_asked(room, question, client)) {
        web_front_fail(room, question, client, STATUS_NOT_FOUND, ERR_NOT_FOUND, "not found");
    }
}

/* What is behind a connection: one of both. */
struct peer {
    struct sio_connection *sio;
    struct guest *guest;
};

static const char sio_path[] = "/socket.io/";

static struct guest *open_own(struct room_svc *room, uint64_t connection,
                              const struct gateway_client *client)
{
    const struct dialect *dialect = dialect_of_path(client->target);
    struct guest *guest;

    if (dialect == NULL) {
        room->metrics.refused_total++;
        return NULL;
    }
    if (dialect->is_for_all && room->seat != 0) {
        gateway_move(room->gateways, connection, 0);
        return NULL;
    }
    guest = guest_new(room, connection, client->address);
    guest->dialect = dialect;
    if (client->tag.len == 0) {
        dialect->on_opened(guest);
    } else {
        guest_resumed(guest, client->tag);
        if (dialect->on_resumed != NULL)
            dialect->on_resumed(guest);
    }
    return guest;
}

static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    struct room_svc *room = arg;
    struct peer peer = {0}, *kept;

    if (begins_with(client->target, sio_path))
        peer.sio = sio_gateway_opened(room->sio, connection, client);
    else
        peer.guest = open_own(room, connection, client);
    if (peer.sio == NULL && peer.guest == NULL)
        return NULL;
    kept = xcalloc(1, sizeof(*kept));
    *kept = peer;
    return kept;
}

static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    struct peer *peer = state;

    (void)arg;
    if (peer->sio != NULL)
        sio_received(peer->sio, payload, is_binary);
    else
        peer->guest->dialect->on_message(peer->guest, payload, is_binary);
}

static void on_closed(void *arg, void *state)
{
    struct peer *peer = state;

    (void)arg;
    if (peer->sio != NULL)
        sio_closed(peer->sio);
    else
        guest_gone(peer->guest);
    free(peer);
}

struct gateway_actor web_front(struct room_svc *room)
{
    return (struct gateway_actor){.on_opened = on_opened,
                                  .on_received = on_received,
                                  .on_closed = on_closed,
                                  .on_asked = on_asked,
                                  .arg = room};
}
