/* SPDX-License-Identifier: MIT
 *
 * tracker_udp: datagrams of the UDP tracker protocol (BEP 15, BEP 41). Pure: bytes in, struct out,
 * and back. Nothing here makes an answer longer than what was asked deserves: that is for who
 * checks the connection id, before anything but a connect is answered.
 */
#ifndef WIRE_TRACKER_UDP_H
#define WIRE_TRACKER_UDP_H

#include "base/bytes.h"
#include "wire/infohash.h"

enum {
    UDP_REQUEST_MIN = 16,
    UDP_REQUEST_MAX = 2048, /* bytes of a datagram we read */
    UDP_CONNECT_REPLY = 16, /* bytes */
    UDP_ANNOUNCE_HEAD = 20, /* of the reply, before the peers */
    UDP_SCRAPE_MAX = 74,    /* hashes in one request */
    UDP_ERROR_TEXT_MAX = 128,
    UDP_PATH_MAX = 255, /* of a URL in BEP 41 options */
    UDP_REPLY_MAX = UDP_ANNOUNCE_HEAD + 200 * 18,
};

enum udp_action { UDP_CONNECT, UDP_ANNOUNCE, UDP_SCRAPE, UDP_ERROR };

enum udp_parsed {
    UDP_OK,
    UDP_DROP, /* too short or no connect: whoever sent it speaks something else */
    UDP_BAD,  /* of a client (connection and transaction are valid), but wrong: `why` says what */
};

struct udp_request {
    enum udp_action action;
    uint64_t connection;
    uint32_t transaction;
    const char *why; /* UDP_BAD */
    /* announce */
    struct infohash hash;
    const uint8_t *peer_id; /* 20 bytes */
    uint64_t downloaded, left, uploaded;
    uint32_t event;   /* 0 none, 1 completed, 2 started, 3 stopped; others are UDP_BAD */
    uint32_t ip, key; /* as sent, host order; ip 0 = the sender's */
    uint32_t want;    /* UINT32_MAX = as many as the tracker likes */
    uint16_t port;    /* never 0 */
    uint8_t path_len; /* BEP 41: path and query, joined from all options */
    char path[UDP_PATH_MAX];
    /* scrape: scrape_count hashes of 20 bytes */
    const uint8_t *hashes;
    size_t scrape_count; /* 1 to UDP_SCRAPE_MAX; more in the datagram are left out */
};

/* Pointers point into `in`. Longer datagrams than needed are fine (BEP 41). */
enum udp_parsed udp_request_parse(struct bytes in, struct udp_request *out);

/* All write a reply and return its length. */
size_t udp_connect_reply(uint8_t *out, uint32_t transaction, uint64_t connection);
/* Peers follow at out + UDP_ANNOUNCE_HEAD; put there by the caller. */
size_t udp_announce_reply(uint8_t *out, uint32_t transaction, uint32_t interval_s,
                          uint32_t leechers, uint32_t seeders, size_t peers_len);
/* Begins a scrape reply; then one udp_scrape_add() for each hash, at the length so far. */
size_t udp_scrape_reply(uint8_t *out, uint32_t transaction);
size_t udp_scrape_add(uint8_t *out, size_t len, uint32_t seeders, uint32_t completed,
                      uint32_t leechers);
/* `text` is cut to UDP_ERROR_TEXT_MAX. */
size_t udp_error_reply(uint8_t *out, uint32_t transaction, const char *text);

#endif
