/* SPDX-License-Identifier: MIT
 *
 * Input: a datagram.
 */
#include "wire/tracker_udp.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(const uint8_t *at, size_t len, const uint8_t *data, size_t size)
{
    return at >= data && at + len <= data + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct udp_request request;
    uint8_t out[UDP_REPLY_MAX];

    switch (udp_request_parse(bytes_of(data, size), &request)) {
    case UDP_DROP:
        return 0;
    case UDP_BAD:
        must(size >= UDP_REQUEST_MIN && request.why != NULL);
        must(udp_error_reply(out, request.transaction, request.why) <= sizeof(out));
        return 0;
    case UDP_OK:
        break;
    }
    must(size >= UDP_REQUEST_MIN);
    if (request.action == UDP_ANNOUNCE) {
        must(is_inside(request.peer_id, 20, data, size) && request.port != 0 && request.event <= 3);
    } else if (request.action == UDP_SCRAPE) {
        size_t len = udp_scrape_reply(out, request.transaction);

        must(request.scrape_count >= 1 && request.scrape_count <= UDP_SCRAPE_MAX);
        must(is_inside(request.hashes, request.scrape_count * 20, data, size));
        for (size_t i = 0; i < request.scrape_count; i++)
            len = udp_scrape_add(out, len, 1, 2, 3);
        must(len <= sizeof(out) && len < size); /* never more than was sent */
    } else {
        must(request.action == UDP_CONNECT);
        must(udp_connect_reply(out, request.transaction, 1) <= size);
    }
    return 0;
}
