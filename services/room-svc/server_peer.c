/* SPDX-License-Identifier: MIT
 *
 * server_peer: the server as a peer of browsers in rooms. What a member relays to "server" is an
 * offer, which rtc-svc answers for the film that the room plays; its channel then speaks
 * BitTorrent. For browsers that cannot reach a tracker, or do not want to wait for one.
 */
#include <proto/rtc.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "room_svc.h"
#include "room_view.h"
#include "wire/json.h"

enum { CONNECT_MS = 10000 };

/* Who waits for an answer. */
struct waiting {
    struct room_svc *svc;
    char code[CODE_MAX + 1], id[ROOM_ID_MAX + 1];
};

static void relay_back(struct room_svc *svc, const char *code, const char *id, enum room_relay kind,
                       struct bytes data)
{
    struct room *room = rooms_find(svc->rooms, code);

    if (room != NULL)
        room_relay_back(room, id, kind, data);
}

static void refuse(struct room_svc *svc, const char *code, const char *id, const char *why)
{
    struct text out = {0};

    json_text_add(&out, "{\"error\":", why);
    text_add(&out, "}");
    relay_back(svc, code, id, ROOM_OTHER, bytes_of(out.data, out.len));
    text_fini(&out);
}

static void on_connected(const Sharestream__Rtc__ConnectReply *reply, void *arg)
{
    struct waiting *waiting = arg;
    struct room_svc *svc = waiting->svc;

    if (reply != NULL)
        relay_back(svc, waiting->code, waiting->id, ROOM_ANSWER,
                   bytes_of(reply->session.data, reply->session.len));
    else
        refuse(svc, waiting->code, waiting->id, bus_error(svc->rtc)->text);
    free(waiting);
    house_flush(svc);
}

/* Of the film that plays; false: it is not a torrent, or which one is not known. */
static bool find_torrent(const struct room *room, struct infohash *out)
{
    size_t count;
    struct room_item *const *queue = room_queue(room, &count);

    return count > 0 && queue[0]->kind == ROOM_SOURCE_TORRENT &&
           asked_torrent(queue[0]->source, out);
}

void server_peer_asked(struct room_svc *svc, const struct room *room,
                       const struct room_event *event)
{
    Sharestream__Rtc__ConnectRequest request = SHARESTREAM__RTC__CONNECT_REQUEST__INIT;
    const char *code = room_code(room), *id = event->member->id;
    char hex[INFOHASH_TEXT], *member;
    struct infohash hash;
    struct waiting *waiting;

    if (event->relay != ROOM_OFFER)
        return; /* its candidates are in the offer, or we see where it comes from */
    if (!find_torrent(room, &hash)) {
        refuse(svc, code, id, "the film is not a torrent that the server knows");
        return;
    }
    waiting = xcalloc(1, sizeof(*waiting));
    waiting->svc = svc;
    memcpy(waiting->code, code, strlen(code));
    memcpy(waiting->id, id, strlen(id));
    member = xasprintf("%s %s", code, id);
    request.info_hash = infohash_text(&hash, hex);
    request.member = member;
    request.session = (ProtobufCBinaryData){.len = event->data.len,
                                            .data = (uint8_t *)(uintptr_t)event->data.data};
    sharestream__rtc__rtc__connect(
        bus_to(svc->rtc, CONNECT_MS, bytes_of(&hash, sizeof(hash)), NULL), &request, on_connected,
        waiting);
    free(member);
}

void server_peer_start(struct room_svc *svc)
{
    svc->rtc = bus_remote(svc_bus(svc->svc), "rtc", &sharestream__rtc__rtc__descriptor);
}
