/* SPDX-License-Identifier: MIT
 *
 * forwarded: who the client is when a proxy stands before us. Whoever connects may write what he
 * likes into X-Forwarded-For and Forwarded (RFC 7239), so only what proxies that we trust wrote is
 * believed: entries are read from the last one back, as long as the one behind is trusted. Pure.
 */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/error.h"

/* IPv4 in 4 bytes, also when it came mapped into IPv6; IPv6 in 16. */
struct ip {
    uint8_t bytes[16];
    uint8_t len; /* 0: unknown */
};

enum { IP_TEXT = 46, FORWARDED_FIELDS_MAX = 8 };

struct ip ip_of(const struct sockaddr *sockaddr);
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80". */
bool ip_parse(struct bytes text, struct ip *out);
const char *ip_text(const struct ip *ip, char out[IP_TEXT]);

/* Addresses and networks. */
struct trusted;
/* `list` as the setting has it: "10.0.0.0/8, 192.0.2.1". *out is NULL for an empty one. */
enum err trusted_parse(const char *list, struct trusted **out, struct error *error);
void trusted_free(struct trusted **trusted);
bool trusted_has(const struct trusted *trusted, const struct ip *ip); /* NULL trusts nobody */

/* The values of one header in the order they came; of more than there is room for, the last. */
struct forwarded {
    struct bytes fields[FORWARDED_FIELDS_MAX];
    size_t count;
    bool is_rfc7239; /* Forwarded, else X-Forwarded-For */
};

struct ip forwarded_client(const struct trusted *trusted, const struct ip *peer,
                           const struct forwarded *forwarded);

#endif
