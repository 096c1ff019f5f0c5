/* SPDX-License-Identifier: MIT */
#include "service_life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "ip_filter.h"

enum { DRAIN_MS = 2000 }; /* how long resume data may take to come */

static enum lt_disk disk_of(const char *word)
{
    if (strcmp(word, "mmap") == 0)
        return LT_DISK_MMAP;
    return strcmp(word, "posix") == 0 ? LT_DISK_POSIX : LT_DISK_DIRECT;
}

static struct lt_config session_config(const struct service *service)
{
    const struct torrent_settings *settings = service->settings;

    return (struct lt_config){
        .listen = settings->listen,
        .outgoing = settings->outgoing,
        .user_agent = "ShareStream/0.1",
        .dht = settings->dht,
        .lsd = settings->lsd,
        .upnp = settings->upnp,
        .pex = settings->pex,
        .outgoing_utp = settings->utp_first,
        .encryption = settings->encryption,
        .download_limit = service->download_limit,
        .upload_limit = service->upload_limit,
        .limit_local_peers = settings->limit_local_peers,
        .max_connections = service->max_connections,
        .upload_slots = (uint32_t)settings->upload_slots,
        .proxy = settings->proxy,
        .allow_private_urls = settings->allow_private_urls,
        .disk = disk_of(settings->disk_io),
        .dht_bootstrap = settings->dht_bootstrap[0] ? settings->dht_bootstrap : NULL,
    };
}

void service_apply_limits(struct service *service)
{
    struct lt_config config = session_config(service);
    struct error error;

    if (lt_session_apply(service->lt, &config, &error) != ERR_NONE)
        log_error("limits not applied", "error=%s", error.text);
}

static enum err load_filter(struct service *service, struct error *error)
{
    size_t ranges;

    if (service->settings->ip_filter[0] == '\0')
        return ERR_NONE;
    return ip_filter_load(service->lt, service->settings->ip_filter, &ranges, error);
}

static enum err open_session(struct service *service, struct error *error)
{
    struct lt_config config = session_config(service);
    uint8_t *state = NULL;
    size_t len = 0;

    store_get_value(service->store, "session", &state, &len);
    config.state = bytes_of(state, len);
    service->lt = lt_session_new(&config, error);
    free(state);
    return service->lt != NULL ? ERR_NONE : error->code;
}

static void on_fetched(void *arg)
{
    struct service *service = arg;

    fetcher_dispatch(service->fetcher);
}

static void on_replan(void *arg)
{
    struct service *service = arg;
    struct torrent *torrent, *next;
    uint64_t now_ms = clock_ms();

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        layout_replan(service, torrent, now_ms);
    }
}

static void on_expire(void *arg)
{
    struct service *service = arg;
    struct torrent *torrent, *next;
    uint64_t now_ms = clock_ms();

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        torrent_expire_waiters(service, torrent, now_ms);
    }
    jobs_expire(service, now_ms);
}

static enum err open_store(struct service *service, const char *data_dir, struct error *error)
{
    char *path = xasprintf("%s/torrents.sqlite", data_dir);
    enum err err = ERR_NONE;

    service->data_dir = xasprintf("%s/torrents", data_dir);
    if (mkdir(service->data_dir, 0755) != 0 && errno != EEXIST)
        err = error_set_errno(error, ERR_CONFIG, "cannot create folder %s", service->data_dir);
    if (err == ERR_NONE)
        err = store_open(path, &service->store, error);
    if (err == ERR_NONE)
        err = store_settle(service->store, service->data_dir, error);
    free(path);
    return err;
}

enum err service_start(void *state, struct svc *svc, struct error *error)
{
    struct service *service = state;
    enum err err;

    service->svc = svc;
    service->bus = svc_bus(svc);
    service->settings = svc_settings(svc);
    service->run_dir = svc_common(svc)->run_dir;
    service->download_limit = service->settings->download_limit;
    service->upload_limit = service->settings->upload_limit;
    service->max_connections = (uint32_t)service->settings->max_connections;
    service->cleaned_ms = clock_ms();
    if ((err = open_store(service, svc_common(svc)->data_dir, error)) != ERR_NONE ||
        (err = open_session(service, error)) != ERR_NONE ||
        (err = load_filter(service, error)) != ERR_NONE)
        return err;
    service->fetcher = fetcher_new(&(struct fetch_config){
        .allows_private = service->settings->allow_private_urls,
        .proxy = service->settings->proxy,
        .outgoing = service->settings->outgoing,
    });
    if ((err = restore_all(service, error)) != ERR_NONE ||
        (err = uploads_restore(service, error)) != ERR_NONE)
        return err;
    alerts_drain(service); /* who asks first shall find the files already */
    svc_watch_fd(svc, lt_fd(service->lt), alerts_drain, service);
    svc_watch_fd(svc, fetcher_fd(service->fetcher), on_fetched, service);
    svc_every(svc, REPLAN_MS, on_replan, service);
    svc_every(svc, EXPIRE_MS, on_expire, service);
    own_tracker_start(service);
    svc_ready_text(svc, "port=%u", lt_session_port(service->lt));
    return ERR_NONE;
}

void service_tick(void *state, uint64_t now_ms)
{
    struct service *service = state;
    struct torrent *torrent, *next;

    lt_post_updates(service->lt);
    alerts_drain(service);
    if (service->is_draining)
        return;
    own_tracker_tick(service, now_ms);
    svc_note(service->svc, "torrents=%u", HASH_COUNT(service->torrents));
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (now_ms - torrent->resume_saved_ms >= RESUME_SAVE_MS)
            torrent_save_resume(service, torrent);
    }
    space_clean(service, now_ms);
    uploads_tick(service);
    events_progress(service);
}

void service_reload(void *state)
{
    struct service *service = state;
    struct error error;

    if (load_filter(service, &error) != ERR_NONE)
        log_error("peer filter not reloaded", "error=%s", error.text);
}

/* Asks for the last resume data; what has not come by DRAIN_MS is covered by the ready map. */
void service_drain(void *state)
{
    struct service *service = state;
    struct torrent *torrent, *next;

    service->is_draining = true;
    service->drain_started_ms = clock_ms();
    jobs_stop(service);
    HASH_ITER(hh, service->torrents, torrent, next)
    {
        torrent_expire_waiters(service, torrent, UINT64_MAX);
        lt_pause(service->lt, torrent->id, true); /* no piece may come after its resume data */
        torrent_save_resume(service, torrent);
    }
}

/* Nothing is asked for any more, and nothing being deleted. */
static bool is_quiet(const struct service *service)
{
    struct torrent *torrent, *next;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        if (torrent->resumes_asked > 0)
            return false;
    }
    return service->leaving == NULL;
}

bool service_is_drained(void *state)
{
    const struct service *service = state;

    return is_quiet(service) || clock_ms() - service->drain_started_ms > DRAIN_MS;
}

/* A clean end promises that resume data is true even after a power cut: then the data must be on
 * the disk first. The supervisor may lose patience with a slow one; that is no clean end. */
static bool sync_data(const struct service *service)
{
    int fd = open(service->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && syncfs(fd) == 0;

    if (fd >= 0)
        close(fd);
    return is_synced;
}

void service_stop(void *state)
{
    struct service *service = state;
    bool is_clean = service->is_draining && is_quiet(service);
    uint8_t *saved = NULL;
    size_t len = 0;

    if (service->lt != NULL && lt_session_state(service->lt, &saved, &len) == ERR_NONE)
        store_put_value(service->store, "session", saved, len, NULL);
    free(saved);
    fetcher_free(&service->fetcher);
    torrent_free_all(service);
    uploads_stop(service);
    lt_session_free(&service->lt);
    store_close(&service->store, is_clean && sync_data(service));
    own_tracker_stop(service);
    free(service->data_dir);
}

void service_metrics(void *state)
{
    struct service *service = state;
    struct torrent_metrics *metrics = &service->metrics;
    struct torrent *torrent, *next;
    struct lt_session_stats stats;
    uint64_t readers = 0;

    HASH_ITER(hh, service->torrents, torrent, next)
    {
        readers += torrent_reader_count(torrent);
    }
    lt_session_stats(service->lt, &stats);
    metrics->readers = readers;
    metrics->peers = stats.peers;
    metrics->dht_nodes = stats.dht_nodes;
    metrics->downloaded_bytes_total = stats.downloaded;
    metrics->uploaded_bytes_total = stats.uploaded;
    metrics->disk_used_bytes = space_used(service);
    metrics->disk_free_bytes = space_free(service);
}
