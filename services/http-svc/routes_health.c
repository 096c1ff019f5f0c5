/* SPDX-License-Identifier: MIT
 *
 * routes_health: is it alive, can it work, what does it count, what does it offer.
 */
#include <stdlib.h>
#include <string.h>

#include <proto/svc.pb-c.h>

#include "base/must.h"
#include "base/text.h"
#include "exposition.h"
#include "openapi_bytes.h"
#include "routes.h"
#include "shapes.h"

enum { METRICS_CALL_MS = 1000 };

/* As clients of earlier servers look whether there is one. */
void on_health(struct exchange *x)
{
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200, json_pack("{s:s}", "status", "ok"));
}

void on_live(struct exchange *x)
{
    exchange_add_header(x, "cache-control", "no-store");
    exchange_reply_json(x, 200, json_pack("{s:s}", "status", "live"));
}

void on_ready(struct exchange *x)
{
    bool is_away[NEIGHBOURS], is_draining = exchange_is_draining(x), is_ready = !is_draining;

    for (enum neighbour i = 0; i < NEIGHBOURS; i++) {
        is_away[i] = neighbour_is_needed(i) && !exchange_has_neighbour(x, i);
        is_ready = is_ready && !is_away[i];
    }
    exchange_add_header(x, "cache-control", "no-store");
    if (!is_ready)
        exchange_add_header(x, "retry-after", "2");
    exchange_reply_json(x, is_ready ? 200 : 503, shape_ready(is_away, is_draining));
}

void on_openapi(struct exchange *x)
{
    exchange_reply(x, 200, "application/yaml", bytes_of(openapi_bytes, sizeof(openapi_bytes)));
}

/* ---- /metrics: one question to each neighbour at the same time; who does not answer is shown as
 * down */

struct gathering {
    struct exchange *x;
    size_t waiting;
    struct question {
        struct gathering *gathering;
        char *text; /* lives as long as the exchange; NULL: no answer */
    } questions[NEIGHBOURS];
};

static void finish(struct gathering *gathering)
{
    struct exposition_part parts[NEIGHBOURS];
    struct text own = {0}, out = {0};

    /* Ours without a message, so that they can be had in any trouble. All of them are atomic: any
     * thread may print them. */
    svc_metrics(exchange_http(gathering->x)->svc, &own);
    for (enum neighbour i = 0; i < NEIGHBOURS; i++)
        parts[i] = (struct exposition_part){
            neighbour_name(i), i == NEIGHBOUR_http ? text_str(&own) : gathering->questions[i].text};
    exposition_merge(&out, parts, NEIGHBOURS);
    text_fini(&own);
    exchange_reply(gathering->x, 200, "text/plain; version=0.0.4; charset=utf-8",
                   bytes_of(out.data, out.len));
    text_fini(&out);
}

static void on_metrics_reply(const Sharestream__Svc__MetricsReply *reply, void *arg)
{
    struct question *question = arg;
    struct gathering *gathering = question->gathering;

    if (reply != NULL) {
        size_t len = strlen(reply->text);

        question->text = exchange_alloc(gathering->x, len + 1);
        memcpy(question->text, reply->text, len);
    }
    if (--gathering->waiting == 0)
        finish(gathering);
}

void on_metrics(struct exchange *x)
{
    static const Sharestream__Svc__MetricsRequest request = SHARESTREAM__SVC__METRICS_REQUEST__INIT;
    struct gathering *gathering = exchange_alloc(x, sizeof(*gathering));

    exchange_add_header(x, "cache-control", "no-store");
    gathering->x = x;
    gathering->waiting = NEIGHBOURS - 1;
    for (enum neighbour i = 0; i < NEIGHBOURS; i++) {
        gathering->questions[i].gathering = gathering;
        if (i != NEIGHBOUR_http)
            sharestream__svc__svc__metrics(exchange_svc(x, i, METRICS_CALL_MS), &request,
                                           on_metrics_reply, &gathering->questions[i]);
    }
}
