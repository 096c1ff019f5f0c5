/* SPDX-License-Identifier: MIT
 *
 * place: from the flags of all earlier engines to the addresses that the services listen on.
 */
#ifndef ENGINE_PLACE_H
#define ENGINE_PLACE_H

#include "base/error.h"

struct place {
    char http[160];   /* http.engine_listen, with a port that is free */
    char torrent[64]; /* torrent.listen */
};

/* Flags that were not given are NULL. */
enum err place_read(const char *http_port, const char *http, const char *port, struct place *out,
                    struct error *error);

#endif
