/* SPDX-License-Identifier: MIT
 *
 * peer: one WebRTC connection with data channels (RFC 8831), from an offer to its end.
 *
 *   offer of the other        ours
 *         |                    |
 *      GATHERING            GATHERING ---> OFFERED (told; waits for the answer)
 *         |                                   |
 *         +------------> CHECKING <-----------+     ICE looks for a path
 *                           |
 *                        SHAKING                     DTLS; the fingerprint is compared
 *                           |
 *                      ASSOCIATING                   SCTP
 *                           |
 *                          OPEN                      until its last channel is closed
 *
 * Every state but OPEN has a deadline, and OPEN has one until there is a channel. From each of them
 * it can end; what ends is freed by peers_turn(), never inside of a callback.
 */
#ifndef RTC_PEER_H
#define RTC_PEER_H

#include "base/metrics.h"
#include "dtls.h"
#include "ice.h"
#include "sctp.h"

enum {
    PEER_CHANNELS_MAX = 16,
    PEER_CONNECT_MS = 20000, /* from a description to the first channel */
    PEER_OFFER_MS = 55000,   /* browsers forget an offer after 50 s */
    PEER_STALL_MS = 15000,   /* nothing of what was sent is acknowledged */
    PEER_MESSAGE_MAX = 64 << 10,
    PEER_MESSAGE_MIN = 1 << 10, /* that the other must take: smaller ones only cost */
};

#define PEER_STATES(X)                                                                             \
    X(GATHERING, "gathering")                                                                      \
    X(OFFERED, "offered")                                                                          \
    X(CHECKING, "checking")                                                                        \
    X(SHAKING, "shaking")                                                                          \
    X(ASSOCIATING, "associating")                                                                  \
    X(OPEN, "open")
enum peer_state {
#define X(name, word) PEER_##name,
    PEER_STATES(X)
#undef X
        PEER_STATE_COUNT
};
const char *peer_state_word(enum peer_state state);

struct peer;
struct channel;

/* What it brings to whoever asked for it. on_closed is the last call, and comes for every peer. */
struct peer_events {
    void (*on_described)(void *arg, struct bytes sdp); /* an answer, or our offer, to be told */
    void (*on_channel)(void *arg, struct channel *channel);
    void (*on_received)(void *arg, struct channel *channel, struct bytes part, bool is_text,
                        bool is_end);
    void (*on_writable)(void *arg, struct channel *channel); /* after channel_send() said no */
    void (*on_channel_closed)(void *arg, struct channel *channel);
    void (*on_closed)(void *arg, const char *why);
};

#define PEER_METRICS(X)                                                                            \
    X(GAUGE, peers, "connections of browsers, in all states")                                      \
    X(GAUGE, peers_open, "connections that are open")                                              \
    X(GAUGE, rtt_sum_ms, "round-trip times of these, added up")                                    \
    X(COUNTER, offers_total, "connections that we offered")                                        \
    X(COUNTER, answers_total, "connections that were offered to us")                               \
    X(COUNTER, opened_total, "connections that opened")                                            \
    X(COUNTER, refused_total, "offers refused: too many connections, or no port was free")         \
    X(COUNTER, bad_descriptions_total, "descriptions that made no sense")                          \
    X(COUNTER, candidates_refused_total, "addresses in descriptions to which nothing is sent")     \
    X(COUNTER, failed_offered_total, "offers of ours that nobody answered in time")                \
    X(COUNTER, failed_ice_total, "connections for which no path was found")                        \
    X(COUNTER, failed_dtls_total, "connections that could not shake hands, or were somebody else") \
    X(COUNTER, failed_sctp_total, "connections without an association or a channel in time")       \
    X(COUNTER, stalled_total, "connections closed because nothing was acknowledged any more")      \
    X(COUNTER, bytes_in_total, "payload received from browsers")                                   \
    X(COUNTER, bytes_out_total, "payload sent to browsers")                                        \
    X(COUNTER, retransmitted_total, "chunks sent again")                                           \
    X(COUNTER, timeouts_total, "times that nothing was acknowledged for a whole RTO")
METRICS_STRUCT(peer_metrics, PEER_METRICS);
extern const struct metrics_table peer_metrics_table;

/* For each state. */
#define STATE_METRICS(X) X(GAUGE, peers_in_state, "connections by how far they are, label `state`")
METRICS_STRUCT(state_metrics, STATE_METRICS);
extern const struct metrics_table state_metrics_table;

/* All connections of the process; one of these. `ice` is borrowed. */
struct peers;
struct peers *peers_new(const struct ice_config *ice, unsigned max, struct error *error);
/* Ends them all; peers_turn() until peers_are_gone(), then peers_free(). */
void peers_end(struct peers *peers);
bool peers_are_gone(const struct peers *peers);
/* A little later: what was theirs is freed as well. */
bool peers_are_forgotten(const struct peers *peers);
void peers_free(struct peers **peers);
/* After each round of the loop; true: again at once. */
bool peers_turn(struct peers *peers);
/* For connections begun from now on, of which it must outlive each; NULL: as at first. */
void peers_use(struct peers *peers, const struct ice_config *ice);
struct peer_metrics *peers_metrics(struct peers *peers);
/* All of them as Prometheus text. */
void peers_print_metrics(struct peers *peers, struct text *out);
unsigned peers_count(const struct peers *peers); /* in all states */
/* What a description may not make us send to (candidates.h): no browser is there. */
void peers_avoid(struct peers *peers, const uint8_t ip[16], uint16_t port);

/* Answers an offer. ERR_INVALID, ERR_TOO_LARGE: it makes no sense; ERR_BUSY: too many. */
enum err peer_answer(struct peers *peers, struct bytes offer, const struct peer_events *events,
                     void *arg, struct peer **out, struct error *error);
/* Offers one, with a channel of this name. */
enum err peer_offer(struct peers *peers, const char *label, const struct peer_events *events,
                    void *arg, struct peer **out, struct error *error);
/* Whether an answer is waited for still. */
bool peer_waits(const struct peer *peer);
/* The answer to an offer of ours. ERR_EXISTS: none is waited for. */
enum err peer_accept(struct peer *peer, struct bytes answer, struct error *error);
/* on_closed comes with the next peers_turn(). */
void peer_close(struct peer *peer, const char *why);
/* Stops reading; what is under way fills the other's window. */
void peer_pause(struct peer *peer, bool is_paused);

struct peer_view {
    enum peer_state state;
    uint64_t opened_ms, bytes_in, bytes_out; /* monotonic; 0: not open */
    struct sctp_stats sctp;
    unsigned channels;
    char path[192];
};
void peer_look(const struct peer *peer, struct peer_view *out);
/* When something came from it last, also before it was open. Monotonic; 0: never. */
uint64_t peer_heard_ms(const struct peer *peer);
/* What peer_look() says of payload, at the price of nothing. */
void peer_bytes(const struct peer *peer, uint64_t *in_out, uint64_t *out_out);

/* Of a channel, until on_channel_closed. */
const char *channel_label(const struct channel *channel);
struct peer *channel_peer(const struct channel *channel);
/* Whole messages, at most channel_message_max() bytes. False: nothing was taken; on_writable comes,
 * unless the channel is closed. */
bool channel_send(struct channel *channel, struct bytes message, bool is_text);
size_t channel_message_max(const struct channel *channel);
/* What was sent arrives first; on_channel_closed comes when the other agreed. */
void channel_close(struct channel *channel);
/* One more on an open connection; NULL: it has too many. on_channel comes. */
struct channel *channel_open(struct peer *peer, const char *label);

#endif
