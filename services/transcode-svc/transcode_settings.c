/* SPDX-License-Identifier: MIT */
#include "transcode_settings.h"

#define SETTINGS_TAG transcode_settings
SETTINGS_TABLE(transcode_settings_table, "transcode", TRANSCODE_SETTINGS);

#define METRICS_TAG transcode_metrics
METRICS_TABLE(transcode_metrics_table, "transcode", TRANSCODE_METRICS);
