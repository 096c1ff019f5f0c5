/* SPDX-License-Identifier: MIT */
#include "supervisor.h"

#define SETTINGS_TAG supervisor_settings
SETTINGS_TABLE(supervisor_settings_table, "supervisor", SUPERVISOR_SETTINGS);

#define METRICS_TAG supervisor_metrics
METRICS_TABLE(supervisor_metrics_table, "supervisor", SUPERVISOR_METRICS);
