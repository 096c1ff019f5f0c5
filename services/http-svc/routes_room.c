/* SPDX-License-Identifier: MIT
 *
 * routes_room: what clients of rooms ask before they connect; room-svc answers.
 */
#include "routes.h"

void on_room(struct exchange *x)
{
    /* It may hold credentials. */
    exchange_add_header(x, "cache-control", "no-store");
    exchange_ask(x, ACTOR_ROOM);
}
