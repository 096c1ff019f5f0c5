/* SPDX-License-Identifier: MIT
 *
 * room: one room, whoever speaks to it and how. Who is in it and what each may do, what is played
 * and what comes next, what was said.
 *
 * Pure: no sockets, no messages of any dialect, no clock, no threads. `now_ms` is server time as
 * clock.h has it. A dialect turns what its client said into one call, and the error that may come
 * back into its own words; what the call did goes out as events, in order, to the one callback of
 * the room, which knows who is to hear each (struct room_event). All state is here and can be
 * read: members carry their connection and dialect, so that nobody keeps a second list. The
 * callback must not call anything that changes the room.
 *
 * Texts are UTF-8 without NUL bytes: that is the caller's to check. Their length is checked here.
 * Members are lent out until the next call that changes the room; keep `id` or `number`. Where a
 * function takes `by`, NULL is the operator of the server, who may do everything.
 */
#ifndef ROOM_H
#define ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "bucket.h"
#include "clock.h"
#include "password.h"
#include "wire/room_code.h"

enum {
    ROOM_ID_MAX = 64, /* bytes of texts, without NUL */
    ROOM_NAME_MAX = 64,
    ROOM_SECRET_MAX = 128,
    ROOM_PASSWORD_MAX = 128,
    ROOM_ADDRESS_MAX = 63,
    ROOM_CAPABILITIES_MAX = 1024,
    ROOM_CALL_MAX = 32,
    ROOM_TITLE_MAX = 256,
    ROOM_SOURCE_MAX = 4096,
    ROOM_FILE_MAX = 1024,
    ROOM_SAY_MAX = 2000,
    ROOM_REACTION_MAX = 32,
    ROOM_HUES = 8, /* of avatars */
    ROOM_BLOB_MAX = 16384,
    ROOM_SUBTITLES_MAX = 1 << 19,
    ROOM_RELAY_MAX = 1 << 16,

    ROOM_MEMBERS_MAX = 1000,   /* what a room can be set to */
    ROOM_KNOCKS_MAX = 50,      /* who wait for an answer */
    ROOM_REMEMBERED_MAX = 256, /* who have gone, with their role, bans included */
    ROOM_BANS_MAX = 200,
    ROOM_QUEUE_MAX = 200,
    ROOM_CALLERS_MAX = 12, /* each of their browsers is connected to each other one */
    ROOM_TAIL_MAX = 100,   /* lines of chat that are kept */
    ROOM_LINE_REACTIONS_MAX = 64,
};

/* ---- what can go wrong: name, word for a program, nearest of the server's codes, sentence */

#define ROOM_ERRORS(X)                                                                             \
    X(ROOM_OK, "ok", ERR_NONE, "Done")                                                             \
    X(ROOM_NO_ROOM, "room_not_found", ERR_NOT_FOUND,                                               \
      "Room not found. Check the code and try again.")                                             \
    X(ROOM_AWAY, "room_away", ERR_UNAVAILABLE,                                                     \
      "The part of the server that has this room is away. Try again in a moment.")                 \
    X(ROOM_BAD_CODE, "bad_code", ERR_INVALID, "This cannot be the code of a room.")                \
    X(ROOM_TOO_MANY, "too_many_rooms", ERR_BUSY, "The server has no place for another room.")      \
    X(ROOM_FULL, "room_full", ERR_BUSY, "The room is full.")                                       \
    X(ROOM_BANNED, "banned", ERR_DENIED, "You cannot enter this room.")                            \
    X(ROOM_PASSWORD_NEEDED, "password_needed", ERR_DENIED, "This room has a password.")            \
    X(ROOM_PASSWORD_WRONG, "password_wrong", ERR_DENIED, "That is not the password.")              \
    X(ROOM_APPROVAL_NEEDED, "approval_needed", ERR_DENIED,                                         \
      "Somebody in the room has to let you in.")                                                   \
    X(ROOM_NOT_YOU, "identity_in_use", ERR_EXISTS, "Somebody else is in the room as this person.") \
    X(ROOM_NOT_ALLOWED, "not_allowed", ERR_DENIED, "You may not do that in this room.")            \
    X(ROOM_MUTED, "muted", ERR_DENIED, "You cannot write in this room at the moment.")             \
    X(ROOM_NO_MEMBER, "no_member", ERR_NOT_FOUND, "There is nobody like that in the room.")        \
    X(ROOM_NO_ITEM, "no_item", ERR_NOT_FOUND, "That is not in the queue.")                         \
    X(ROOM_NO_LINE, "no_line", ERR_NOT_FOUND, "That message is not there any more.")               \
    X(ROOM_NOTHING_TO_UNDO, "nothing_to_undo", ERR_NOT_FOUND, "There is no jump to take back.")    \
    X(ROOM_QUEUE_FULL, "queue_full", ERR_BUSY, "The queue is full.")                               \
    X(ROOM_BANS_FULL, "bans_full", ERR_BUSY, "This room has banned as many as it can.")            \
    X(ROOM_CALL_FULL, "call_full", ERR_BUSY, "No more people can talk to each other here.")        \
    X(ROOM_TOO_LONG, "too_long", ERR_TOO_LARGE, "That is too long.")                               \
    X(ROOM_INVALID, "invalid", ERR_INVALID, "That makes no sense here.")                           \
    X(ROOM_NOT_ON_SERVER, "not_on_server", ERR_DENIED,                                             \
      "The server does not have that film, and only who has its admin token may add one.")         \
    X(ROOM_CANNOT_LOOK, "unavailable", ERR_UNAVAILABLE,                                            \
      "The server cannot look for that film at the moment. Try again in a moment.")                \
    X(ROOM_TOO_FAST, "too_fast", ERR_BUSY, "Not so fast. Try again in a moment.")

enum room_error {
#define X(name, word, code, sentence) name,
    ROOM_ERRORS(X)
#undef X
};

const char *room_error_word(enum room_error error);
enum err room_error_code(enum room_error error);
const char *room_error_sentence(enum room_error error);

/* ---- members */

/*
 *            knock                answer            join
 *   GONE ------------> KNOCKING ----------> ADMITTED -----> HERE <------> LOST
 *     ^                   |                    |              |   broken    |
 *     +------ tired ------+------- tired ------+---- leave ---+--- grace ---+
 *
 * Who was let in once goes from GONE to HERE. HERE and LOST are present: they are members.
 */
enum room_presence { ROOM_GONE, ROOM_KNOCKING, ROOM_ADMITTED, ROOM_LOST, ROOM_HERE };
enum room_role { ROOM_VIEWER, ROOM_MODERATOR, ROOM_HOST };

enum room_bucket {
    ROOM_BUCKET_CHAT,
    ROOM_BUCKET_COMMAND, /* play, seek, choices, moderation */
    ROOM_BUCKET_QUEUE,
    ROOM_BUCKET_RELAY,
    ROOM_BUCKET_SMALL, /* reactions, typing, reports, being ready */
    ROOM_BUCKETS
};

/* How somebody looks, as it chose. */
struct room_avatar {
    char sign[ROOM_REACTION_MAX + 1]; /* an emoji, or "" */
    uint32_t hue;                     /* 1 to ROOM_HUES; 0: not chosen */
};

struct room_member {
    uint32_t number;              /* in this room, from 1, never given again */
    char id[ROOM_ID_MAX + 1];     /* chosen by the client; the same when it comes back */
    char name[ROOM_NAME_MAX + 1]; /* no other member has it */
    char address[ROOM_ADDRESS_MAX + 1];
    char *capabilities;           /* opaque; NULL: none told */
    char call[ROOM_CALL_MAX + 1]; /* of a member who talks with others: opaque; empty: does not */
    struct room_avatar avatar;
    enum room_presence presence;
    enum room_role role;
    bool is_let_in;     /* need not pass the door again */
    bool was_moderator; /* before it became host in the owner's absence */
    bool is_muted, is_banned;
    bool is_ready, wants_rtc, votes_to_skip;
    bool has_secret;
    uint8_t secret[SECRET_HASH_BYTES];
    /* Opaque; 0 unless HERE or, for somebody who waits, KNOCKING or ADMITTED. */
    uint64_t connection;
    uint32_t dialect;
    int64_t since_ms; /* of `presence` */
    int64_t joined_ms;
    struct clock_viewer viewer;
    struct bucket buckets[ROOM_BUCKETS];
};

/* ---- what a room chooses */

enum room_action { ROOM_MAY_PLAY, ROOM_MAY_SEEK, ROOM_MAY_QUEUE, ROOM_MAY_CHAT, ROOM_ACTIONS };

struct room_choices {
    char title[ROOM_TITLE_MAX + 1];
    bool needs_approval;
    enum room_role may[ROOM_ACTIONS]; /* the least role that may; seeking includes the rate */
    enum clock_policy policy;
    uint32_t wait_ms;      /* of CLOCK_WAIT */
    uint32_t skip_percent; /* of those who are here must want it; 1 to 100 */
    uint32_t max_members;
};

/* The server's, the same for all rooms. */
struct room_rules {
    uint32_t max_members;     /* what a new room begins with, and the most a room can be set to */
    uint32_t host_grace_ms;   /* a host whose connection broke remains it for so long */
    uint32_t member_grace_ms; /* everybody else remains a member */
    uint32_t knock_ms;        /* an unanswered knock, and an unused admission, end */
    uint32_t sync_check_ms;   /* ROOM_SYNC_CHECK; 15 s */
    bool needs_approval;      /* what a new room begins with */
};

/* ---- what is played */

enum room_source { ROOM_SOURCE_NONE, ROOM_SOURCE_TORRENT, ROOM_SOURCE_URL };

struct room_item {
    uint64_t number;       /* given by the room, never again */
    enum room_source kind; /* NONE: a film that the host's client alone knows */
    const char *source;    /* magnet, info-hash or URL */
    const char *file;      /* within a torrent: index or path; "" lets the server choose */
    const char *name;
    int64_t duration_ms; /* 0: not known */
    uint32_t added_by;   /* number of a member; 0: the operator */
    bool is_to_fetch;    /* the server has still to add the torrent, when it is the head */
};

/* What late joiners are given in this order, as it came. */
enum room_blob { ROOM_MOVIE_LOADED, ROOM_SUBTITLE_DATA, ROOM_TORRENT_MAGNET, ROOM_BLOBS };

/* ---- chat */

struct room_reaction {
    uint32_t member;
    char what[ROOM_REACTION_MAX + 1];
};

struct room_line {
    uint64_t number; /* from 1, in order */
    int64_t at_ms;
    uint32_t member;                                   /* 0: the operator */
    char id[ROOM_ID_MAX + 1], name[ROOM_NAME_MAX + 1]; /* as they were */
    enum room_role role;
    char key[ROOM_ID_MAX + 1]; /* the client's own id of the line; may be empty */
    char *text;
    size_t reaction_count;
    struct room_reaction *reactions;
};

/* ---- events */

enum room_event_kind {
    ROOM_JOINED,     /* member */
    ROOM_BACK,       /* member: its connection is a new one */
    ROOM_LOST_TOUCH, /* member: its connection broke; it may come back */
    ROOM_LEFT,       /* member, why: is no member any more */
    ROOM_MEMBER,     /* member: name, role, avatar, capabilities, call or mute are other ones */
    ROOM_NEW_HOST,   /* member; NULL: the room is empty. The one before has another role, too */
    ROOM_KNOCK,      /* member waits for an answer */
    ROOM_KNOCK_OVER, /* member: was answered by somebody, or has gone */
    ROOM_ANSWERED,   /* to one who knocked: is_on: can come in now */
    ROOM_EXPELLED,   /* to the connection in `connection`: it is not of this room any more; why */
    ROOM_CONFIGURED, /* member changed choices or password */
    ROOM_PLAYBACK,   /* clock has another state; cause, member, key */
    ROOM_CORRECTION, /* to one: is off; clock says where it should be */
    ROOM_SYNC_CHECK, /* clients that wait to be asked where they are: ask them */
    ROOM_QUEUED,     /* member changed the queue */
    ROOM_VOTED,      /* member; count of needed */
    ROOM_READY,      /* member; count are ready */
    ROOM_STARTED,    /* member, the host, begins the film */
    ROOM_SAID,       /* line */
    ROOM_REACTED,    /* member, what, line (NULL: to the film), is_on: given or taken back */
    ROOM_TYPING,     /* member, is_on */
    ROOM_ANNOUNCED,  /* member, blob, data */
    ROOM_RELAYED,    /* to one: member (NULL: the server), relay, data */
    ROOM_FOR_SERVER, /* to no member: what `member` relayed to ROOM_SERVER_ID: relay, data */
    ROOM_RTC,        /* to one: connect to `member`; is_on: make the offer */
    ROOM_PLACES,     /* players are elsewhere: those with `viewer.is_elsewhere` */
    ROOM_CLOSED,     /* the last one */
};

enum room_why {
    ROOM_WHY_LEFT,
    ROOM_WHY_EXPIRED, /* did not come back, or nobody answered the knock */
    ROOM_WHY_KICKED,
    ROOM_WHY_BANNED,
    ROOM_WHY_REPLACED, /* by another connection of the same member */
    ROOM_WHY_CLOSED,
};

enum room_cause {
    ROOM_CAUSE_PLAY,
    ROOM_CAUSE_PAUSE,
    ROOM_CAUSE_SEEK, /* undone ones, too */
    ROOM_CAUSE_RATE,
    ROOM_CAUSE_LOAD, /* another film */
    ROOM_CAUSE_END,  /* of the film */
    ROOM_CAUSE_HOLD, /* somebody is waited for, or no longer, or all slow down for somebody */
    ROOM_CAUSE_CHOICES,
};

/* The server itself, as a peer that browsers can connect to; no member's id. */
#define ROOM_SERVER_ID "server"

enum room_relay { ROOM_OFFER, ROOM_ANSWER, ROOM_CANDIDATE, ROOM_OTHER, ROOM_RELAYS };

/* Who hears: `to` alone; else, with `is_for_moderators`, host and moderators who are here; else
 * all who are here, the one who caused it included: whether a client wants the echo of what it did
 * itself (`member`) is its dialect's to know. */
struct room_event {
    enum room_event_kind kind;
    const struct room_member *to;
    bool is_for_moderators;
    const struct room_member *member; /* NULL: the operator, or the room by itself */
    uint64_t connection;
    enum room_why why;
    enum room_cause cause;
    const char *key;  /* the client's own id of what it did; may be "" */
    const char *what; /* reaction */
    const struct room_line *line;
    bool is_on;
    unsigned count, needed;
    enum room_blob blob;
    enum room_relay relay;
    struct bytes data;
};

struct room;
typedef void room_event_fn(void *arg, const struct room *room, const struct room_event *event);

struct room_outside { /* what a room needs of who has it */
    room_event_fn *on_event;
    code_random_fn *random;
    void *arg;
};

/* ---- life */

struct room *room_new(const char *code, const struct room_rules *rules,
                      const struct room_outside *outside, int64_t now_ms);
void room_free(struct room **room);
/* Ends waits, graces, knocks, films. Wants to be called every CLOCK_TICK_MS while room_is_busy(),
 * else now and then. */
void room_tick(struct room *room, int64_t now_ms);
/* Expels everybody. What remains is room_free(). */
enum room_error room_close(struct room *room, struct room_member *by, int64_t now_ms);

/* ---- coming and going */

struct room_join {
    const char *id, *name;
    const char *address;      /* what to limit and ban by: an IPv6 one without its last half */
    const char *secret;       /* NULL: the client has none; then its id is all it takes to be it */
    const char *password;     /* NULL: none given */
    const char *capabilities; /* NULL: none told */
    const char *call;         /* is in it already; NULL or no place for one more: is not */
    uint64_t connection;
    uint32_t dialect;
    bool is_creator; /* made the room just now: needs no password */
};

/* Becomes a member, or is one again. A member without a secret cannot be taken over from another
 * address while it is here. The first one becomes host, and needs no approval. */
enum room_error room_join(struct room *room, const struct room_join *join, int64_t now_ms,
                          struct room_member **member_out);
/* Asks to be let in. When nobody has to be asked (or was before), ROOM_ANSWERED comes at once.
 * With a password set it is asked for here, too. */
enum room_error room_knock(struct room *room, const struct room_join *join, int64_t now_ms,
                           struct room_member **member_out);
void room_leave(struct room *room, struct room_member *member, int64_t now_ms);
/* Is here again as who it was, without passing the door: its connection was out of sight for a
 * while, and never broken. Nothing happens unless it is LOST. */
void room_find_again(struct room *room, struct room_member *member, uint64_t connection,
                     int64_t now_ms);
/* The room goes to another process, and the connections of its members as well: until each has come
 * there, with room_arrive(), it has none. */
void room_send_away(struct room *room);
bool room_is_on_the_way(const struct room_member *member);
void room_arrive(struct room *room, struct room_member *member, uint64_t connection);
/* Its connection is closed. */
void room_lose(struct room *room, struct room_member *member, int64_t now_ms);

enum room_error room_rename(struct room *room, struct room_member *by, const char *name,
                            int64_t now_ms);
enum room_error room_set_capabilities(struct room *room, struct room_member *by, const char *text,
                                      int64_t now_ms);
/* Talks with the others who do, until it leaves or says so; empty: does not any more. */
enum room_error room_set_call(struct room *room, struct room_member *by, const char *call,
                              int64_t now_ms);
enum room_error room_set_avatar(struct room *room, struct room_member *by, const char *sign,
                                uint32_t hue, int64_t now_ms);

/* ---- order: hosts and moderators, never against a host, nor moderators among themselves */

enum room_error room_answer(struct room *room, struct room_member *by, const char *id, bool admits,
                            int64_t now_ms);
enum room_error room_kick(struct room *room, struct room_member *by, const char *id,
                          int64_t now_ms);
/* Keeps out who has this identity and, if wanted, who comes from its address. */
enum room_error room_ban(struct room *room, struct room_member *by, const char *id, bool by_address,
                         int64_t now_ms);
enum room_error room_unban(struct room *room, struct room_member *by, const char *id,
                           int64_t now_ms);
enum room_error room_mute(struct room *room, struct room_member *by, const char *id, bool is_muted,
                          int64_t now_ms);
/* Hosts only. ROOM_HOST hands the room over; who did becomes moderator. */
enum room_error room_set_role(struct room *room, struct room_member *by, const char *id,
                              enum room_role role, int64_t now_ms);
enum room_error room_configure(struct room *room, struct room_member *by,
                               const struct room_choices *choices, int64_t now_ms);
/* NULL or "": none. Who has gone has to give it, too. */
enum room_error room_set_password(struct room *room, struct room_member *by, const char *password,
                                  int64_t now_ms);

/* ---- playing */

enum room_command_kind {
    ROOM_PLAY,
    ROOM_PAUSE,
    ROOM_SEEK,
    ROOM_RATE,
    ROOM_UNDO_SEEK,
};

struct room_command {
    enum room_command_kind kind;
    int64_t position_ms; /* of ROOM_SEEK; of the others where the client was: negative if not told.
                            Beyond 2 s from the room, by whom may seek, the room goes there */
    bool is_exact; /* its client stays where it is: so does the room, however near, when it begins
                      to play or stops */
    uint32_t rate_permille;
    const char *key; /* comes back with the event; may be NULL */
};

enum room_error room_command(struct room *room, struct room_member *by,
                             const struct room_command *command, int64_t now_ms);
/* Where a client is that follows clock_client.h. How long it found the film to be is believed while
 * nobody knows it: of who may change the queue, or of more than half of those who watch. */
enum room_error room_report(struct room *room, struct room_member *by,
                            const struct clock_report *report, int64_t now_ms);
/* Its delay there and back, as measured. */
enum room_error room_delay(struct room *room, struct room_member *by, double delay_ms,
                           int64_t now_ms);
/* Where a client is that knows no epochs; it hears ROOM_CORRECTION if that is wrong. */
enum room_error room_check(struct room *room, struct room_member *by, int64_t position_ms,
                           bool says_playing, int64_t now_ms);
/* A client wants all to be asked where they are: they are, unless they just were. */
enum room_error room_ask_check(struct room *room, struct room_member *by, int64_t now_ms);
enum room_error room_set_ready(struct room *room, struct room_member *by, int64_t now_ms);
/* Host and moderators: plays, and nobody is ready any more. */
enum room_error room_start(struct room *room, struct room_member *by, int64_t now_ms);

/* ---- the queue: its head is what is played */

enum room_error room_queue_add(struct room *room, struct room_member *by,
                               const struct room_item *item, int64_t now_ms, uint64_t *number_out);
/* The server has added that torrent, or will never be able to. */
void room_fetched(struct room *room, uint64_t number);
enum room_error room_queue_remove(struct room *room, struct room_member *by, uint64_t number,
                                  int64_t now_ms);
/* Index from 0; 0 plays it, before what was played. */
enum room_error room_queue_move(struct room *room, struct room_member *by, uint64_t number,
                                size_t index, int64_t now_ms);
/* The head goes, the next one plays. */
enum room_error room_queue_next(struct room *room, struct room_member *by, int64_t now_ms);
enum room_error room_vote_skip(struct room *room, struct room_member *by, bool wants,
                               int64_t now_ms);
/* How long the film is, and its name, as was found out by now. Empty or 0: leaves it. */
enum room_error room_describe(struct room *room, struct room_member *by, const char *name,
                              int64_t duration_ms, int64_t now_ms);
/* A client's own message about what it shows, kept for late joiners until another film plays.
 * `item`: the film it tells of; NULL if it tells of none. Another source than the head's takes the
 * head's place. Clients tell of one film in several messages, in any order: what one of them does
 * not know (source, name, duration) stays as it is. */
enum room_error room_announce(struct room *room, struct room_member *by, enum room_blob blob,
                              struct bytes data, const struct room_item *item, int64_t now_ms);

/* ---- talking */

/* What is said once more by a key (not "") that is in the tail was said: it has that number, and
 * nobody hears it again. */
enum room_error room_say(struct room *room, struct room_member *by, const char *text,
                         const char *key, int64_t now_ms, uint64_t *number_out);
/* To a line, given or taken back; 0: to the film, in passing. */
enum room_error room_react(struct room *room, struct room_member *by, uint64_t line,
                           const char *what, int64_t now_ms);
enum room_error room_type(struct room *room, struct room_member *by, bool is_typing,
                          int64_t now_ms);
/* From one member's browser to another's, opaque. `to` NULL: the only other one; ROOM_SERVER_ID:
 * ROOM_FOR_SERVER. */
enum room_error room_relay(struct room *room, struct room_member *by, const char *to,
                           enum room_relay relay, struct bytes data, int64_t now_ms);
/* From the server to one who is here. */
enum room_error room_relay_back(struct room *room, const char *to, enum room_relay relay,
                                struct bytes data);
/* Whose browser it is that relayed something. */
const char *room_relay_from(const struct room_event *event);
/* Something of the dialect's own, to all who are here. */
enum room_error room_pass_on(struct room *room, struct room_member *by, struct bytes data,
                             int64_t now_ms);
/* Can be connected to: it and each other one who said so hear ROOM_RTC, one of each two offers. */
enum room_error room_want_rtc(struct room *room, struct room_member *by, int64_t now_ms);

/* ---- looking */

const char *room_code(const struct room *room);
const struct room_choices *room_choices(const struct room *room);
bool room_has_password(const struct room *room);
int64_t room_created_ms(const struct room *room);
/* Everybody the room knows of, also who has gone: see `presence`. */
struct room_member *const *room_members(const struct room *room, size_t *count_out);
/* Whoever it is, present or not; NULL: not known. */
struct room_member *room_find(const struct room *room, const char *id);
struct room_member *room_find_number(const struct room *room, uint32_t number);
/* NULL: nobody is present. */
struct room_member *room_host(const struct room *room);
/* Whose room it is: the host, or an absent one for whom another stands in; NULL: nobody's yet. */
struct room_member *room_owner(const struct room *room);
/* The addresses that are banned. */
const char *room_banned_address(const struct room *room, size_t index); /* NULL: no more */
bool room_is_present(const struct room_member *member);
bool room_may(const struct room *room, const struct room_member *member, enum room_action action);
bool room_hears(const struct room_event *event, const struct room_member *member);
unsigned room_count(const struct room *room, enum room_presence presence);
unsigned room_count_present(const struct room *room);
const struct clock *room_clock(const struct room *room);
struct room_item *const *room_queue(const struct room *room, size_t *count_out);
/* Oldest first. */
const struct room_line *room_line(const struct room *room, size_t index); /* NULL: no more */
/* NULL data: none. */
struct bytes room_blob(const struct room *room, enum room_blob blob);
/* Of each two members one offers a connection to the other. */
bool room_offers(const struct room_member *member, const struct room_member *other);
/* Somebody is here, lost or waits: time matters. */
bool room_is_busy(const struct room *room);
/* Since when nobody is present; 0: somebody is. */
int64_t room_empty_since_ms(const struct room *room);

/* ---- keeping */

/* Chat is parted further, or each line would write the last hundred again. */
enum { ROOM_PAGE_LINES = 10, ROOM_CHAT_PAGES = ROOM_TAIL_MAX / ROOM_PAGE_LINES + 1 };
enum room_part {
    ROOM_PART_STATE,
    ROOM_PART_MEDIA,
    ROOM_PART_CHAT, /* the first page; the others follow */
    ROOM_PARTS = ROOM_PART_CHAT + ROOM_CHAT_PAGES,
};
enum { ROOM_SNAPSHOT_MAX = 4 << 20 };

/* Grows with each change of that part that a restart must not forget; reports and delays are no
 * such change. 0: there is nothing in it. */
uint64_t room_version(const struct room *room, enum room_part part);
/* One part in serial form (proto/room.proto); the caller frees it. */
uint8_t *room_save(const struct room *room, enum room_part part, size_t *len_out);
/* All parts one behind the other, in any order; those of chat and media may be missing. Members are
 * as they were, their connections too: room_lose() those that are no more. What was stored by a
 * clock that was ahead of `now_ms` happened now. ERR_INVALID: not something that room_save() made.
 */
enum err room_restore(struct bytes saved, const struct room_rules *rules,
                      const struct room_outside *outside, int64_t now_ms, struct room **room_out,
                      struct error *error);
/* After a restore that may be older than what clients heard last: tells the clock's state anew. */
void room_renew(struct room *room, int64_t now_ms);

#endif
