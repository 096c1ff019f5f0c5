/* SPDX-License-Identifier: MIT
 *
 * rooms: browsers that ask for a connection in a room instead of at a tracker. room-svc brings
 * their offers and takes our answers back.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/must.h"
#include "rtc.h"
#include "wire/tracker_ws_client.h"

struct asked {
    uint8_t offer_id[PEER_ID_BYTES]; /* of the link */
    Sharestream__Rtc__ConnectReply_Closure closure;
    void *data;
    struct asked *next;
};

/* Takes it out; NULL: it is answered. */
static struct asked *take_asked(struct rtc *rtc, const uint8_t *offer_id)
{
    struct asked *asked;

    LL_FOREACH(rtc->asked, asked)
    {
        if (memcmp(asked->offer_id, offer_id, sizeof(asked->offer_id)) == 0) {
            LL_DELETE(rtc->asked, asked);
            return asked;
        }
    }
    return NULL;
}

static void tell(struct via *via, const struct link *link, struct bytes sdp)
{
    Sharestream__Rtc__ConnectReply reply = SHARESTREAM__RTC__CONNECT_REPLY__INIT;
    struct asked *asked = take_asked(via->arg, link->offer_id);
    struct text session = {0};

    if (asked == NULL)
        return;
    wsc_session_write(&session, "answer", sdp);
    reply.session = (ProtobufCBinaryData){.len = session.len, .data = (uint8_t *)session.data};
    asked->closure(&reply, asked->data);
    text_fini(&session);
    free(asked);
}

static void on_gone(struct via *via, const struct link *link, const char *why)
{
    struct asked *asked = take_asked(via->arg, link->offer_id);

    if (asked == NULL)
        return;
    bus_fail(asked->data, ERR_UNAVAILABLE, "%s", why);
    free(asked);
}

/* A member is the same browser whenever it comes. */
static void name_member(const char *member, uint8_t peer_id[PEER_ID_BYTES])
{
    uint64_t parts[3];

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        parts[i] = bytes_hash(bytes_of_text(member), i + 1);
    memcpy(peer_id, parts, PEER_ID_BYTES);
}

void rooms_connect(struct rtc *rtc, const Sharestream__Rtc__ConnectRequest *request,
                   Sharestream__Rtc__ConnectReply_Closure closure, void *data)
{
    static const uint8_t unknown[16];
    uint8_t peer_id[PEER_ID_BYTES], offer_id[PEER_ID_BYTES];
    struct infohash hash;
    struct torrent *torrent;
    struct asked *asked;

    if (!infohash_parse(bytes_of_text(request->info_hash), &hash)) {
        bus_fail(data, ERR_INVALID, "\"%.64s\" is not an info-hash", request->info_hash);
        return;
    }
    torrent = torrents_find(rtc, &hash);
    if (torrent == NULL) {
        bus_fail(data, ERR_NOT_FOUND, "the server does not have this torrent");
        return;
    }
    name_member(request->member, peer_id);
    must(getrandom(offer_id, sizeof(offer_id), 0) == sizeof(offer_id));
    asked = xcalloc(1, sizeof(*asked));
    asked->closure = closure;
    asked->data = data;
    memcpy(asked->offer_id, offer_id, sizeof(offer_id));
    LL_PREPEND(rtc->asked, asked);
    if (link_take_offer(rtc, torrent, &rtc->rooms, peer_id, offer_id, unknown,
                        bytes_of(request->session.data, request->session.len)))
        return;
    asked = take_asked(rtc, offer_id);
    if (asked != NULL) {
        bus_fail(data, ERR_BUSY, "you are connected already, or too many others are");
        free(asked);
    }
}

void rooms_start(struct rtc *rtc)
{
    rtc->rooms = (struct via){.name = "room", .tell = tell, .on_gone = on_gone, .arg = rtc};
}
