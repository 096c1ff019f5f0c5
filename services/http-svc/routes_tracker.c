/* SPDX-License-Identifier: MIT
 *
 * routes_tracker: announce, scrape and the figures of the tracker, which answers them itself.
 */
#include "routes.h"

void on_tracker(struct exchange *x)
{
    exchange_ask(x, ACTOR_TRACKER);
}
