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

struct fetcher *fetcher_new(bool allows_private);
void fetcher_free(struct fetcher **fetcher); /* waits for its threads, at most as long as one time
                                                limit; calls nobody back */
/* Readable when fetcher_dispatch() has something. */
int fetcher_fd(const struct fetcher *fetcher);
void fetcher_dispatch(struct fetcher *fetcher);

/* ERR_BUSY when too many run, ERR_INVALID for anything but http and https. */
enum err fetch_start(struct fetcher *fetcher, const char *url, fetch_done_fn *done, void *arg,
                     struct error *error);

/* True for addresses that a stranger's URL must not reach: loopback, private, link-local,
 * unique-local, multicast, unspecified. `family` is AF_INET or AF_INET6, `address` 4 or 16 bytes.
 * Pure. */
bool address_is_private(int family, const void *address);

#endif
