/* SPDX-License-Identifier: MIT
 *
 * tracker-svc: introduces peers to each other by UDP, HTTP and WebSocket. Its state lives in memory
 * only: swarms come back with the next announces, those of browsers from the gateway's tags.
 */
#include "tracker.h"

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = "tracker",
        .about = "introduces peers to each other, by UDP, HTTP and WebSocket",
        .settings = &tracker_settings_table,
        .service = tracker_service(),
        .state_size = sizeof(struct tracker),
        .start = tracker_start,
        .tick = tracker_tick,
        .reload = tracker_reload,
        .stop = tracker_stop,
        .metrics = &tracker_metrics_table,
        .metrics_offset = offsetof(struct tracker, metrics),
        .metrics_refresh = tracker_refresh_metrics,
        .metrics_more = tracker_add_metrics,
    };

    return svc_main(argc, argv, &def);
}
