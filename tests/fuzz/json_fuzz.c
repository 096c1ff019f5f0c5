/* SPDX-License-Identifier: MIT
 *
 * Input: any text. What our reader takes, jansson must take too, and the other way round, but for
 * what we leave to others: depth, doubled keys and UTF-8.
 */
#include "wire/json.h"

#include <jansson.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct json *json, unsigned depth)
{
    struct bytes key;

    switch (depth < 8 ? json_peek(json) : JSON_KIND_NONE) {
    case JSON_KIND_OBJECT:
        json_open_object(json);
        while (json_next_key(json, &key))
            walk(json, depth + 1);
        break;
    case JSON_KIND_ARRAY:
        json_open_array(json);
        while (json_next_item(json))
            walk(json, depth + 1);
        break;
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
    case JSON_KIND_FALSE:
    case JSON_KIND_TRUE:
    case JSON_KIND_NUMBER:
    case JSON_KIND_STRING:
        json_take(json);
        break;
    }
}

static void check_binary(struct bytes in)
{
    struct text text = {0};
    uint8_t back[64];
    size_t len = MIN(in.len, sizeof(back));

    json_binary_add(&text, bytes_of(in.data, len));
    must(json_binary_decode(bytes_of(text.data, text.len), back, len));
    must(len == 0 || memcmp(back, in.data, len) == 0);
    json_binary_decode(in, back, len);
    text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json json = json_of(bytes_of(data, size)), again = json;
    struct bytes value = json_take(&json);
    bool is_good = json_is_done(&json);
    json_error_t error;
    json_t *other = json_loadb((const char *)data, size,
                               JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);

    must(!is_good || (value.data >= data && value.data + value.len <= data + size));
    /* jansson takes a NUL for the end, and has another bound for depth. */
    if (other != NULL && size <= JSON_DEPTH_MAX && memchr(data, '\0', size) == NULL)
        must(is_good);
    json_decref(other);
    walk(&again, 0);
    if (is_good && size < 16)
        must(json_is_done(&again));
    check_binary(bytes_of(data, size));
    return 0;
}
