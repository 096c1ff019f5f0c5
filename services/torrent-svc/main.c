/* SPDX-License-Identifier: MIT
 *
 * torrent-svc: torrents, files on disk, what to fetch next. Owns the libtorrent session; knows no
 * HTTP and no codecs.
 */
#include "service.h"
#include "service_life.h"

int main(int argc, char **argv)
{
    static const struct svc_def def = {
        .name = "torrent",
        .about = "torrents, files on disk, what to fetch next",
        .settings = &torrent_settings_table,
        .service = &torrent_handlers.base,
        .state_size = sizeof(struct service),
        .start = service_start,
        .tick = service_tick,
        .reload = service_reload,
        .drain = service_drain,
        .is_drained = service_is_drained,
        .stop = service_stop,
        .metrics = &torrent_metrics_table,
        .metrics_offset = offsetof(struct service, metrics),
        .metrics_refresh = service_metrics,
    };

    return svc_main(argc, argv, &def);
}
