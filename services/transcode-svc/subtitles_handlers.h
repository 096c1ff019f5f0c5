/* SPDX-License-Identifier: MIT
 *
 * subtitles_handlers: the part of proto/transcode.proto that is about subtitles.
 */
#ifndef TRANSCODE_SUBTITLES_HANDLERS_H
#define TRANSCODE_SUBTITLES_HANDLERS_H

#include <proto/transcode.pb-c.h>

void on_subtitles(Sharestream__Transcode__Transcode_Service *rpc,
                  const Sharestream__Transcode__SubtitlesRequest *request,
                  Sharestream__Transcode__SubtitlesReply_Closure closure, void *data);
void on_add_subtitle(Sharestream__Transcode__Transcode_Service *rpc,
                     const Sharestream__Transcode__AddSubtitleRequest *request,
                     Sharestream__Transcode__Subtitle_Closure closure, void *data);
void on_remove_subtitle(Sharestream__Transcode__Transcode_Service *rpc,
                        const Sharestream__Transcode__RemoveSubtitleRequest *request,
                        Sharestream__Transcode__RemoveSubtitleReply_Closure closure, void *data);

#endif
