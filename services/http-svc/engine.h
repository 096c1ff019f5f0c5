/* SPDX-License-Identifier: MIT
 *
 * engine: Engine.IO (version 4, and 3 if it is allowed), which carries a connection of an actor's
 * by long polling or by a WebSocket, and changes from one to the other on the way.
 *
 * A session belongs to the loop on which it began, and is a connection of that loop's gateway. Its
 * next request, or its WebSocket, may come to another loop: what is said there goes by mail from
 * loop to loop (engine_private.h). Within one loop nothing is mailed.
 */
#ifndef HTTP_ENGINE_H
#define HTTP_ENGINE_H

#include <stdint.h>

struct engine;
struct exchange;
struct shards;
struct loop;

struct engine *engine_new(struct loop *loop, struct shards *actor);
/* Its clients are gone. Clears the pointer, accepts NULL. */
void engine_free(struct engine **engine);
/* Every second. */
void engine_tick(struct engine *engine, uint64_t now_ms);
/* What is over is freed: before WebSockets are flushed. */
void engine_flush(struct engine *engine);
/* Tells everybody to come back; waiting requests are answered. */
void engine_drain(struct engine *engine);

/* Answers, or turns the connection into a session's WebSocket. */
void engine_upgrade(struct exchange *x);

#endif
