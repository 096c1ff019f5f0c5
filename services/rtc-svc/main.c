/* SPDX-License-Identifier: MIT
 *
 * rtc-svc: makes browsers peers of our torrents, by WebRTC data channels. Which torrents is
 * torrent-svc's to say, which browsers the trackers'.
 */
#include "rtc.h"

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = "rtc",
        .about = "makes browsers peers of the torrents, by WebRTC",
        .settings = &rtc_settings_table,
        .service = rtc_service(),
        .state_size = sizeof(struct rtc),
        .start = rtc_start,
        .tick = rtc_tick,
        .drain = rtc_drain,
        .run = rtc_run,
        .stop = rtc_stop,
        .metrics = &rtc_metrics_table,
        .metrics_offset = offsetof(struct rtc, metrics),
        .metrics_refresh = rtc_refresh_metrics,
        .metrics_more = rtc_add_metrics,
    };

    return svc_main(argc, argv, &def);
}
