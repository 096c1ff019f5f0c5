/* SPDX-License-Identifier: MIT */
#include "head.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "film.h"
#include "spare.h"
#include "worker.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

enum { DEATHS_MAX = 2, QUIET_PATIENCE = 10 };

static void on_bytes(void *arg);

static struct transcode *transcode_of(const struct head *head)
{
    return film_source(head->film)->transcode;
}

/* ---- bytes that are waited for */

static void stop_wanting(struct head *head)
{
    head->is_wanting = head->wants_first = false;
    if (head->lease != NULL)
        lease_resume(head->lease);
}

static uint64_t run_at(const struct head *head, uint64_t position)
{
    const struct film_source *source = film_source(head->film);

    if (position >= source->size)
        return 0;
    return ready_map_run(source->map, source->file, position, source->size - position);
}

/* Until 0: it is to give up. */
static void tell_ready(struct head *head, uint64_t until)
{
    uint64_t now_ms = clock_ms();

    /* Time spent waiting is not its fault. */
    head->worked_ms += now_ms - MIN(head->want_since_ms, now_ms);
    stop_wanting(head);
    worker_ready(head->worker, until);
}

static void want(struct head *head, uint64_t position)
{
    const struct film_source *source = film_source(head->film);

    head->is_wanting = true;
    head->want = position;
    head->want_since_ms = clock_ms();
    if (head->lease == NULL)
        head->lease = lease_open(transcode_of(head)->leases, &source->hash, source->file, position,
                                 source->size, on_bytes, head);
    lease_move(head->lease, position);
    lease_wait(head->lease);
}

/* Nothing more to hope for: the deadline is over, or the torrent is gone. */
static void give_up(struct head *head, const struct error *error)
{
    if (head->wants_first) {
        stop_wanting(head);
        film_on_unopened(head->film, head, error, false);
    } else {
        tell_ready(head, 0);
    }
}

static void on_bytes(void *arg)
{
    struct head *head = arg;
    uint64_t run;

    if (!head->is_wanting)
        return;
    run = run_at(head, head->want);
    if (run > 0 && head->wants_first) {
        stop_wanting(head);
        head_step(head);
    } else if (run > 0) {
        tell_ready(head, head->want + run);
    } else if (lease_error(head->lease) != NULL) {
        struct error error = *lease_error(head->lease);

        give_up(head, &error);
    }
}

/* ---- the worker */

static void forget_worker(struct head *head)
{
    struct transcode *transcode = transcode_of(head);

    head->worker = NULL;
    transcode->workers--;
    head->is_open = head->is_working = false;
    if (!head->wants_first)
        stop_wanting(head);
}

static void drop_worker(struct head *head)
{
    struct worker *worker = head->worker;

    if (worker == NULL)
        return;
    forget_worker(head);
    worker_free(&worker);
}

/* What it had in its hands lies in front of the queue again. */
static void put_back(struct head *head)
{
    struct job *job = head->job;

    if (job == NULL)
        return;
    cache_abandon(transcode_of(head)->cache, head->ticket);
    head->job = NULL;
    DL_PREPEND(head->jobs, job);
}

/* Subtitles look back farther than a picture, into what nobody may have fetched. */
static bool goes_first(const struct job *job, const struct job *waiting)
{
    return !job->is_tried || (waiting->path.rendition.kind == RENDITION_SUBTITLE &&
                              job->path.rendition.kind != RENDITION_SUBTITLE);
}

/* Who asks for what is here must not wait for bytes that somebody else needs: a copy that waits for
 * some lets those first that were not tried yet. To begin it again costs little. */
static bool let_others_first(struct head *head)
{
    struct job *job;

    if (head->kind != HEAD_CUT || head->job == NULL)
        return false;
    DL_FOREACH(head->jobs, job)
    if (goes_first(job, head->job))
        break;
    if (job == NULL)
        return false;
    drop_worker(head);
    put_back(head);
    lease_close(&head->lease); /* who waits for it may leave before it is begun again */
    DL_DELETE(head->jobs, job);
    DL_PREPEND(head->jobs, job);
    return true;
}

/* Of itself, or of us because it took too long. */
static void lose_worker(struct head *head, const char *why)
{
    struct transcode *transcode = transcode_of(head);
    struct job *job = head->job;
    struct error error;

    transcode->metrics.workers_died_total++;
    log_warn("worker died", "film=%s doing=%s why=%s", film_name(head->film),
             job != NULL ? job->name : "open", why);
    forget_worker(head);
    put_back(head);
    if (head->rendition.encoder == ENCODER_SOFTWARE)
        error_set(&error, ERR_INVALID, "the file makes the transcoder fail: %s", why);
    else /* or the driver: nobody knows, and software may do better */
        error_set(&error, ERR_UNAVAILABLE, "the file or the driver makes the encoder fail: %s",
                  why);
    if (job != NULL && ++job->deaths >= DEATHS_MAX) {
        DL_DELETE(head->jobs, job);
        film_on_done(head->film, head, job, NULL, &error);
    } else if (job != NULL) {
        transcode->metrics.retries_total++;
    } else if (head->open_attempts >= DEATHS_MAX) {
        film_on_unopened(head->film, head, &error, true);
    }
    head_step(head);
}

static void on_gone(void *arg, const char *why)
{
    lose_worker(arg, why);
}

static void on_failed(struct head *head, const Sharestream__Worker__Failed *failed)
{
    struct job *job = head->job;
    struct error error;
    enum err code = worker_error(failed, &error);

    log_info("could not be made", "film=%s what=%s why=%s", film_name(head->film),
             job != NULL ? job->name : "open", error.text);
    /* Demuxers that were let down in the middle do not recover: the next order has a fresh one. */
    drop_worker(head);
    if (job != NULL) {
        cache_abandon(transcode_of(head)->cache, head->ticket);
        head->job = NULL;
        film_on_done(head->film, head, job, NULL, &error);
    } else {
        /* Bytes that did not come may come later; a damaged file stays damaged. */
        film_on_unopened(head->film, head, &error, code == ERR_INVALID || code == ERR_TOO_LARGE);
    }
}

static void on_done(struct head *head, Sharestream__Worker__Done *done)
{
    struct job *job = head->job;

    transcode_of(head)->metrics.read_bytes_total += done->read;
    if (job != NULL) {
        head->job = NULL;
        film_on_done(head->film, head, job, done, NULL);
    } else {
        head->is_open = true;
        head->open_attempts = 0;
        film_on_opened(head->film, done);
    }
}

static void on_report(void *arg, const Report *report)
{
    struct head *head = arg;
    uint64_t run, now_ms;

    switch (report->what_case) {
    case SHARESTREAM__WORKER__REPORT__WHAT_WANT:
        head->want_since_ms = clock_ms();
        run = run_at(head, report->want->position);
        if (run > 0)
            tell_ready(head, report->want->position + run);
        else if (head->kind == HEAD_QUIET)
            tell_ready(head, 0); /* pictures are not worth fetching anything for */
        else if (let_others_first(head))
            head_step(head);
        else
            want(head, report->want->position);
        return;
    case SHARESTREAM__WORKER__REPORT__WHAT_DONE:
    case SHARESTREAM__WORKER__REPORT__WHAT_FAILED:
        break;
    case SHARESTREAM__WORKER__REPORT__WHAT__NOT_SET:
    case _SHARESTREAM__WORKER__REPORT__WHAT__CASE_IS_INT_SIZE:
        return;
    }
    now_ms = clock_ms();
    head->took_ms = now_ms - MIN(head->worked_ms, now_ms);
    head->is_working = false;
    head->worked_ms = now_ms;
    /* Whoever is told now may ask for more, and have it begun. */
    if (report->what_case == SHARESTREAM__WORKER__REPORT__WHAT_DONE)
        on_done(head, report->done);
    else
        on_failed(head, report->failed);
    head_step(head);
}

/* ---- orders */

static void begin_work(struct head *head, const Order *order, int fd)
{
    head->is_working = true;
    head->worked_ms = clock_ms();
    worker_order(head->worker, order, fd);
    close(fd);
}

static void give_open(struct head *head)
{
    const struct film_source *source = film_source(head->film);
    const Sharestream__Worker__Media *media = film_media(head->film);
    Sharestream__Worker__Open open_order = SHARESTREAM__WORKER__OPEN__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    struct error error;
    int fd = open(source->disk_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        error_set_errno(&error, ERR_IO, "cannot open the file");
        drop_worker(head);
        film_on_unopened(head->film, head, &error, false);
        return;
    }
    open_order.size = source->size;
    open_order.is_known = media != NULL;
    open_order.shift_us = media != NULL ? media->shift_us : 0;
    open_order.is_closed = media != NULL && media->is_closed;
    open_order.duration_us = media != NULL ? media->duration_us : 0;
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_OPEN;
    order.open = &open_order;
    head->open_attempts++;
    begin_work(head, &order, fd);
}

static void begin_job(struct head *head)
{
    struct transcode *transcode = transcode_of(head);
    struct job *job;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    struct film_cut cut;
    struct error error = {0};
    int fd;

    film_order_jobs(head->film, head);
    job = head->jobs;
    DL_DELETE(head->jobs, job);
    head->ticket = ++transcode->tickets;
    fd = cache_begin(transcode->cache, head->ticket, &error);
    if (fd < 0) {
        film_on_done(head->film, head, job, NULL, &error);
        head_step(head);
        return;
    }
    head->job = job;
    job->is_tried = true;
    film_fill_cut(head->film, head, job, &cut);
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_CUT;
    order.cut = &cut.cut;
    begin_work(head, &order, fd);
}

/* A worker that has nothing to do is taken from another. */
static bool make_room(struct transcode *transcode)
{
    struct head *head, *idlest = NULL;
    unsigned count = 0;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        if (head->worker == NULL || head->kind == HEAD_QUIET)
            continue;
        count++;
        if (!head->is_working && (idlest == NULL || head->worked_ms < idlest->worked_ms))
            idlest = head;
    }
    if (count < transcode_workers_max(transcode))
        return true;
    if (idlest != NULL)
        drop_worker(idlest);
    return idlest != NULL;
}

/* Pictures are made by one worker at a time, which is beyond the limit: it is in nobody's way. */
static bool take_turn(struct transcode *transcode)
{
    struct head *head;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        if (head->worker == NULL || head->kind != HEAD_QUIET)
            continue;
        if (head->is_working)
            return false;
        drop_worker(head);
    }
    return true;
}

static enum err start_worker(struct head *head, struct error *error)
{
    struct transcode *transcode = transcode_of(head);
    const struct worker_events events = {on_report, on_gone, head};

    if (head->rendition.encoder == ENCODER_SOFTWARE)
        return spare_take(transcode->spare, &events, &head->worker, error);
    return worker_new(transcode->svc, encoder_name(head->rendition.encoder), &events, &head->worker,
                      error);
}

static bool has_worker(struct head *head)
{
    struct transcode *transcode = transcode_of(head);
    struct error error = {0};

    if (head->worker != NULL)
        return true;
    if (head->kind == HEAD_QUIET ? !take_turn(transcode) : !make_room(transcode))
        return false; /* head_tick() tries again */
    if (start_worker(head, &error) != ERR_NONE) {
        film_on_unopened(head->film, head, &error, false);
        return false;
    }
    if (head->kind == HEAD_QUIET)
        worker_be_quiet(head->worker);
    transcode->workers++;
    transcode->metrics.workers_total++;
    return true;
}

void head_step(struct head *head)
{
    bool opens = head->kind == HEAD_CUT && film_is_to_open(head->film);

    if (head->is_working || head->is_wanting || (!opens && head->jobs == NULL))
        return;
    if (run_at(head, 0) == 0 && !head->is_open && head->kind != HEAD_QUIET) {
        head->wants_first = true;
        want(head, 0);
    } else if (has_worker(head) && !head->is_open) {
        give_open(head);
    } else if (head->worker != NULL && head->jobs != NULL) {
        begin_job(head);
    }
}

/* ---- from film.c */

struct head *head_new(struct film *film, enum head_kind kind)
{
    struct head *head = xcalloc(1, sizeof(*head));

    head->film = film;
    head->kind = kind;
    head->worked_ms = clock_ms();
    DL_APPEND2(transcode_of(head)->heads, head, all_prev, all_next);
    return head;
}

void head_free(struct head **head_p)
{
    struct head *head = *head_p;
    struct transcode *transcode;

    if (head == NULL)
        return;
    transcode = transcode_of(head);
    must(head->jobs == NULL && head->job == NULL);
    drop_worker(head);
    lease_close(&head->lease);
    DL_DELETE2(transcode->heads, head, all_prev, all_next);
    free(head);
    *head_p = NULL;
}

void head_add(struct head *head, struct job *job)
{
    DL_APPEND(head->jobs, job);
    if (head->is_wanting)
        let_others_first(head);
    head_step(head);
}

void head_interrupt(struct head *head)
{
    drop_worker(head);
    put_back(head);
    stop_wanting(head);
    lease_close(&head->lease);
}

void head_tick(struct head *head, uint64_t now_ms)
{
    const struct transcode_settings *settings = transcode_of(head)->settings;
    static const struct error late = {ERR_TIMEOUT,
                                      "the beginning of the file did not come in time"};
    uint64_t since_ms = now_ms - MIN(head->worked_ms, now_ms);
    uint64_t most_ms = settings->work * (head->kind == HEAD_QUIET ? QUIET_PATIENCE : 1);

    if (head->is_wanting) {
        on_bytes(head);
        if (head->is_wanting && now_ms - head->want_since_ms >= settings->wait)
            give_up(head, &late);
    } else if (head->is_working && since_ms >= most_ms) {
        worker_free(&head->worker);
        lose_worker(head, "it took too long");
        return;
    } else if (head->worker != NULL && !head->is_working && head->jobs == NULL &&
               since_ms >= settings->worker_idle) {
        drop_worker(head);
        lease_close(&head->lease);
    }
    head_step(head);
}

bool head_is_busy(const struct head *head)
{
    return head->is_working || head->is_wanting || head->jobs != NULL;
}

bool head_is_wanted(const struct head *head)
{
    const struct job *job;

    if (head->job != NULL && head->job->waiting_count > 0)
        return true;
    DL_FOREACH(head->jobs, job)
    if (job->waiting_count > 0)
        return true;
    return false;
}

pid_t head_pid(const struct head *head)
{
    return head->worker != NULL ? worker_pid(head->worker) : 0;
}
