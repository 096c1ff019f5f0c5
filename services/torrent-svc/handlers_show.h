/* SPDX-License-Identifier: MIT
 *
 * handlers_show: what people ask about a torrent and the session: peers and trackers, the .torrent
 * itself, why it is not playing, figures. Some of it costs a round trip to libtorrent's thread.
 */
#ifndef TORRENT_HANDLERS_SHOW_H
#define TORRENT_HANDLERS_SHOW_H

#include "pieces.h"
#include "service.h"

void handlers_peers(struct service *service, const struct torrent *torrent,
                    Sharestream__Torrent__PeersReply_Closure closure, void *data);
/* `cells`: at most PIECES_CELLS_MAX; 0 is usual. */
void handlers_pieces(struct service *service, const struct torrent *torrent, uint32_t cells,
                     Sharestream__Torrent__PiecesReply_Closure closure, void *data);
void handlers_metainfo(struct service *service, const struct torrent *torrent,
                       Sharestream__Torrent__MetainfoReply_Closure closure, void *data);
/* File and position must exist if the metadata is known. */
void handlers_diagnose(struct service *service, const struct torrent *torrent,
                       const Sharestream__Torrent__DiagnoseRequest *request,
                       Sharestream__Torrent__Diagnosis_Closure closure, void *data);
void handlers_stats(struct service *service, Sharestream__Torrent__StatsReply_Closure closure,
                    void *data);

#endif
