/* SPDX-License-Identifier: MIT
 *
 * film_private: one film, for the eyes of its files: film.c (its life), film_jobs.c (what is asked
 * for), film_heads.c (who makes it), film_order.c (what a worker is told) and film_plan.c (what
 * there is to make). Each calls those behind it only.
 */
#ifndef TRANSCODE_FILM_PRIVATE_H
#define TRANSCODE_FILM_PRIVATE_H

#include <uthash.h>
#include <utlist.h>

#include "film.h"
#include "head.h"

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

struct knowing;

struct film {
    struct transcode *transcode;
    struct source source; /* its id is the key */
    UT_hash_handle hh;
    uint64_t used_ms;

    Media *media; /* NULL until a worker has looked */
    /* Cuts of what is copied, of sound where there are no keyframes, and of pictures made anew. */
    struct plan keyframes, grid, made;
    bool avoids_hardware;    /* which failed at it */
    struct error failure;    /* of a file that is damaged: nothing will change that */
    struct knowing *knowing; /* who waits to know what is in it */
    struct head *heads;      /* the first is the one of HEAD_CUT */
};

/* ---- film_jobs.c */
/* False: nobody waits so for it. */
bool film_leave_job(struct film *film, const struct path *path, const void *arg);
/* Tells who has waited for too long. */
void film_tell_late(struct head *head, uint64_t now_ms);
void film_end_job(struct head *head, struct job *job, const Sharestream__Worker__Done *done,
                  const struct error *error);

/* ---- film_heads.c */
/* The one that is to make it; NULL when all encoders are busy with what others wait for. */
struct head *film_choose_head(struct film *film, const struct path *path);
/* Whoever has it in the queue or in the works; and the head. */
struct job *film_find_job(const struct film *film, const char *name, struct head **head_out);
void film_order_jobs(struct head *head);
/* Somebody got this, or is to ask for it again. */
void film_note_asked(struct head *head, const struct path *path);
void film_look_ahead(struct head *head);
/* Somebody gets it from the cache. True: behind an encoder, which may look there for the next. */
bool film_follow(struct film *film, const struct path *path);
/* Queued ones that nobody waits for. */
void film_drop_jobs(struct head *head);
/* When it waits for bytes that nobody needs any more. */
void film_end_in_vain(struct head *head);
void film_end_head(struct head *head, const struct error *error);

/* ---- film_order.c */
void film_order(struct head *head, const struct job *job, int fd);

/* ---- film_plan.c */
void film_make_plans(struct film *film);
const struct plan *film_plan_of(const struct film *film, const struct rendition *rendition);
/* NULL when it has none. */
const Stream *film_video(const struct film *film);
bool film_has_picture_made(const struct film *film, const struct rendition *rendition);
/* Its encoder failed. Players have to begin anew: what software makes cannot follow. */
void film_doubt_hardware(struct film *film);
bool film_can_make(struct film *film, const struct path *path, struct error *error);

#endif
