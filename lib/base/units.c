/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

/* Longest suffix first, so that "ms" is not read as "m". */
static const struct {
    const char *suffix;
    uint64_t ms;
} duration_units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};

/* Reads "12" or "1.5" as thousandths. */
static const char *read_milli(const char *text, uint64_t *milli_out)
{
    uint64_t value = 0;
    const char *at = text;

    for (; isdigit((unsigned char)*at); at++) {
        if (value > UINT64_MAX / 10000 - 10)
            return NULL;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == text)
        return NULL;
    value *= 1000;
    if (*at == '.') {
        const char *point = at++;

        for (uint64_t weight = 100; isdigit((unsigned char)*at); at++, weight /= 10)
            value += weight * (uint64_t)(*at - '0');
        if (at == point + 1)
            return NULL;
    }
    *milli_out = value;
    return at;
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
        uint64_t milli;
        size_t unit = 0;

        if ((at = read_milli(at, &milli)) == NULL)
            return false;
        while (unit < COUNT_OF(duration_units) &&
               strncmp(at, duration_units[unit].suffix, strlen(duration_units[unit].suffix)) != 0)
            unit++;
        if (unit == COUNT_OF(duration_units))
            return false;
        uint64_t scale = duration_units[unit].ms;
        if (milli > UINT64_MAX / scale || milli * scale / 1000 > UINT64_MAX - total)
            return false;
        total += milli * scale / 1000;
        at += strlen(duration_units[unit].suffix);
    }
    *ms_out = total;
    return true;
}

bool parse_size_bytes(const char *text, uint64_t *bytes_out)
{
    static const char letters[] = "KMGT";
    uint64_t milli, scale = 1;
    const char *at = read_milli(text, &milli);

    if (at == NULL)
        return false;
    while (*at == ' ')
        at++;
    const char *letter = *at ? strchr(letters, toupper((unsigned char)*at)) : NULL;
    if (letter != NULL) {
        bool is_decimal = toupper((unsigned char)at[1]) == 'B';

        for (long power = letter - letters; power >= 0; power--)
            scale *= is_decimal ? 1000 : 1024;
        at += at[1] == 'i' ? 2 : 1;
    }
    if (toupper((unsigned char)*at) == 'B')
        at++;
    if (*at != '\0' || (milli != 0 && scale > UINT64_MAX / milli))
        return false;
    *bytes_out = scale >= 1000 ? milli * (scale / 1000) + milli * (scale % 1000) / 1000
                               : milli * scale / 1000;
    return true;
}

bool parse_count(const char *text, uint64_t *count_out)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
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
        if (memchr(host, ':', (size_t)(host_end - host)) != NULL)
            return false; /* a bare IPv6 address needs its brackets */
    }
    if ((size_t)(host_end - host) >= sizeof(out->host) || !parse_count(port_text, &port) ||
        port > UINT16_MAX)
        return false;
    memcpy(out->host, host, (size_t)(host_end - host));
    out->host[host_end - host] = '\0';
    out->port = (uint16_t)port;
    return true;
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
    return strncmp(endpoint->host, "127.", 4) == 0 || strcmp(endpoint->host, "::1") == 0 ||
           strcmp(endpoint->host, "localhost") == 0;
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
