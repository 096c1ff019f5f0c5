/* SPDX-License-Identifier: MIT
 *
 * limits: the throttle for whoever has no clock and no lock of its own.
 */
#include "base/clock.h"
#include "http.h"

bool limits_begin(struct http *http, struct counted *counted)
{
    pthread_mutex_lock(&http->throttle_lock);
    counted->is_counted = throttle_connect(http->throttle, &counted->address, clock_ms());
    pthread_mutex_unlock(&http->throttle_lock);
    return counted->is_counted;
}

void limits_end(struct http *http, struct counted *counted)
{
    if (!counted->is_counted)
        return;
    counted->is_counted = false;
    pthread_mutex_lock(&http->throttle_lock);
    throttle_disconnect(http->throttle, &counted->address);
    pthread_mutex_unlock(&http->throttle_lock);
}

bool limits_allow(struct http *http, const struct address *address)
{
    unsigned wait_s;

    if (http->settings->requests_per_s == 0)
        return true;
    pthread_mutex_lock(&http->throttle_lock);
    wait_s = throttle_request(http->throttle, address, clock_ms());
    pthread_mutex_unlock(&http->throttle_lock);
    return wait_s == 0;
}
