/* SPDX-License-Identifier: MIT
 *
 * transcode-svc: makes films playable in browsers. What it makes lies in a cache on disk; what it
 * knows of a file is learnt again by looking.
 */
#include "transcode.h"

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = "transcode",
        .starts_programs = true,
        .about = "makes any film playable in a browser: playlists, segments, media info",
        .settings = &transcode_settings_table,
        .service = transcode_service(),
        .state_size = sizeof(struct transcode),
        .start = transcode_start,
        .tick = transcode_tick,
        .stop = transcode_stop,
        .metrics = &transcode_metrics_table,
        .metrics_offset = offsetof(struct transcode, metrics),
        .metrics_refresh = transcode_refresh_metrics,
    };

    return svc_main(argc, argv, &def);
}
