/* SPDX-License-Identifier: MIT
 *
 * route: which request means what. One table; the dispatcher, the 405 answers and the access check
 * read its rows. Pure: a method and a request target go in, views into them come out.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    METHOD_GET = 1 << 0,
    METHOD_HEAD = 1 << 1,
    METHOD_POST = 1 << 2,
    METHOD_PUT = 1 << 3,
    METHOD_DELETE = 1 << 4,
    METHOD_OPTIONS = 1 << 5,
    METHOD_PATCH = 1 << 6,
    METHOD_READ = METHOD_GET | METHOD_HEAD,
};

/* What somebody must be to use a route. */
enum route_need {
    NEED_NOTHING, /* health, the page */
    NEED_OPEN,    /* nothing, and every page may read the answer */
    NEED_LINK,    /* the admin, or whoever holds a signed link to this very file, or a grant */
    NEED_GRANT,   /* the admin, or whoever holds a grant for this torrent; reads */
    NEED_ADMIN,   /* reads */
    NEED_CHANGE,  /* changes something, whatever its method: never for pages of strangers */
};

/* X(id, pattern, methods, need, handler). Patterns: literal segments; ":hash" an info-hash,
 * ":source" an info-hash or magnet link, ":code" the code of a room, ":service" the name of one,
 * ":file" a file id, ":any" one segment, "*" whatever follows, also nothing. First match wins. */
#define ROUTES(X)                                                                                  \
    X(ANNOUNCE, "/announce/*", METHOD_GET, NEED_OPEN, on_tracker)                                  \
    X(SCRAPE, "/scrape/*", METHOD_GET, NEED_OPEN, on_tracker)                                      \
    X(TRACKER_STATS, "/stats", METHOD_GET, NEED_OPEN, on_tracker)                                  \
    X(TRACKER_STATS_JSON, "/stats.json", METHOD_GET, NEED_OPEN, on_tracker)                        \
    X(SOCKETIO, "/socket.io/*", METHOD_GET | METHOD_POST, NEED_OPEN, on_socketio)                  \
    X(ICE_SERVERS, "/ice-servers", METHOD_GET, NEED_OPEN, on_room)                                 \
    X(TURN, "/api/turn", METHOD_GET, NEED_OPEN, on_room)                                           \
    X(TURN_CREDENTIALS, "/api/turn/credentials", METHOD_GET, NEED_OPEN, on_room)                   \
    X(TUNNEL, "/api/tunnel", METHOD_GET, NEED_OPEN, on_room)                                       \
    X(ROOM, "/api/room/:any", METHOD_GET, NEED_OPEN, on_room)                                      \
    X(ROOM_READY, "/api/room/:any/ready", METHOD_GET, NEED_OPEN, on_room)                          \
    X(ROOM_MEMBERS, "/api/rooms/:any", METHOD_GET, NEED_OPEN, on_room)                             \
    X(JOIN, "/join/:any", METHOD_GET, NEED_OPEN, on_room)                                          \
    X(ROOT, "/", METHOD_READ, NEED_NOTHING, on_root)                                               \
    X(PAGE_INDEX, "/index.html", METHOD_READ, NEED_NOTHING, on_page)                               \
    X(PAGE_P2P, "/p2p", METHOD_READ, NEED_NOTHING, on_page)                                        \
    X(PAGE_WATCH, "/watch", METHOD_READ, NEED_NOTHING, on_page)                                    \
    X(PAGE_ADMIN, "/admin", METHOD_READ, NEED_NOTHING, on_page)                                    \
    X(PAGE_ROOM, "/room/:any", METHOD_READ, NEED_NOTHING, on_page_of_room)                         \
    X(WORKER, "/worker.js", METHOD_READ, NEED_NOTHING, on_worker)                                  \
    X(ASSET, "/assets/*", METHOD_READ, NEED_NOTHING, on_asset)                                     \
    X(HEALTH, "/health", METHOD_READ, NEED_OPEN, on_health)                                        \
    X(LIVE, "/health/live", METHOD_READ, NEED_NOTHING, on_live)                                    \
    X(READY, "/health/ready", METHOD_READ, NEED_NOTHING, on_ready)                                 \
    X(METRICS, "/metrics", METHOD_READ, NEED_ADMIN, on_metrics)                                    \
    X(P2M_TORRENT, "/torrent/:source", METHOD_GET, NEED_CHANGE, on_p2m_torrent)                    \
    X(STREAM, "/stream/:source/:file/*", METHOD_READ, NEED_LINK, on_stream)                        \
    X(DOCUMENT, "/document/:source/:file/*", METHOD_READ, NEED_LINK, on_stream)                    \
    X(DOCUMENTS, "/documents/:source/:file/*", METHOD_READ, NEED_LINK, on_stream)                  \
    X(IMAGE, "/image/:source/:file/*", METHOD_READ, NEED_LINK, on_stream)                          \
    X(IMAGES, "/images/:source/:file/*", METHOD_READ, NEED_LINK, on_stream)                        \
    X(HLS, "/hls/:source/:file/*", METHOD_READ, NEED_LINK, on_hls)                                 \
    X(OPENAPI, "/api/v1/openapi.yaml", METHOD_READ, NEED_ADMIN, on_openapi)                        \
    X(OPENAPI_ROOT, "/openapi.yaml", METHOD_READ, NEED_ADMIN, on_openapi)                          \
    X(LIST, "/api/v1/torrents", METHOD_READ, NEED_ADMIN, on_list)                                  \
    X(ADD, "/api/v1/torrents", METHOD_POST, NEED_CHANGE, on_add)                                   \
    X(GET, "/api/v1/torrents/:hash", METHOD_READ, NEED_GRANT, on_get)                              \
    X(REMOVE, "/api/v1/torrents/:hash", METHOD_DELETE, NEED_CHANGE, on_remove)                     \
    X(PAUSE, "/api/v1/torrents/:hash/pause", METHOD_POST, NEED_CHANGE, on_pause)                   \
    X(RESUME, "/api/v1/torrents/:hash/resume", METHOD_POST, NEED_CHANGE, on_resume)                \
    X(RECHECK, "/api/v1/torrents/:hash/recheck", METHOD_POST, NEED_CHANGE, on_recheck)             \
    X(SELECT, "/api/v1/torrents/:hash/select", METHOD_PUT, NEED_CHANGE, on_select)                 \
    X(LIMITS, "/api/v1/torrents/:hash/limits", METHOD_READ, NEED_ADMIN, on_limits)                 \
    X(SET_LIMITS, "/api/v1/torrents/:hash/limits", METHOD_PUT, NEED_CHANGE, on_set_limits)         \
    X(PEERS, "/api/v1/torrents/:hash/peers", METHOD_READ, NEED_ADMIN, on_peers)                    \
    X(PIECES, "/api/v1/torrents/:hash/pieces", METHOD_READ, NEED_GRANT, on_pieces)                 \
    X(BROWSERS, "/api/v1/torrents/:hash/browsers", METHOD_READ, NEED_ADMIN, on_browsers)           \
    X(METAINFO, "/api/v1/torrents/:hash/metainfo", METHOD_READ, NEED_GRANT, on_metainfo)           \
    X(PLAYLIST, "/api/v1/torrents/:hash/playlist.m3u", METHOD_READ, NEED_GRANT, on_playlist)       \
    X(EVENTS, "/api/v1/torrents/:hash/events", METHOD_GET, NEED_GRANT, on_torrent_events)          \
    X(FILES, "/api/v1/torrents/:hash/files", METHOD_READ, NEED_GRANT, on_files)                    \
    X(DIAGNOSIS, "/api/v1/torrents/:hash/files/:file/diagnosis", METHOD_READ, NEED_GRANT,          \
      on_diagnosis)                                                                                \
    X(FILE_READY, "/api/v1/torrents/:hash/files/:file/ready", METHOD_READ, NEED_GRANT,             \
      on_file_ready)                                                                               \
    X(MEDIA, "/api/v1/torrents/:hash/files/:file/media", METHOD_READ, NEED_GRANT, on_media)        \
    X(SUBTITLES, "/api/v1/torrents/:hash/files/:file/subtitles", METHOD_READ, NEED_GRANT,          \
      on_subtitles)                                                                                \
    X(ADD_SUBTITLES, "/api/v1/torrents/:hash/files/:file/subtitles", METHOD_POST, NEED_CHANGE,     \
      on_add_subtitles)                                                                            \
    X(REMOVE_SUBTITLES, "/api/v1/torrents/:hash/files/:file/subtitles/:any", METHOD_DELETE,        \
      NEED_CHANGE, on_remove_subtitles)                                                            \
    X(JOBS, "/api/v1/jobs", METHOD_READ, NEED_ADMIN, on_jobs)                                      \
    X(LINK, "/api/v1/torrents/:hash/files/:file/link", METHOD_READ, NEED_GRANT, on_link)           \
    X(ALL_EVENTS, "/api/v1/events", METHOD_GET, NEED_ADMIN, on_all_events)                         \
    X(STATS, "/api/v1/stats", METHOD_READ, NEED_ADMIN, on_stats)                                   \
    X(SESSION_LIMITS, "/api/v1/limits", METHOD_READ, NEED_ADMIN, on_limits)                        \
    X(SET_SESSION_LIMITS, "/api/v1/limits", METHOD_PUT, NEED_CHANGE, on_set_limits)                \
    X(SERVICES, "/api/v1/services", METHOD_READ, NEED_ADMIN, on_services)                          \
    X(SERVICE_DEATHS, "/api/v1/services/:service/deaths", METHOD_READ, NEED_ADMIN,                 \
      on_service_deaths)                                                                           \
    X(SERVICE_RESTART, "/api/v1/services/:service/restart", METHOD_POST, NEED_CHANGE,              \
      on_service_restart)                                                                          \
    X(SERVICE_SETTINGS, "/api/v1/services/:service/settings", METHOD_READ, NEED_ADMIN,             \
      on_service_settings)                                                                         \
    X(SERVICE_LOG_LEVEL, "/api/v1/services/:service/log-level", METHOD_PUT, NEED_CHANGE,           \
      on_service_log_level)                                                                        \
    X(LOGS, "/api/v1/logs", METHOD_READ, NEED_ADMIN, on_logs)                                      \
    X(SEED, "/api/v1/seed", METHOD_POST, NEED_CHANGE, on_seed)                                     \
    X(UPLOAD_BEGIN, "/api/v1/uploads", METHOD_POST, NEED_CHANGE, on_begin_upload)                  \
    X(UPLOAD, "/api/v1/uploads/:hash", METHOD_READ, NEED_ADMIN, on_upload)                         \
    X(UPLOAD_GROW, "/api/v1/uploads/:hash", METHOD_PATCH, NEED_CHANGE, on_grow_upload)             \
    X(UPLOAD_REMOVE, "/api/v1/uploads/:hash", METHOD_DELETE, NEED_CHANGE, on_remove_upload)        \
    X(UPLOAD_TAIL, "/api/v1/uploads/:hash/tail", METHOD_PUT, NEED_CHANGE, on_upload_tail)          \
    X(MEDIA_FOLDER, "/api/v1/media", METHOD_READ, NEED_ADMIN, on_media_folder)                     \
    X(ROOMS, "/api/v1/rooms", METHOD_READ, NEED_ADMIN, on_rooms)                                   \
    X(ROOM_CREATE, "/api/v1/rooms", METHOD_POST, NEED_CHANGE, on_room_create)                      \
    X(ROOM_SHOW, "/api/v1/rooms/:code", METHOD_READ, NEED_ADMIN, on_room_show)                     \
    X(ROOM_CLOSE, "/api/v1/rooms/:code", METHOD_DELETE, NEED_CHANGE, on_room_close)                \
    X(ROOM_KICK, "/api/v1/rooms/:code/kick", METHOD_POST, NEED_CHANGE, on_room_kick)               \
    X(ROOM_SAY, "/api/v1/rooms/:code/say", METHOD_POST, NEED_CHANGE, on_room_say)                  \
    X(ROOM_PLAY, "/api/v1/rooms/:code/play", METHOD_POST, NEED_CHANGE, on_room_command)            \
    X(ROOM_PAUSE, "/api/v1/rooms/:code/pause", METHOD_POST, NEED_CHANGE, on_room_command)          \
    X(ROOM_SEEK, "/api/v1/rooms/:code/seek", METHOD_POST, NEED_CHANGE, on_room_command)            \
    X(ROOM_RATE, "/api/v1/rooms/:code/rate", METHOD_POST, NEED_CHANGE, on_room_command)

/* The same for the door of sharestream-engine, where paths mean what they meant in earlier engines:
 * mostly the one torrent that is there. */
#define ENGINE_ROUTES(X)                                                                           \
    X(ENGINE_HEALTH, "/health", METHOD_READ, NEED_OPEN, on_health)                                 \
    X(ENGINE_TORRENTS, "/torrents", METHOD_READ, NEED_ADMIN, on_engine_torrents)                   \
    X(ENGINE_TORRENT, "/torrent/:hash", METHOD_READ, NEED_ADMIN, on_engine_torrent)                \
    X(ENGINE_STREAM, "/stream/:hash/*", METHOD_READ, NEED_GRANT, on_engine_stream)                 \
    X(ENGINE_HLS, "/hls/:source/:file/*", METHOD_READ, NEED_LINK, on_hls)                          \
    X(ENGINE_NAME, "/:source", METHOD_READ, NEED_ADMIN, on_engine_name)                            \
    X(ENGINE_FILE, "/:file/*", METHOD_READ, NEED_ADMIN, on_engine_file)

enum route_id {
    ROUTE_NONE, /* no such path */
#define X(id, pattern, methods, need, handler) ROUTE_##id,
    ROUTES(X) ENGINE_ROUTES(X)
#undef X
};

struct route {
    enum route_id id; /* ROUTE_NONE when nothing matched or the method is not allowed */
    enum route_need need;
    unsigned method;     /* METHOD_..., 0 = none we know */
    unsigned allowed;    /* methods of this path, for Allow; 0 = there is no such path */
    bool is_api;         /* errors in the shape of /api/v1 */
    struct bytes path;   /* without the query, still encoded */
    struct bytes query;  /* behind '?', may be empty */
    struct bytes source; /* segment that :hash, :source, :code or :service matched, still encoded */
    bool has_file;       /* :file matched a number; false: it is no number */
    uint32_t file;
};

/* Actors behind the gateway: X(id, name on the bus). */
#define ROUTE_ACTOR_NAMES(X)                                                                       \
    X(TRACKER, "tracker")                                                                          \
    X(ROOM, "room")

enum route_actor {
#define X(id, name) ACTOR_##id,
    ROUTE_ACTOR_NAMES(X)
#undef X
        ROUTE_ACTORS, /* how many there are; none of them */
};
const char *route_actor_name(enum route_actor actor);

/* The listening sockets, which differ in what becomes of a WebSocket; the engine's has routes of
 * its own as well. */
enum route_door { DOOR_MAIN, DOOR_TRACKER, DOOR_SIGNAL, DOOR_MONKEY, DOOR_ENGINE, ROUTE_DOORS };

/* Whose a WebSocket to this path is; ROUTE_ACTORS: nobody's. `known_as_out`: the path under which
 * the actor knows it, when at this door clients use another one; else NULL. */
enum route_actor route_websocket(enum route_door door, struct bytes path,
                                 const char **known_as_out);

/* `target` as in the request line, in origin or absolute form. */
struct route route_find(enum route_door door, struct bytes method, struct bytes target);
/* "GET, HEAD, OPTIONS" for an Allow header; `out` holds ROUTE_ALLOW_TEXT bytes. */
enum { ROUTE_ALLOW_TEXT = 64 };
char *route_allow(unsigned allowed, char *out);

#endif
