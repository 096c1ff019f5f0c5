/* SPDX-License-Identifier: MIT */
#include "redis.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/must.h"
#include "base/units.h"

enum { REDIS_PORT = 6379, DATABASE_MAX = 1000000 };

/* False: it is missing. */
static bool url_part(CURLU *url, CURLUPart which, char *out, size_t cap)
{
    char *part = NULL;
    bool is_there = curl_url_get(url, which, &part, CURLU_URLDECODE) == CURLUE_OK;
    bool fits = is_there && strlen(part) < cap;

    if (fits)
        memcpy(out, part, strlen(part) + 1);
    curl_free(part);
    return fits;
}

static bool read_url(CURLU *url, const char *text, struct redis_address *out)
{
    char scheme[16], number[REDIS_NUMBER_TEXT] = "", path[REDIS_NUMBER_TEXT] = "/",
                     *host = out->host;
    uint64_t port = REDIS_PORT, database = 0;
    size_t len;

    if (curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        !url_part(url, CURLUPART_SCHEME, scheme, sizeof(scheme)) || strcmp(scheme, "redis") != 0 ||
        !url_part(url, CURLUPART_HOST, host, sizeof(out->host)) || host[0] == '\0')
        return false;
    len = strlen(host);
    if (host[0] == '[') { /* IPv6 */
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    url_part(url, CURLUPART_USER, out->user, sizeof(out->user));
    if (url_part(url, CURLUPART_PORT, number, sizeof(number)) && !parse_count(number, &port))
        return false;
    if (url_part(url, CURLUPART_PATH, path, sizeof(path)) && path[0] == '/' && path[1] != '\0' &&
        (!parse_count(path + 1, &database) || database > DATABASE_MAX))
        return false;
    out->port = (unsigned)port;
    snprintf(out->database, sizeof(out->database), "%" PRIu64, database);
    return true;
}

enum err redis_address_read(const char *url, const char *password, struct redis_address *out,
                            struct error *error)
{
    CURLU *parts = curl_url();
    char *inside = NULL;
    bool is_good, has_password;

    must(parts != NULL);
    *out = (struct redis_address){.password = password};
    is_good = read_url(parts, url, out);
    has_password = curl_url_get(parts, CURLUPART_PASSWORD, &inside, 0) == CURLUE_OK;
    curl_free(inside);
    curl_url_cleanup(parts);
    if (is_good && !has_password)
        return ERR_NONE;
    return error_set(error, ERR_CONFIG,
                     has_password ? "room.redis_url has a password, which would be shown with the "
                                    "settings; it belongs into room.redis_password"
                                  : "room.redis_url is not like redis://[user@]host[:port][/0]");
}

struct timeval redis_timeval(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static redisReply *say_password(redisContext *redis, const struct redis_address *address)
{
    if (address->user[0] != '\0')
        return redisCommand(redis, "AUTH %s %s", address->user, address->password);
    return redisCommand(redis, "AUTH %s", address->password);
}

/* Frees the reply. */
static bool is_well(const redisContext *redis, redisReply *reply,
                    const struct redis_address *address, struct error *error)
{
    bool is_good = reply != NULL && reply->type != REDIS_REPLY_ERROR;

    if (!is_good)
        error_set(error, ERR_UNAVAILABLE, "Redis at %s:%u: %s", address->host, address->port,
                  reply != NULL ? reply->str : redis->errstr);
    if (reply != NULL)
        freeReplyObject(reply);
    return is_good;
}

redisContext *redis_log_in(const struct redis_address *address, uint32_t patience_ms,
                           struct error *error)
{
    redisContext *redis =
        redisConnectWithTimeout(address->host, (int)address->port, redis_timeval(patience_ms));
    bool is_good;

    must(redis != NULL);
    is_good = redis->err == 0;
    if (is_good) {
        redisSetTimeout(redis, redis_timeval(patience_ms));
        redisEnableKeepAlive(redis);
        if (address->password[0] != '\0')
            is_good = is_well(redis, say_password(redis, address), address, error);
        if (is_good)
            is_good =
                is_well(redis, redisCommand(redis, "SELECT %s", address->database), address, error);
    } else {
        is_well(redis, NULL, address, error);
    }
    if (is_good)
        return redis;
    redisFree(redis);
    return NULL;
}
