/* SPDX-License-Identifier: MIT
 *
 * Threads: run() is a thread of its own for each request. From cloudflare_ask() until the owner has
 * joined it, `reply` and `error` are the thread's; everything else runs on the owner's.
 */
#include "cloudflare.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/must.h"
#include "base/text.h"

enum { REPLY_BYTES_MAX = 64 << 10, SECONDS_MAX = 10, NOT_FOUND = 404 };

struct cloudflare {
    const struct room_settings *settings;
    cloudflare_done_fn *done;
    void *arg;
    int event_fd;
    pthread_t thread;
    bool is_asking;
    _Atomic bool is_stopping;
    struct text reply;
    struct error error; /* code ERR_NONE: success */
};

struct cloudflare *cloudflare_new(const struct room_settings *settings, cloudflare_done_fn *done,
                                  void *arg)
{
    struct cloudflare *cloudflare = xcalloc(1, sizeof(*cloudflare));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    cloudflare->settings = settings;
    cloudflare->done = done;
    cloudflare->arg = arg;
    cloudflare->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(cloudflare->event_fd >= 0);
    return cloudflare;
}

int cloudflare_fd(const struct cloudflare *cloudflare)
{
    return cloudflare->event_fd;
}

bool cloudflare_is_asking(const struct cloudflare *cloudflare)
{
    return cloudflare->is_asking;
}

/* ---- the thread */

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct cloudflare *cloudflare = arg;
    size_t len = size * count;

    if (len > REPLY_BYTES_MAX - cloudflare->reply.len)
        return 0;
    text_add_bytes(&cloudflare->reply, bytes_of(data, len));
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct cloudflare *cloudflare = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return cloudflare->is_stopping;
}

static void set_options(CURL *curl, struct cloudflare *cloudflare)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SECONDS_MAX);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ShareStream");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, cloudflare);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, cloudflare);
    if (cloudflare->settings->cloudflare_ca[0] != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, cloudflare->settings->cloudflare_ca);
}

static struct curl_slist *make_headers(const struct room_settings *settings)
{
    char *authorization = xasprintf("Authorization: Bearer %s", settings->cloudflare_token);
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

    headers = curl_slist_append(headers, authorization);
    must(headers != NULL);
    free(authorization);
    return headers;
}

static void judge(struct cloudflare *cloudflare, CURLcode code, long status)
{
    struct error *error = &cloudflare->error;

    if (code == CURLE_WRITE_ERROR)
        error_set(error, ERR_TOO_LARGE, "the answer is larger than %d bytes", REPLY_BYTES_MAX);
    else if (code != CURLE_OK)
        error_set(error, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE, "%s",
                  curl_easy_strerror(code));
    else if (status != 200 && status != 201)
        error_set(error, ERR_UNAVAILABLE, "the answer is %ld%s", status,
                  status == 401 || status == 403 ? ": the token is not accepted"
                  : status == NOT_FOUND          ? ": there is no such key"
                                                 : "");
}

/* Returns the status, 0 when there is none. */
static long post(CURL *curl, struct cloudflare *cloudflare, const char *call)
{
    const struct room_settings *settings = cloudflare->settings;
    char *url = xasprintf("%s/%s/credentials/%s", settings->cloudflare_url,
                          settings->cloudflare_key_id, call);
    char *body = xasprintf("{\"ttl\":%" PRIu64 "}", settings->turn_ttl / 1000);
    long status = 0;

    text_clear(&cloudflare->reply);
    cloudflare->error = (struct error){0};
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    judge(cloudflare, code, status);
    free(url);
    free(body);
    return status;
}

static void *run(void *arg)
{
    struct cloudflare *cloudflare = arg;
    struct curl_slist *headers = make_headers(cloudflare->settings);
    CURL *curl = curl_easy_init();

    must(curl != NULL);
    set_options(curl, cloudflare);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    /* The second is what it was called before. */
    if (post(curl, cloudflare, "generate-ice-servers") == NOT_FOUND)
        post(curl, cloudflare, "generate");
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    eventfd_write(cloudflare->event_fd, 1);
    return NULL;
}

/* ---- the owner */

void cloudflare_ask(struct cloudflare *cloudflare)
{
    must(!cloudflare->is_asking);
    if (pthread_create(&cloudflare->thread, NULL, run, cloudflare) != 0) {
        error_set(&cloudflare->error, ERR_BUSY, "there is no thread left to ask it");
        cloudflare->done(cloudflare->arg, bytes_of(NULL, 0), &cloudflare->error);
        return;
    }
    cloudflare->is_asking = true;
}

static void join(struct cloudflare *cloudflare)
{
    eventfd_t ignored;

    eventfd_read(cloudflare->event_fd, &ignored);
    pthread_join(cloudflare->thread, NULL);
    cloudflare->is_asking = false;
}

void cloudflare_dispatch(struct cloudflare *cloudflare)
{
    const struct error *error = &cloudflare->error;

    join(cloudflare);
    cloudflare->done(cloudflare->arg, bytes_of(cloudflare->reply.data, cloudflare->reply.len),
                     error->code != ERR_NONE ? error : NULL);
}

void cloudflare_free(struct cloudflare **cloudflare_p)
{
    struct cloudflare *cloudflare = *cloudflare_p;

    if (cloudflare == NULL)
        return;
    cloudflare->is_stopping = true; /* libcurl looks at on_progress about once a second */
    if (cloudflare->is_asking)
        join(cloudflare);
    close(cloudflare->event_fd);
    text_fini(&cloudflare->reply);
    free(cloudflare);
    *cloudflare_p = NULL;
}
