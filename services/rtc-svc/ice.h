/* SPDX-License-Identifier: MIT
 *
 * ice: a path for datagrams between us and one other, found by ICE (RFC 8445; RFC 6544 for TCP). An
 * interface of ours; libnice is behind it, and nobody else here knows that. One thread: the one
 * that runs loop_run().
 */
#ifndef RTC_ICE_H
#define RTC_ICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/sdp.h"

enum {
    ICE_ADDRESSES_MAX = 8, /* of ours; each costs a port for each connection */
    ICE_RELAYS_MAX = 4,
    ICE_DATAGRAM_MAX = 1500,
};

struct ice_relay {
    const char *host, *username, *password;
    const char *ip; /* of `host`, when that is a name; "": not known yet. NULL: it is no name */
    uint16_t port;
    bool is_tcp, is_tls;
};

/* Texts are borrowed and must outlive the connections. */
struct ice_config {
    const char *addresses[ICE_ADDRESSES_MAX]; /* "192.0.2.7"; none: all of this machine */
    size_t address_count;
    /* What others see instead of ours, behind a NAT that forwards the ports: told besides. */
    const char *external[ICE_ADDRESSES_MAX];
    size_t external_count;
    uint16_t port_min, port_max; /* both included; one for each address of a connection */
    bool has_udp, has_tcp;
    bool is_lite; /* only answers to checks: for a server with a public address */
    bool relays_only;
    bool is_probe; /* both ends are ours: every address that is told is tried */
    struct ice_relay relays[ICE_RELAYS_MAX];
    size_t relay_count;
};

/* ice_free() inside of a callback is wrong. */
struct ice_events {
    void (*on_gathered)(void *arg);  /* once, unless ice_new() already did it */
    void (*on_connected)(void *arg); /* once */
    void (*on_received)(void *arg, struct bytes datagram);
    void (*on_failed)(void *arg); /* once, after on_connected: the path is gone */
};

struct ice;
/* `config` and `events` must outlive it. ERR_BUSY: all ports are used. */
struct ice *ice_new(const struct ice_config *config, bool is_controlling,
                    const struct ice_events *events, void *arg, struct error *error);
/* ice_describe() tells all there is to tell. */
bool ice_is_gathered(const struct ice *ice);
/* ufrag, pwd and candidates; views live as long as `ice`. */
void ice_describe(struct ice *ice, struct sdp *out);
/* What the other described. Fails with ERR_INVALID. */
enum err ice_connect(struct ice *ice, const struct sdp *remote, struct error *error);
/* At most ICE_DATAGRAM_MAX bytes, when connected; may be lost, as any datagram. Goes out with the
 * next ice_flush() at the latest. */
void ice_send(struct ice *ice, struct bytes datagram);
void ice_flush(void);
/* The path in words, "udp host 192.0.2.7:10000 <- prflx 192.0.2.9:40112"; `cap` bytes with NUL.
 * Empty: not connected. */
void ice_path(const struct ice *ice, char *out, size_t cap);
/* Clears the pointer, accepts NULL. Ports come free a little later. */
void ice_free(struct ice **ice);
/* Those that are freed and still on their way out. */
size_t ice_closing(void);

#endif
