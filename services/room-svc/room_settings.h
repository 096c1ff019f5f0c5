/* SPDX-License-Identifier: MIT
 *
 * room_settings: what can be configured, and what is counted.
 */
#ifndef ROOM_ROOM_SETTINGS_H
#define ROOM_ROOM_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"

#define ROOM_SETTINGS(X)                                                                           \
    X(LIST, stun_urls, "", 0, 0,                                                                   \
      "STUN servers that browsers may ask for their own address, such as stun:example.org:3478; "  \
      "who runs them learns who talks here; empty: none")
SETTINGS_STRUCT(room_settings, ROOM_SETTINGS);
extern const struct settings_table room_settings_table;

#define ROOM_METRICS(X)                                                                            \
    X(COUNTER, questions_total, "plain HTTP requests")                                             \
    X(COUNTER, refused_total, "connections closed because their path is nobody's")
METRICS_STRUCT(room_metrics, ROOM_METRICS);
extern const struct metrics_table room_metrics_table;

#endif
