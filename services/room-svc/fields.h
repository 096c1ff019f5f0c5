/* SPDX-License-Identifier: MIT
 *
 * fields: what a client's JSON object says, by a table of what is wanted. Pure. Whatever is not
 * there, is null, is of another type or does not fit has not been said: `is_there` is false and
 * `out` is empty. Of a key that comes twice the last one counts.
 */
#ifndef ROOM_FIELDS_H
#define ROOM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum field_kind {
    FIELD_TEXT,   /* char[cap]; UTF-8 without NUL bytes */
    FIELD_NUMBER, /* double; finite */
    FIELD_BOOL,   /* bool */
    FIELD_RAW,    /* struct bytes: the value as it came, whatever it is; null as well */
};

struct field {
    const char *name;
    enum field_kind kind;
    void *out;
    size_t cap; /* of FIELD_TEXT, with the NUL */
    bool is_there;
};

#define FIELD_TEXT_OF(name_, array)                                                                \
    {                                                                                              \
        .name = (name_), .kind = FIELD_TEXT, .out = (array), .cap = sizeof(array)                  \
    }
#define FIELD_NUMBER_OF(name_, number)                                                             \
    {                                                                                              \
        .name = (name_), .kind = FIELD_NUMBER, .out = &(number)                                    \
    }
#define FIELD_BOOL_OF(name_, boolean)                                                              \
    {                                                                                              \
        .name = (name_), .kind = FIELD_BOOL, .out = &(boolean)                                     \
    }
#define FIELD_RAW_OF(name_, view)                                                                  \
    {                                                                                              \
        .name = (name_), .kind = FIELD_RAW, .out = &(view)                                         \
    }

/* False: it is no object, or broken. Then nothing has been said. */
bool fields_read(struct bytes object, struct field *fields, size_t count);
/* One value of JSON text that is several with commas between, as Socket.IO's arguments are; moves
 * on. Empty: there is no more. */
struct bytes fields_take_argument(struct bytes *args);

#endif
