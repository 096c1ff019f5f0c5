/* SPDX-License-Identifier: MIT
 *
 * routes: the handlers behind the table of route.h, and what they share.
 */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include <proto/torrent.pb-c.h>

#include "exchange.h"

#define X(id, pattern, methods, need, handler) void handler(struct exchange *x);
ROUTES(X)
ENGINE_ROUTES(X)
#undef X

enum {
    ROUTES_CALL_MS = 10000,
    /* torrent-svc itself ends a wait for metadata after its setting metadata_timeout; this is more
     * than that may be. */
    ROUTES_WAIT_MS = 600000,
    ROUTES_WAIT_CALL_MS = 660000,
};

/* What the segment :hash or :source says: a hash, and for a magnet link the whole link. */
struct routes_source {
    char *text; /* what to add: the link, or the hash as it was given */
    struct infohash hash;
    char hash_text[INFOHASH_TEXT];
};
/* False, with a sentence, when it is neither. */
bool routes_read_source(struct exchange *x, struct routes_source *out, struct error *error);

/* Goes on with `then` once the layout of the torrent of the route is known; the admin's question
 * adds a torrent that is not there. Else answers with the reason. */
typedef void routes_begin_fn(struct exchange *x, const struct routes_source *source);
void routes_open(struct exchange *x, routes_begin_fn *then);

/* By which the instance is found that has, or is to have, what is added; free() it. NULL: of no
 * torrent. */
char *routes_key_of_add(const Sharestream__Torrent__AddRequest *request);

/* The body as a message; NULL: answered. An empty body is an empty message. Free with
 * protobuf_c_message_free_unpacked(). */
ProtobufCMessage *routes_read_message(struct exchange *x,
                                      const ProtobufCMessageDescriptor *descriptor);
/* What the path says takes the place of what such a message says. */
void routes_set_text(char **field, const char *text);
/* In the closure of a call: its reply as JSON, or why there is none (NULL). */
void routes_answer_message(struct exchange *x, const void *message);
/* How files are sent here, for answers to OPTIONS of those paths. */
void routes_add_tus(struct exchange *x);
/* ?name=, a count; 0 when it is absent. False: it is none, answered. */
bool routes_read_number(struct exchange *x, const char *name, uint64_t *out);
/* How this client reaches us: the setting, else the name it used itself. */
void routes_add_base(struct exchange *x, struct text *out);

#endif
