/* SPDX-License-Identifier: MIT
 *
 * json: reads RFC 8259 text piece by piece and in place, for messages whose larger part is passed
 * on as it came (offers, chat): those pieces are views of raw text, checked but never decoded, so
 * that numbers and strings reach the other side just as they were. Pure; nothing is allocated.
 *
 * A reader is moved on by each call. Once something is wrong, all calls say so (`is_broken`), so
 * that it is enough to look at the end. The text must be valid UTF-8 already.
 */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/bytes.h"
#include "base/text.h"

enum { JSON_DEPTH_MAX = 64 };

enum json_kind {
    JSON_KIND_NONE, /* broken, or the end */
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

struct json {
    const uint8_t *at, *end;
    bool is_broken;
};

struct json json_of(struct bytes text);
/* Kind of the value ahead. */
enum json_kind json_peek(struct json *json);
/* Takes the value ahead whatever it is; the view is its text, without spaces around. */
struct bytes json_take(struct json *json);
/* The same, with no more than `depth` containers in each other, up to JSON_DEPTH_MAX. */
struct bytes json_take_within(struct json *json, unsigned depth);
/* Takes a string; the view is what is between the quotes, still escaped. */
struct bytes json_take_string(struct json *json);
/* Opens the object ahead; then json_next_key() until it is false, with one value taken each time.
 * Likewise arrays. */
void json_open_object(struct json *json);
bool json_next_key(struct json *json, struct bytes *key);
void json_open_array(struct json *json);
bool json_next_item(struct json *json);
/* Nothing but spaces is left, and nothing was wrong. */
bool json_is_done(struct json *json);

/* Where the value of a member goes, as json_take() gives it: a `struct bytes` at that place of a
 * struct. */
struct json_member {
    const char *name;
    size_t at;
};
/* Reads a whole object. What is absent stays as it was; of members that come twice the last counts.
 */
bool json_members_read(struct bytes object, const struct json_member *members, size_t count,
                       void *out);

/* From what json_take() gave to what json_take_string() would have given; false: it is no string.
 */
bool json_unquote(struct bytes value, struct bytes *string_out);
/* Is what json_take_string() gave this text? Escapes are looked through. */
bool json_string_is(struct bytes string, const char *text);
/* Adds it as UTF-8 without escapes; half a surrogate pair becomes U+FFFD. */
void json_string_decode(struct bytes string, struct text *out);
/* The other way, with quotes; what is no UTF-8 becomes U+FFFD. */
void json_string_add(struct text *out, struct bytes utf8);
/* The same behind what comes `before` it, such as `,"name":`. */
void json_text_add(struct text *out, const char *before, const char *utf8);
void json_number_add(struct text *out, const char *before, uint64_t number);

/* "Binary strings" as JavaScript has them: each code point, 0 to 255, is a byte. Decodes what
 * json_take_string() gave; false unless it is exactly `len` bytes. */
bool json_binary_decode(struct bytes string, uint8_t *out, size_t len);
/* The same of what json_take() gave; false also when it is no string. */
bool json_binary_read(struct bytes value, uint8_t *out, size_t len);
/* The other way, without quotes. */
void json_binary_add(struct text *out, struct bytes in);

#endif
