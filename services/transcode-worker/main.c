/* SPDX-License-Identifier: MIT
 *
 * transcode-worker: takes orders of transcode-svc over an inherited socket, reads one media file
 * with FFmpeg, and writes what was ordered. It holds nothing worth keeping: whatever a file does to
 * it, transcode-svc starts another.
 *
 *     transcode-worker [HARDWARE]       pictures are made by "vaapi", "nvenc" or "qsv", not by x264
 *     transcode-worker --probe ENCODER  one of these, or "software": says whether it works, and why
 * not
 */
#include <libavutil/log.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "charset.h"
#include "cut.h"
#include "film.h"
#include "hardware.h"
#include "media.h"
#include "peaks.h"
#include "probe.h"
#include "run.h"
#include "sandbox.h"
#include "script.h"
#include "subtitles.h"
#include "talk.h"
#include "thumbs.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

/* What FFmpeg thinks of a stranger's file is for who looks for trouble. */
static void on_ffmpeg_says(void *object, int level, const char *format, va_list args)
{
    char line[256];

    (void)object;
    if (level > AV_LOG_ERROR || log_get_level() < LOG_LEVEL_DEBUG)
        return;
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
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

    if ((order->is_text ? script_open : film_open)(film, fd, order->size, &error) == ERR_NONE &&
        !order->is_known)
        media_new(film, &media, &error);
    if (order->is_known) {
        film->shift_us = order->shift_us;
        film->is_closed = order->is_closed;
        film->duration_us = order->duration_us;
    }
    if (error.code == ERR_NONE)
        report_done(film, 0, media);
    else
        report_failure(&error);
    media_free(&media);
}

static void cut_film(struct film *film, struct run **run, const Sharestream__Worker__Cut *order,
                     int fd)
{
    struct error error = {0};
    uint64_t bytes = 0;

    film->input.read = 0;
    if (film->format == NULL)
        error_set(&error, ERR_INVALID, "no film is open");
    else if (order->container == SHARESTREAM__WORKER__CONTAINER__JPEG)
        thumbs(film, order, fd, &bytes, &error);
    else if (order->container == SHARESTREAM__WORKER__CONTAINER__WAVEFORM)
        peaks(film, order, fd, &bytes, &error);
    else if (subtitles_are_for(order))
        subtitles_cut(film, order, fd, &bytes, &error);
    else if (run_is_for(order))
        run_cut(run, film, order, fd, &bytes, &error);
    else
        cut(film, order, fd, &bytes, &error);
    if (error.code == ERR_NONE) {
        report_done(film, bytes, NULL);
        return;
    }
    report_failure(&error);
}

static bool obey(struct film *film, struct run **run, const Order *order, int *fd)
{
    /* Whatever else it does leaves the file somewhere else. */
    if (order->what_case != SHARESTREAM__WORKER__ORDER__WHAT_CUT || !run_is_for(order->cut))
        run_free(run);
    switch (order->what_case) {
    case SHARESTREAM__WORKER__ORDER__WHAT_OPEN:
        open_film(film, order->open, *fd);
        *fd = -1; /* taken */
        return true;
    case SHARESTREAM__WORKER__ORDER__WHAT_CUT:
        cut_film(film, run, order->cut, *fd);
        return true;
    case SHARESTREAM__WORKER__ORDER__WHAT_READY:
    case SHARESTREAM__WORKER__ORDER__WHAT__NOT_SET:
    case _SHARESTREAM__WORKER__ORDER__WHAT__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

/* What it thinks of our encoder says more than its codes: the last of what it holds worst. */
static char worst[256];

static void on_ffmpeg_complains(void *object, int level, const char *format, va_list args)
{
    static int worst_level = AV_LOG_VERBOSE;

    (void)object;
    if (level > worst_level)
        return;
    worst_level = level;
    vsnprintf(worst, sizeof(worst), format, args);
    worst[strcspn(worst, "\n")] = '\0';
}

static int probe_and_tell(const char *name)
{
    bool is_hardware = strcmp(name, "software") != 0;
    struct error error = {0};

    av_log_set_callback(on_ffmpeg_complains);
    if (is_hardware)
        hardware_open(name, &error);
    if (error.code == ERR_NONE && sandbox_enter(is_hardware, &error) == ERR_NONE)
        probe(&error);
    if (error.code == ERR_NONE)
        printf("%s works\n", name);
    else
        printf("%s%s%s\n", error.text, worst[0] != '\0' ? ": " : "", worst);
    fflush(stdout);
    _exit(error.code == ERR_NONE ? EXIT_SUCCESS : EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct film film = {.video = -1, .audio = -1};
    struct run *run = NULL;
    struct error error = {0};
    bool goes_on = true;
    Order *order;
    int fd;

    signal(SIGXFSZ, SIG_IGN);
    mallopt(M_ARENA_MAX, 2); /* threads of codecs would reserve 64 MiB of addresses each */
    log_init("transcode-worker", LOG_LEVEL_WARN, false);
    av_log_set_callback(on_ffmpeg_says);
    if (argc == 3 && strcmp(argv[1], "--probe") == 0)
        return probe_and_tell(argv[2]);
    charset_prepare();
    if ((argc == 2 && hardware_open(argv[1], &error) != ERR_NONE) ||
        sandbox_enter(argc == 2, &error) != ERR_NONE) {
        log_error("not started", "why=%s", error.text);
        return EXIT_FAILURE;
    }
    while (goes_on && (order = talk_receive(&fd)) != NULL) {
        goes_on = obey(&film, &run, order, &fd);
        if (fd >= 0)
            close(fd);
        sharestream__worker__order__free_unpacked(order, NULL);
    }
    /* Nothing is given back: what looks for leaks at the end of a process (LeakSanitizer) starts
     * another to look, which the sandbox does not allow, and waits for it forever. */
    _exit(EXIT_SUCCESS);
}
