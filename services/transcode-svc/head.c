/* SPDX-License-Identifier: MIT */
#include "head.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "spare.h"
#include "worker.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

enum {
    DEATHS_MAX = 2,
    QUIET_PATIENCE = 10,
    WHOLE_MAX = 4, /* workers at once, besides those of films */
};

static void on_bytes(void *arg);

/* ---- bytes that are waited for */

/* Time spent waiting is not the worker's fault. */
static void stop_wanting(struct head *head)
{
    uint64_t now_ms = clock_ms(), waited_ms = now_ms - MIN(head->want_since_ms, now_ms);

    if (head->is_wanting) {
        head->worked_ms += waited_ms;
        head->waited_ms += waited_ms;
    }
    head->is_wanting = head->wants_first = false;
    if (head->lease != NULL)
        lease_resume(head->lease);
}

/* Until 0: it is to give up. */
static void tell_ready(struct head *head, uint64_t until)
{
    stop_wanting(head);
    worker_ready(head->worker, until);
}

static void want(struct head *head, uint64_t position)
{
    const struct source *source = head->source;

    head->is_wanting = true;
    head->want = position;
    head->want_since_ms = clock_ms();
    if (head->lease == NULL)
        head->lease = lease_open(head->transcode->leases, &source->id.hash, source->id.file,
                                 position, source->size, on_bytes, head);
    lease_move(head->lease, position);
    lease_wait(head->lease);
}

/* Nothing more to hope for: the deadline is over, or the torrent is gone. */
static void give_up(struct head *head, const struct error *error)
{
    if (head->wants_first) {
        stop_wanting(head);
        head->owner->on_unopened(head, error, false);
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
    run = source_run(head->source, head->want);
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
    struct transcode *transcode = head->transcode;

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
    cache_abandon(head->transcode->cache, head->ticket);
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
static void lose_worker(void *arg, const char *why)
{
    struct head *head = arg;
    struct transcode *transcode = head->transcode;
    struct job *job = head->job;
    struct error error;

    transcode->metrics.workers_died_total++;
    log_warn("worker died", "film=%s doing=%s why=%s", source_name(head->source),
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
        head->owner->on_done(head, job, NULL, &error);
    } else if (job != NULL) {
        transcode->metrics.retries_total++;
    } else if (head->open_attempts >= DEATHS_MAX) {
        head->owner->on_unopened(head, &error, true);
    }
    head_step(head);
}

static void on_failed(struct head *head, const Sharestream__Worker__Failed *failed)
{
    struct job *job = head->job;
    struct error error;
    enum err code = worker_error(failed, &error);

    log_info("could not be made", "film=%s what=%s why=%s", source_name(head->source),
             job != NULL ? job->name : "open", error.text);
    /* Demuxers that were let down in the middle do not recover: the next order has a fresh one. */
    drop_worker(head);
    if (job != NULL) {
        cache_abandon(head->transcode->cache, head->ticket);
        head->job = NULL;
        head->owner->on_done(head, job, NULL, &error);
    } else {
        /* Bytes that did not come may come later; a damaged file stays damaged. */
        head->owner->on_unopened(head, &error, code == ERR_INVALID || code == ERR_TOO_LARGE);
    }
}

static void on_done(struct head *head, Sharestream__Worker__Done *done)
{
    struct job *job = head->job;

    head->transcode->metrics.read_bytes_total += done->read;
    if (job != NULL) {
        head->job = NULL;
        head->owner->on_done(head, job, done, NULL);
    } else {
        head->is_open = true;
        head->open_attempts = 0;
        head->owner->on_opened(head, done);
    }
}

static void on_report(void *arg, const Report *report)
{
    struct head *head = arg;
    uint64_t run, now_ms;

    switch (report->what_case) {
    case SHARESTREAM__WORKER__REPORT__WHAT_WANT:
        run = source_run(head->source, report->want->position);
        if (run > 0)
            tell_ready(head, report->want->position + run);
        else if (head->kind == HEAD_QUIET || head->source->map == NULL)
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
    Sharestream__Worker__Open open_order = SHARESTREAM__WORKER__OPEN__INIT;
    Order order = SHARESTREAM__WORKER__ORDER__INIT;
    struct error error;
    int fd = source_descriptor(head->source, &error);

    if (fd < 0) {
        drop_worker(head);
        head->owner->on_unopened(head, &error, false);
        return;
    }
    open_order.size = head->source->size;
    head->owner->fill_open(head, &open_order);
    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_OPEN;
    order.open = &open_order;
    head->open_attempts++;
    begin_work(head, &order, fd);
}

void head_order(struct head *head, Sharestream__Worker__Cut *cut, int fd)
{
    Order order = SHARESTREAM__WORKER__ORDER__INIT;

    order.what_case = SHARESTREAM__WORKER__ORDER__WHAT_CUT;
    order.cut = cut;
    begin_work(head, &order, fd);
}

static void begin_job(struct head *head)
{
    struct transcode *transcode = head->transcode;
    struct error error = {0};
    struct job *job;
    int fd;

    if (head->kind == HEAD_ENCODE)
        head->owner->order_jobs(head);
    job = head->jobs;
    DL_DELETE(head->jobs, job);
    head->ticket = ++transcode->tickets;
    fd = cache_begin(transcode->cache, head->ticket, &error);
    if (fd < 0) {
        head->owner->on_done(head, job, NULL, &error);
        head_step(head);
        return;
    }
    head->job = job;
    job->is_tried = true;
    head->owner->order(head, job, fd);
}

/* Whole files and pictures are beyond the limit of films: they are in nobody's way. */
static unsigned workers_max(const struct head *head)
{
    if (head->kind == HEAD_QUIET)
        return 1;
    return head->kind == HEAD_WHOLE ? WHOLE_MAX : transcode_workers_max(head->transcode);
}

static bool share_limit(const struct head *a, const struct head *b)
{
    return a->kind == b->kind || (a->kind <= HEAD_ENCODE && b->kind <= HEAD_ENCODE);
}

/* A worker that has nothing to do is taken from another. */
static bool make_room(const struct head *for_head)
{
    struct head *head, *idlest = NULL;
    unsigned count = 0;

    DL_FOREACH2(for_head->transcode->heads, head, all_next)
    {
        if (head->worker == NULL || !share_limit(head, for_head))
            continue;
        count++;
        if (!head->is_working && (idlest == NULL || head->worked_ms < idlest->worked_ms))
            idlest = head;
    }
    if (count < workers_max(for_head))
        return true;
    if (idlest != NULL)
        drop_worker(idlest);
    return idlest != NULL;
}

static enum err start_worker(struct head *head, struct error *error)
{
    struct transcode *transcode = head->transcode;
    const struct worker_events events = {on_report, lose_worker, head};

    if (head->rendition.encoder == ENCODER_SOFTWARE)
        return spare_take(transcode->spare, &events, &head->worker, error);
    return worker_new(transcode->svc, encoder_name(head->rendition.encoder), &events, &head->worker,
                      error);
}

static bool has_worker(struct head *head)
{
    struct transcode *transcode = head->transcode;
    struct error error = {0};

    if (head->worker != NULL)
        return true;
    if (!make_room(head))
        return false; /* head_tick() tries again */
    if (start_worker(head, &error) != ERR_NONE) {
        head->owner->on_unopened(head, &error, false);
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
    bool opens = head->kind == HEAD_CUT && head->owner->is_to_open(head);

    if (head->is_working || head->is_wanting || (!opens && head->jobs == NULL))
        return;
    if (source_run(head->source, 0) == 0 && !head->is_open && head->kind != HEAD_QUIET) {
        head->wants_first = true;
        want(head, 0);
    } else if (has_worker(head) && !head->is_open) {
        give_open(head);
    } else if (head->worker != NULL && head->jobs != NULL) {
        begin_job(head);
    }
}

/* ---- from the owner */

struct head *head_new(struct transcode *transcode, enum head_kind kind, const struct source *source,
                      const struct head_owner *owner, void *arg)
{
    struct head *head = xcalloc(1, sizeof(*head));

    head->transcode = transcode;
    head->kind = kind;
    head->source = source;
    head->owner = owner;
    head->arg = arg;
    head->work_ms = transcode->settings->work * (kind == HEAD_QUIET ? QUIET_PATIENCE : 1);
    head->worked_ms = clock_ms();
    DL_APPEND2(transcode->heads, head, all_prev, all_next);
    return head;
}

void head_free(struct head **head_p)
{
    struct head *head = *head_p;
    struct transcode *transcode;

    if (head == NULL)
        return;
    transcode = head->transcode;
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
    const struct transcode_settings *settings = head->transcode->settings;
    static const struct error late = {ERR_TIMEOUT,
                                      "the beginning of the file did not come in time"};
    uint64_t since_ms = now_ms - MIN(head->worked_ms, now_ms), waited_ms;

    if (head->is_wanting) {
        on_bytes(head);
        waited_ms = now_ms - MIN(head->want_since_ms, now_ms);
        if (head->kind == HEAD_WHOLE)
            waited_ms += head->waited_ms;
        if (head->is_wanting && waited_ms >= settings->wait)
            give_up(head, &late);
    } else if (head->is_working && since_ms >= head->work_ms) {
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

/* A copy of its path, or NULL. */
static char *keep(const struct head *head, const struct job *job,
                  const Sharestream__Worker__Done *done, uint64_t *size_out, struct error *error)
{
    struct transcode *transcode = head->transcode;
    const char *path;

    transcode->metrics.segments_total++;
    transcode->metrics.segment_bytes_total += done->bytes;
    if (cache_commit(transcode->cache, head->ticket, job->name, error) != ERR_NONE)
        return NULL;
    path = cache_find(transcode->cache, job->name, size_out);
    if (path == NULL)
        error_set(error, ERR_NO_SPACE, "the cache is too small for it");
    return path != NULL ? xstrdup(path) : NULL;
}

void head_end_job(struct head *head, struct job *job, const Sharestream__Worker__Done *done,
                  const struct error *error)
{
    struct error why = error != NULL ? *error : (struct error){0};
    uint64_t size = 0;
    char *path = done != NULL ? keep(head, job, done, &size, &why) : NULL;

    if (path == NULL && job->waiting_count > 0)
        head->transcode->metrics.failures_total++;
    job_end(job, path, size, path != NULL ? NULL : &why);
    free(path);
}

void head_fail_jobs(struct head *head, const struct error *error)
{
    while (head->jobs != NULL) {
        struct job *job = head->jobs;

        DL_DELETE(head->jobs, job);
        head_end_job(head, job, NULL, error);
    }
}

struct job *head_find_job(const struct head *head, const char *name)
{
    struct job *job;

    if (head->job != NULL && strcmp(head->job->name, name) == 0)
        return head->job;
    DL_FOREACH(head->jobs, job)
    if (strcmp(job->name, name) == 0)
        break;
    return job;
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

size_t heads_jobs(const struct transcode *transcode)
{
    const struct head *head;
    const struct job *job;
    size_t count = 0;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        count += head->is_working || head->is_wanting;
        DL_FOREACH(head->jobs, job)
        count++;
    }
    return count;
}

pid_t head_pid(const struct head *head)
{
    return head->worker != NULL ? worker_pid(head->worker) : 0;
}
