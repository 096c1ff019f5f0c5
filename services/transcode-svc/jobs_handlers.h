/* SPDX-License-Identifier: MIT
 *
 * jobs_handlers: what all heads have to do, for people. transcode_handlers.c has the table.
 */
#ifndef TRANSCODE_JOBS_HANDLERS_H
#define TRANSCODE_JOBS_HANDLERS_H

#include <proto/transcode.pb-c.h>

void on_jobs(Sharestream__Transcode__Transcode_Service *rpc,
             const Sharestream__Transcode__JobsRequest *request,
             Sharestream__Transcode__JobsReply_Closure closure, void *data);

#endif
