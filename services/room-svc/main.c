/* SPDX-License-Identifier: MIT
 *
 * room-svc: people who watch the same moment: rooms, what is said in them, and how they reach each
 * other. Connections are http-svc's; what is said on them is decided here.
 */
#include "room_svc.h"

int main(int argc, char **argv)
{
    const struct svc_def def = {
        .name = "room",
        .about = "rooms of people who watch together",
        .settings = &room_settings_table,
        .state_size = sizeof(struct room_svc),
        .start = room_svc_start,
        .tick = room_svc_tick,
        .stop = room_svc_stop,
        .metrics = &room_metrics_table,
        .metrics_offset = offsetof(struct room_svc, metrics),
        .metrics_more = room_svc_add_metrics,
    };

    return svc_main(argc, argv, &def);
}
