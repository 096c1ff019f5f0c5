/* SPDX-License-Identifier: MIT
 *
 * Input: the size of a file in decimal, a line break, a field value, which is read as Range, as a
 * list of entity tags and as If-Range.
 */
#include "wire/range.h"

#include <inttypes.h>

#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the first line off. Wraps when it is too large: any size will do. */
static uint64_t take_size(struct bytes *in)
{
    uint64_t value = 0;

    while (in->len > 0) {
        uint8_t c = *in->data++;

        in->len--;
        if (c == '\n')
            break;
        value = value * 10 + (uint64_t)(c - '0');
    }
    return value;
}

static void check_ranges(struct bytes header, uint64_t size)
{
    struct range ranges[RANGE_MAX], again[RANGE_MAX];
    size_t count = 99, count_again;
    enum range_result result = range_parse(header, size, ranges, &count);
    struct text printed = {0};

    if (result != RANGE_PARTIAL) {
        must(count == 0);
        return;
    }
    must(size > 0 && count >= 1 && count <= RANGE_MAX);
    for (size_t i = 0; i < count; i++) {
        must(ranges[i].first <= ranges[i].last && ranges[i].last < size);
        for (size_t j = 0; j < i; j++)
            must(ranges[i].last < ranges[j].first || ranges[j].last < ranges[i].first);
        text_addf(&printed, "%s%" PRIu64 "-%" PRIu64, i == 0 ? "bytes=" : ",", ranges[i].first,
                  ranges[i].last);
    }
    must(range_parse(bytes_of(printed.data, printed.len), size, again, &count_again) ==
         RANGE_PARTIAL);
    must(count_again == count && memcmp(ranges, again, count * sizeof(*ranges)) == 0);
    text_fini(&printed);
}

static bool is_any(struct bytes list)
{
    while (list.len > 0 && (list.data[0] == ' ' || list.data[0] == '\t'))
        list = bytes_of(list.data + 1, list.len - 1);
    return list.len > 0 && list.data[0] == '*';
}

static void check_tags(struct bytes list)
{
    static const char tag[] = "\"ab-0\"";
    bool weak = etag_list_matches(list, tag, true), strong = etag_list_matches(list, tag, false);

    must(weak || !strong);
    must(!weak || is_any(list) || memmem(list.data, list.len, tag, strlen(tag)) != NULL);
    if (if_range_matches(list, tag))
        must(strong && !is_any(list));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    uint64_t file_size = take_size(&in);

    check_ranges(in, file_size);
    check_tags(in);
    return 0;
}
