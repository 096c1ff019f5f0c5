/* SPDX-License-Identifier: MIT */
#include "spare.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

/* What the last one was taken for goes first, and is over by then. */
enum { BUSY_MS = 1000 };

struct spare {
    struct svc *svc;
    struct worker *worker;
    bool is_wanted;
    uint64_t taken_ms; /* the last */
};

static void on_report(void *arg, const Sharestream__Worker__Report *report)
{
    (void)arg;
    (void)report; /* it was asked nothing */
}

static void on_gone(void *arg, const char *why)
{
    struct spare *spare = arg;

    log_warn("spare worker died", "why=%s", why);
    spare->worker = NULL;
}

struct spare *spare_new(struct svc *svc)
{
    struct spare *spare = xcalloc(1, sizeof(*spare));

    spare->svc = svc;
    spare->is_wanted = true;
    return spare;
}

void spare_free(struct spare **spare_p)
{
    struct spare *spare = *spare_p;

    if (spare == NULL)
        return;
    worker_free(&spare->worker);
    free(spare);
    *spare_p = NULL;
}

enum err spare_take(struct spare *spare, const struct worker_events *events, struct worker **out,
                    struct error *error)
{
    spare->is_wanted = true;
    spare->taken_ms = clock_ms();
    if (spare->worker == NULL)
        return worker_new(spare->svc, NULL, events, out, error);
    *out = spare->worker;
    spare->worker = NULL;
    worker_adopt(*out, events);
    return ERR_NONE;
}

void spare_tick(struct spare *spare, bool is_busy, uint64_t now_ms)
{
    const struct worker_events events = {on_report, on_gone, spare};
    struct error error;

    if (!spare->is_wanted || spare->worker != NULL ||
        (is_busy && now_ms - MIN(spare->taken_ms, now_ms) < BUSY_MS))
        return;
    spare->is_wanted = false;
    if (worker_new(spare->svc, NULL, &events, &spare->worker, &error) != ERR_NONE)
        log_warn("no spare worker", "why=%s", error.text);
}
