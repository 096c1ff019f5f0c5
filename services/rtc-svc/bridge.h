/* SPDX-License-Identifier: MIT
 *
 * bridge: a data channel and a TCP connection to torrent-svc, byte for byte. webtorrent speaks the
 * BitTorrent wire protocol over its channel as others do over TCP, so nothing here knows it.
 *
 * Back-pressure both ways: what one side does not take is not read from the other. An end of one
 * side ends both.
 */
#ifndef RTC_BRIDGE_H
#define RTC_BRIDGE_H

#include <netinet/in.h>

#include "peer.h"

enum {
    BRIDGE_READ = 64 << 10,   /* bytes of TCP in one message at most */
    BRIDGE_QUEUE = 512 << 10, /* bytes that torrent-svc does not take; then the browser waits */
    BRIDGE_CONNECT_MS = 5000,
};

/* TCP side of all bridges: one epoll set, watched by the process's loop. */
struct bridges;
struct bridges *bridges_new(void);
int bridges_fd(const struct bridges *bridges);
void bridges_dispatch(struct bridges *bridges);
void bridges_free(struct bridges **bridges);

struct bridge;
struct bridge_events {
    /* torrent-svc closed, or does not answer; not told from inside of the functions below. */
    void (*on_closed)(void *arg, const char *why);
};
/* `source` is the address to come from, host byte order; 0: any. NULL: no connection could be
 * begun. */
struct bridge *bridge_new(struct bridges *bridges, struct channel *channel,
                          const struct sockaddr *to, socklen_t to_len, uint32_t source,
                          const struct bridge_events *events, void *arg, struct error *error);
/* Says this to the browser in place of as many bytes that torrent-svc will say first. To be called
 * before anything is received. */
void bridge_say_first(struct bridge *bridge, struct bytes words);
void bridge_received(struct bridge *bridge, struct bytes part); /* from the browser */
void bridge_writable(struct bridge *bridge);                    /* the channel is */
/* Closes TCP; the channel is not touched. Clears the pointer, accepts NULL. */
void bridge_free(struct bridge **bridge);

#endif
