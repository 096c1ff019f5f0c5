/* SPDX-License-Identifier: MIT */
#include "tracker_settings.h"

#define SETTINGS_TAG tracker_settings
SETTINGS_TABLE(tracker_settings_table, "tracker", TRACKER_SETTINGS);

#define METRICS_TAG tracker_metrics
METRICS_TABLE(tracker_metrics_table, "tracker", TRACKER_METRICS);
