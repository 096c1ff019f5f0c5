/* SPDX-License-Identifier: MIT
 *
 * transcode-worker: takes orders of transcode-svc over an inherited socket, reads one media file
 * with FFmpeg, and writes what was ordered. It holds nothing worth keeping: whatever a file does to
 * it, transcode-svc starts another.
 */
#include <libavutil/log.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "cut.h"
#include "film.h"
#include "media.h"
#include "peaks.h"
#include "sandbox.h"
#include "talk.h"
#include "thumbs.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

/* What FFmpeg thinks of a stranger's file is for who looks for trouble. */
static void on_ffmpeg_says(void *object, int level, const char *format, va_list args)
{
    char line[256];
    size_t len;

    (void)object;
    if (level > AV_LOG_ERROR || log_get_level() < LOG_LEVEL_DEBUG)
        return;
    vsnprintf(line, sizeof(line), format, args);
    len = strcspn(line, "\n");
    line[len] = '\0';
    log_debug("ffmpeg", "says=%s", line);
}

static void report_failure(const struct error *error)
{
    Sharestream__Worker__Failed failed = SHARESTREAM__WORKER__FAILED__INIT;
    Report report = SHARESTREAM__WORKER__REPORT__INIT;
    char text[sizeof(error->text)];

    snprintf(text, sizeof(text), "%s", error->text);
    failed.code = (uint32_t)error->code;
    failed.text = text;
    report.what_case = SHARESTREAM__WORKER__REPORT__WHAT_FAILED;
    report.failed = &failed;
    talk_send(&report);
}

static void report_done(const struct film *film, uint64_t bytes, Sharestream__Worker__Media *media)
{
    Sharestream__Worker__Done done = SHARESTREAM__WORKER__DONE__INIT;
    Report report = SHARESTREAM__WORKER__REPORT__INIT;

    done.bytes = bytes;
    done.read = film->input.read;
    done.media = media;
    report.what_case = SHARESTREAM__WORKER__REPORT__WHAT_DONE;
    report.done = &done;
    talk_send(&report);
}

static void open_film(struct film *film, const Sharestream__Worker__Open *order, int fd)
{
    Sharestream__Worker__Media *media = NULL;
    struct error error = {0};

    if (film_open(film, fd, order->size, &error) == ERR_NONE &&
        media_new(film, &media, &error) == ERR_NONE)
        report_done(film, 0, media);
    else
        report_failure(&error);
    media_free(&media);
}

/* What an order comes to. */
struct outcome {
    struct film *film;
    const Sharestream__Worker__Cut *order;
    int fd;
    uint64_t bytes;
    struct error error;
};

static void make(struct outcome *outcome)
{
    switch (outcome->order->container) {
    case SHARESTREAM__WORKER__CONTAINER__JPEG:
        thumbs(outcome->film, outcome->order, outcome->fd, &outcome->bytes, &outcome->error);
        break;
    case SHARESTREAM__WORKER__CONTAINER__WAVEFORM:
        peaks(outcome->film, outcome->order, outcome->fd, &outcome->bytes, &outcome->error);
        break;
    case SHARESTREAM__WORKER__CONTAINER__FMP4:
    case SHARESTREAM__WORKER__CONTAINER__TS:
    case _SHARESTREAM__WORKER__CONTAINER_IS_INT_SIZE:
        cut(outcome->film, outcome->order, outcome->fd, &outcome->bytes, &outcome->error);
        break;
    }
}

static void *make_quietly(void *arg)
{
    setpriority(PRIO_PROCESS, 0, 19); /* of this thread alone */
    make(arg);
    return NULL;
}

/* Nobody can raise his priority again: what nobody waits for gets a thread that ends with it. */
static bool is_quiet(const Sharestream__Worker__Cut *order)
{
    return order->container == SHARESTREAM__WORKER__CONTAINER__JPEG ||
           order->container == SHARESTREAM__WORKER__CONTAINER__WAVEFORM;
}

static void cut_film(struct film *film, const Sharestream__Worker__Cut *order, int fd)
{
    struct outcome outcome = {.film = film, .order = order, .fd = fd};
    pthread_t thread;

    if (film->format == NULL)
        error_set(&outcome.error, ERR_INVALID, "no film is open");
    else if (is_quiet(order) && pthread_create(&thread, NULL, make_quietly, &outcome) == 0)
        pthread_join(thread, NULL);
    else
        make(&outcome);
    if (outcome.error.code == ERR_NONE)
        report_done(film, outcome.bytes, NULL);
    else
        report_failure(&outcome.error);
}

static bool obey(struct film *film, const Order *order, int *fd)
{
    switch (order->what_case) {
    case SHARESTREAM__WORKER__ORDER__WHAT_OPEN:
        open_film(film, order->open, *fd);
        *fd = -1; /* taken */
        return true;
    case SHARESTREAM__WORKER__ORDER__WHAT_CUT:
        cut_film(film, order->cut, *fd);
        return true;
    case SHARESTREAM__WORKER__ORDER__WHAT_QUIT:
    case SHARESTREAM__WORKER__ORDER__WHAT_READY:
    case SHARESTREAM__WORKER__ORDER__WHAT__NOT_SET:
    case _SHARESTREAM__WORKER__ORDER__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

int main(void)
{
    struct film film = {.video = -1, .audio = -1};
    struct error error = {0};
    bool goes_on = true;
    Order *order;
    int fd;

    signal(SIGXFSZ, SIG_IGN);
    log_init("transcode-worker", LOG_LEVEL_WARN, false);
    av_log_set_callback(on_ffmpeg_says);
    if (sandbox_enter(&error) != ERR_NONE) {
        log_error("not started", "why=%s", error.text);
        return EXIT_FAILURE;
    }
    while (goes_on && (order = talk_receive(&fd)) != NULL) {
        goes_on = obey(&film, order, &fd);
        if (fd >= 0)
            close(fd);
        sharestream__worker__order__free_unpacked(order, NULL);
    }
    film_close(&film);
    return EXIT_SUCCESS;
}
