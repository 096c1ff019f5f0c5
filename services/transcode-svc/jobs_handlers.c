/* SPDX-License-Identifier: MIT */
#include "jobs_handlers.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "hardware.h"
#include "head.h"

typedef Sharestream__Transcode__Transcode_Service Rpc;
typedef Sharestream__Transcode__JobsReply JobsReply;
typedef Sharestream__Transcode__JobsReply__Job Row;

/* NULL: the file is opened. */
static char *what_of(const struct job *job)
{
    char name[RENDITION_NAME], whole[PATH_NAME];

    if (job == NULL)
        return xstrdup("open");
    rendition_name(&job->path.rendition, name);
    if (job->path.what == PATH_SEGMENT)
        return xasprintf("%s/%u", name, job->path.number);
    return job->path.what == PATH_INIT ? xasprintf("%s/init", name)
                                       : xstrdup(path_name(&job->path, whole));
}

static void add_row(JobsReply *reply, const struct head *head, const struct job *job,
                    const char *state, uint64_t now_ms)
{
    const struct file_id *id = job != NULL ? &job->film : &head->source->id;
    Row *row = xcalloc(1, sizeof(*row));
    char text[INFOHASH_TEXT];

    sharestream__transcode__jobs_reply__job__init(row);
    row->info_hash = xstrdup(infohash_text(&id->hash, text));
    row->file = id->file;
    row->what = what_of(job);
    row->state = xstrdup(state);
    row->waited_ms =
        job != NULL && job->waiting_count > 0 ? now_ms - MIN(job->asked_ms, now_ms) : 0;
    row->clients = job != NULL ? job->waiting_count : 0;
    row->pid = (uint32_t)head_pid(head);
    reply->jobs = xrealloc(reply->jobs, (reply->n_jobs + 1) * sizeof(*reply->jobs));
    reply->jobs[reply->n_jobs++] = row;
}

static const char *state_of(const struct head *head)
{
    if (head->is_wanting)
        return "waiting for bytes";
    return head->job != NULL && head->job->waiting_count == 0 ? "ahead" : "working";
}

static void add_rows(JobsReply *reply, const struct transcode *transcode, uint64_t now_ms)
{
    const struct head *head;
    const struct job *job;

    DL_FOREACH2(transcode->heads, head, all_next)
    {
        if (head->is_working || head->is_wanting)
            add_row(reply, head, head->job, state_of(head), now_ms);
        DL_FOREACH(head->jobs, job)
        add_row(reply, head, job, "queued", now_ms);
    }
}

void on_jobs(Rpc *rpc, const Sharestream__Transcode__JobsRequest *request,
             Sharestream__Transcode__JobsReply_Closure closure, void *data)
{
    const struct transcode *transcode = bus_state(data);
    JobsReply *reply = xcalloc(1, sizeof(*reply));

    (void)rpc;
    (void)request;
    sharestream__transcode__jobs_reply__init(reply);
    add_rows(reply, transcode, clock_ms());
    reply->cache_bytes = cache_bytes(transcode->cache);
    reply->cache_limit_bytes = cache_limit(transcode->cache);
    reply->encoder = xstrdup(encoder_name(hardware_encoder(transcode->hardware)));
    reply->no_encoder = xstrdup(hardware_why(transcode->hardware));
    reply->workers = transcode->workers;
    closure(reply, data);
    sharestream__transcode__jobs_reply__free_unpacked(reply, NULL);
}
