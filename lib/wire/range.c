/* SPDX-License-Identifier: MIT */
#include "wire/range.h"

#include <strings.h>

/* What is left to read of a field value. */
struct cursor {
    const uint8_t *at, *end;
};

static struct bytes trimmed(struct bytes in)
{
    while (in.len > 0 && (in.data[0] == ' ' || in.data[0] == '\t')) {
        in.data++;
        in.len--;
    }
    while (in.len > 0 && (in.data[in.len - 1] == ' ' || in.data[in.len - 1] == '\t'))
        in.len--;
    return in;
}

static struct cursor cursor_of(struct bytes in)
{
    struct bytes value = trimmed(in);

    if (value.len == 0)
        return (struct cursor){NULL, NULL};
    return (struct cursor){value.data, value.data + value.len};
}

static bool skip_char(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != (uint8_t)c)
        return false;
    cursor->at++;
    return true;
}

static void skip_space(struct cursor *cursor)
{
    while (skip_char(cursor, ' ') || skip_char(cursor, '\t'))
        ;
}

/* To the next element of a list (RFC 9110 section 5.6.1.2: empty elements are passed over). False
 * at the end. */
static bool next_element(struct cursor *cursor)
{
    do
        skip_space(cursor);
    while (skip_char(cursor, ','));
    return cursor->at < cursor->end;
}

/* After an element: only a comma or the end may follow. */
static bool element_ends(struct cursor *cursor)
{
    skip_space(cursor);
    return cursor->at == cursor->end || *cursor->at == ',';
}

/* 1*DIGIT; leaves `out` alone when there is none. A number too large for us becomes UINT64_MAX,
 * which is past the end of every file. */
static bool read_number(struct cursor *cursor, uint64_t *out)
{
    uint64_t value;
    size_t digits = bytes_decimal(bytes_of(cursor->at, (size_t)(cursor->end - cursor->at)), &value);

    if (digits == 0)
        return false;
    cursor->at += digits;
    *out = value;
    return true;
}

/* One range-spec. False when it is no such thing; an unsatisfiable one is well-formed, and comes
 * out with `first` past `last`. */
static bool read_range(struct cursor *cursor, uint64_t size, struct range *out)
{
    static const struct range nothing = {1, 0};
    uint64_t first, last = UINT64_MAX;

    if (skip_char(cursor, '-')) {
        uint64_t suffix;

        if (!read_number(cursor, &suffix))
            return false;
        if (suffix == 0 || size == 0)
            *out = nothing;
        else
            *out = (struct range){suffix < size ? size - suffix : 0, size - 1};
        return true;
    }
    if (!read_number(cursor, &first) || !skip_char(cursor, '-'))
        return false;
    if (read_number(cursor, &last) && last < first)
        return false;
    if (first >= size)
        *out = nothing;
    else
        *out = (struct range){first, last < size ? last : size - 1};
    return true;
}

static bool overlaps_any(const struct range *range, const struct range *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (range->first <= others[i].last && others[i].first <= range->last)
            return true;
    return false;
}

enum range_result range_parse(struct bytes header, uint64_t size, struct range out[RANGE_MAX],
                              size_t *count_out)
{
    static const char unit[] = "bytes=";
    struct cursor cursor = cursor_of(header);
    size_t asked = 0, count = 0;

    *count_out = 0;
    if ((size_t)(cursor.end - cursor.at) < strlen(unit) ||
        strncasecmp((const char *)cursor.at, unit, strlen(unit)) != 0)
        return RANGE_WHOLE;
    cursor.at += strlen(unit);
    while (next_element(&cursor)) {
        struct range range;

        if (asked++ == RANGE_MAX)
            return RANGE_WHOLE;
        if (!read_range(&cursor, size, &range) || !element_ends(&cursor))
            return RANGE_WHOLE;
        if (range.first > range.last)
            continue;
        if (overlaps_any(&range, out, count))
            return RANGE_WHOLE;
        out[count++] = range;
    }
    if (asked == 0)
        return RANGE_WHOLE;
    *count_out = count;
    return count > 0 ? RANGE_PARTIAL : RANGE_UNSATISFIABLE;
}

/* entity-tag: `tag_out` is the quoted part with its quotes. */
static bool read_etag(struct cursor *cursor, struct bytes *tag_out, bool *is_weak_out)
{
    *is_weak_out = skip_char(cursor, 'W');
    if (*is_weak_out && !skip_char(cursor, '/'))
        return false;
    const uint8_t *start = cursor->at;
    if (!skip_char(cursor, '"'))
        return false;
    while (cursor->at<cursor->end && * cursor->at> ' ' && *cursor->at != '"' && *cursor->at != 0x7f)
        cursor->at++;
    if (!skip_char(cursor, '"'))
        return false;
    *tag_out = bytes_of(start, (size_t)(cursor->at - start));
    return true;
}

bool etag_list_matches(struct bytes list, const char *etag, bool weak)
{
    struct cursor cursor = cursor_of(list);
    bool matches = false;

    if (bytes_equal_text(trimmed(list), "*"))
        return true;
    while (next_element(&cursor)) {
        struct bytes tag;
        bool is_weak;

        if (!read_etag(&cursor, &tag, &is_weak) || !element_ends(&cursor))
            return false;
        if ((weak || !is_weak) && bytes_equal_text(tag, etag))
            matches = true;
    }
    return matches;
}

bool if_range_matches(struct bytes value, const char *etag)
{
    return bytes_equal_text(trimmed(value), etag);
}
