/* SPDX-License-Identifier: MIT */
#include "wire/tracker_ws.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/must.h"
#include "wire/json.h"

/* What a message may say, as it stood there; empty = absent. */
struct fields {
    struct bytes action, info_hash, peer_id, to_peer_id, event, left, want, offers, answer,
        offer_id;
};

static const struct json_member members[] = {
    {"action", offsetof(struct fields, action)},
    {"info_hash", offsetof(struct fields, info_hash)},
    {"peer_id", offsetof(struct fields, peer_id)},
    {"to_peer_id", offsetof(struct fields, to_peer_id)},
    {"event", offsetof(struct fields, event)},
    {"left", offsetof(struct fields, left)},
    {"numwant", offsetof(struct fields, want)},
    {"offers", offsetof(struct fields, offers)},
    {"answer", offsetof(struct fields, answer)},
    {"offer_id", offsetof(struct fields, offer_id)},
};

static bool is_string(struct bytes value)
{
    return value.len > 0 && value.data[0] == '"';
}

/* Present in the sense of JavaScript, where null is as good as nothing. */
static bool is_given(struct bytes value)
{
    return value.len > 0 && !bytes_equal_text(value, "null") && !bytes_equal_text(value, "false");
}

static bool read_binary(struct bytes value, uint8_t *out)
{
    return json_binary_read(value, out, 20);
}

static bool read_event(struct bytes value, enum announce_event *out)
{
    static const struct {
        const char *text;
        enum announce_event event;
    } events[] = {{"\"started\"", EVENT_STARTED}, {"\"completed\"", EVENT_COMPLETED},
                  {"\"stopped\"", EVENT_STOPPED}, {"\"update\"", EVENT_NONE},
                  {"\"empty\"", EVENT_NONE},      {"\"\"", EVENT_NONE}};

    *out = EVENT_NONE;
    if (!is_given(value))
        return true;
    for (size_t i = 0; i < COUNT_OF(events); i++)
        if (bytes_equal_text(value, events[i].text)) {
            *out = events[i].event;
            return true;
        }
    return false;
}

/* 0, 0.0, -0 and 0e9 are all zero. */
static bool is_zero(struct bytes value)
{
    bool has_digit = false;

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == 'e' || value.data[i] == 'E')
            break;
        if (value.data[i] != '0' && value.data[i] != '.' && value.data[i] != '-')
            return false;
        has_digit = has_digit || value.data[i] == '0';
    }
    return has_digit;
}

static void read_want(struct bytes value, struct ws_message *out)
{
    uint64_t number;

    out->has_want = bytes_decimal(value, &number) > 0;
    out->want = (uint32_t)MIN(number, UINT32_MAX);
}

/* False when it is no list of {"offer", "offer_id"}. */
static bool read_offers(struct bytes value, struct ws_message *out)
{
    struct json json = json_of(value);

    if (!is_given(value))
        return true;
    json_open_array(&json);
    while (json_next_item(&json)) {
        struct ws_offer offer = {0};
        struct bytes key;

        json_open_object(&json);
        while (json_next_key(&json, &key)) {
            struct bytes member = json_take(&json);

            if (bytes_equal_text(key, "offer"))
                offer.offer = member;
            else if (bytes_equal_text(key, "offer_id"))
                offer.id = member;
        }
        if (offer.offer.len == 0 || !is_string(offer.id))
            return false;
        if (out->offer_count < WS_OFFERS_MAX)
            out->offers[out->offer_count++] = offer;
    }
    return json_is_done(&json);
}

static bool read_scrape(struct bytes value, struct ws_message *out)
{
    struct json json = json_of(value);

    if (!is_given(value))
        return true;
    if (is_string(value)) {
        out->scrape_count = 1;
        return read_binary(value, out->scrape[0].bytes);
    }
    json_open_array(&json);
    while (json_next_item(&json)) {
        if (out->scrape_count == WS_SCRAPE_MAX)
            return false;
        if (!read_binary(json_take(&json), out->scrape[out->scrape_count++].bytes))
            return false;
    }
    return json_is_done(&json);
}

__attribute__((format(printf, 3, 4))) static enum ws_parsed fail(enum ws_parsed how, char *failure,
                                                                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(failure, WS_FAILURE_MAX, format, args);
    va_end(args);
    return how;
}

static enum ws_parsed read_announce(const struct fields *in, struct ws_message *out, char *failure)
{
    if (!read_binary(in->info_hash, out->hash.bytes))
        return fail(WS_INVALID, failure, "invalid info_hash");
    if (!read_binary(in->peer_id, out->peer_id))
        return fail(WS_INVALID, failure, "invalid peer_id");
    if (is_given(in->answer)) {
        out->kind = WS_ANSWER;
        if (!read_binary(in->to_peer_id, out->to_peer_id))
            return fail(WS_INVALID, failure, "invalid `to_peer_id` (required with `answer`)");
        out->answer = in->answer;
        out->offer_id = in->offer_id.len > 0 ? in->offer_id : bytes_of_text("null");
        return WS_OK;
    }
    if (!read_event(in->event, &out->event))
        return fail(WS_REFUSED, failure, "invalid event");
    out->is_seed = is_zero(in->left);
    read_want(in->want, out);
    if (!read_offers(in->offers, out))
        return fail(WS_REFUSED, failure, "invalid offers");
    return WS_OK;
}

bool ws_id_read(struct bytes json, uint8_t *id)
{
    return read_binary(json, id);
}

/* What of an unknown action may be said back inside a JSON string. */
static struct bytes quotable(struct bytes action)
{
    size_t len = 0;

    if (!json_unquote(action, &action))
        return bytes_of_text("");
    while (len < MIN(action.len, 32) && action.data[len] != '\\' && action.data[len] < 0x80)
        len++;
    return bytes_of(action.data, len);
}

enum ws_parsed ws_message_parse(struct bytes text, struct ws_message *out, char *failure)
{
    struct fields in = {0};
    struct bytes action;

    out->scrape_count = out->offer_count = 0;
    if (!json_members_read(text, members, COUNT_OF(members), &in))
        return fail(WS_INVALID, failure, "this is not a JSON object");
    if (bytes_equal_text(in.action, "\"announce\"")) {
        out->kind = WS_ANNOUNCE;
        return read_announce(&in, out, failure);
    }
    if (bytes_equal_text(in.action, "\"scrape\"")) {
        out->kind = WS_SCRAPE;
        return read_scrape(in.info_hash, out) ? WS_OK
                                              : fail(WS_INVALID, failure, "invalid info_hash");
    }
    action = quotable(in.action);
    return fail(WS_INVALID, failure, "invalid action in WS request: %.*s", (int)action.len,
                (const char *)action.data);
}

/* ---- writing */

static void add_binary(struct text *out, const uint8_t *bytes)
{
    json_binary_add(out, bytes_of(bytes, 20));
}

static void add_hash_and_end(struct text *out, const struct infohash *hash)
{
    text_add(out, ",\"info_hash\":\"");
    add_binary(out, hash->bytes);
    text_add(out, "\"}");
}

void ws_reply_write(struct text *out, const struct infohash *hash, uint32_t complete,
                    uint32_t incomplete, uint32_t interval_s)
{
    json_number_add(out, "{\"complete\":", complete);
    json_number_add(out, ",\"incomplete\":", incomplete);
    json_number_add(out, ",\"action\":\"announce\",\"interval\":", interval_s);
    add_hash_and_end(out, hash);
}

static void add_signal(struct text *out, const char *what, struct bytes signal,
                       struct bytes offer_id, const uint8_t *from, const struct infohash *hash)
{
    text_add(out, "{\"action\":\"announce\",\"");
    text_add(out, what);
    text_add(out, "\":");
    text_add_bytes(out, signal);
    text_add(out, ",\"offer_id\":");
    text_add_bytes(out, offer_id);
    text_add(out, ",\"peer_id\":\"");
    add_binary(out, from);
    text_add(out, "\"");
    add_hash_and_end(out, hash);
}

void ws_id_write(struct text *out, const uint8_t *id)
{
    text_add(out, "\"");
    add_binary(out, id);
    text_add(out, "\"");
}

void ws_offer_write(struct text *out, const struct infohash *hash, const uint8_t *from_peer_id,
                    const struct ws_offer *offer)
{
    add_signal(out, "offer", offer->offer, offer->id, from_peer_id, hash);
}

void ws_answer_write(struct text *out, const struct infohash *hash, const uint8_t *from_peer_id,
                     struct bytes answer, struct bytes offer_id)
{
    add_signal(out, "answer", answer, offer_id, from_peer_id, hash);
}

void ws_failure_write(struct text *out, const struct infohash *hash, const char *failure)
{
    text_add(out, hash != NULL ? "{\"action\":\"announce\",\"failure reason\":\""
                               : "{\"failure reason\":\"");
    text_add(out, failure);
    if (hash != NULL) {
        text_add(out, "\"");
        add_hash_and_end(out, hash);
    } else {
        text_add(out, "\"}");
    }
}

void ws_scrape_begin(struct text *out)
{
    text_add(out, "{\"action\":\"scrape\",\"files\":{");
}

void ws_scrape_add(struct text *out, const struct infohash *hash, uint32_t complete,
                   uint32_t downloaded, uint32_t incomplete)
{
    text_add(out, out->data[out->len - 1] == '{' ? "\"" : ",\"");
    add_binary(out, hash->bytes);
    json_number_add(out, "\":{\"complete\":", complete);
    json_number_add(out, ",\"incomplete\":", incomplete);
    json_number_add(out, ",\"downloaded\":", downloaded);
    text_add(out, "}");
}

void ws_scrape_end(struct text *out, uint32_t min_interval_s)
{
    json_number_add(out, "},\"flags\":{\"min_request_interval\":", min_interval_s);
    text_add(out, "}}");
}
