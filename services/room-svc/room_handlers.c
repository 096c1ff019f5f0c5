/* SPDX-License-Identifier: MIT
 *
 * One function per rpc of proto/room.proto.
 */
#include <proto/room.pb-c.h>

#include "room_svc.h"

typedef Sharestream__Room__Room_Service Rpc;

static void on_stats(Rpc *rpc, const Sharestream__Room__StatsRequest *request,
                     Sharestream__Room__StatsReply_Closure closure, void *data)
{
    Sharestream__Room__StatsReply reply = SHARESTREAM__ROOM__STATS_REPLY__INIT;
    const struct room_svc *room = bus_state(data);

    (void)rpc;
    (void)request;
    reply.connections = gateways_connections(room->gateways);
    closure(&reply, data);
}

ProtobufCService *room_service(void)
{
    static Rpc rpc = SHARESTREAM__ROOM__ROOM__INIT(on_);

    return &rpc.base;
}
