/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"

/* Longest suffix first, so that "ms" is not read as "m". */
static const struct {
    const char *suffix;
    uint64_t ms;
} duration_units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};

/* "12" or "1.5", the fraction cut to thousandths. */
struct decimal {
    uint64_t whole;
    unsigned milli;
    bool has_fraction;
};

/* The digits at the front; returns how many, 0 when there are none or their number does not fit. */
static size_t read_whole(const char *text, uint64_t *out)
{
    static const char largest[] = "18446744073709551615";
    size_t digits = bytes_decimal(bytes_of_text(text), out), zeros = strspn(text, "0");

    /* What is larger than the largest looks like it. */
    if (*out == UINT64_MAX && (digits - zeros != sizeof(largest) - 1 ||
                               memcmp(text + zeros, largest, sizeof(largest) - 1) != 0))
        return 0;
    return digits;
}

static const char *read_decimal(const char *text, struct decimal *out)
{
    *out = (struct decimal){0};
    size_t digits = read_whole(text, &out->whole);
    const char *at = text + digits;

    if (digits == 0)
        return NULL;
    if (*at == '.') {
        const char *point = at++;

        for (unsigned weight = 100; isdigit((unsigned char)*at); at++, weight /= 10)
            out->milli += weight * (unsigned)(*at - '0');
        if (at == point + 1)
            return NULL;
        out->has_fraction = true;
    }
    return at;
}

/* Adds number * scale to *sum; false when that does not fit. No scale of ours is above 2^40. */
static bool add_scaled(const struct decimal *number, uint64_t scale, uint64_t *sum)
{
    uint64_t product;

    return !__builtin_mul_overflow(number->whole, scale, &product) &&
           !__builtin_add_overflow(*sum, product, sum) &&
           !__builtin_add_overflow(*sum, number->milli * scale / 1000, sum);
}

bool parse_duration_ms(const char *text, uint64_t *ms_out)
{
    uint64_t total = 0;
    const char *at = text;

    if (strcmp(text, "0") == 0) {
        *ms_out = 0;
        return true;
    }
    if (*at == '\0')
        return false;
    while (*at != '\0') {
        struct decimal number;
        size_t unit = 0;

        if ((at = read_decimal(at, &number)) == NULL)
            return false;
        while (unit < COUNT_OF(duration_units) &&
               strncmp(at, duration_units[unit].suffix, strlen(duration_units[unit].suffix)) != 0)
            unit++;
        if (unit == COUNT_OF(duration_units) ||
            !add_scaled(&number, duration_units[unit].ms, &total))
            return false;
        at += strlen(duration_units[unit].suffix);
    }
    *ms_out = total;
    return true;
}

bool parse_size_bytes(const char *text, uint64_t *bytes_out)
{
    static const char letters[] = "KMGT";
    struct decimal number;
    uint64_t scale = 1, bytes = 0;
    const char *at = read_decimal(text, &number);

    if (at == NULL)
        return false;
    while (*at == ' ')
        at++;
    const char *letter = *at ? strchr(letters, toupper((unsigned char)*at)) : NULL;
    if (letter != NULL) {
        bool is_decimal = toupper((unsigned char)at[1]) == 'B';

        for (long power = letter - letters; power >= 0; power--)
            scale *= is_decimal ? 1000 : 1024;
        at += toupper((unsigned char)at[1]) == 'I' ? 2 : 1;
    }
    if (toupper((unsigned char)*at) == 'B')
        at++;
    /* Half a byte is a mistake, not a size. */
    if (*at != '\0' || (number.has_fraction && scale == 1) || !add_scaled(&number, scale, &bytes))
        return false;
    *bytes_out = bytes;
    return true;
}

bool parse_count(const char *text, uint64_t *count_out)
{
    uint64_t value;
    size_t digits = read_whole(text, &value);

    if (digits == 0 || text[digits] != '\0')
        return false;
    *count_out = value;
    return true;
}

bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

/* What names and addresses consist of; '%' begins the zone of a link-local address. */
static bool is_host(const char *host, size_t len, bool is_bracketed)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)host[i]) &&
            (host[i] == '\0' || strchr(is_bracketed ? ":.%-_" : ".-_", host[i]) == NULL))
            return false;
    return !is_bracketed || memchr(host, ':', len) != NULL;
}

bool parse_endpoint(const char *text, struct endpoint *out)
{
    uint64_t port;
    const char *host = text, *host_end, *port_text;

    if (*text == '[') {
        host = text + 1;
        host_end = strchr(host, ']');
        if (host_end == NULL || host_end[1] != ':')
            return false;
        port_text = host_end + 2;
    } else {
        const char *colon = strrchr(text, ':');

        host_end = colon != NULL ? colon : text;
        port_text = colon != NULL ? colon + 1 : text;
    }
    /* Without brackets no ':' is allowed: which one would end a bare IPv6 address? */
    if ((size_t)(host_end - host) >= sizeof(out->host) ||
        !is_host(host, (size_t)(host_end - host), *text == '[') || !parse_count(port_text, &port) ||
        port > UINT16_MAX)
        return false;
    memcpy(out->host, host, (size_t)(host_end - host));
    out->host[host_end - host] = '\0';
    out->port = (uint16_t)port;
    return true;
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
    struct in_addr v4;
    struct in6_addr v6;

    /* Only whole addresses count: 127.example.org is anybody's. */
    if (inet_pton(AF_INET, endpoint->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, endpoint->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return strcasecmp(endpoint->host, "localhost") == 0;
}

char *format_duration(uint64_t ms, char *out)
{
    static const struct {
        const char *suffix;
        uint64_t ms;
    } units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t used = 0;

    out[0] = '0';
    out[1] = '\0';
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (ms < units[i].ms)
            continue;
        used += (size_t)snprintf(out + used, UNITS_TEXT - used, "%" PRIu64 "%s", ms / units[i].ms,
                                 units[i].suffix);
        ms %= units[i].ms;
    }
    return out;
}

static const char *const size_suffix[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

char *format_size(uint64_t bytes, char *out)
{
    double value = (double)bytes;
    size_t power = 0;

    while (value >= 1023.95 && power + 1 < COUNT_OF(size_suffix)) {
        value /= 1024;
        power++;
    }
    snprintf(out, UNITS_TEXT, power == 0 ? "%.0f %s" : "%.1f %s", value, size_suffix[power]);
    return out;
}

char *format_size_exact(uint64_t bytes, char *out)
{
    size_t power = 0;

    while (bytes != 0 && bytes % 1024 == 0 && power < 4) {
        bytes /= 1024;
        power++;
    }
    snprintf(out, UNITS_TEXT, "%" PRIu64 "%s", bytes, power == 0 ? "" : size_suffix[power]);
    return out;
}

char *format_eta(uint64_t seconds, char *out)
{
    uint64_t hours = seconds / 3600;

    if (hours > 0)
        snprintf(out, UNITS_TEXT, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, seconds / 60 % 60,
                 seconds % 60);
    else
        snprintf(out, UNITS_TEXT, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    return out;
}
