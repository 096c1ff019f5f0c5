/* SPDX-License-Identifier: MIT
 *
 * cloudflare: asks Cloudflare for TURN credentials, through libcurl on a thread of its own. One
 * request at a time, bounded in size and time; the certificate is verified and no redirect is
 * followed, for the token goes with it. What is answered is for others to understand.
 */
#ifndef ROOM_CLOUDFLARE_H
#define ROOM_CLOUDFLARE_H

#include "base/bytes.h"
#include "base/error.h"
#include "room_settings.h"

struct cloudflare;

/* Called on the owner's thread by cloudflare_dispatch(). `error` is NULL on success; `reply` lives
 * until it returns. Neither holds the token. */
typedef void cloudflare_done_fn(void *arg, struct bytes reply, const struct error *error);

/* Keeps `settings`. */
struct cloudflare *cloudflare_new(const struct room_settings *settings, cloudflare_done_fn *done,
                                  void *arg);
/* Calls nobody back. Waits for its thread: about a second. Clears the pointer, accepts NULL. */
void cloudflare_free(struct cloudflare **cloudflare);
/* Readable when cloudflare_dispatch() has something. */
int cloudflare_fd(const struct cloudflare *cloudflare);
void cloudflare_dispatch(struct cloudflare *cloudflare);

bool cloudflare_is_asking(const struct cloudflare *cloudflare);
/* Not while it is asking. `done` is called once, also when no thread can be had. */
void cloudflare_ask(struct cloudflare *cloudflare);

#endif
