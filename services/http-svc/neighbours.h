/* SPDX-License-Identifier: MIT
 *
 * neighbours: every process of the house by the names others know it by, our own included: the rows
 * of services.def and the supervisor. Who is in that table is asked by /metrics and missed by
 * /health/ready, without being named here.
 */
#ifndef HTTP_NEIGHBOURS_H
#define HTTP_NEIGHBOURS_H

#include <stdbool.h>

#include "base/error.h"

enum { NEIGHBOUR_AWAY_MS = 5000 }; /* how long the answer of one that is away is waited for */

enum neighbour {
#define X(name, binary, class, order, grace, about) NEIGHBOUR_##name,
#include "svc/services.def"
#undef X
    NEIGHBOUR_supervisor,
    NEIGHBOURS, /* how many there are */
};

/* On the bus: "torrent". */
const char *neighbour_name(enum neighbour neighbour);
/* For people: "torrent-svc". */
const char *neighbour_binary(enum neighbour neighbour);
/* Who is meant by "torrent" or "torrent.0"; false: nobody. */
bool neighbour_find(const char *name, enum neighbour *out, unsigned *instance_out);
/* Is something missing when it is away? Not the supervisor: without it everything goes on. */
bool neighbour_is_needed(enum neighbour neighbour);
/* Of a call that failed: who is away did not merely take too long. */
void neighbour_explain(enum neighbour neighbour, bool is_up, struct error *error);

#endif
