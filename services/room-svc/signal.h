/* SPDX-License-Identifier: MIT
 *
 * signal: the dialect of ShareStream's signalling server: Socket.IO events with one object as their
 * only argument. Every answer comes as an event; whoever asked for an ack gets that, too, so that
 * clients of both kinds are served. What travels, and when: docs/signal.md.
 *
 * signal.c reads and answers what clients say, signal_door.c and signal_watch.c do it;
 * signal_room.c tells them what happens in rooms, signal_words.c in which words; signal_http.c is
 * what is asked by HTTP.
 */
#ifndef ROOM_SIGNAL_H
#define ROOM_SIGNAL_H

#include "dialect.h"
#include "svc/gateway.h"

/* What clients say: X(event, function signal_..., where it makes sense, event of the answer).
 * Without an event of its own only a failure is told, as `error`. */
#define SIGNAL_HEARD(X)                                                                            \
    X("create-room", create_room, ANYWHERE, ROOM_CREATED)                                          \
    X("register-participant", register_participant, ANYWHERE, NOTHING)                             \
    X("join-request", join_request, ANYWHERE, JOIN_REQUEST_RESULT)                                 \
    X("request-join-status", request_join_status, ANYWHERE, JOIN_APPROVAL_STATUS)                  \
    X("request-join-approval", request_join_status, ANYWHERE, JOIN_APPROVAL_STATUS)                \
    X("join-approve", join_approve, IN_ROOM, JOIN_APPROVE_RESULT)                                  \
    X("join-reject", join_reject, IN_ROOM, JOIN_REJECT_RESULT)                                     \
    X("join-room", join_room, ANYWHERE, ROOM_JOINED)                                               \
    X("leave-room", leave_room, ANYWHERE, NOTHING)                                                 \
    X("torrent-magnet", torrent_magnet, IN_ROOM, NOTHING)                                          \
    X("movie-loaded", movie_loaded, IN_ROOM, NOTHING)                                              \
    X("subtitle-data", subtitle_data, IN_ROOM, NOTHING)                                            \
    X("sync-play", sync_play, IN_ROOM, NOTHING)                                                    \
    X("sync-pause", sync_pause, IN_ROOM, NOTHING)                                                  \
    X("sync-seek", sync_seek, IN_ROOM, NOTHING)                                                    \
    X("sync-check", sync_check, IN_ROOM, NOTHING)                                                  \
    X("sync-report", sync_report, IN_ROOM, NOTHING)                                                \
    X("sync-correct", sync_correct, IN_ROOM, NOTHING)                                              \
    X("sync-update", sync_update, IN_ROOM, NOTHING)                                                \
    X("ready-to-start", ready_to_start, IN_ROOM, READY_CONFIRMED)                                  \
    X("start-playback", start_playback, IN_ROOM, NOTHING)                                          \
    X("ready-for-connection", ready_for_connection, IN_ROOM, NOTHING)                              \
    X("offer", offer, IN_ROOM, NOTHING)                                                            \
    X("answer", sdp_answer, IN_ROOM, NOTHING)                                                      \
    X("ice-candidate", ice_candidate, IN_ROOM, NOTHING)                                            \
    X("chat-message", chat_message, IN_ROOM, NOTHING)                                              \
    X("viewer-stream-ready", pass_on, IN_ROOM, NOTHING)                                            \
    X("viewer-playable", pass_on, IN_ROOM, NOTHING)                                                \
    X("viewer-local-playback", pass_on, IN_ROOM, NOTHING)                                          \
    X("torrent-download-complete", pass_on, IN_ROOM, NOTHING)

/* What they are told. */
#define SIGNAL_TOLD(X)                                                                             \
    X(ROOM_CREATED, "room-created")                                                                \
    X(ROOM_JOINED, "room-joined")                                                                  \
    X(JOIN_REQUEST_RESULT, "join-request-result")                                                  \
    X(JOIN_APPROVAL_STATUS, "join-approval-status")                                                \
    X(JOIN_PENDING, "join-pending")                                                                \
    X(JOIN_REQUEST, "join-request")                                                                \
    X(JOIN_APPROVE_RESULT, "join-approve-result")                                                  \
    X(JOIN_REJECT_RESULT, "join-reject-result")                                                    \
    X(JOIN_APPROVED, "join-approved")                                                              \
    X(JOIN_REJECTED, "join-rejected")                                                              \
    X(PARTICIPANT_LIST, "participant-list")                                                        \
    X(PARTICIPANT_JOINED, "participant-joined")                                                    \
    X(PARTICIPANT_LEFT, "participant-left")                                                        \
    X(PEER_LEFT, "peer-left")                                                                      \
    X(ROOM_MODE, "room-mode")                                                                      \
    X(MOVIE_LOADED, "movie-loaded")                                                                \
    X(SUBTITLE_DATA, "subtitle-data")                                                              \
    X(TORRENT_MAGNET, "torrent-magnet")                                                            \
    X(PLAYBACK_SNAPSHOT, "playback-snapshot")                                                      \
    X(SYNC_PLAY, "sync-play")                                                                      \
    X(SYNC_PAUSE, "sync-pause")                                                                    \
    X(SYNC_SEEK, "sync-seek")                                                                      \
    X(SYNC_CHECK, "sync-check")                                                                    \
    X(SYNC_REPORT, "sync-report")                                                                  \
    X(SYNC_CORRECT, "sync-correct")                                                                \
    X(SYNC_UPDATE, "sync-update")                                                                  \
    X(READY_CONFIRMED, "ready-confirmed")                                                          \
    X(READY_COUNT_UPDATE, "ready-count-update")                                                    \
    X(PLAYBACK_STARTED, "playback-started")                                                        \
    X(START_WEBRTC, "start-webrtc")                                                                \
    X(OFFER, "offer")                                                                              \
    X(ANSWER, "answer")                                                                            \
    X(ICE_CANDIDATE, "ice-candidate")                                                              \
    X(CHAT_MESSAGE, "chat-message")                                                                \
    X(VIEWER_STREAM_READY, "viewer-stream-ready")                                                  \
    X(VIEWER_PLAYABLE, "viewer-playable")                                                          \
    X(VIEWER_LOCAL_PLAYBACK, "viewer-local-playback")                                              \
    X(TORRENT_DOWNLOAD_COMPLETE, "torrent-download-complete")                                      \
    X(ERROR, "error")

enum signal_told {
    TOLD_NOTHING,
#define X(name, event) TOLD_##name,
    SIGNAL_TOLD(X)
#undef X
};

/* ---- signal.c */

/* One event, whatever it is: the same names mean the same everywhere, and what the client does not
 * say is empty. */
struct said {
    struct guest *guest;
    const struct sio_event *event;
    const struct signal_row *row;
    struct room *room; /* that the guest is in; NULL: in none */
    struct room_member *member;
    int64_t now_ms;
    struct text extra; /* more fields of the answer */
    bool is_answered;  /* or another seat is to */
    bool is_told;      /* the event of the answer has gone out already: what remains is the ack */

    struct bytes payload; /* the object as it came; empty: it was none */
    char code[CODE_MAX + 1], room_code[CODE_MAX + 1], requested[CODE_MAX + 1];
    char participant[ROOM_ID_MAX + 1], to[ROOM_ID_MAX + 1], target[ROOM_ID_MAX + 1];
    char name[ROOM_TITLE_MAX + 1]; /* of a person or a film */
    char password[ROOM_PASSWORD_MAX + 1], magnet[ROOM_SOURCE_MAX + 1];
    char text[ROOM_SAY_MAX + 1], id[ROOM_ID_MAX + 1], action[ROOM_ID_MAX + 1];
    char capabilities[ROOM_CAPABILITIES_MAX + 1];
    bool has_time, plays, is_before_transcoding;
    int64_t time_ms, duration_ms, buffered_ms;
    struct bytes offer, answer, candidate;
};

/* What becomes of it; the answer is given for it unless it has answered already. */
typedef enum room_error signal_fn(struct said *said);

struct signal_row {
    const char *event;
    signal_fn *handle;
    enum { ANYWHERE, IN_ROOM } where;
    enum signal_told result;
};

/* As ack and as event. */
void signal_answer(struct said *said, enum room_error error);
bool signal_is_object(struct bytes json);

/* ---- signal_door.c, signal_watch.c */

#define X(event, handle, where, result) signal_fn signal_##handle;
SIGNAL_HEARD(X)
#undef X

/* ---- signal_words.c */

extern const char *const signal_told_names[];

/* Fields of a JSON object that has been opened, or of a text that is to become part of one. Seconds
 * have a fraction in any case: for Dart 12 and 12.0 are of different types. */
void signal_add_text(struct text *out, const char *name, const char *text);
void signal_add_number(struct text *out, const char *name, int64_t number);
void signal_add_truth(struct text *out, const char *name, bool truth);
void signal_add_seconds(struct text *out, const char *name, int64_t ms);
/* Both spellings of where somebody is. */
void signal_add_place(struct text *out, int64_t ms, bool plays);
/* The client's own id of what it did; "": one that no client takes for its own. */
void signal_add_action(struct text *out, const struct room *room, const char *key);
void signal_add_participant(struct text *out, const struct room_member *member);
/* ROOM_OTHER: to some or all who speak this dialect. The data is a byte, enum signal_told, and the
 * JSON of the event. */
void signal_add_other(struct text *out, enum signal_told told, struct bytes json);

/* "native" when nobody here needs a film made for browsers. */
const char *signal_mode(const struct room *room);
/* "host" or "viewer": more roles these clients do not know. */
const char *signal_role_word(enum room_role role);
enum signal_told signal_playing_word(const struct room *room);
/* Where those who hear it now should be. A command of these clients is told with the place that it
 * named, since who gave it is there. */
int64_t signal_place(const struct room *room, const struct room_member *by, int64_t now_ms);

/* Whole objects. */
struct text signal_one_text(const char *name, const char *text);
struct text signal_participants(const struct room *room);
struct text signal_knock(const struct room *room, const struct room_member *member);
/* The film as its host told it; else as the queue knows it. Empty: there is none. */
struct text signal_film(const struct room *room, enum room_blob blob);
/* Where the room is, for `sync-play` and its like. */
struct text signal_playback(const struct room *room, const struct room_member *by, const char *key,
                            int64_t now_ms);
/* Empty: there is nothing to play. */
struct text signal_snapshot(const struct room *room, int64_t now_ms);

/* ---- signal_room.c */

/* To one client. */
void signal_tell(struct guest *guest, enum signal_told told, const struct text *json);
/* Everything about the room that who has just come in has to know. */
void signal_welcome(struct guest *guest, const struct room *room, const struct room_member *member);
/* It may come in, as `join-request-result` and as `join-approved`; `join-room` is to follow. */
void signal_approve(struct guest *guest, const char *code, const char *id);
/* on_room of the dialect. */
void signal_on_room(struct room_svc *svc, const struct room *room, const struct room_event *event,
                    struct guest *guest);

/* ---- signal_http.c */

/* True when the question was one of these, and is answered. */
bool signal_asked(struct room_svc *svc, uint64_t question, const struct gateway_client *client);

#endif
