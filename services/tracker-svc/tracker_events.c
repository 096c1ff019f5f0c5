/* SPDX-License-Identifier: MIT
 *
 * What tracker-svc publishes: what browsers say to server peers.
 */
#include <proto/tracker.pb-c.h>

#include "tracker.h"

static ProtobufCBinaryData view(const uint8_t *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = len};
}

void tracker_publish(struct tracker *tracker, const struct signal *signal)
{
    Sharestream__Tracker__Event event = SHARESTREAM__TRACKER__EVENT__INIT;
    Sharestream__Tracker__Signal out = SHARESTREAM__TRACKER__SIGNAL__INIT;
    char hash[INFOHASH_TEXT];

    out.info_hash = infohash_text(&signal->hash, hash);
    out.peer_id = view(signal->from, PEER_ID_BYTES);
    out.to_peer_id = view(signal->to, PEER_ID_BYTES);
    out.offer_id = view(signal->offer_id, WS_ID_BYTES);
    out.session = view(signal->session.data, signal->session.len);
    out.address = view(signal->ip, GATEWAY_ADDRESS_MAX);
    event.kind_case = signal->is_answer ? SHARESTREAM__TRACKER__EVENT__KIND_ANSWERED
                                        : SHARESTREAM__TRACKER__EVENT__KIND_OFFERED;
    /* Both of them are the same place. */
    event.offered = &out;
    bus_publish(svc_bus(tracker->svc), &event.base);
}
