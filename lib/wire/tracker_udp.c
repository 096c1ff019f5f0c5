/* SPDX-License-Identifier: MIT */
#include "wire/tracker_udp.h"

#include <endian.h>
#include <string.h>

#include "base/must.h"

/* The connection id of a connect request (BEP 15). */
#define UDP_MAGIC UINT64_C(0x41727101980)

enum {
    ANNOUNCE_BYTES = 98,
    SCRAPE_HEAD = 16,
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_URL_DATA = 2,
    EVENT_STOPPED = 3,
};

static uint16_t get16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return be16toh(value);
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return be32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return be64toh(value);
}

static void put32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof(value));
}

static enum udp_parsed bad(struct udp_request *out, const char *why)
{
    out->why = why;
    return UDP_BAD;
}

/* BEP 41: options are a type and, but for the first two, a length and so many bytes. */
static enum udp_parsed read_options(struct bytes in, struct udp_request *out)
{
    while (in.len > 0 && in.data[0] != OPTION_END) {
        size_t len;

        if (in.data[0] == OPTION_NOP) {
            in = bytes_of(in.data + 1, in.len - 1);
            continue;
        }
        if (in.len < 2 || in.len - 2 < in.data[1])
            return bad(out, "an option is longer than the datagram");
        len = in.data[1];
        if (in.data[0] == OPTION_URL_DATA) {
            if (len > sizeof(out->path) - out->path_len)
                return bad(out, "the path is too long");
            memcpy(out->path + out->path_len, in.data + 2, len);
            out->path_len = (uint8_t)(out->path_len + len);
        }
        in = bytes_of(in.data + 2 + len, in.len - 2 - len);
    }
    return UDP_OK;
}

static enum udp_parsed read_announce(struct bytes in, struct udp_request *out)
{
    const uint8_t *at = in.data;

    if (in.len < ANNOUNCE_BYTES)
        return bad(out, "an announce has at least 98 bytes");
    memcpy(out->hash.bytes, at + 16, sizeof(out->hash.bytes));
    out->peer_id = at + 36;
    out->downloaded = get64(at + 56);
    out->left = get64(at + 64);
    out->uploaded = get64(at + 72);
    out->event = get32(at + 80);
    out->ip = get32(at + 84);
    out->key = get32(at + 88);
    out->want = get32(at + 92);
    out->port = get16(at + 96);
    if (out->event > EVENT_STOPPED)
        return bad(out, "invalid event");
    if (out->port == 0)
        return bad(out, "invalid port");
    return read_options(bytes_of(at + ANNOUNCE_BYTES, in.len - ANNOUNCE_BYTES), out);
}

enum udp_parsed udp_request_parse(struct bytes in, struct udp_request *out)
{
    uint32_t action;

    if (in.len < UDP_REQUEST_MIN)
        return UDP_DROP;
    out->connection = get64(in.data);
    action = get32(in.data + 8);
    out->transaction = get32(in.data + 12);
    out->path_len = 0;
    switch (action) {
    case UDP_CONNECT:
        out->action = UDP_CONNECT;
        return out->connection == UDP_MAGIC ? UDP_OK : UDP_DROP;
    case UDP_ANNOUNCE:
        out->action = UDP_ANNOUNCE;
        return read_announce(in, out);
    case UDP_SCRAPE:
        out->action = UDP_SCRAPE;
        out->hashes = in.data + SCRAPE_HEAD;
        out->scrape_count = MIN((in.len - SCRAPE_HEAD) / sizeof(struct infohash), UDP_SCRAPE_MAX);
        return out->scrape_count > 0 ? UDP_OK : bad(out, "a scrape names at least one hash");
    default:
        out->action = UDP_ERROR;
        return bad(out, "unknown action");
    }
}

static void put_head(uint8_t *out, enum udp_action action, uint32_t transaction)
{
    put32(out, action);
    put32(out + 4, transaction);
}

size_t udp_connect_reply(uint8_t *out, uint32_t transaction, uint64_t connection)
{
    put_head(out, UDP_CONNECT, transaction);
    connection = htobe64(connection);
    memcpy(out + 8, &connection, sizeof(connection));
    return UDP_CONNECT_REPLY;
}

size_t udp_announce_reply(uint8_t *out, uint32_t transaction, uint32_t interval_s,
                          uint32_t leechers, uint32_t seeders, size_t peers_len)
{
    put_head(out, UDP_ANNOUNCE, transaction);
    put32(out + 8, interval_s);
    put32(out + 12, leechers);
    put32(out + 16, seeders);
    return UDP_ANNOUNCE_HEAD + peers_len;
}

size_t udp_scrape_reply(uint8_t *out, uint32_t transaction)
{
    put_head(out, UDP_SCRAPE, transaction);
    return 8;
}

size_t udp_scrape_add(uint8_t *out, size_t len, uint32_t seeders, uint32_t completed,
                      uint32_t leechers)
{
    put32(out + len, seeders);
    put32(out + len + 4, completed);
    put32(out + len + 8, leechers);
    return len + 12;
}

size_t udp_error_reply(uint8_t *out, uint32_t transaction, const char *text)
{
    size_t len = strnlen(text, UDP_ERROR_TEXT_MAX);

    put_head(out, UDP_ERROR, transaction);
    memcpy(out + 8, text, len);
    return 8 + len;
}
