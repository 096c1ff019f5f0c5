/* SPDX-License-Identifier: MIT */
#include "fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

enum { NUMBER_TEXT_MAX = 64 };

static void clear(struct field *field)
{
    field->is_there = false;
    switch (field->kind) {
    case FIELD_TEXT:
        ((char *)field->out)[0] = '\0';
        break;
    case FIELD_NUMBER:
        *(double *)field->out = 0;
        break;
    case FIELD_BOOL:
        *(bool *)field->out = false;
        break;
    case FIELD_RAW:
        *(struct bytes *)field->out = bytes_of(NULL, 0);
        break;
    }
}

static bool read_text(struct json *json, const struct field *field)
{
    struct text text = {0};
    bool fits;

    json_string_decode(json_take_string(json), &text);
    fits = text.len < field->cap && memchr(text_str(&text), '\0', text.len) == NULL;
    if (fits)
        memcpy(field->out, text_str(&text), text.len + 1);
    text_fini(&text);
    return fits;
}

/* The text of a number is not followed by a NUL. */
static bool read_number(struct json *json, double *out)
{
    struct bytes raw = json_take(json);
    char text[NUMBER_TEXT_MAX];

    if (raw.len >= sizeof(text))
        return false;
    memcpy(text, raw.data, raw.len);
    text[raw.len] = '\0';
    *out = strtod(text, NULL);
    return isfinite(*out);
}

static void read_value(struct json *json, struct field *field)
{
    enum json_kind kind = json_peek(json);

    clear(field);
    if (field->kind == FIELD_RAW) {
        *(struct bytes *)field->out = json_take(json);
        field->is_there = true;
    } else if (field->kind == FIELD_TEXT && kind == JSON_KIND_STRING) {
        field->is_there = read_text(json, field);
    } else if (field->kind == FIELD_NUMBER && kind == JSON_KIND_NUMBER) {
        field->is_there = read_number(json, field->out);
    } else {
        json_take(json);
        if (field->kind == FIELD_BOOL && (kind == JSON_KIND_TRUE || kind == JSON_KIND_FALSE)) {
            *(bool *)field->out = kind == JSON_KIND_TRUE;
            field->is_there = true;
        }
    }
    if (!field->is_there)
        clear(field);
}

static struct field *find(struct field *fields, size_t count, struct bytes key)
{
    for (size_t i = 0; i < count; i++)
        if (json_string_is(key, fields[i].name))
            return &fields[i];
    return NULL;
}

bool fields_read(struct bytes object, struct field *fields, size_t count)
{
    struct json json = json_of(object);
    struct field *field;
    struct bytes key;

    for (size_t i = 0; i < count; i++)
        clear(&fields[i]);
    json_open_object(&json);
    while (json_next_key(&json, &key)) {
        if ((field = find(fields, count, key)) != NULL)
            read_value(&json, field);
        else
            json_take(&json);
    }
    if (json_is_done(&json))
        return true;
    for (size_t i = 0; i < count; i++)
        clear(&fields[i]);
    return false;
}

struct bytes fields_take_argument(struct bytes *args)
{
    struct json json = json_of(*args);
    struct bytes taken = args->len > 0 ? json_take(&json) : *args;

    while (json.at < json.end && (*json.at == ' ' || *json.at == ','))
        json.at++;
    *args = bytes_of(json.at, (size_t)(json.end - json.at));
    return json.is_broken ? bytes_of(NULL, 0) : taken;
}
