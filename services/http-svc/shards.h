/* SPDX-License-Identifier: MIT
 *
 * shards: the gateways of one loop to an actor of which every instance has some of the keys: one
 * for each instance. Who has a key is what the bus says, so it may change; a connection that speaks
 * of several keys is one of several gateways.
 */
#ifndef HTTP_SHARDS_H
#define HTTP_SHARDS_H

#include "gateway.h"

struct shards;

/* `config` is that of each gateway but for the instance. */
struct shards *shards_new(const struct gateway_config *config);
void shards_free(struct shards **shards);
/* As gateway_flush(), gateway_tick(), gateway_is_idle() and gateway_rename(). */
int32_t shards_flush(struct shards *shards, uint64_t now_ms);
void shards_tick(struct shards *shards, uint64_t now_ms);
bool shards_are_idle(const struct shards *shards);
void shards_rename(struct shards *shards, const char *name);
/* Which of them has the key; data NULL: any. NULL: there is none. */
struct gateway *shards_owner(struct shards *shards, struct bytes key);
/* There is another one, now or some time before. */
bool shards_are_many(const struct shards *shards);

#endif
