/* SPDX-License-Identifier: MIT
 *
 * Input: a message of a tracker. A description in it survives being wrapped again; the tracker's
 * side understands what we make of it for others.
 */
#include "wire/tracker_ws_client.h"

#include "base/must.h"
#include "wire/json.h"
#include "wire/sdp.h"
#include "wire/tracker_ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only for well-formed UTF-8: what is not, is not written as it was. */
static void check_session(const struct text *sdp, const char *type)
{
    struct text json = {0}, again = {0};

    wsc_session_write(&json, type, bytes_of(sdp->data, sdp->len));
    must(wsc_session_parse(bytes_of(json.data, json.len), type, &again));
    must(bytes_equal(bytes_of(sdp->data, sdp->len), bytes_of(again.data, again.len)));
    text_fini(&json);
    text_fini(&again);
}

static void check_writers(const struct wsc_message *message, struct bytes sdp)
{
    static struct ws_message read;
    char failure[WS_FAILURE_MAX];
    struct wsc_offer offers[2] = {{.sdp = sdp}, {.sdp = sdp}};
    struct wsc_announce announce = {.hash = message->hash, .offers = offers, .offer_count = 2};
    struct text out = {0};

    memcpy(announce.peer_id, message->peer_id, sizeof(announce.peer_id));
    memcpy(offers[1].id, message->offer_id, sizeof(offers[1].id));
    wsc_announce_write(&out, &announce);
    must(ws_message_parse(bytes_of(out.data, out.len), &read, failure) == WS_OK);
    must(read.kind == WS_ANNOUNCE && read.offer_count == 2 && read.want == 2);
    must(memcmp(read.hash.bytes, message->hash.bytes, 20) == 0);
    text_clear(&out);
    wsc_answer_write(&out, &message->hash, message->offer_id, message->peer_id, message->offer_id,
                     sdp);
    must(ws_message_parse(bytes_of(out.data, out.len), &read, failure) == WS_OK);
    must(read.kind == WS_ANSWER && memcmp(read.to_peer_id, message->peer_id, 20) == 0);
    text_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wsc_message message;
    struct text sdp = {0};
    struct error error = {0};
    enum err err = wsc_parse(bytes_of(data, size), &message, &error);

    must(err == error.code && message.failure.len <= WSC_FAILURE_MAX);
    must(message.interval_s <= WSC_INTERVAL_MAX_S);
    if (err == ERR_NONE && message.kind == WSC_FAILURE) {
        json_string_decode(message.failure, &sdp);
    } else if (err == ERR_NONE && (message.kind == WSC_OFFER || message.kind == WSC_ANSWER)) {
        const char *type = message.kind == WSC_OFFER ? "offer" : "answer";

        if (wsc_session_parse(message.session, type, &sdp)) {
            must(sdp.len <= SDP_MAX);
            if (utf8_valid(bytes_of(sdp.data, sdp.len)))
                check_session(&sdp, type);
            check_writers(&message, bytes_of(sdp.data, sdp.len));
        }
    }
    text_fini(&sdp);
    return 0;
}
