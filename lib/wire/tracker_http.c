/* SPDX-License-Identifier: MIT */
#include "wire/tracker_http.h"

#include <arpa/inet.h>

#include "base/must.h"

/* ---- queries */

struct param {
    struct bytes name, value; /* still encoded */
};

static bool next_param(struct bytes *query, struct param *out)
{
    const uint8_t *end, *equals;

    while (query->len > 0 && *query->data == '&')
        *query = bytes_of(query->data + 1, query->len - 1);
    if (query->len == 0)
        return false;
    end = memchr(query->data, '&', query->len);
    if (end == NULL)
        end = query->data + query->len;
    equals = memchr(query->data, '=', (size_t)(end - query->data));
    out->name = bytes_of(query->data, (size_t)((equals != NULL ? equals : end) - query->data));
    out->value =
        equals != NULL ? bytes_of(equals + 1, (size_t)(end - equals - 1)) : bytes_of(end, 0);
    *query = bytes_of(end, query->len - (size_t)(end - query->data));
    return true;
}

/* Length, or -1 when it does not fit or a percent sign is not followed by two digits. */
static int decode(struct bytes value, uint8_t *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < value.len; i++, len++) {
        if (len == cap)
            return -1;
        out[len] = value.data[i];
        if (value.data[i] != '%')
            continue;
        if (value.len - i < 3 || !hex_decode(bytes_of(value.data + i + 1, 2), &out[len], 1))
            return -1;
        i += 2;
    }
    return (int)len;
}

static bool decode_exactly(struct bytes value, uint8_t *out, size_t len)
{
    return decode(value, out, len) == (int)len;
}

static enum announce_event read_event(struct bytes value, bool *is_known)
{
    *is_known = true;
    if (bytes_equal_text(value, "started"))
        return EVENT_STARTED;
    if (bytes_equal_text(value, "completed"))
        return EVENT_COMPLETED;
    if (bytes_equal_text(value, "stopped"))
        return EVENT_STOPPED;
    /* BEP 21's "paused" and the empty word change nothing. */
    *is_known = value.len == 0 || bytes_equal_text(value, "empty") ||
                bytes_equal_text(value, "update") || bytes_equal_text(value, "paused");
    return EVENT_NONE;
}

/* The parameters that must not come twice. */
enum { HAS_HASH = 1, HAS_PEER_ID = 2, HAS_PORT = 4, HAS_LEFT = 8, HAS_EVENT = 16, HAS_WANT = 32 };

static const char *take_param(const struct param *param, struct announce_query *out, unsigned *seen)
{
    uint64_t number;
    unsigned bit = 0;

    if (bytes_equal_text(param->name, "info_hash")) {
        bit = HAS_HASH;
        if (!decode_exactly(param->value, out->hash.bytes, sizeof(out->hash.bytes)))
            return "invalid info_hash";
    } else if (bytes_equal_text(param->name, "peer_id")) {
        bit = HAS_PEER_ID;
        if (!decode_exactly(param->value, out->peer_id, sizeof(out->peer_id)))
            return "invalid peer_id";
    } else if (bytes_equal_text(param->name, "port")) {
        bit = HAS_PORT;
        if (bytes_decimal(param->value, &number) != param->value.len || number == 0 ||
            number > UINT16_MAX)
            return "invalid port";
        out->port = (uint16_t)number;
    } else if (bytes_equal_text(param->name, "left")) {
        bit = HAS_LEFT;
        out->is_seed = param->value.len > 0 &&
                       bytes_decimal(param->value, &number) == param->value.len && number == 0;
    } else if (bytes_equal_text(param->name, "event")) {
        bool is_known;

        bit = HAS_EVENT;
        out->event = read_event(param->value, &is_known);
        if (!is_known)
            return "invalid event";
    } else if (bytes_equal_text(param->name, "numwant")) {
        bit = HAS_WANT;
        out->has_want = param->value.len > 0;
        bytes_decimal(param->value, &number);
        out->want = (uint32_t)MIN(number, UINT32_MAX);
    } else if (bytes_equal_text(param->name, "compact")) {
        out->is_compact = !bytes_equal_text(param->value, "0");
    } else if (bytes_equal_text(param->name, "ip")) {
        out->ip = param->value;
    }
    if ((*seen & bit) != 0)
        return "a parameter comes twice";
    *seen |= bit;
    return NULL;
}

const char *announce_query_parse(struct bytes query, struct announce_query *out)
{
    struct param param;
    unsigned seen = 0, count = 0;

    *out = (struct announce_query){.is_compact = true};
    while (next_param(&query, &param)) {
        const char *why =
            ++count > ANNOUNCE_PARAMS_MAX ? "too many parameters" : take_param(&param, out, &seen);

        if (why != NULL)
            return why;
    }
    if ((seen & HAS_HASH) == 0)
        return "invalid info_hash";
    if ((seen & HAS_PEER_ID) == 0)
        return "invalid peer_id";
    if ((seen & HAS_PORT) == 0)
        return "invalid port";
    return NULL;
}

size_t scrape_query_parse(struct bytes query, struct infohash *hashes, size_t cap)
{
    struct param param;
    size_t count = 0;

    while (next_param(&query, &param)) {
        if (!bytes_equal_text(param.name, "info_hash"))
            continue;
        if (count == cap || !decode_exactly(param.value, hashes[count].bytes, sizeof(*hashes)))
            return 0;
        count++;
    }
    return count;
}

int announce_param(struct bytes query, const char *name, uint8_t *out, size_t cap)
{
    struct param param;
    int len = -1;
    bool is_seen = false;

    while (next_param(&query, &param)) {
        if (!bytes_equal_text(param.name, name))
            continue;
        if (is_seen)
            return -1;
        is_seen = true;
        len = decode(param.value, out, cap);
    }
    return len;
}

/* ---- answers */

static void add_string(struct text *out, struct bytes value)
{
    text_add_decimal(out, value.len);
    text_add(out, ":");
    text_add_bytes(out, value);
}

static void add_number(struct text *out, const char *key, uint64_t value)
{
    text_add(out, key);
    text_add_decimal(out, value);
    text_add(out, "e");
}

static void add_dicts(struct text *out, struct bytes peers, size_t ip_len)
{
    char ip[INET6_ADDRSTRLEN];

    for (size_t i = 0; i + ip_len + 2 <= peers.len; i += ip_len + 2) {
        const uint8_t *peer = peers.data + i;

        inet_ntop(ip_len == 4 ? AF_INET : AF_INET6, peer, ip, sizeof(ip));
        text_addf(out, "d2:ip%zu:%s", strlen(ip), ip);
        add_number(out, "4:porti", (uint64_t)peer[ip_len] << 8 | peer[ip_len + 1]);
        text_add(out, "e");
    }
}

void announce_reply_write(struct text *out, const struct announce_reply *reply)
{
    text_add(out, "d");
    add_number(out, "8:completei", reply->complete);
    if (reply->external_ip.len > 0) {
        text_add(out, "11:external ip");
        add_string(out, reply->external_ip);
    }
    add_number(out, "10:incompletei", reply->incomplete);
    add_number(out, "8:intervali", reply->interval_s);
    add_number(out, "12:min intervali", reply->min_interval_s);
    text_add(out, "5:peers");
    if (reply->is_compact) {
        add_string(out, reply->peers4);
        text_add(out, "6:peers6");
        add_string(out, reply->peers6);
    } else {
        text_add(out, "l");
        add_dicts(out, reply->peers4, 4);
        add_dicts(out, reply->peers6, 16);
        text_add(out, "e");
    }
    text_add(out, "e");
}

void announce_failure_write(struct text *out, const char *reason, uint32_t retry_min)
{
    text_add(out, "d14:failure reason");
    add_string(out, bytes_of_text(reason));
    if (retry_min == UINT32_MAX)
        text_add(out, "8:retry in5:never");
    else if (retry_min > 0)
        add_number(out, "8:retry ini", retry_min);
    text_add(out, "e");
}

void scrape_reply_begin(struct text *out)
{
    text_add(out, "d5:filesd");
}

void scrape_reply_add(struct text *out, const struct infohash *hash, uint32_t complete,
                      uint32_t downloaded, uint32_t incomplete)
{
    text_add(out, "20:");
    text_add_bytes(out, bytes_of(hash->bytes, sizeof(hash->bytes)));
    add_number(out, "d8:completei", complete);
    add_number(out, "10:downloadedi", downloaded);
    add_number(out, "10:incompletei", incomplete);
    text_add(out, "e");
}

void scrape_reply_end(struct text *out, uint32_t min_interval_s)
{
    add_number(out, "e5:flagsd20:min_request_intervali", min_interval_s);
    text_add(out, "ee");
}
