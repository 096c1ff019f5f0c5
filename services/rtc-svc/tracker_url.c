/* SPDX-License-Identifier: MIT */
#include "tracker_url.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"

static const struct {
    const char *text;
    bool is_websocket, is_tls;
} schemes[] = {
    {"ws://", true, false},    {"wss://", true, true},   {"http://", false, false},
    {"https://", false, true}, {"udp://", false, false},
};

static const char *read_scheme(const char *url, struct tracker_url *out)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (strncasecmp(url, schemes[i].text, strlen(schemes[i].text)) == 0) {
            out->is_websocket = schemes[i].is_websocket;
            out->is_tls = schemes[i].is_tls;
            return url + strlen(schemes[i].text);
        }
    return NULL;
}

/* It goes into the head of a request as it is. */
static bool is_plain(const char *url)
{
    for (; *url != '\0'; url++)
        if (*url <= ' ' || *url > '~')
            return false;
    return true;
}

bool tracker_url_parse(const char *url, struct tracker_url *out)
{
    const char *at = read_scheme(url, out);
    char place[sizeof(out->place.host) + 16];
    size_t len;
    bool has_port;

    if (at == NULL || strlen(url) > TRACKER_URL_MAX || !is_plain(url))
        return false;
    len = strcspn(at, "/?#");
    out->target = at + len;
    if (len >= sizeof(place) - 4 || strchr(out->target, '#') != NULL)
        return false;
    has_port = len > 0 && memchr(at, at[0] == '[' ? ']' : ':', len) != NULL && at[len - 1] != ']';
    snprintf(place, sizeof(place), "%.*s%s", (int)len, at,
             has_port      ? ""
             : out->is_tls ? ":443"
                           : ":80");
    if (!parse_endpoint(place, &out->place) || out->place.host[0] == '\0' || out->place.port == 0)
        return false;
    for (char *c = out->place.host; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return true;
}
