/* SPDX-License-Identifier: MIT
 *
 * film_heads: who makes what of a film: which head, how far encoders go ahead of their viewers, and
 * when what they do is of no use any more.
 */
#include "film_private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"

/* A head that is so many segments behind gets there sooner by going on than by starting anew. */
enum { NEAR = 2 };

static struct head *add_head(struct film *film, enum head_kind kind)
{
    struct head *head = head_new(film->transcode, kind, &film->source, film->heads->owner, film);

    DL_APPEND(film->heads, head);
    return head;
}

void film_end_head(struct head *head, const struct error *error)
{
    struct film *film = head->arg;

    head_interrupt(head);
    head_fail_jobs(head, error);
    film->transcode->encoders -= head->kind == HEAD_ENCODE;
    DL_DELETE(film->heads, head);
    head_free(&head);
}

static bool is_same(const struct rendition *a, const struct rendition *b)
{
    return a->kind == b->kind && a->is_made == b->is_made && a->stream == b->stream &&
           a->height == b->height && a->encoder == b->encoder && a->has_burnt == b->has_burnt &&
           a->burnt == b->burnt;
}

/* ---- which head */

/* Where it is, or will be; UINT32_MAX: nowhere. */
static uint32_t position_of(const struct head *head)
{
    const struct job *job = head->job;

    if (job == NULL && head->at == UINT32_MAX)
        job = head->jobs;
    if (job != NULL && job->path.what == PATH_INIT)
        job = head->jobs; /* it can go anywhere behind that */
    return job != NULL ? job->path.number : head->at;
}

static bool is_near(const struct head *head, uint32_t number)
{
    uint32_t at = position_of(head);

    return number >= at && number - at <= NEAR;
}

/* Nobody waits for what it does: it may be sent elsewhere. The one that nobody has asked for
 * longest; `film` NULL: of any. */
static struct head *find_idle(struct transcode *transcode, const struct film *film,
                              const struct rendition *rendition)
{
    struct head *head, *found = NULL;

    DL_FOREACH2(transcode->heads, head, all_next)
    if (head->kind == HEAD_ENCODE && !head_is_wanted(head) &&
        (film == NULL || (head->arg == film && is_same(&head->rendition, rendition))) &&
        (found == NULL || head->asked_ms < found->asked_ms))
        found = head;
    return found;
}

void film_drop_jobs(struct head *head)
{
    struct job *job, *next;

    DL_FOREACH_SAFE(head->jobs, job, next)
    {
        if (job->waiting_count > 0)
            continue;
        DL_DELETE(head->jobs, job);
        free(job);
    }
}

static struct head *new_encoder(struct film *film, const struct rendition *rendition)
{
    static const struct error over = {ERR_BUSY, "it is made for somebody else now"};
    struct transcode *transcode = film->transcode;
    struct head *head;

    if (transcode->encoders >= transcode_encoders_max(transcode)) {
        head = find_idle(transcode, NULL, NULL);
        if (head == NULL)
            return NULL;
        film_end_head(head, &over);
    }
    head = add_head(film, HEAD_ENCODE);
    head->rendition = *rendition;
    head->at = UINT32_MAX;
    transcode->encoders++;
    return head;
}

static struct head *quiet_head(struct film *film)
{
    struct head *head;

    DL_FOREACH(film->heads, head)
    if (head->kind == HEAD_QUIET)
        return head;
    return add_head(film, HEAD_QUIET);
}

struct head *film_choose_head(struct film *film, const struct path *path)
{
    struct head *head, *busy = NULL, *unbound = NULL;

    if (rendition_is_quiet(&path->rendition))
        return quiet_head(film);
    if (!film_has_picture_made(film, &path->rendition) ||
        (path->what == PATH_INIT && path->rendition.encoder == ENCODER_SOFTWARE))
        return film->heads;
    DL_FOREACH(film->heads, head)
    {
        if (head->kind != HEAD_ENCODE || !is_same(&head->rendition, &path->rendition))
            continue;
        if (path->what == PATH_INIT || is_near(head, path->number))
            return head;
        if (position_of(head) == UINT32_MAX)
            unbound = head;
        busy = head;
    }
    if (unbound != NULL)
        return unbound;
    head = find_idle(film->transcode, film, &path->rendition);
    if (head == NULL)
        head = new_encoder(film, &path->rendition);
    else if (head->is_working)
        head_interrupt(head); /* sooner than to wait for what nobody wants */
    if (head == NULL)
        return busy;
    film_drop_jobs(head);
    return head;
}

/* An encoder makes one segment after another: the next is the one that lies nearest ahead, with
 * those on the way to it. */
void film_order_jobs(struct head *head)
{
    struct job *job, *next = NULL;
    struct path path;

    if (head->at == UINT32_MAX)
        return;
    DL_FOREACH(head->jobs, job)
    if (job->path.what == PATH_INIT) {
        DL_DELETE(head->jobs, job);
        DL_PREPEND(head->jobs, job);
        return;
    }
    DL_FOREACH(head->jobs, job)
    if (job->path.number >= head->at && (next == NULL || job->path.number < next->path.number))
        next = job;
    if (next == NULL)
        return;
    if (next->path.number > head->at && next->path.number - head->at <= NEAR) {
        path = next->path;
        path.number = head->at;
        next = job_new(&head->source->id, &path);
    } else {
        DL_DELETE(head->jobs, next);
    }
    DL_PREPEND(head->jobs, next);
}

struct job *film_find_job(const struct film *film, const char *name, struct head **head_out)
{
    struct job *job = NULL;

    DL_FOREACH(film->heads, *head_out)
    if ((job = head_find_job(*head_out, name)) != NULL)
        break;
    return job;
}

/* ---- look-ahead */

void film_note_asked(struct head *head, const struct path *path)
{
    if (head->kind != HEAD_ENCODE || path->what != PATH_SEGMENT)
        return;
    head->asked = path->number;
    head->asked_ms = clock_ms();
}

/* The encoder goes on behind what somebody got, so far and no farther, while somebody watches. */
static bool is_looked_ahead(const struct head *head, uint32_t number)
{
    const struct film *film = head->arg;
    const struct plan *plan = film_plan_of(film, &head->rendition);

    return head->kind == HEAD_ENCODE && number < plan->count && number >= head->asked &&
           plan->starts[number] - plan->starts[head->asked] <=
               (int64_t)film->transcode->settings->ahead * 1000 &&
           clock_ms() - head->asked_ms < film->transcode->settings->worker_idle;
}

void film_look_ahead(struct head *head)
{
    const struct path path = {
        .what = PATH_SEGMENT, .rendition = head->rendition, .number = head->at};
    struct film *film = head->arg;
    struct head *other;
    uint64_t size;
    struct job *job;

    if (head->jobs != NULL || !is_looked_ahead(head, head->at))
        return;
    job = job_new(&film->source.id, &path);
    if (cache_find(film->transcode->cache, job->name, &size) != NULL ||
        film_find_job(film, job->name, &other) != NULL)
        free(job); /* whoever made it was here before */
    else
        head_add(head, job);
}

/* This viewer follows the encoder, not too far behind. */
static bool is_ahead(const struct film *film, const struct head *head, const struct path *path)
{
    uint32_t at = position_of(head);

    return head->kind == HEAD_ENCODE && is_same(&head->rendition, &path->rendition) &&
           at <= film->made.count && path->number <= at &&
           film->made.starts[at] - film->made.starts[path->number] <=
               (int64_t)film->transcode->settings->ahead * 2000;
}

bool film_follow(struct film *film, const struct path *path)
{
    struct head *head;
    bool is_followed = false;

    DL_FOREACH(film->heads, head)
    if (is_ahead(film, head, path)) {
        is_followed = true;
        film_note_asked(head, path);
        if (head->job == NULL)
            film_look_ahead(head);
    }
    return is_followed;
}

/* ---- what nobody needs */

static bool is_in_vain(const struct head *head)
{
    const struct film *film = head->arg;
    const struct job *job = head->job != NULL ? head->job : head->jobs;

    if (!head->is_wanting ||
        (head->job == NULL && (head_is_wanted(head) || (head->kind == HEAD_CUT && film->knowing))))
        return false;
    return job == NULL || (job->is_left && !is_looked_ahead(head, job->path.number));
}

void film_end_in_vain(struct head *head)
{
    if (!is_in_vain(head))
        return;
    head_interrupt(head);
    film_drop_jobs(head);
    head->at = UINT32_MAX;
    head_step(head);
}
