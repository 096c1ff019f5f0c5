/* SPDX-License-Identifier: MIT */
#include "wire/tracker_ws_client.h"

#include "base/must.h"
#include "wire/json.h"
#include "wire/sdp.h"

/* What a message may say, as it stood there; empty = absent. */
struct fields {
    struct bytes action, info_hash, peer_id, offer, answer, offer_id, complete, incomplete,
        interval, failure;
};

static const struct json_member members[] = {
    {"action", offsetof(struct fields, action)},
    {"info_hash", offsetof(struct fields, info_hash)},
    {"peer_id", offsetof(struct fields, peer_id)},
    {"offer", offsetof(struct fields, offer)},
    {"answer", offsetof(struct fields, answer)},
    {"offer_id", offsetof(struct fields, offer_id)},
    {"complete", offsetof(struct fields, complete)},
    {"incomplete", offsetof(struct fields, incomplete)},
    {"interval", offsetof(struct fields, interval)},
    {"failure reason", offsetof(struct fields, failure)},
};

static bool is_object(struct bytes value)
{
    return value.len > 0 && value.data[0] == '{';
}

static bool read_binary(struct bytes value, uint8_t out[20])
{
    return json_binary_read(value, out, 20);
}

/* 0 when it is none, which is what absent means too. */
static uint32_t number(struct bytes value, uint32_t max)
{
    uint64_t out;

    bytes_decimal(value, &out);
    return (uint32_t)MIN(out, max);
}

static enum err read_signal(const struct fields *in, struct wsc_message *out, struct error *error)
{
    if (!read_binary(in->peer_id, out->peer_id))
        return error_set(error, ERR_INVALID, "invalid peer_id");
    if (!read_binary(in->offer_id, out->offer_id))
        return error_set(error, ERR_INVALID, "invalid offer_id");
    out->kind = is_object(in->offer) ? WSC_OFFER : WSC_ANSWER;
    out->session = out->kind == WSC_OFFER ? in->offer : in->answer;
    return ERR_NONE;
}

static enum err read_announce(const struct fields *in, struct wsc_message *out, struct error *error)
{
    if (!read_binary(in->info_hash, out->hash.bytes))
        return error_set(error, ERR_INVALID, "invalid info_hash");
    if (is_object(in->offer) || is_object(in->answer))
        return read_signal(in, out, error);
    out->kind = WSC_REPLY;
    out->complete = number(in->complete, UINT32_MAX);
    out->incomplete = number(in->incomplete, UINT32_MAX);
    out->interval_s = number(in->interval, WSC_INTERVAL_MAX_S);
    return ERR_NONE;
}

enum err wsc_parse(struct bytes text, struct wsc_message *out, struct error *error)
{
    struct fields in = {0};
    struct bytes failure;

    *out = (struct wsc_message){.kind = WSC_OTHER};
    if (!json_members_read(text, members, COUNT_OF(members), &in))
        return error_set(error, ERR_INVALID, "this is not a JSON object");
    /* Not all failures say what they are about, or that they are of an announce. */
    if (json_unquote(in.failure, &failure)) {
        out->kind = WSC_FAILURE;
        out->failure = bytes_of(failure.data, utf8_cut(failure, WSC_FAILURE_MAX));
        if (!read_binary(in.info_hash, out->hash.bytes))
            out->hash = (struct infohash){0};
        return ERR_NONE;
    }
    return bytes_equal_text(in.action, "\"announce\"") ? read_announce(&in, out, error) : ERR_NONE;
}

/* ---- writing */

static void add_binary(struct text *out, const char *before, const uint8_t *bytes)
{
    text_add(out, before);
    json_binary_add(out, bytes_of(bytes, 20));
    text_add(out, "\"");
}

void wsc_announce_write(struct text *out, const struct wsc_announce *announce)
{
    static const char *const events[] = {
        [EVENT_NONE] = "",
        [EVENT_COMPLETED] = ",\"event\":\"completed\"",
        [EVENT_STARTED] = ",\"event\":\"started\"",
        [EVENT_STOPPED] = ",\"event\":\"stopped\"",
    };

    json_number_add(out, "{\"numwant\":", announce->offer_count);
    json_number_add(out, ",\"uploaded\":", announce->uploaded);
    json_number_add(out, ",\"downloaded\":", announce->downloaded);
    json_number_add(out, ",\"left\":", announce->left);
    text_add(out, events[announce->event]);
    add_binary(out, ",\"action\":\"announce\",\"info_hash\":\"", announce->hash.bytes);
    add_binary(out, ",\"peer_id\":\"", announce->peer_id);
    text_add(out, ",\"offers\":[");
    for (size_t i = 0; i < announce->offer_count; i++) {
        text_add(out, i == 0 ? "{\"offer\":" : ",{\"offer\":");
        wsc_session_write(out, "offer", announce->offers[i].sdp);
        add_binary(out, ",\"offer_id\":\"", announce->offers[i].id);
        text_add(out, "}");
    }
    text_add(out, "]}");
}

void wsc_answer_write(struct text *out, const struct infohash *hash, const uint8_t *peer_id,
                      const uint8_t *to_peer_id, const uint8_t *offer_id, struct bytes sdp)
{
    add_binary(out, "{\"action\":\"announce\",\"info_hash\":\"", hash->bytes);
    add_binary(out, ",\"peer_id\":\"", peer_id);
    add_binary(out, ",\"to_peer_id\":\"", to_peer_id);
    text_add(out, ",\"answer\":");
    wsc_session_write(out, "answer", sdp);
    add_binary(out, ",\"offer_id\":\"", offer_id);
    text_add(out, "}");
}

/* ---- sessions */

bool wsc_session_parse(struct bytes json, const char *type, struct text *sdp_out)
{
    struct session {
        struct bytes type, sdp;
    } in = {0};
    static const struct json_member parts[] = {
        {"type", offsetof(struct session, type)},
        {"sdp", offsetof(struct session, sdp)},
    };
    struct bytes given, sdp;

    text_clear(sdp_out);
    if (!json_members_read(json, parts, COUNT_OF(parts), &in) || !json_unquote(in.type, &given) ||
        !json_string_is(given, type) || !json_unquote(in.sdp, &sdp))
        return false;
    /* No escape is longer than six bytes for one. */
    if (sdp.len / 6 > SDP_MAX)
        return false;
    json_string_decode(sdp, sdp_out);
    return sdp_out->len <= SDP_MAX;
}

void wsc_session_write(struct text *out, const char *type, struct bytes sdp)
{
    json_text_add(out, "{\"type\":", type);
    text_add(out, ",\"sdp\":");
    json_string_add(out, sdp);
    text_add(out, "}");
}
