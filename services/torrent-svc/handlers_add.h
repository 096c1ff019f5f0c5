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
/* The metadata of a magnet came from elsewhere. What belongs to another torrent is passed over. */
void handlers_add_metadata(struct service *service, struct torrent *torrent, struct bytes metainfo);
/* Calls waiter.answer when the metadata is there or `wait_ms` (at most the setting) has gone by; at
 * once when waiting makes no sense. Fails the call when too many wait. */
void handlers_wait(struct service *service, struct torrent *torrent, uint32_t wait_ms,
                   struct waiter waiter);
/* When to answer a call that may wait so long. */
uint64_t handlers_deadline(const void *data, uint64_t wait_ms);

#endif
