/* SPDX-License-Identifier: MIT
 *
 * Whatever parses as an info-hash has one text, and the text parses to the same hash.
 */
#include "wire/infohash.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct infohash hash, again;
    char text[INFOHASH_TEXT];

    if (!infohash_parse(bytes_of(data, size), &hash))
        return 0;
    must(size == 40 || size == 32 || size == 64);
    infohash_text(&hash, text);
    must(strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40);
    must(infohash_parse(bytes_of_text(text), &again));
    must(memcmp(&hash, &again, sizeof(hash)) == 0);
    return 0;
}
