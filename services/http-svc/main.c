/* SPDX-License-Identifier: MIT
 *
 * http-svc: the public front: REST, Range, events, metrics. Owns every public TCP socket and
 * decides nothing about torrents.
 */
#include "http_main.h"

int main(int argc, char **argv)
{
    static const struct metrics_table *const metrics = &http_metrics_table;
    const struct svc_def def = {
        .name = "http",
        .about = "serves torrents over HTTP: REST, Range, events and metrics",
        .settings = &http_settings_table,
        .service = http_service(),
        .state_size = sizeof(struct http),
        .start = http_start,           /* opens the listeners */
        .tick = http_tick,             /* looks whether the others are there */
        .reload = http_reload,         /* access log and certificate */
        .drain = http_drain,           /* takes no more connections */
        .is_drained = http_is_drained, /* no request is being answered */
        .may_hand_over = http_may_hand_over,
        .stop = http_stop,
        .metrics = metrics,
        .metrics_offset = offsetof(struct http, metrics),
        .metrics_refresh = http_refresh_metrics,
    };

    return svc_main(argc, argv, &def);
}
