/* SPDX-License-Identifier: MIT
 *
 * ask: one blocking question to a service over a plain REQ socket, for the command line and for
 * tests. No loop, no state.
 */
#ifndef BUS_ASK_H
#define BUS_ASK_H

#include "bus/bus.h"

/* Where requests (or events) of a service are found: ipc in run_dir, or what `peers` says.
 * "supervisor" is sharestreamd. False when the path would be too long or the instance is unknown.
 */
bool bus_endpoint(const char *run_dir, const char *peers, const char *name, unsigned instance,
                  bool events, char *out, size_t cap);

struct ask {
    const struct bus_config *config; /* run_dir, peers, secret; self names the asker */
    const char *service;             /* "torrent", "supervisor" */
    unsigned instance;
    uint32_t deadline_ms;
};

/* `descriptor` and `method` ("Get") choose the rpc. On ERR_NONE *reply_out is unpacked; free it
 * with protobuf_c_message_free_unpacked(). */
enum err ask(const struct ask *where, const ProtobufCServiceDescriptor *descriptor,
             const char *method, const ProtobufCMessage *request, ProtobufCMessage **reply_out,
             struct error *error);

/* Listens to "event" or "trace" of one service until `on_message` returns false or deadline_ms
 * passes. The payload is the packed Event, or the text of a trace line. */
enum err ask_listen(const struct ask *where, const char *topic,
                    bool (*on_message)(void *arg, struct bytes payload), void *arg,
                    struct error *error);

#endif
