/* SPDX-License-Identifier: MIT */
#include "rtc_settings.h"

#define SETTINGS_TAG rtc_settings
SETTINGS_TABLE(rtc_settings_table, "rtc", RTC_SETTINGS);

#define METRICS_TAG rtc_metrics
METRICS_TABLE(rtc_metrics_table, "rtc", RTC_METRICS);
