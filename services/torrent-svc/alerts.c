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
    struct error error;
    bool is_full = alert->code == ERR_NO_SPACE;

    error_set(&error, alert->code != ERR_NONE ? alert->code : ERR_IO, "%s%s",
              is_full ? "the disk is full: make room, then resume; " : "", alert->text);
    torrent_stop(service, torrent, error.code, error.text);
}

static void on_resume(struct service *service, struct torrent *torrent,
                      const struct lt_alert *alert)
{
    struct error error;

    if (store_put_blob(service->store, &torrent->hash, STORE_RESUME, alert->data, alert->len,
                       &error) != ERR_NONE)
        log_error("resume data not saved", "hash=%s error=%s", torrent->hex, error.text);
}

static void on_torrent_alert(struct service *service, struct torrent *torrent,
                             const struct lt_alert *alert)
{
    switch (alert->type) {
    case LT_METADATA:
        layout_on_metadata(service, torrent);
        break;
    case LT_CHECKED:
        layout_on_checked(service, torrent);
        break;
    case LT_PIECE_READY:
        layout_on_piece(service, torrent, alert->piece, true);
        break;
    case LT_PIECE_FAILED:
        service->metrics.pieces_failed_total++;
        layout_on_piece(service, torrent, alert->piece, false);
        break;
    case LT_FINISHED:
        torrent_save_resume(service, torrent);
        log_info("torrent finished", "hash=%s name=%s", torrent->hex, torrent->row.name);
        break;
    case LT_STATUS:
        torrent_on_status(service, torrent, &alert->status);
        break;
    case LT_RESUME:
        on_resume(service, torrent, alert);
        torrent->resumes_asked -= torrent->resumes_asked > 0;
        break;
    case LT_RESUME_FAILED:
        torrent->resumes_asked -= torrent->resumes_asked > 0;
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

/* Lost answers are not waited for. */
static void on_dropped(struct service *service)
{
    struct torrent *torrent, *next;

    log_warn("libtorrent dropped alerts; reading all pieces anew");
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        torrent->resumes_asked = 0;
    }
}

static void on_listen_failed(struct service *service, const struct lt_alert *alert)
{
    struct error error;

    log_warn("cannot listen for peers", "error=%s", alert->text);
    /* A machine without IPv6 is no trouble; a port that somebody has is. */
    if (service->listen_port != 0 && alert->code != ERR_BUSY)
        return;
    error_set(&error, ERR_BUSY,
              "no peer can reach us: set torrent.listen to a free port or stop who has it (%s)",
              alert->text);
    svc_degraded(service->svc, error.text);
    service->is_port_taken = alert->code == ERR_BUSY;
}

static void on_session_alert(struct service *service, const struct lt_alert *alert)
{
    switch (alert->type) {
    case LT_REMOVED:
        if (alert->code != ERR_NONE)
            log_warn("data of a removed torrent was not deleted", "error=%s", alert->text);
        torrent_on_removed(service, alert->id, alert->code);
        break;
    case LT_LISTENING:
        service->listen_port = (uint16_t)alert->a;
        if (!service->is_port_taken)
            svc_degraded(service->svc, NULL);
        log_info("listening for peers", "port=%u", service->listen_port);
        break;
    case LT_LISTEN_FAILED:
        on_listen_failed(service, alert);
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
        on_dropped(service);
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
        layout_flush_ready(service, torrent);
        layout_replan(service, torrent, clock_ms());
    }
}
