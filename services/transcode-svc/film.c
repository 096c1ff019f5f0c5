/* SPDX-License-Identifier: MIT */
#include "film_private.h"

#include <stdlib.h>

#include <proto/torrent.pb-c.h>

#include "base/clock.h"
#include "base/must.h"
#include "distant.h"

enum {
    FILMS_MAX = 1024,
    FILM_IDLE_MS = 600000,
    DESCRIBE_MS = 5000,
};

struct knowing {
    film_known_fn *on_known;
    void *arg;
    struct knowing *next;
};

const Media *film_media(const struct film *film)
{
    return film->media;
}

/* They may ask for more while they are told. */
static void tell_known(struct film *film, const struct error *error)
{
    struct knowing *knowing = film->knowing, *next;

    film->knowing = NULL;
    for (; knowing != NULL; knowing = next) {
        next = knowing->next;
        knowing->on_known(knowing->arg, error == NULL ? film : NULL, error);
        free(knowing);
    }
}

/* ---- from its heads */

static bool is_to_open(const struct head *head)
{
    const struct film *film = head->arg;

    return film->knowing != NULL;
}

static void fill_open(const struct head *head, Sharestream__Worker__Open *order)
{
    const struct film *film = head->arg;

    order->is_known = film->media != NULL;
    order->shift_us = film->media != NULL ? film->media->shift_us : 0;
    order->is_closed = film->media != NULL && film->media->is_closed;
    order->duration_us = film->media != NULL ? film->media->duration_us : 0;
}

/* How fast the film has to come is told once; if that gets lost it is guessed. */
static void on_described(const Sharestream__Torrent__Empty *reply, void *arg)
{
    (void)reply;
    (void)arg;
}

static void describe(const struct film *film)
{
    const struct transcode *transcode = film->transcode;
    Sharestream__Torrent__DescribeRequest request = SHARESTREAM__TORRENT__DESCRIBE_REQUEST__INIT;
    int64_t lasts_ms = film->media->duration_us / 1000;
    char hash[INFOHASH_TEXT];

    if (lasts_ms <= 0)
        return;
    request.info_hash = infohash_text(&film->source.id.hash, hash);
    request.file = film->source.id.file;
    request.bytes_per_s = film->source.size * 1000 / (uint64_t)lasts_ms;
    sharestream__torrent__torrent__describe(
        bus_to_holder(transcode->torrent, DESCRIBE_MS, bytes_of_text(hash), NULL), &request,
        on_described, NULL);
}

static void on_opened(struct head *head, Sharestream__Worker__Done *done)
{
    struct film *film = head->arg;

    film->used_ms = clock_ms();
    if (film->media == NULL && done->media != NULL) {
        film->media = done->media;
        done->media = NULL; /* taken */
        film_make_plans(film);
        describe(film);
    }
    tell_known(film, NULL);
}

static void on_unopened(struct head *head, const struct error *error, bool is_final)
{
    struct film *film = head->arg;

    film->transcode->metrics.failures_total++;
    if (is_final && film->media == NULL)
        film->failure = *error;
    if (error->code == ERR_UNAVAILABLE && head->rendition.encoder != ENCODER_SOFTWARE)
        film_doubt_hardware(film);
    if (head->kind == HEAD_CUT)
        tell_known(film, error);
    head_fail_jobs(head, error);
}

static const struct head_owner owner = {
    .is_to_open = is_to_open,
    .fill_open = fill_open,
    .on_opened = on_opened,
    .on_unopened = on_unopened,
    .order_jobs = film_order_jobs,
    .order = film_order,
    .on_done = film_end_job,
};

/* ---- films */

static void film_free(struct film *film)
{
    static const struct error over = {ERR_NOT_FOUND, "the torrent is gone"};

    HASH_DEL(film->transcode->films, film);
    tell_known(film, &over);
    while (film->heads != NULL)
        film_end_head(film->heads, &over);
    source_close(&film->source);
    plan_fini(&film->keyframes);
    plan_fini(&film->grid);
    plan_fini(&film->made);
    if (film->media != NULL)
        sharestream__worker__media__free_unpacked(film->media, NULL);
    free(film);
}

static bool is_busy(const struct film *film)
{
    struct head *head;

    if (film->knowing != NULL)
        return true;
    DL_FOREACH(film->heads, head)
    if (head_is_busy(head) || head_pid(head) != 0)
        return true;
    return false;
}

/* The one that nobody has wanted for longest. */
static void forget_one(struct transcode *transcode)
{
    struct film *film, *next, *oldest = NULL;

    HASH_ITER(hh, transcode->films, film, next)
    if (!is_busy(film) && (oldest == NULL || film->used_ms < oldest->used_ms))
        oldest = film;
    if (oldest != NULL)
        film_free(oldest);
}

static struct film *find(struct transcode *transcode, const struct file_id *id)
{
    struct film *film;

    HASH_FIND(hh, transcode->films, id, sizeof(*id), film);
    return film;
}

static struct film *find_or_add(struct transcode *transcode, const struct file_id *id,
                                struct error *error)
{
    struct film *film = find(transcode, id);
    struct source source;
    struct head *head;

    if (film != NULL && !ready_map_is_gone(film->source.map))
        return film;
    if (film != NULL)
        film_free(film);
    if (distant_open(transcode, id, &source, error) != ERR_NONE)
        return NULL;
    if (HASH_COUNT(transcode->films) >= FILMS_MAX)
        forget_one(transcode);
    film = xcalloc(1, sizeof(*film));
    film->transcode = transcode;
    film->source = source;
    head = head_new(transcode, HEAD_CUT, &film->source, &owner, film);
    DL_APPEND(film->heads, head); /* a macro: it must not be given the call */
    HASH_ADD(hh, transcode->films, source.id, sizeof(film->source.id), film);
    return film;
}

void film_open(struct transcode *transcode, const struct file_id *id, film_known_fn *on_known,
               void *arg)
{
    struct error error = {0};
    struct film *film = find_or_add(transcode, id, &error);
    struct knowing *knowing;

    if (film == NULL) {
        on_known(arg, NULL, &error);
        return;
    }
    film->used_ms = clock_ms();
    if (film->media != NULL) {
        on_known(arg, film, NULL);
    } else if (film->failure.code != ERR_NONE) {
        error = film->failure;
        on_known(arg, NULL, &error);
    } else {
        knowing = xcalloc(1, sizeof(*knowing));
        knowing->on_known = on_known;
        knowing->arg = arg;
        LL_PREPEND(film->knowing, knowing);
        head_step(film->heads);
    }
}

const char *film_cached(struct transcode *transcode, const struct file_id *id,
                        const struct path *path, uint64_t *size_out)
{
    char name[CACHE_NAME];
    const char *found;
    struct film *film;

    job_cache_name(id, path, name);
    found = cache_find(transcode->cache, name, size_out);
    if (found == NULL || path->what != PATH_SEGMENT)
        return found;
    film = find(transcode, id);
    if (film != NULL && film_follow(film, path))
        found = cache_find(transcode->cache, name, size_out); /* borrowed until the next call */
    return found;
}

bool film_leave(struct transcode *transcode, const struct file_id *id, const struct path *path,
                const void *arg)
{
    struct film *film = find(transcode, id);
    struct knowing *knowing;

    if (film == NULL)
        return false;
    LL_SEARCH_SCALAR(film->knowing, knowing, arg, arg);
    if (knowing == NULL)
        return path != NULL && film_leave_job(film, path, arg);
    LL_DELETE(film->knowing, knowing);
    free(knowing);
    film_end_in_vain(film->heads);
    return true;
}

/* ---- time */

static void tick_head(struct head *head, uint64_t now_ms)
{
    static const struct error over = {ERR_TIMEOUT, "nobody has asked for long"};

    film_tell_late(head, now_ms);
    if (head->kind != HEAD_ENCODE)
        film_drop_jobs(head);
    film_end_in_vain(head);
    if (head->kind == HEAD_ENCODE && !head_is_wanted(head) &&
        now_ms - MIN(head->asked_ms, now_ms) >= head->transcode->settings->worker_idle)
        film_end_head(head, &over);
    else
        head_tick(head, now_ms);
}

void films_tick(struct transcode *transcode, uint64_t now_ms)
{
    struct film *film, *next;
    struct head *head, *next_head;

    lease_set_tick(transcode->leases, now_ms);
    HASH_ITER(hh, transcode->films, film, next)
    {
        if (ready_map_is_gone(film->source.map) ||
            (!is_busy(film) && now_ms - MIN(film->used_ms, now_ms) >= FILM_IDLE_MS)) {
            film_free(film);
            continue;
        }
        DL_FOREACH_SAFE(film->heads, head, next_head)
        tick_head(head, now_ms);
    }
}

void films_free(struct transcode *transcode)
{
    while (transcode->films != NULL)
        film_free(transcode->films);
}

size_t films_count(const struct transcode *transcode)
{
    return HASH_COUNT(transcode->films);
}
