/* SPDX-License-Identifier: MIT
 *
 * addresses: by which addresses and ports browsers come: settings into struct ice_config.
 */
#ifndef RTC_ADDRESSES_H
#define RTC_ADDRESSES_H

#include "ice.h"
#include "rtc_settings.h"

struct addresses {
    struct ice_config ice; /* texts point into the next one */
    struct {
        char text[ICE_ADDRESSES_MAX][64], external[ICE_ADDRESSES_MAX][64];
        char relay_hosts[ICE_RELAYS_MAX][256];
    } texts;
    unsigned ports; /* how many */
};

/* ERR_CONFIG says which setting makes no sense. `out` must stay where it is. */
enum err addresses_read(const struct rtc_settings *settings, struct addresses *out,
                        struct error *error);

#endif
