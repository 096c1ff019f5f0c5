/* SPDX-License-Identifier: MIT
 *
 * front: the threads that serve HTTP, as the main thread sees them.
 */
#ifndef HTTP_FRONT_H
#define HTTP_FRONT_H

#include "feed.h"
#include "http.h"
#include "route.h"

/* What is listened on. */
enum front_socket {
    FRONT_MAIN,
    FRONT_TRACKER,
    FRONT_SIGNAL,
    FRONT_MONKEY,
    FRONT_ENGINE,
    FRONT_TLS,
    FRONT_SOCKETS
};

/* Do the settings make sense, and is a certificate needed? */
enum err front_check_tls(const struct http_settings *settings, bool *needs_out,
                         struct error *error);
/* Does anybody reach us who is not on this machine? */
bool front_is_wide(const struct http_settings *settings);
bool front_speaks_tls(const struct http_settings *settings, enum front_socket socket);
/* Binds and prepares. ERR_BUSY when the port is taken; front_stop() what came out in any case. */
enum err front_start(struct http *http, struct front **out, struct error *error);
/* Starts the threads: clients are accepted from now on. */
enum err front_run(struct front *front, struct error *error);
/* 0: that one is not open. */
uint16_t front_port(const struct front *front, enum front_socket socket);
/* Of all but the main one, to whoever waits until we are ready. */
void front_tell_ports(const struct front *front);
size_t front_threads(const struct front *front);
/* To all clients that listen to events. */
void front_publish(struct front *front, struct feed_event *event);
/* No new connections; streams go on, each answer is the last of its connection. */
void front_drain(struct front *front, bool retires);
/* Of one that retires: does nothing go by our name on the bus any more? */
bool front_has_left(struct front *front);
bool front_is_drained(struct front *front);
/* Ends all threads. Clears the pointer, accepts NULL. */
void front_stop(struct front **front);

#endif
