/* SPDX-License-Identifier: MIT */
#include "wire/magnet.h"

#include <stdlib.h>
#include <strings.h>

#include "base/must.h"
#include "base/text.h"

/* Puts one decoded value into the magnet. Only what would make us fetch the wrong thing (xt, so) is
 * an error; a tracker or name we cannot use is left out. */
typedef enum err take_fn(struct magnet *out, const char *value, struct error *error);

static void list_add(char **list, size_t *count, const char *value)
{
    if (*count == MAGNET_LIST_MAX)
        return;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i], value) == 0)
            return;
    list[(*count)++] = xstrdup(value);
}

static bool is_url(const char *value, const char *const *schemes)
{
    const char *rest = strstr(value, "://");

    if (rest == NULL || strcspn(rest + 3, "/?#:") == 0 || !utf8_valid(bytes_of_text(value)))
        return false;
    for (const char *c = value; *c != '\0'; c++)
        if ((uint8_t)*c <= ' ' || *c == 0x7f)
            return false;
    for (; *schemes != NULL; schemes++)
        if (strlen(*schemes) == (size_t)(rest - value) &&
            strncasecmp(value, *schemes, strlen(*schemes)) == 0)
            return true;
    return false;
}

static bool is_web_url(const char *value)
{
    static const char *const schemes[] = {"http", "https", NULL};

    return is_url(value, schemes);
}

static bool read_uint32(const char **at, uint32_t *out)
{
    uint64_t value;
    size_t digits = bytes_decimal(bytes_of_text(*at), &value);

    if (digits == 0 || value > UINT32_MAX)
        return false;
    *at += digits;
    *out = (uint32_t)value;
    return true;
}

static bool is_host_port(const char *value)
{
    static const char address[] = "0123456789abcdefABCDEF:.";
    static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._";
    bool is_ipv6 = *value == '[';
    const char *host = is_ipv6 ? value + 1 : value;
    size_t len = strspn(host, is_ipv6 ? address : name);
    const char *at = host + len;
    uint32_t port;

    if (len == 0 || (is_ipv6 && *at++ != ']') || *at++ != ':')
        return false;
    return read_uint32(&at, &port) && *at == '\0' && port >= 1 && port <= 65535;
}

static enum err take_btih(struct magnet *out, const char *text, struct error *error)
{
    struct bytes in = bytes_of_text(text);
    struct infohash hash;

    if ((in.len != 40 && in.len != 32) || !infohash_parse(in, &hash))
        return error_set(error, ERR_INVALID,
                         "xt: the info-hash is neither 40 hex digits nor 32 base32 characters");
    if (out->has_v1 && memcmp(&out->v1, &hash, sizeof(hash)) != 0)
        return error_set(error, ERR_INVALID, "xt: the link names two different torrents");
    out->has_v1 = true;
    out->v1 = hash;
    return ERR_NONE;
}

static enum err take_btmh(struct magnet *out, const char *text, struct error *error)
{
    static const char sha256[] = "1220"; /* multihash: function 0x12, 0x20 bytes */
    uint8_t hash[sizeof(out->v2)];

    if (strncmp(text, sha256, strlen(sha256)) != 0 ||
        !hex_decode(bytes_of_text(text + strlen(sha256)), hash, sizeof(hash)))
        return error_set(error, ERR_INVALID,
                         "xt: the v2 info-hash is not 1220 followed by 64 hex digits");
    if (out->has_v2 && memcmp(out->v2, hash, sizeof(hash)) != 0)
        return error_set(error, ERR_INVALID, "xt: the link names two different torrents");
    out->has_v2 = true;
    memcpy(out->v2, hash, sizeof(hash));
    return ERR_NONE;
}

static enum err take_xt(struct magnet *out, const char *value, struct error *error)
{
    static const char btih[] = "urn:btih:", btmh[] = "urn:btmh:";

    if (strncasecmp(value, btih, strlen(btih)) == 0)
        return take_btih(out, value + strlen(btih), error);
    if (strncasecmp(value, btmh, strlen(btmh)) == 0)
        return take_btmh(out, value + strlen(btmh), error);
    return ERR_NONE; /* other networks' names for the same content */
}

static enum err take_dn(struct magnet *out, const char *value, struct error *error)
{
    (void)error;
    if (out->name == NULL && *value != '\0' && utf8_valid(bytes_of_text(value)))
        out->name = xstrdup(value);
    return ERR_NONE;
}

static enum err take_tr(struct magnet *out, const char *value, struct error *error)
{
    static const char *const schemes[] = {"udp", "http", "https", "ws", "wss", NULL};

    (void)error;
    if (is_url(value, schemes))
        list_add(out->trackers, &out->tracker_count, value);
    return ERR_NONE;
}

static enum err take_web_seed(struct magnet *out, const char *value, struct error *error)
{
    (void)error;
    if (is_web_url(value))
        list_add(out->web_seeds, &out->web_seed_count, value);
    return ERR_NONE;
}

static enum err take_peer(struct magnet *out, const char *value, struct error *error)
{
    (void)error;
    if (is_host_port(value))
        list_add(out->peers, &out->peer_count, value);
    return ERR_NONE;
}

static enum err take_xs(struct magnet *out, const char *value, struct error *error)
{
    (void)error;
    if (out->source == NULL && is_web_url(value))
        out->source = xstrdup(value);
    return ERR_NONE;
}

struct span {
    uint32_t first, last;
};

static int span_order(const void *a, const void *b)
{
    uint32_t first_a = ((const struct span *)a)->first, first_b = ((const struct span *)b)->first;

    return (first_a > first_b) - (first_a < first_b);
}

/* BEP 53: `0,2,4-7`. Fills `spans`, which has room for one per comma and one more. */
static bool read_spans(const char *value, struct span *spans, size_t *count_out)
{
    for (size_t count = 0;;) {
        struct span *span = &spans[count++];

        if (!read_uint32(&value, &span->first))
            return false;
        span->last = span->first;
        if (*value == '-') {
            value++;
            if (!read_uint32(&value, &span->last) || span->last < span->first)
                return false;
        }
        *count_out = count;
        if (*value == '\0')
            return true;
        if (*value++ != ',')
            return false;
    }
}

/* Writes each index once, in order. False when there are too many. */
static bool list_spans(struct span *spans, size_t count, struct magnet *out)
{
    uint64_t next = 0; /* smallest index not yet looked at */

    qsort(spans, count, sizeof(*spans), span_order);
    out->selected = xcalloc(MAGNET_SO_MAX, sizeof(*out->selected));
    for (size_t i = 0; i < count; i++) {
        uint64_t first = MAX(spans[i].first, next), end = (uint64_t)spans[i].last + 1;

        if (first >= end)
            continue;
        if (end - first > MAGNET_SO_MAX - out->selected_count)
            return false;
        for (next = first; next < end; next++)
            out->selected[out->selected_count++] = (uint32_t)next;
    }
    return true;
}

static enum err take_so(struct magnet *out, const char *value, struct error *error)
{
    enum err err = ERR_NONE;
    size_t room = 1, count;

    if (out->selected != NULL || *value == '\0')
        return ERR_NONE;
    for (const char *c = value; *c != '\0'; c++)
        room += *c == ',';
    struct span *spans = xcalloc(room, sizeof(*spans));

    if (!read_spans(value, spans, &count))
        err = error_set(error, ERR_INVALID, "so: the file indexes do not read like 0,2,4-7");
    else if (!list_spans(spans, count, out))
        err = error_set(error, ERR_TOO_LARGE, "so: more than %d files selected", MAGNET_SO_MAX);
    free(spans);
    return err;
}

static const struct param {
    const char *key;
    take_fn *take;
    bool plus_is_space;
    bool must_decode; /* a broken %XX is an error; elsewhere the parameter is left out */
} params[] = {
    {.key = "xt", .take = take_xt, .must_decode = true},
    {.key = "dn", .take = take_dn, .plus_is_space = true},
    {.key = "tr", .take = take_tr},
    {.key = "ws", .take = take_web_seed},
    {.key = "as", .take = take_web_seed},
    {.key = "xs", .take = take_xs},
    {.key = "x.pe", .take = take_peer},
    {.key = "so", .take = take_so, .must_decode = true},
};

/* Knows `tr` and also `tr.1`, as links with several of one kind may number them. NULL for keys that
 * do not concern us. */
static const struct param *find_param(struct bytes key)
{
    size_t len = key.len;

    while (len > 0 && key.data[len - 1] >= '0' && key.data[len - 1] <= '9')
        len--;
    if (len < key.len && len > 0 && key.data[len - 1] == '.')
        key.len = len - 1;
    for (size_t i = 0; i < COUNT_OF(params); i++)
        if (strlen(params[i].key) == key.len &&
            strncasecmp(params[i].key, (const char *)key.data, key.len) == 0)
            return &params[i];
    return NULL;
}

static enum err take_param(struct magnet *out, struct bytes in, struct error *error)
{
    const uint8_t *equals = in.len > 0 ? memchr(in.data, '=', in.len) : NULL;
    char value[MAGNET_BYTES_MAX];

    if (equals == NULL)
        return ERR_NONE;
    struct bytes key = bytes_of(in.data, (size_t)(equals - in.data));
    const struct param *param = find_param(key);

    if (param == NULL)
        return ERR_NONE;
    if (percent_decode(bytes_of(equals + 1, in.len - key.len - 1), value, sizeof(value),
                       param->plus_is_space))
        return param->take(out, value, error);
    if (param->must_decode)
        return error_set(error, ERR_INVALID, "%s: broken percent-encoding", param->key);
    return ERR_NONE;
}

static enum err parse(struct bytes uri, struct magnet *out, struct error *error)
{
    static const char scheme[] = "magnet:?";
    enum err err = ERR_NONE;

    if (uri.len > MAGNET_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE, "the magnet link is longer than %d bytes",
                         MAGNET_BYTES_MAX);
    if (uri.len < strlen(scheme) ||
        strncasecmp((const char *)uri.data, scheme, strlen(scheme)) != 0)
        return error_set(error, ERR_INVALID, "not a magnet link: it does not begin with magnet:?");
    const uint8_t *at = uri.data + strlen(scheme), *end = uri.data + uri.len;

    while (at < end && err == ERR_NONE) {
        const uint8_t *ampersand = memchr(at, '&', (size_t)(end - at));
        const uint8_t *stop = ampersand != NULL ? ampersand : end;

        err = take_param(out, bytes_of(at, (size_t)(stop - at)), error);
        at = ampersand != NULL ? ampersand + 1 : end;
    }
    if (err == ERR_NONE && !out->has_v1 && !out->has_v2)
        err = error_set(error, ERR_INVALID, "xt: the link has no BitTorrent info-hash");
    return err;
}

enum err magnet_parse(struct bytes uri, struct magnet *out, struct error *error)
{
    *out = (struct magnet){0};
    enum err err = parse(uri, out, error);

    if (err != ERR_NONE) {
        magnet_fini(out);
        return err;
    }
    out->key = out->v1;
    if (!out->has_v1)
        memcpy(out->key.bytes, out->v2, sizeof(out->key.bytes));
    return ERR_NONE;
}

static void list_fini(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
}

void magnet_fini(struct magnet *magnet)
{
    free(magnet->name);
    free(magnet->source);
    free(magnet->selected);
    list_fini(magnet->trackers, magnet->tracker_count);
    list_fini(magnet->web_seeds, magnet->web_seed_count);
    list_fini(magnet->peers, magnet->peer_count);
    *magnet = (struct magnet){0};
}
