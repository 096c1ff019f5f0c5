/* SPDX-License-Identifier: MIT */
#include "room_settings.h"

#define SETTINGS_TAG room_settings
SETTINGS_TABLE(room_settings_table, "room", ROOM_SETTINGS);

#define METRICS_TAG room_metrics
METRICS_TABLE(room_metrics_table, "room", ROOM_METRICS);
