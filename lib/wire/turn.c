/* SPDX-License-Identifier: MIT */
#include "wire/turn.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/must.h"

enum { PORT = 3478, PORT_TLS = 5349, PORT_MAX = 65535 };

/* Cuts `prefix` off, whatever its case. */
static bool take(struct bytes *rest, const char *prefix)
{
    size_t len = strlen(prefix);

    if (rest->len < len || strncasecmp((const char *)rest->data, prefix, len) != 0)
        return false;
    rest->data += len;
    rest->len -= len;
    return true;
}

static bool take_scheme(struct bytes *rest, struct turn_url *out)
{
    out->is_tls = take(rest, "stuns:");
    if (out->is_tls || take(rest, "stun:"))
        return true;
    out->is_tls = take(rest, "turns:");
    out->is_relay = out->is_tls || take(rest, "turn:");
    return out->is_relay;
}

static bool is_host_byte(uint8_t byte, bool is_ipv6)
{
    return is_ipv6 ? isxdigit(byte) || byte == ':' || byte == '.'
                   : isalnum(byte) || byte == '-' || byte == '.' || byte == '_';
}

static bool take_host(struct bytes *rest)
{
    bool is_ipv6 = take(rest, "[");
    size_t len = 0;

    while (len < rest->len && is_host_byte(rest->data[len], is_ipv6))
        len++;
    rest->data += len;
    rest->len -= len;
    return len > 0 && (!is_ipv6 || take(rest, "]"));
}

static bool take_port(struct bytes *rest, uint16_t *out)
{
    uint64_t port;
    size_t len;

    if (!take(rest, ":"))
        return true;
    len = bytes_decimal(*rest, &port);
    if (len == 0 || port == 0 || port > PORT_MAX)
        return false;
    rest->data += len;
    rest->len -= len;
    *out = (uint16_t)port;
    return true;
}

bool turn_url_parse(struct bytes text, struct turn_url *out)
{
    struct bytes rest = text;

    *out = (struct turn_url){0};
    if (text.len > TURN_URL_MAX || !take_scheme(&rest, out))
        return false;
    out->server.data = rest.data;
    out->port = out->is_tls ? PORT_TLS : PORT;
    if (!take_host(&rest) || !take_port(&rest, &out->port))
        return false;
    out->server.len = (size_t)(rest.data - out->server.data);
    if (out->is_relay && take(&rest, "?transport="))
        return rest.len == 3 && (take(&rest, "udp") || take(&rest, "tcp"));
    return rest.len == 0;
}

struct turn_credential turn_credential_make(const char *secret, struct bytes user,
                                            uint64_t expires_s)
{
    struct turn_credential out;
    int len = snprintf(out.username, sizeof(out.username), "%" PRIu64 ":", expires_s);
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;

    for (size_t i = 0; i < MIN(user.len, TURN_USER_MAX); i++)
        out.username[len++] =
            isalnum(user.data[i]) || user.data[i] == '-' ? (char)user.data[i] : '_';
    out.username[len] = '\0';
    must(HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)out.username, (size_t)len,
              mac, &mac_len) != NULL);
    must(EVP_EncodeBlock((uint8_t *)out.password, mac, (int)mac_len) == TURN_PASSWORD_TEXT - 1);
    return out;
}
