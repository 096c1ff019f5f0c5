/* SPDX-License-Identifier: MIT
 *
 * handlers_upload: films that are not torrents yet: sent to this server, or in its media folder.
 */
#ifndef TORRENT_HANDLERS_UPLOAD_H
#define TORRENT_HANDLERS_UPLOAD_H

#include "service.h"

void handlers_begin_upload(struct service *service,
                           const Sharestream__Torrent__BeginUploadRequest *request,
                           Sharestream__Torrent__Upload_Closure closure, void *data);
/* There is a torrent of that hash. */
void handlers_find_upload(struct service *service, const struct infohash *hash,
                          Sharestream__Torrent__Upload_Closure closure, void *data);
void handlers_grow_upload(struct service *service, struct torrent *torrent,
                          const Sharestream__Torrent__GrowUploadRequest *request,
                          Sharestream__Torrent__Upload_Closure closure, void *data);
void handlers_browse(struct service *service, const Sharestream__Torrent__BrowseRequest *request,
                     Sharestream__Torrent__BrowseReply_Closure closure, void *data);

#endif
