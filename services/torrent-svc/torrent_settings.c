/* SPDX-License-Identifier: MIT */
#include "service.h"

#define SETTINGS_TAG torrent_settings
SETTINGS_TABLE(torrent_settings_table, "torrent", TORRENT_SETTINGS);

#define METRICS_TAG torrent_metrics
METRICS_TABLE(torrent_metrics_table, "torrent", TORRENT_METRICS);
