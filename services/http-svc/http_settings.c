/* SPDX-License-Identifier: MIT */
#include "http_settings.h"

#define SETTINGS_TAG http_settings
SETTINGS_TABLE(http_settings_table, "http", HTTP_SETTINGS);

#define METRICS_TAG http_metrics
METRICS_TABLE(http_metrics_table, "http", HTTP_METRICS);
