/* SPDX-License-Identifier: MIT
 *
 * socketio: packets of the Socket.IO protocol, revision 5, as JSON text: `<type>[<n>-][/nsp,][id]
 * [json]`. That is the one form that everything here works with; what msgpack clients say is
 * translated to it and back (wire/socketio_msgpack.h). Engine.IO, which carries them, is not known
 * here. Payloads are never decoded: they are checked, and passed on as they came, so that 12.0
 * stays 12.0. Bytes inside a payload stand there as {"_placeholder":true,"num":0} and follow as
 * attachments. Pure.
 */
#ifndef WIRE_SOCKETIO_H
#define WIRE_SOCKETIO_H

#include "base/text.h"

enum {
    SOCKETIO_NAMESPACE_MAX = 100,  /* bytes of its name */
    SOCKETIO_ATTACHMENTS_MAX = 64, /* of one packet, whatever a setting allows */
    SOCKETIO_DEPTH_MAX = 32,       /* of a payload that came; one that goes out may be deeper, as
                                      far as wire/json.h goes */
    SOCKETIO_QUERY_MAX = 4096,     /* bytes behind a namespace, in revision 4 */
    SOCKETIO_ID_DIGITS = 15,       /* of an ack id: what JavaScript counts exactly */
};

/* Events and acks with attachments have numbers of their own on the wire, 5 and 6. */
enum socketio_type {
    SOCKETIO_CONNECT,
    SOCKETIO_DISCONNECT,
    SOCKETIO_EVENT,
    SOCKETIO_ACK,
    SOCKETIO_CONNECT_ERROR,
};

/* All views. */
struct socketio_packet {
    enum socketio_type type;
    unsigned attachments; /* that follow */
    struct bytes nsp;     /* "/" when the packet names none */
    bool has_id;
    uint64_t id;
    struct bytes data; /* JSON; empty when there is none */
    /* Filled by parsing, of an event: its name, without quotes and still escaped, or the digits of
     * a number. */
    struct bytes name;
    bool is_number;
    struct bytes args; /* of events and acks: the items (behind the name), without brackets */
};

/* False: what a client may not send; the protocol says to close the session without a word. More
 * than `attachments_max` is that, too. */
bool socketio_parse(struct bytes text, unsigned attachments_max, struct socketio_packet *out);
/* The same for a client of revision 4: what it says to be let in is a query behind the name of the
 * namespace. `auth` gets it, as the JSON object that `data` is then. */
bool socketio_parse_v4(struct bytes text, unsigned attachments_max, struct text *auth,
                       struct socketio_packet *out);
/* The same for a packet whose `data` came another way: checks it, fills name and args. */
bool socketio_look(struct socketio_packet *packet);
/* Type, nsp, attachments, id and data are written. */
void socketio_write(struct text *out, const struct socketio_packet *packet);

/* Is the JSON object a placeholder, and of which attachment? Read as JavaScript would; `num_out`
 * is UINT_MAX when it names none. */
bool socketio_placeholder(struct bytes object, unsigned *num_out);

#endif
