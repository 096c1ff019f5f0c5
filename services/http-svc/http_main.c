/* SPDX-License-Identifier: MIT */
#include "http_main.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/must.h"
#include "front.h"

enum { ADDRESSES_MAX = 65536, SPARE_DESCRIPTORS = 64 };

/* A stream has a file open besides its connection. */
static void check_descriptors(const struct http *http)
{
    uint64_t wanted = http->settings->max_clients * 2 + SPARE_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
        log_warn("few descriptors", "limit=%lu wanted=%lu advice=%s", (unsigned long)limit.rlim_cur,
                 (unsigned long)wanted, "raise the limit of open files, or lower http.max_clients");
}

static char *make_base_url(const struct http *http)
{
    const struct endpoint *listen = &http->settings->listen;
    const char *host = listen->host;
    size_t len = strlen(http->settings->public_url);

    if (len > 0) {
        while (len > 0 && http->settings->public_url[len - 1] == '/')
            len--;
        return xstrndup(http->settings->public_url, len);
    }
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "127.0.0.1";
    return xasprintf(strchr(host, ':') != NULL ? "http%s://[%s]:%u" : "http%s://%s:%u",
                     front_speaks_tls(http->settings, FRONT_MAIN) ? "s" : "", host,
                     front_port(http->front, FRONT_MAIN));
}

static enum err check_settings(const struct http_settings *settings, struct error *error)
{
    size_t len = strlen(settings->admin_token);

    if (len > 0 && (len < 8 || len > 200))
        return error_set(error, ERR_CONFIG, "http.admin_token should have 8 to 200 characters");
    if (settings->public_url[0] != '\0' && strncmp(settings->public_url, "http://", 7) != 0 &&
        strncmp(settings->public_url, "https://", 8) != 0)
        return error_set(error, ERR_CONFIG,
                         "http.public_url should begin with http:// or https://");
    return ERR_NONE;
}

static enum err open_tls(struct http *http, struct error *error)
{
    const struct http_settings *settings = http->settings;
    bool needs_tls;
    enum err err = front_check_tls(settings, &needs_tls, error);

    if (err != ERR_NONE || !needs_tls)
        return err;
    return tls_open(settings->tls_certificate, settings->tls_key, &http->tls, error);
}

enum err http_start(void *state, struct svc *svc, struct error *error)
{
    struct http *http = state;
    const struct http_settings *settings = svc_settings(svc);
    enum err err;

    http->svc = svc;
    http->settings = settings;
    http->run_dir = svc_common(svc)->run_dir;
    http->self = xstrdup(svc_name(svc));
    pthread_mutex_init(&http->throttle_lock, NULL);
    if ((err = check_settings(settings, error)) != ERR_NONE ||
        (err = keys_load(http, svc_common(svc)->data_dir, front_is_wide(settings), error)) !=
            ERR_NONE ||
        (err = trusted_parse(settings->trusted_proxies, &http->trusted, error)) != ERR_NONE ||
        (err = access_log_open(settings->access_log, &http->access_log, error)) != ERR_NONE ||
        (err = open_tls(http, error)) != ERR_NONE)
        return err;
    http->policy = (struct access_policy){
        .needs_token = http->token != NULL,
        .token = http->token != NULL ? http->token : "",
        .names = settings->names,
        .cors_origins = settings->cors_origins,
        .link_key = http->link_key,
    };
    const struct throttle_limits limits = {
        .connections = settings->max_clients_per_address,
        .requests_per_s = settings->requests_per_s,
        .counts_loopback = settings->limits_loopback,
        .max_addresses = ADDRESSES_MAX,
    };
    http->throttle = throttle_new(&limits);
    check_descriptors(http);
    if ((err = front_start(http, &http->front, error)) != ERR_NONE)
        return err;
    http->base_url = make_base_url(http);
    http_events_start(http);
    if ((err = front_run(http->front, error)) != ERR_NONE)
        return err;
    svc_ready_text(svc, "port=%u url=%s", front_port(http->front, FRONT_MAIN), http->base_url);
    front_tell_ports(http->front);
    log_info("serving", "url=%s threads=%zu needs_token=%s", http->base_url,
             front_threads(http->front), http->policy.needs_token ? "yes" : "no");
    return ERR_NONE;
}

void http_tick(void *state, uint64_t now_ms)
{
    http_events_tick(state, now_ms);
}

void http_reload(void *state)
{
    struct http *http = state;

    struct error error;

    access_log_reopen(http->access_log);
    if (http->tls == NULL)
        return;
    if (tls_reload(http->tls, &error) == ERR_NONE)
        log_info("certificate read again", "file=%s", http->settings->tls_certificate);
    else
        log_error("certificate not read again, the old one holds", "error=%s", error.text);
}

void http_refresh_metrics(void *state)
{
    struct http *http = state;

    if (http->tls != NULL)
        http->metrics.tls_expires_seconds = tls_expires_unix_s(http->tls);
}

void http_drain(void *state)
{
    struct http *http = state;

    front_drain(http->front, svc_is_retiring(http->svc));
}

bool http_may_hand_over(void *state)
{
    struct http *http = state;

    return front_has_left(http->front);
}

bool http_is_drained(void *state)
{
    struct http *http = state;

    /* With a successor nobody waits for us: connections end when their clients like, or when they
     * ask for nothing for http.request_timeout. */
    if (svc_is_retiring(http->svc))
        return http->metrics.connections == 0;
    return front_is_drained(http->front);
}

/* Also after a start that failed half-way. */
void http_stop(void *state)
{
    struct http *http = state;

    front_stop(&http->front);
    throttle_free(&http->throttle);
    trusted_free(&http->trusted);
    access_log_close(&http->access_log);
    tls_close(&http->tls);
    free(http->token);
    free(http->base_url);
    free(http->self);
}
