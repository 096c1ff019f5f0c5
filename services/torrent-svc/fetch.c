/* SPDX-License-Identifier: MIT
 *
 * Threads: each fetch runs run_fetch() on a thread of its own, which touches only its own struct
 * and, under the lock, the list of finished ones; everything else runs on the owner's thread.
 */
#include "fetch.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "base/address.h"
#include "base/must.h"
#include "wire/metainfo.h"

enum { FETCHES_MAX = 8, SECONDS_MAX = 30, REDIRECTS_MAX = 5 };

struct fetch {
    struct fetcher *fetcher;
    char *url;
    fetch_done_fn *done;
    void *arg;
    _Atomic bool is_cancelled;
    uint8_t *data;
    size_t len, capacity;
    bool is_refused, is_too_large;
    struct error error; /* code ERR_NONE: success */
    pthread_t thread;
    struct fetch *next;
};

struct fetcher {
    pthread_mutex_t lock;
    struct fetch *finished;
    struct fetch_config config;
    _Atomic bool is_stopping;
    unsigned running;
    int event_fd;
};

struct fetcher *fetcher_new(const struct fetch_config *config)
{
    struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&fetcher->lock, NULL);
    fetcher->config = *config;
    fetcher->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(fetcher->event_fd >= 0);
    return fetcher;
}

int fetcher_fd(const struct fetcher *fetcher)
{
    return fetcher->event_fd;
}

/* libcurl asks for each connection, so a redirect or a name that resolves to a private address is
 * caught too. With a proxy this is the proxy's address, which the owner chose. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct fetch *fetch = arg;
    const void *address =
        to->family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)(const void *)&to->addr)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)(const void *)&to->addr)->sin_addr;

    (void)purpose;
    if (to->family != AF_INET && to->family != AF_INET6)
        return CURL_SOCKET_BAD;
    if (!fetch->fetcher->config.allows_private && fetch->fetcher->config.proxy[0] == '\0' &&
        address_is_private(to->family, address)) {
        fetch->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct fetch *fetch = arg;
    size_t len = size * count;

    if (len > METAINFO_BYTES_MAX - fetch->len) {
        fetch->is_too_large = true;
        return 0;
    }
    if (fetch->len + len > fetch->capacity) {
        fetch->capacity = MAX(fetch->len + len, 2 * fetch->capacity);
        fetch->data = xrealloc(fetch->data, fetch->capacity);
    }
    memcpy(fetch->data + fetch->len, data, len);
    fetch->len += len;
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct fetch *fetch = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return fetch->fetcher->is_stopping || fetch->is_cancelled;
}

/* Names are resolved by the proxy, as those of trackers are. */
static void set_way_out(CURL *curl, const struct fetch_config *config)
{
    static const char socks5[] = "socks5://";
    size_t socks5_len = strlen(socks5), len = strcspn(config->outgoing, ",");
    bool is_socks = strncmp(config->proxy, socks5, socks5_len) == 0;
    char *proxy = xasprintf("%s%s", is_socks ? "socks5h://" : "",
                            config->proxy + (is_socks ? socks5_len : 0));
    char *outgoing = xstrndup(config->outgoing, len);

    curl_easy_setopt(curl, CURLOPT_PROXY, proxy); /* "": not that of the environment either */
    if (len > 0)
        curl_easy_setopt(curl, CURLOPT_INTERFACE, outgoing);
    free(proxy);
    free(outgoing);
}

static void set_options(CURL *curl, struct fetch *fetch)
{
    curl_easy_setopt(curl, CURLOPT_URL, fetch->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SECONDS_MAX);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)METAINFO_BYTES_MAX); /* if the server tells */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ShareStream");
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, fetch);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch);
    set_way_out(curl, &fetch->fetcher->config);
}

static void judge(struct fetch *fetch, CURLcode code, long status)
{
    struct error *error = &fetch->error;

    if (code != CURLE_OK && fetch->is_refused)
        error_set(
            error, ERR_DENIED,
            "the URL leads to a private address; torrent.allow_private_urls would allow that");
    else if (fetch->is_too_large || code == CURLE_FILESIZE_EXCEEDED)
        error_set(error, ERR_TOO_LARGE, "what the URL gives is larger than 16 MiB: not a .torrent");
    else if (code == CURLE_URL_MALFORMAT)
        error_set(error, ERR_INVALID, "the URL is malformed");
    else if (code != CURLE_OK)
        error_set(error, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                  "cannot fetch the .torrent: %s", curl_easy_strerror(code));
    else if (status != 200)
        error_set(error, status >= 500 ? ERR_UNAVAILABLE : ERR_NOT_FOUND,
                  "the server answered %ld instead of a .torrent", status);
    else if (fetch->len == 0)
        error_set(error, ERR_INVALID, "the server's answer is empty instead of a .torrent");
}

static void perform(struct fetch *fetch)
{
    CURL *curl = curl_easy_init();
    long status = 0;

    must(curl != NULL);
    set_options(curl, fetch);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    judge(fetch, code, status);
    curl_easy_cleanup(curl);
}

static void *run_fetch(void *arg)
{
    struct fetch *fetch = arg;
    struct fetcher *fetcher = fetch->fetcher;

    perform(fetch);
    pthread_mutex_lock(&fetcher->lock);
    LL_PREPEND(fetcher->finished, fetch);
    pthread_mutex_unlock(&fetcher->lock);
    eventfd_write(fetcher->event_fd, 1);
    return NULL;
}

static void release(struct fetch *fetch)
{
    free(fetch->url);
    free(fetch->data);
    free(fetch);
}

enum err fetch_start(struct fetcher *fetcher, const char *url, fetch_done_fn *done, void *arg,
                     struct fetch **out, struct error *error)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return error_set(error, ERR_INVALID, "only http and https URLs can be fetched");
    if (fetcher->running >= FETCHES_MAX)
        return error_set(error, ERR_BUSY, "%d .torrent files are being fetched; try again soon",
                         FETCHES_MAX);
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));
    fetch->fetcher = fetcher;
    fetch->url = xstrdup(url);
    fetch->done = done;
    fetch->arg = arg;
    if (pthread_create(&fetch->thread, NULL, run_fetch, fetch) != 0) {
        release(fetch);
        return error_set(error, ERR_BUSY, "no thread is left to fetch the .torrent");
    }
    fetcher->running++;
    *out = fetch;
    return ERR_NONE;
}

void fetch_cancel(struct fetch *fetch)
{
    fetch->is_cancelled = true;
}

static struct fetch *take_finished(struct fetcher *fetcher)
{
    pthread_mutex_lock(&fetcher->lock);
    struct fetch *fetch = fetcher->finished;
    if (fetch != NULL)
        LL_DELETE(fetcher->finished, fetch);
    pthread_mutex_unlock(&fetcher->lock);
    if (fetch != NULL) {
        pthread_join(fetch->thread, NULL);
        fetcher->running--;
    }
    return fetch;
}

void fetcher_dispatch(struct fetcher *fetcher)
{
    struct fetch *fetch;
    eventfd_t ignored;

    eventfd_read(fetcher->event_fd, &ignored);
    while ((fetch = take_finished(fetcher)) != NULL) {
        if (!fetch->is_cancelled)
            fetch->done(fetch->arg, bytes_of(fetch->data, fetch->len),
                        fetch->error.code != ERR_NONE ? &fetch->error : NULL);
        release(fetch);
    }
}

void fetcher_free(struct fetcher **fetcher_p)
{
    struct fetcher *fetcher = *fetcher_p;
    struct fetch *fetch;
    eventfd_t ignored;

    if (fetcher == NULL)
        return;
    fetcher->is_stopping = true; /* libcurl looks at on_progress about once a second */
    while (fetcher->running > 0) {
        struct pollfd item = {.fd = fetcher->event_fd, .events = POLLIN};

        poll(&item, 1, -1);
        eventfd_read(fetcher->event_fd, &ignored);
        while ((fetch = take_finished(fetcher)) != NULL)
            release(fetch);
    }
    close(fetcher->event_fd);
    pthread_mutex_destroy(&fetcher->lock);
    free(fetcher);
    *fetcher_p = NULL;
}
