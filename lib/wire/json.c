/* SPDX-License-Identifier: MIT */
#include "wire/json.h"

#include <string.h>

enum { REPLACEMENT = 0xfffd };

struct json json_of(struct bytes text)
{
    return (struct json){.at = text.data, .end = text.len > 0 ? text.data + text.len : text.data};
}

static void skip_spaces(struct json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
        json->at++;
}

static void break_off(struct json *json)
{
    json->is_broken = true;
    json->at = json->end;
}

/* Takes `c` if it is next. */
static bool take_char(struct json *json, uint8_t c)
{
    if (json->at == json->end || *json->at != c)
        return false;
    json->at++;
    return true;
}

enum json_kind json_peek(struct json *json)
{
    skip_spaces(json);
    if (json->at == json->end)
        return JSON_KIND_NONE;
    switch (*json->at) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_ARRAY;
    case '"':
        return JSON_KIND_STRING;
    case 't':
        return JSON_KIND_TRUE;
    case 'f':
        return JSON_KIND_FALSE;
    case 'n':
        return JSON_KIND_NULL;
    default:
        return *json->at == '-' || (*json->at >= '0' && *json->at <= '9') ? JSON_KIND_NUMBER
                                                                          : JSON_KIND_NONE;
    }
}

static void take_word(struct json *json, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(json->end - json->at) < len || memcmp(json->at, word, len) != 0)
        break_off(json);
    else
        json->at += len;
}

static size_t take_digits(struct json *json)
{
    const uint8_t *first = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
        json->at++;
    return (size_t)(json->at - first);
}

static void take_number(struct json *json)
{
    const uint8_t *first;
    size_t digits;

    take_char(json, '-');
    first = json->at;
    digits = take_digits(json);
    if (digits == 0 || (digits > 1 && *first == '0')) {
        break_off(json);
        return;
    }
    if (take_char(json, '.') && take_digits(json) == 0) {
        break_off(json);
        return;
    }
    if (take_char(json, 'e') || take_char(json, 'E')) {
        if (!take_char(json, '-'))
            take_char(json, '+');
        if (take_digits(json) == 0)
            break_off(json);
    }
}

/* Behind a backslash. */
static void take_escape(struct json *json)
{
    uint8_t c = json->at < json->end ? *json->at++ : 0;
    uint8_t ignored[2];

    switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        break;
    case 'u':
        if (json->end - json->at >= 4 && hex_decode(bytes_of(json->at, 4), ignored, 2))
            json->at += 4;
        else
            break_off(json);
        break;
    default:
        break_off(json);
    }
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Has one of eight bytes the value? Exact, unlike the place of the bit that is set. */
static bool has_byte(uint64_t eight, uint8_t value)
{
    uint64_t zero_where_equal = eight ^ EACH_BYTE(value);

    return ((zero_where_equal - EACH_BYTE(1)) & ~zero_where_equal & EACH_BYTE(0x80)) != 0;
}

/* Eight at a time over what needs no look: most of an offer. */
static void skip_plain(struct json *json)
{
    uint64_t eight;

    for (; json->end - json->at >= 8; json->at += 8) {
        memcpy(&eight, json->at, 8);
        if (has_byte(eight, '"') || has_byte(eight, '\\') ||
            ((eight - EACH_BYTE(' ')) & ~eight & EACH_BYTE(0x80)) != 0)
            return;
    }
}

struct bytes json_take_string(struct json *json)
{
    const uint8_t *first;

    skip_spaces(json);
    if (!take_char(json, '"')) {
        break_off(json);
        return bytes_of(NULL, 0);
    }
    first = json->at;
    for (skip_plain(json); json->at < json->end && *json->at != '"';) {
        if (*json->at < ' ') {
            break_off(json);
        } else if (*json->at++ == '\\') {
            take_escape(json);
            skip_plain(json);
        }
    }
    if (!take_char(json, '"')) {
        break_off(json);
        return bytes_of(NULL, 0);
    }
    return bytes_of(first, (size_t)(json->at - 1 - first));
}

static void take_scalar(struct json *json, enum json_kind kind)
{
    switch (kind) {
    case JSON_KIND_NULL:
        take_word(json, "null");
        break;
    case JSON_KIND_FALSE:
        take_word(json, "false");
        break;
    case JSON_KIND_TRUE:
        take_word(json, "true");
        break;
    case JSON_KIND_NUMBER:
        take_number(json);
        break;
    case JSON_KIND_STRING:
        json_take_string(json);
        break;
    case JSON_KIND_NONE:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        break_off(json);
        break;
    }
}

/* A key with its colon, inside an object of which the brace or a comma was taken. */
static struct bytes take_key(struct json *json)
{
    struct bytes key = json_take_string(json);

    skip_spaces(json);
    if (!take_char(json, ':'))
        break_off(json);
    return key;
}

/* Containers are walked with one bit a level instead of recursion: what strangers send must not
 * choose how deep our stack gets. */
static void take_container(struct json *json, unsigned depth_max)
{
    uint64_t objects = 0; /* bit 0: the innermost */
    unsigned depth = 0;

    do {
        enum json_kind kind = json_peek(json);

        if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY) {
            if (depth == depth_max) {
                break_off(json);
                return;
            }
            json->at++;
            depth++;
            objects = objects << 1 | (kind == JSON_KIND_OBJECT);
            skip_spaces(json);
            if (!(json->at < json->end && *json->at == ((objects & 1) != 0 ? '}' : ']'))) {
                if ((objects & 1) != 0)
                    take_key(json);
                continue;
            }
        } else {
            take_scalar(json, kind);
        }
        /* Behind a value: ends of containers, then a comma. */
        for (skip_spaces(json); depth > 0 && take_char(json, (objects & 1) != 0 ? '}' : ']');
             skip_spaces(json)) {
            depth--;
            objects >>= 1;
        }
        if (depth == 0)
            return;
        if (!take_char(json, ','))
            break_off(json);
        else if ((objects & 1) != 0)
            take_key(json);
    } while (!json->is_broken);
}

struct bytes json_take(struct json *json)
{
    return json_take_within(json, JSON_DEPTH_MAX);
}

struct bytes json_take_within(struct json *json, unsigned depth)
{
    enum json_kind kind = json_peek(json);
    const uint8_t *first = json->at;

    if (kind == JSON_KIND_ARRAY || kind == JSON_KIND_OBJECT)
        take_container(json, depth);
    else
        take_scalar(json, kind);
    if (json->is_broken)
        return bytes_of(NULL, 0);
    return bytes_of(first, (size_t)(json->at - first));
}

static void open_with(struct json *json, uint8_t c)
{
    skip_spaces(json);
    if (!take_char(json, c))
        break_off(json);
}

/* Before the next member: false at the end. The first has no comma before it; that it is the first
 * is seen by what was taken last. */
static bool next(struct json *json, uint8_t opening, uint8_t closing)
{
    bool is_first;

    if (json->is_broken)
        return false;
    is_first = json->at[-1] == opening;
    skip_spaces(json);
    if (take_char(json, closing))
        return false;
    if (!is_first && !take_char(json, ',')) {
        break_off(json);
        return false;
    }
    return true;
}

void json_open_object(struct json *json)
{
    open_with(json, '{');
}

bool json_next_key(struct json *json, struct bytes *key)
{
    if (!next(json, '{', '}'))
        return false;
    *key = take_key(json);
    return !json->is_broken;
}

void json_open_array(struct json *json)
{
    open_with(json, '[');
}

bool json_next_item(struct json *json)
{
    return next(json, '[', ']');
}

bool json_is_done(struct json *json)
{
    skip_spaces(json);
    return !json->is_broken && json->at == json->end;
}

bool json_members_read(struct bytes object, const struct json_member *members, size_t count,
                       void *out)
{
    struct json json = json_of(object);
    struct bytes key;

    json_open_object(&json);
    while (json_next_key(&json, &key)) {
        struct bytes value = json_take(&json);

        for (size_t i = 0; i < count; i++)
            if (bytes_equal_text(key, members[i].name))
                *(struct bytes *)((char *)out + members[i].at) = value;
    }
    return json_is_done(&json);
}

/* ---- strings */

static const char escape_letters[] = "\"\\/bfnrt", escape_values[] = "\"\\/\b\f\n\r\t";

/* A \uXXXX at the front; false without one. */
static bool take_unit(struct bytes *string, uint32_t *unit_out)
{
    uint8_t unit[2];

    if (string->len < 6 || string->data[0] != '\\' || string->data[1] != 'u' ||
        !hex_decode(bytes_of(string->data + 2, 4), unit, 2))
        return false;
    *unit_out = (uint32_t)unit[0] << 8 | unit[1];
    *string = bytes_of(string->data + 6, string->len - 6);
    return true;
}

static uint32_t take_code(struct bytes *string)
{
    struct bytes behind;
    uint32_t unit, low;

    if (!take_unit(string, &unit))
        return UINT32_MAX;
    behind = *string;
    if (unit >= 0xd800 && unit < 0xdc00 && take_unit(&behind, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        *string = behind;
        return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    return unit >= 0xd800 && unit < 0xe000 ? REPLACEMENT : unit;
}

static size_t put_utf8(uint32_t code, char out[4])
{
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = len; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(marks[len] | code);
    return len;
}

/* Takes an escape, or all that stands before the next one; false at the end. `buffer` holds what
 * an escape means. */
static bool take_run(struct bytes *string, char buffer[4], struct bytes *run)
{
    const uint8_t *first = string->data, *backslash;
    const char *letter;
    uint32_t code;

    if (string->len == 0)
        return false;
    backslash = memchr(first, '\\', string->len);
    if (backslash != first) {
        *run = bytes_of(first, backslash == NULL ? string->len : (size_t)(backslash - first));
        *string = bytes_of(first + run->len, string->len - run->len);
        return true;
    }
    if ((code = take_code(string)) != UINT32_MAX) {
        *run = bytes_of(buffer, put_utf8(code, buffer));
        return true;
    }
    letter = string->len >= 2 ? strchr(escape_letters, first[1]) : NULL;
    if (letter == NULL || *letter == '\0')
        return false; /* json_take_string() lets no such escape through */
    buffer[0] = escape_values[letter - escape_letters];
    *run = bytes_of(buffer, 1);
    *string = bytes_of(first + 2, string->len - 2);
    return true;
}

bool json_unquote(struct bytes value, struct bytes *string_out)
{
    if (value.len < 2 || value.data[0] != '"')
        return false;
    *string_out = bytes_of(value.data + 1, value.len - 2);
    return true;
}

bool json_string_is(struct bytes string, const char *text)
{
    struct bytes run, rest = bytes_of_text(text);
    char buffer[4];

    while (take_run(&string, buffer, &run)) {
        if (run.len > rest.len || memcmp(run.data, rest.data, run.len) != 0)
            return false;
        rest = bytes_of(rest.data + run.len, rest.len - run.len);
    }
    return rest.len == 0;
}

void json_string_decode(struct bytes string, struct text *out)
{
    struct bytes run;
    char buffer[4];

    while (take_run(&string, buffer, &run))
        text_add_bytes(out, run);
}

/* So many bytes can stand between quotes as they are. */
static size_t plain_run(struct bytes utf8)
{
    size_t at = 0, len;
    uint32_t code;

    while (at < utf8.len) {
        uint8_t c = utf8.data[at];

        if (c < ' ' || c == '"' || c == '\\')
            break;
        len = c < 0x80 ? 1 : utf8_next(bytes_of(utf8.data + at, utf8.len - at), &code);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

void json_string_add(struct text *out, struct bytes utf8)
{
    text_add(out, "\"");
    while (utf8.len > 0) {
        size_t run = plain_run(utf8);

        text_add_bytes(out, bytes_of(utf8.data, run));
        utf8 = bytes_of(utf8.data + run, utf8.len - run);
        if (utf8.len == 0)
            break;
        if (utf8.data[0] >= 0x80)
            text_add(out, "\xef\xbf\xbd");
        else if (utf8.data[0] < ' ')
            text_addf(out, "\\u%04x", utf8.data[0]);
        else
            text_addf(out, "\\%c", utf8.data[0]);
        utf8 = bytes_of(utf8.data + 1, utf8.len - 1);
    }
    text_add(out, "\"");
}

void json_text_add(struct text *out, const char *before, const char *utf8)
{
    text_add(out, before);
    json_string_add(out, bytes_of_text(utf8));
}

void json_number_add(struct text *out, const char *before, uint64_t number)
{
    text_add(out, before);
    text_add_decimal(out, number);
}

/* ---- binary strings */

/* One code point of an escaped string, which json_take_string() has checked; -1 above 255. */
static int take_byte(struct bytes *string)
{
    const uint8_t *at = string->data;
    size_t len = 1;
    int value = at[0];

    if (at[0] == '\\' && string->len >= 2 && at[1] == 'u') {
        uint8_t unit[2];

        if (string->len < 6 || !hex_decode(bytes_of(at + 2, 4), unit, 2) || unit[0] != 0)
            return -1;
        value = unit[1];
        len = 6;
    } else if (at[0] == '\\') {
        const char *letter = string->len >= 2 ? strchr(escape_letters, at[1]) : NULL;

        if (letter == NULL || *letter == '\0')
            return -1;
        value = (uint8_t)escape_values[letter - escape_letters];
        len = 2;
    } else if (at[0] >= 0x80) {
        /* U+0080 to U+00FF: C2 or C3 and one byte more. */
        if ((at[0] != 0xc2 && at[0] != 0xc3) || string->len < 2 || (at[1] & 0xc0) != 0x80)
            return -1;
        value = (at[0] & 3) << 6 | (at[1] & 0x3f);
        len = 2;
    }
    *string = bytes_of(at + len, string->len - len);
    return value;
}

bool json_binary_decode(struct bytes string, uint8_t *out, size_t len)
{
    size_t i = 0;

    for (; i < len && string.len > 0; i++) {
        int value = take_byte(&string);

        if (value < 0)
            return false;
        out[i] = (uint8_t)value;
    }
    return i == len && string.len == 0;
}

bool json_binary_read(struct bytes value, uint8_t *out, size_t len)
{
    struct bytes string;

    return json_unquote(value, &string) && json_binary_decode(string, out, len);
}

void json_binary_add(struct text *out, struct bytes in)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *room = text_grow(out, 6 * in.len), *to = room;

    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];

        if (c >= 0x80) {
            *to++ = (uint8_t)(0xc0 | c >> 6);
            *to++ = 0x80 | (c & 0x3f);
        } else if (c < ' ') {
            const char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

            memcpy(to, escape, sizeof(escape));
            to += sizeof(escape);
        } else {
            if (c == '"' || c == '\\')
                *to++ = '\\';
            *to++ = c;
        }
    }
    out->len -= 6 * in.len - (size_t)(to - room);
    out->data[out->len] = '\0';
}
