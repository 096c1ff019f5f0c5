/* SPDX-License-Identifier: MIT
 *
 * websocket: a client's side of one WebSocket, to a server that is not to be trusted. Of GLib only
 * what connects and encrypts: frames are read by wire/websocket.h, which bounds a message however
 * many frames it comes in (libsoup 3.2 bounds one frame).
 *
 * It goes straight to the host of the URL: no proxy, no redirect, no cookie. The name is resolved
 * once, and what is connected to is an address that was looked at.
 */
#ifndef RTC_WEBSOCKET_H
#define RTC_WEBSOCKET_H

#include "base/bytes.h"
#include "base/error.h"
#include "tracker_url.h"

enum {
    WEBSOCKET_MESSAGE_MAX = 64 << 10, /* that comes */
    WEBSOCKET_QUEUE_MAX = 1 << 20,    /* that waits to go */
    WEBSOCKET_CONNECT_MS = 15000,     /* until it is open */
    WEBSOCKET_TRY_S = 5,              /* for one of several addresses */
    WEBSOCKET_PING_MS = 30000,
    WEBSOCKET_SILENCE_MS = 75000, /* two pings were not answered */
    WEBSOCKET_LINGER_MS = 1500,   /* for what was said last */
};

struct websocket;

/* None is called by the functions below. */
struct websocket_events {
    void (*on_open)(void *arg);
    void (*on_text)(void *arg, struct bytes text); /* UTF-8 */
    /* Could not be opened, or was open. The last one: the socket is no more. */
    void (*on_closed)(void *arg, const char *why);
};

struct websocket_config {
    struct tracker_url url; /* borrowed until it is closed */
    const char *ca_file;    /* likewise; empty: the system's */
    bool allows_private;
};

struct websocket *websocket_connect(const struct websocket_config *config,
                                    const struct websocket_events *events, void *arg);
/* False: it is not open, or too much waits already. */
bool websocket_send(struct websocket *socket, struct bytes text);
/* What was sent still goes out, if it does so soon. No event comes any more. Clears the pointer,
 * accepts NULL. */
void websocket_end(struct websocket **socket);
/* Those that are ended and still on their way out. */
unsigned websockets_ending(void);

/* Can certificates be read from this file? */
bool websocket_ca_is_good(const char *file, struct error *error);

#endif
