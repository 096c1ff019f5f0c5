/* SPDX-License-Identifier: MIT
 *
 * shards: the gateways of one loop to an actor of which there are several.
 *
 * By instance: every instance has some of the keys, and there is a gateway for each. Who has a key
 * is what the bus says, so it may change; a connection that speaks of several keys is one of
 * several gateways. By seat: there is a gateway for each seat, which turns to whichever instance
 * holds that now. A connection is one of one of them, and the actor moves it where it belongs.
 */
#ifndef HTTP_SHARDS_H
#define HTTP_SHARDS_H

#include "gateway.h"

struct shards;

enum shards_by { SHARDS_BY_INSTANCE, SHARDS_BY_SEAT };

/* `config` is that of each gateway but for the instance. */
struct shards *shards_new(const struct gateway_config *config, enum shards_by by);
void shards_free(struct shards **shards);
/* As gateway_flush(), gateway_tick(), gateway_is_idle() and gateway_rename(). */
int32_t shards_flush(struct shards *shards, uint64_t now_ms);
void shards_tick(struct shards *shards, uint64_t now_ms);
bool shards_are_idle(const struct shards *shards);
void shards_rename(struct shards *shards, const char *name);
/* By instance: which of them has the key; data NULL: any. NULL: there is none. */
struct gateway *shards_owner(struct shards *shards, struct bytes key);
/* By seat: where a connection may begin; one after the other of those that are held. */
struct gateway *shards_any(struct shards *shards);
/* There is another one, now or some time before. */
bool shards_are_many(const struct shards *shards);

#endif
