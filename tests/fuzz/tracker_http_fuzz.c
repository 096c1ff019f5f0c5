/* SPDX-License-Identifier: MIT
 *
 * Input: a query string. What can be read is written once more and must read the same.
 */
#include "wire/tracker_http.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_announce(struct bytes query)
{
    struct announce_query in, again;
    struct text text = {0};

    if (announce_query_parse(query, &in) != NULL)
        return;
    must(in.port != 0);
    text_add(&text, "info_hash=");
    text_add_percent(&text, bytes_of(in.hash.bytes, 20), "");
    text_add(&text, "&peer_id=");
    text_add_percent(&text, bytes_of(in.peer_id, 20), "");
    text_addf(&text, "&port=%u&left=%d", in.port, in.is_seed ? 0 : 1);
    must(announce_query_parse(bytes_of(text.data, text.len), &again) == NULL);
    must(memcmp(&in.hash, &again.hash, 20) == 0 && memcmp(in.peer_id, again.peer_id, 20) == 0);
    must(in.port == again.port && in.is_seed == again.is_seed);
    text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes query = bytes_of(data, size);
    struct infohash hashes[4];
    uint8_t value[16];

    check_announce(query);
    must(scrape_query_parse(query, hashes, COUNT_OF(hashes)) <= COUNT_OF(hashes));
    must(announce_param(query, "passkey", value, sizeof(value)) <= (int)sizeof(value));
    return 0;
}
