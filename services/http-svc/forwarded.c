/* SPDX-License-Identifier: MIT */
#include "forwarded.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/address.h"
#include "base/must.h"
#include "base/settings.h"

struct network {
    struct ip ip;
    uint8_t bits;
};

struct trusted {
    size_t count;
    struct network rows[];
};

/* ---- addresses */

static struct ip ip_from_v6(const uint8_t bytes[16])
{
    struct ip ip = {.len = 16};

    if (address_is_mapped(bytes)) {
        ip.len = 4;
        memcpy(ip.bytes, bytes + 12, 4);
    } else {
        memcpy(ip.bytes, bytes, 16);
    }
    return ip;
}

struct ip ip_of(const struct sockaddr *sockaddr)
{
    struct ip ip = {.len = 0};

    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sockaddr, sizeof(in));
        memcpy(ip.bytes, &in.sin_addr, 4);
        ip.len = 4;
    } else if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sockaddr, sizeof(in6));
        ip = ip_from_v6(in6.sin6_addr.s6_addr);
    }
    return ip;
}

static bool is_port(struct bytes text)
{
    uint64_t port;

    return text.len == 0 ||
           (text.data[0] == ':' && text.len > 1 &&
            bytes_decimal(bytes_of(text.data + 1, text.len - 1), &port) == text.len - 1 &&
            port <= UINT16_MAX);
}

static bool parse_plain(struct bytes text, struct ip *out)
{
    char copy[IP_TEXT];
    uint8_t v6[16];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *out = (struct ip){.len = 4};
    if (inet_pton(AF_INET, copy, out->bytes) == 1)
        return true;
    if (inet_pton(AF_INET6, copy, v6) != 1)
        return false;
    *out = ip_from_v6(v6);
    return true;
}

bool ip_parse(struct bytes text, struct ip *out)
{
    const uint8_t *end;

    if (text.len > 0 && text.data[0] == '[') {
        end = memchr(text.data, ']', text.len);
        return end != NULL &&
               is_port(bytes_of(end + 1, text.len - (size_t)(end + 1 - text.data))) &&
               memchr(text.data, ':', (size_t)(end - text.data)) != NULL &&
               parse_plain(bytes_of(text.data + 1, (size_t)(end - text.data) - 1), out);
    }
    if (parse_plain(text, out))
        return true;
    end = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
    return end != NULL && is_port(bytes_of(end, text.len - (size_t)(end - text.data))) &&
           parse_plain(bytes_of(text.data, (size_t)(end - text.data)), out);
}

const char *ip_text(const struct ip *ip, char out[IP_TEXT])
{
    if (ip->len == 0 ||
        inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->bytes, out, IP_TEXT) == NULL)
        snprintf(out, IP_TEXT, "-");
    return out;
}

/* ---- who is trusted */

static bool parse_network(struct bytes text, struct network *out)
{
    const uint8_t *slash = memchr(text.data, '/', text.len);
    size_t len = slash != NULL ? (size_t)(slash - text.data) : text.len;
    struct bytes tail = bytes_of(text.data + len, text.len - len);
    uint64_t bits;

    if (!parse_plain(bytes_of(text.data, len), &out->ip))
        return false;
    const uint64_t most = (uint64_t)out->ip.len * 8;

    bits = most;
    if (slash != NULL &&
        (tail.len < 2 ||
         bytes_decimal(bytes_of(tail.data + 1, tail.len - 1), &bits) != tail.len - 1 ||
         bits > most))
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

enum err trusted_parse(const char *list, struct trusted **out, struct error *error)
{
    struct trusted *trusted;
    struct bytes item;

    *out = NULL;
    if (*list == '\0')
        return ERR_NONE;
    trusted = xcalloc(1, sizeof(*trusted) + (strlen(list) / 2 + 1) * sizeof(trusted->rows[0]));
    while (settings_list_next(&list, &item)) {
        if (!parse_network(item, &trusted->rows[trusted->count++])) {
            free(trusted);
            return error_set(error, ERR_CONFIG,
                             "http.trusted_proxies: '%.*s' is no address and no network such as "
                             "10.0.0.0/8",
                             (int)MIN(item.len, 60), (const char *)item.data);
        }
    }
    *out = trusted;
    return ERR_NONE;
}

void trusted_free(struct trusted **trusted)
{
    free(*trusted);
    *trusted = NULL;
}

static bool is_in(const struct network *network, const struct ip *ip)
{
    size_t whole = network->bits / 8;
    unsigned rest = network->bits % 8;

    if (ip->len != network->ip.len || memcmp(ip->bytes, network->ip.bytes, whole) != 0)
        return false;
    return rest == 0 || (ip->bytes[whole] ^ network->ip.bytes[whole]) >> (8 - rest) == 0;
}

bool trusted_has(const struct trusted *trusted, const struct ip *ip)
{
    for (size_t i = 0; trusted != NULL && i < trusted->count; i++)
        if (is_in(&trusted->rows[i], ip))
            return true;
    return false;
}

/* ---- what they say */

/* Cuts the last item off a list with `separator`. No item holds one between quotes: addresses do
 * not, and what is odd ends the search anyway. */
static struct bytes take_last(struct bytes *list, char separator)
{
    size_t from = list->len;
    struct bytes item;

    while (from > 0 && list->data[from - 1] != (uint8_t)separator)
        from--;
    item = bytes_of(list->data + from, list->len - from);
    list->len = from > 0 ? from - 1 : 0;
    return bytes_trim(item);
}

/* for=192.0.2.60;proto=http;by=203.0.113.43 */
static bool parse_element(struct bytes element, struct ip *out)
{
    while (element.len > 0) {
        struct bytes pair = take_last(&element, ';');

        if (pair.len < 4 || strncasecmp((const char *)pair.data, "for=", 4) != 0)
            continue;
        pair = bytes_of(pair.data + 4, pair.len - 4);
        if (pair.len >= 2 && pair.data[0] == '"' && pair.data[pair.len - 1] == '"')
            pair = bytes_of(pair.data + 1, pair.len - 2);
        return ip_parse(pair, out);
    }
    return false;
}

struct ip forwarded_client(const struct trusted *trusted, const struct ip *peer,
                           const struct forwarded *forwarded)
{
    struct ip client = *peer, found;

    for (size_t i = forwarded->count; i > 0; i--) {
        struct bytes list = forwarded->fields[i - 1];

        while (list.len > 0) {
            struct bytes item;

            if (!trusted_has(trusted, &client))
                return client;
            item = take_last(&list, ',');
            if (!(forwarded->is_rfc7239 ? parse_element(item, &found) : ip_parse(item, &found)))
                return client;
            client = found;
        }
    }
    return client;
}
