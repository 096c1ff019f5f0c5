/* SPDX-License-Identifier: MIT
 *
 * handlers_add: turning what people paste into a torrent, and waiting for metadata.
 */
#ifndef TORRENT_HANDLERS_ADD_H
#define TORRENT_HANDLERS_ADD_H

#include "service.h"

/* Adds what `request` names (its source, or `metainfo` when not empty), or starts a job for it;
 * answers through closure and data in any case. */
void handlers_add(struct service *service, const Sharestream__Torrent__AddRequest *request,
                  struct bytes metainfo, Sharestream__Torrent__AddReply_Closure closure,
                  void *data);
/* Seeds what was just hashed. */
enum err handlers_add_seed(struct service *service, const char *path, struct bytes metainfo,
                           struct torrent **out, struct error *error);
/* Calls `answer` when the metadata is there or `wait_ms` (at most the setting) has gone by. */
void handlers_wait(struct service *service, struct torrent *torrent, uint32_t wait_ms,
                   void (*answer)(struct waiter *waiter, struct service *service,
                                  struct torrent *torrent),
                   ProtobufCClosure closure, void *data);

#endif
