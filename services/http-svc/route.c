/* SPDX-License-Identifier: MIT */
#include "route.h"

#include <stdio.h>

#include "base/must.h"
#include "wire/query.h"

struct row {
    enum route_id id;
    const char *pattern;
    unsigned methods;
    enum route_need need;
};

static const struct row rows[] = {
#define X(id, pattern, methods, need, handler) {ROUTE_##id, pattern, methods, need},
    ROUTES(X)
#undef X
};

static const struct row engine_rows[] = {
#define X(id, pattern, methods, need, handler) {ROUTE_##id, pattern, methods, need},
    ENGINE_ROUTES(X)
#undef X
};

static const struct {
    unsigned method;
    const char *word;
} method_words[] = {
    {METHOD_GET, "GET"},     {METHOD_HEAD, "HEAD"},     {METHOD_POST, "POST"},
    {METHOD_PUT, "PUT"},     {METHOD_DELETE, "DELETE"}, {METHOD_OPTIONS, "OPTIONS"},
    {METHOD_PATCH, "PATCH"},
};

static unsigned method_of(struct bytes word)
{
    for (size_t i = 0; i < COUNT_OF(method_words); i++)
        if (bytes_equal_text(word, method_words[i].word))
            return method_words[i].method;
    return 0;
}

char *route_allow(unsigned allowed, char *out)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(method_words); i++)
        if ((allowed & method_words[i].method) != 0)
            used += (size_t)snprintf(out + used, ROUTE_ALLOW_TEXT - used, "%s%s",
                                     used > 0 ? ", " : "", method_words[i].word);
    return out;
}

/* Cuts the next segment off `path`, which begins with '/'. */
static struct bytes take_segment(struct bytes *path)
{
    const uint8_t *slash;
    struct bytes segment;

    path->data++;
    path->len--;
    slash = path->len > 0 ? memchr(path->data, '/', path->len) : NULL;
    segment = bytes_of(path->data, slash != NULL ? (size_t)(slash - path->data) : path->len);
    path->data += segment.len;
    path->len -= segment.len;
    return segment;
}

static bool read_file_id(struct bytes segment, uint32_t *out)
{
    uint64_t value;

    if (segment.len == 0 || bytes_decimal(segment, &value) != segment.len || value > INT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool matches(const char *pattern, struct bytes path, struct route *out)
{
    struct bytes rest = bytes_of_text(pattern);

    while (rest.len > 0) {
        struct bytes want = take_segment(&rest), have;

        if (bytes_equal_text(want, "*"))
            return true;
        if (path.len == 0)
            return false;
        have = take_segment(&path);
        if (bytes_equal_text(want, ":file")) {
            out->has_file = read_file_id(have, &out->file);
        } else if (bytes_equal_text(want, ":hash") || bytes_equal_text(want, ":source") ||
                   bytes_equal_text(want, ":code") || bytes_equal_text(want, ":service")) {
            if (have.len == 0)
                return false;
            out->source = have;
        } else if (bytes_equal_text(want, ":any")) {
            if (have.len == 0)
                return false;
        } else if (!bytes_equal(want, have)) {
            return false;
        }
    }
    return path.len == 0;
}

/* RFC 9112 section 3.2.2: a server takes absolute-form too. */
static struct bytes without_authority(struct bytes target)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t len = strlen(schemes[i]);

        if (target.len > len && memcmp(target.data, schemes[i], len) == 0) {
            const uint8_t *slash = memchr(target.data + len, '/', target.len - len);

            if (slash == NULL)
                return bytes_of_text("/");
            return bytes_of(slash, target.len - (size_t)(slash - target.data));
        }
    }
    return target;
}

struct route route_find(enum route_door door, struct bytes method, struct bytes target)
{
    const struct row *table = door == DOOR_ENGINE ? engine_rows : rows;
    size_t count = door == DOOR_ENGINE ? COUNT_OF(engine_rows) : COUNT_OF(rows);
    struct route route = {.method = method_of(method)};

    route.query = query_split(without_authority(target), &route.path);
    if (route.path.len == 0 || route.path.data[0] != '/')
        return route;
    route.is_api = route.path.len >= 5 && memcmp(route.path.data, "/api/", 5) == 0;
    for (size_t i = 0; i < count && route.id == ROUTE_NONE; i++) {
        struct route found = route;

        if (!matches(table[i].pattern, route.path, &found))
            continue;
        found.allowed |= table[i].methods;
        found.need = table[i].need;
        if ((table[i].methods & route.method) != 0)
            found.id = table[i].id;
        route = found;
    }
    if (route.allowed != 0)
        route.allowed |= METHOD_OPTIONS;
    return route;
}

/* Whoever comes through a door of its own means that actor, whatever path his client was given. */
static const struct {
    const char *pattern;
    enum route_door door; /* ROUTE_DOORS: all */
    enum route_actor actor;
    const char *known_as;
} websockets[] = {
    {"/socket.io/*", DOOR_SIGNAL, ROUTE_ACTORS, NULL},
    {"/ws", DOOR_MONKEY, ACTOR_ROOM, "/monkey/ws"},
    {"/ws", ROUTE_DOORS, ACTOR_ROOM, NULL},
    {"/monkey/ws", ROUTE_DOORS, ACTOR_ROOM, NULL},
    {"/tracker/*", ROUTE_DOORS, ACTOR_TRACKER, NULL},
    {"/announce/*", ROUTE_DOORS, ACTOR_TRACKER, NULL},
    {"/*", DOOR_TRACKER, ACTOR_TRACKER, NULL},
    {"/*", DOOR_SIGNAL, ACTOR_TRACKER, NULL},
};

enum route_actor route_websocket(enum route_door door, struct bytes path, const char **known_as_out)
{
    struct route ignored = {0};

    *known_as_out = NULL;
    for (size_t i = 0; path.len > 0 && path.data[0] == '/' && i < COUNT_OF(websockets); i++)
        if ((websockets[i].door == door || websockets[i].door == ROUTE_DOORS) &&
            matches(websockets[i].pattern, path, &ignored)) {
            *known_as_out = websockets[i].known_as;
            return websockets[i].actor;
        }
    return ROUTE_ACTORS;
}

const char *route_actor_name(enum route_actor actor)
{
    static const char *const names[] = {
#define X(id, name) [ACTOR_##id] = (name),
        ROUTE_ACTOR_NAMES(X)
#undef X
    };

    return names[actor];
}
