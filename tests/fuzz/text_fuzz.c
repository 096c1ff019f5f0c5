/* SPDX-License-Identifier: MIT
 *
 * The small codecs of lib/base: what one direction makes, the other takes back.
 */
#include "base/text.h"

#include <stdlib.h>
#include <strings.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_percent(struct bytes in)
{
    size_t cap = in.len + 1;
    char *raw = xcalloc(1, cap), *again = xcalloc(1, cap);
    struct text encoded = {0};

    if (percent_decode(in, raw, cap, false)) {
        must(strlen(raw) <= in.len);
        text_add_percent(&encoded, bytes_of_text(raw), "/");
        must(percent_decode(bytes_of_text(text_str(&encoded)), again, cap, true));
        must(strcmp(raw, again) == 0);
        must(!percent_decode(in, again, strlen(raw), false));
    }
    must(!percent_decode(in, again, 0, false));
    free(raw);
    free(again);
    text_fini(&encoded);
}

static void check_base64url(struct bytes in)
{
    size_t text_cap = (in.len * 4 + 2) / 3 + 1, len;
    char *text = xcalloc(1, text_cap);
    uint8_t *raw = xcalloc(1, in.len);

    base64url_encode(in, text);
    must(strlen(text) + 1 == text_cap);
    must(base64url_decode(bytes_of_text(text), raw, in.len, &len));
    must(bytes_equal(bytes_of(raw, len), in));
    must(in.len == 0 || !base64url_decode(bytes_of_text(text), raw, in.len - 1, &len));
    if (base64url_decode(in, raw, in.len, &len)) {
        must(len == in.len * 3 / 4);
        free(text);
        text = xcalloc(1, (len * 4 + 2) / 3 + 1);
        base64url_encode(bytes_of(raw, len), text);
        /* All but the last character, whose spare bits are lost. */
        size_t sure = len / 3 * 4;
        must(memcmp(text, in.data, sure) == 0 || sure == 0);
    }
    free(text);
    free(raw);
}

static void check_hex_and_base32(struct bytes in)
{
    char *text = xcalloc(2, in.len + 1);
    uint8_t *raw = xcalloc(1, in.len);

    hex_encode(in, text);
    must(hex_decode(bytes_of_text(text), raw, in.len));
    must(bytes_equal(bytes_of(raw, in.len), in));
    if (in.len % 2 == 0 && hex_decode(in, raw, in.len / 2))
        must(strncasecmp(hex_encode(bytes_of(raw, in.len / 2), text), (const char *)in.data,
                         in.len) == 0);
    for (size_t len = in.len * 5 / 8; len <= in.len * 5 / 8 + 1 && len <= in.len; len++)
        if (base32_decode(in, raw, len))
            must((len * 8 + 4) / 5 == in.len);
    free(text);
    free(raw);
}

/* Another way to the same answer: the code points, each put back in its shortest form. */
static bool utf8_valid_slowly(struct bytes in)
{
    for (size_t i = 0; i < in.len;) {
        static const uint32_t smallest[] = {0x1, 0x80, 0x800, 0x10000};
        uint8_t lead = in.data[i++];
        size_t more = 0;

        while (more < 8 && lead << more & 0x80)
            more++;
        if (more == 1 || more > 4)
            return false;
        uint32_t point = more == 0 ? lead : lead & (0x7fu >> more);
        more = more == 0 ? 0 : more - 1;
        for (size_t k = 0; k < more; k++, i++) {
            if (i == in.len || (in.data[i] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (in.data[i] & 0x3fu);
        }
        if (point < smallest[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
    }
    return true;
}

static void check_distance(struct bytes in)
{
    char a[32] = "", b[32] = "";
    const uint8_t *space = in.len > 0 ? memchr(in.data, ' ', in.len) : NULL;
    size_t len_a = space != NULL ? (size_t)(space - in.data) : in.len;

    memcpy(a, in.data, MIN(len_a, sizeof(a) - 1));
    if (space != NULL)
        memcpy(b, space + 1, MIN(in.len - len_a - 1, sizeof(b) - 1));
    unsigned distance = text_distance(a, b);

    must(distance == text_distance(b, a));
    must((distance == 0) == (strcmp(a, b) == 0));
    must(distance <= MAX(strlen(a), strlen(b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);

    check_percent(in);
    check_base64url(in);
    check_hex_and_base32(in);
    must(utf8_valid(in) == utf8_valid_slowly(in));
    check_distance(in);
    return 0;
}
