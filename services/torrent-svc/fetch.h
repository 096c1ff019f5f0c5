/* SPDX-License-Identifier: MIT
 *
 * fetch: a .torrent file by URL, through libcurl on a thread per fetch. Bounded in size, time,
 * redirects and number; addresses of private networks are refused unless allowed, after every
 * redirect too.
 */
#ifndef TORRENT_FETCH_H
#define TORRENT_FETCH_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"

struct fetcher;
struct fetch;

/* Called on the owner's thread by fetcher_dispatch(). `error` is NULL on success; data lives until
 * it returns. */
typedef void fetch_done_fn(void *arg, struct bytes data, const struct error *error);

struct fetch_config {
    bool allows_private;
    const char *proxy;    /* "", or as torrent.proxy; then it is the proxy that reaches out */
    const char *outgoing; /* "", or an interface or address */
};
/* Keeps the strings of `config`, not itself. */
struct fetcher *fetcher_new(const struct fetch_config *config);
/* Calls nobody back. Waits for its threads: about a second, at most their time limit. */
void fetcher_free(struct fetcher **fetcher);
/* Readable when fetcher_dispatch() has something. */
int fetcher_fd(const struct fetcher *fetcher);
void fetcher_dispatch(struct fetcher *fetcher);

/* ERR_BUSY when too many run, ERR_INVALID for anything but http and https. *out may be cancelled
 * until `done` is called. */
enum err fetch_start(struct fetcher *fetcher, const char *url, fetch_done_fn *done, void *arg,
                     struct fetch **out, struct error *error);
/* `done` will not be called. */
void fetch_cancel(struct fetch *fetch);

#endif
