/* SPDX-License-Identifier: MIT
 *
 * alerts: what libtorrent reports, handed to whom it concerns.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "service.h"

static void on_file_error(struct service *service, struct torrent *torrent,
                          const struct lt_alert *alert)
{
    char text[256];

    if (alert->code == ERR_NO_SPACE)
        snprintf(text, sizeof(text), "the disk is full; make room, then resume (%.150s)",
                 alert->text);
    else
        snprintf(text, sizeof(text), "%.250s", alert->text);
    torrent_problem(service, torrent, alert->code != ERR_NONE ? alert->code : ERR_IO, text);
    torrent_expire_waiters(service, torrent, torrent->info == NULL ? UINT64_MAX : 0);
}

static void on_resume(struct service *service, struct torrent *torrent,
                      const struct lt_alert *alert)
{
    struct error error;

    if (store_put_resume(service->store, &torrent->hash, alert->data, alert->len, &error) !=
        ERR_NONE)
        log_error("resume data not saved", "hash=%s error=%s", torrent->hex, error.text);
}

static void on_torrent_alert(struct service *service, struct torrent *torrent,
                             const struct lt_alert *alert)
{
    switch (alert->type) {
    case LT_METADATA:
        torrent_on_metadata(service, torrent);
        break;
    case LT_CHECKED:
        torrent_on_checked(service, torrent);
        break;
    case LT_PIECE_READY:
        torrent_on_piece(service, torrent, alert->piece, true);
        break;
    case LT_PIECE_FAILED:
        service->metrics.pieces_failed_total++;
        torrent_on_piece(service, torrent, alert->piece, false);
        break;
    case LT_FINISHED:
        lt_save_resume(service->lt, torrent->id, false);
        log_info("torrent finished", "hash=%s name=%s", torrent->hex, torrent->row.name);
        break;
    case LT_STATUS:
        torrent_on_status(service, torrent, &alert->status);
        break;
    case LT_RESUME:
        on_resume(service, torrent, alert);
        service->resumes_due -= service->resumes_due > 0;
        break;
    case LT_RESUME_FAILED:
        service->resumes_due -= service->resumes_due > 0;
        break;
    case LT_FILE_ERROR:
        on_file_error(service, torrent, alert);
        break;
    case LT_TRACKER_ERROR:
        log_debug("tracker failed", "hash=%s what=%s", torrent->hex, alert->text);
        break;
    case LT_REMOVED:
    case LT_LISTEN_FAILED:
    case LT_LISTENING:
    case LT_HASH_PROGRESS:
    case LT_HASH_DONE:
    case LT_HASH_FAILED:
    case LT_DROPPED:
        break;
    }
}

static void on_session_alert(struct service *service, const struct lt_alert *alert)
{
    switch (alert->type) {
    case LT_REMOVED:
        if (alert->code != ERR_NONE)
            log_warn("data of a removed torrent was not deleted", "error=%s", alert->text);
        break;
    case LT_LISTENING:
        service->listen_port = (uint16_t)alert->a;
        svc_degraded(service->svc, NULL);
        log_info("listening for peers", "port=%u", service->listen_port);
        break;
    case LT_LISTEN_FAILED:
        log_warn("cannot listen for peers", "error=%s", alert->text);
        if (service->listen_port == 0)
            svc_degraded(service->svc,
                         "no port for BitTorrent peers: set torrent.listen to a free one");
        break;
    case LT_HASH_PROGRESS:
        job_hash_progress(service, alert);
        break;
    case LT_HASH_DONE:
        job_hash_done(service, alert);
        break;
    case LT_HASH_FAILED:
        job_hash_failed(service, alert);
        break;
    case LT_DROPPED:
        log_warn("libtorrent dropped alerts; reading all pieces anew");
        break;
    case LT_METADATA:
    case LT_CHECKED:
    case LT_PIECE_READY:
    case LT_PIECE_FAILED:
    case LT_FINISHED:
    case LT_STATUS:
    case LT_RESUME:
    case LT_RESUME_FAILED:
    case LT_FILE_ERROR:
    case LT_TRACKER_ERROR:
        break;
    }
}

void alerts_drain(void *arg)
{
    struct service *service = arg;
    struct lt_alert alert;
    struct torrent *torrent, *next;

    while (lt_poll(service->lt, &alert)) {
        torrent = torrent_of_id(service, alert.id);
        if (torrent != NULL)
            on_torrent_alert(service, torrent, &alert);
        else
            on_session_alert(service, &alert);
    }
    /* One event and one plan for all that came together. */
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->fresh_count == 0)
            continue;
        torrent_flush_ready(service, torrent);
        torrent_replan(service, torrent, clock_ms());
    }
}
