/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "candidates.h"
#include "glib_loop.h"
#include "pacer.h"
#include "wire/dcep.h"

enum {
    SCTP_PORT = 5000,
    EARLY_MAX = 4, /* datagrams that came before the path was ours to use */
    HANDSHAKE_TICK_MS = 50,
    IDLE_TICK_MS = 100, /* while nothing moves: each round of the loop looks at every socket */
    BUSY_MS = 3000,     /* since something did */
    LOOK_MS = 1000,
    REST_MS = 1000,   /* after the last: usrsctp frees by its timers, and a tick notices us */
    LINGER_MS = 5000, /* open, and its last channel was closed */
    DTLS_FIRST = 20,
    DTLS_LAST = 63, /* RFC 7983: first byte of what is DTLS */
    PRIORITY_NORMAL = 256,
    PACE_FROM_MS =
        5, /* of round trip; below it acknowledgements come so often that nothing clumps */
    PACE_FROM_BYTES = 16 << 10, /* of window: fewer datagrams than sockets hold */
    PACE_WINDOWS = 2,           /* in a round trip: the window can still double in it */
};

enum channel_state { CHANNEL_FREE, CHANNEL_ASKED, CHANNEL_OPEN, CHANNEL_CLOSING };

struct channel {
    struct peer *peer;
    enum channel_state state;
    uint16_t stream;
    bool wants_write;
    bool owes_dcep;                      /* there was no room for what opens it */
    bool is_ours_reset, is_theirs_reset; /* both: the stream can be used again */
    char *label;
    uint64_t blocked_ms; /* since when nothing could be sent; 0: it can */
};

struct early {
    size_t len;
    uint8_t data[ICE_DATAGRAM_MAX];
};

struct peer {
    struct peers *peers;
    const struct peer_events *events;
    void *arg;
    enum peer_state state;
    bool is_offerer, is_dtls_client, is_probe, has_remote;
    bool is_connected;    /* ICE */
    const char *why;      /* set: it ends */
    uint64_t deadline_ms; /* 0: none */
    uint64_t opened_ms, heard_ms, bytes_in, bytes_out;
    uint32_t message_max;
    uint16_t remote_port;
    char mid[SDP_MID_MAX + 1];
    char *label; /* of the channel that we offer */
    uint8_t fingerprint[DTLS_FINGERPRINT];
    struct ice *ice;
    struct dtls *dtls;
    struct sctp *sctp;
    struct pacer pacer;
    bool has_sent;       /* since the pace was set last */
    struct early *early; /* EARLY_MAX of them, until the path is there */
    size_t early_count;
    struct channel *channels[PEER_CHANNELS_MAX];
    struct peer *prev, *next;
    struct peer *next_ended;
};

struct peers {
    const struct ice_config *ice, *usual_ice;
    struct candidates_policy policy;
    unsigned max, count;
    struct dtls_identity *identity;
    struct peer *list, *ended;
    struct loop_timer *clock;     /* runs while there are peers, and a little longer */
    struct loop_timer *metronome; /* runs while datagrams wait for their time */
    uint32_t clock_period_ms;
    uint64_t passed_ms, shaken_ms, looked_ms, busy_ms, left_ms;
    struct text scratch;
    struct peer_metrics metrics;
    struct state_metrics states[PEER_STATE_COUNT];
};

#define METRICS_TAG peer_metrics
METRICS_TABLE(peer_metrics_table, "rtc", PEER_METRICS);
#undef METRICS_TAG
#define METRICS_TAG state_metrics
METRICS_TABLE(state_metrics_table, "rtc", STATE_METRICS);

const char *peer_state_word(enum peer_state state)
{
    static const char *const words[] = {
#define X(name, word) word,
        PEER_STATES(X)
#undef X
    };

    return words[state];
}

/* ---- the clock */

static void on_time(void *arg);

static void set_clock(struct peers *peers, uint32_t every_ms)
{
    if (peers->clock != NULL && peers->clock_period_ms == every_ms)
        return;
    loop_stop(&peers->clock);
    peers->clock_period_ms = every_ms;
    peers->clock = loop_every(every_ms, on_time, peers);
}

/* Something moves. */
static void be_busy(struct peers *peers)
{
    peers->busy_ms = clock_ms();
    set_clock(peers, SCTP_TICK_MS);
}

/* ---- the end */

void peer_close(struct peer *peer, const char *why)
{
    if (peer->why != NULL)
        return;
    peer->why = why;
    LL_PREPEND2(peer->peers->ended, peer, next_ended);
}

static void fail(struct peer *peer, metric_value *counter, const char *why)
{
    if (peer->why != NULL)
        return;
    (*counter)++;
    peer_close(peer, why);
}

/* Datagrams whose time has come; or all of them, at the end. */
static void send_waiting(struct peer *peer, bool is_end)
{
    struct bytes datagram;

    if (is_end)
        pacer_set(&peer->pacer, 0);
    while (pacer_next(&peer->pacer, clock_us(), &datagram))
        ice_send(peer->ice, datagram);
}

static void on_beat(void *arg)
{
    struct peers *peers = arg;
    bool is_over = true;
    struct peer *peer;

    DL_FOREACH(peers->list, peer)
    {
        send_waiting(peer, false);
        is_over = is_over && pacer_is_empty(&peer->pacer);
    }
    if (is_over)
        loop_stop(&peers->metronome);
}

static void free_channel(struct peer *peer, size_t i)
{
    struct channel *channel = peer->channels[i];

    peer->channels[i] = NULL;
    free(channel->label);
    free(channel);
}

static void free_peer(struct peer *peer)
{
    struct peers *peers = peer->peers;

    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++) {
        if (peer->channels[i] == NULL)
            continue;
        if (peer->channels[i]->state == CHANNEL_OPEN) {
            peer->channels[i]->state = CHANNEL_CLOSING;
            peer->events->on_channel_closed(peer->arg, peer->channels[i]);
        }
        free_channel(peer, i);
    }
    /* From the top down: each says goodbye by the one below. */
    sctp_free(&peer->sctp);
    dtls_free(&peer->dtls);
    send_waiting(peer, true);
    ice_free(&peer->ice);
    peer->events->on_closed(peer->arg, peer->why);
    DL_DELETE(peers->list, peer);
    peers->count--;
    peers->left_ms = clock_ms();
    pacer_fini(&peer->pacer);
    free(peer->early);
    free(peer->label);
    free(peer);
}

/* ---- channels */

static struct channel *find_channel(struct peer *peer, uint16_t stream)
{
    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++)
        if (peer->channels[i] != NULL && peer->channels[i]->stream == stream)
            return peer->channels[i];
    return NULL;
}

static struct channel *add_channel(struct peer *peer, uint16_t stream, struct bytes label)
{
    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++) {
        if (peer->channels[i] != NULL)
            continue;
        peer->channels[i] = xcalloc(1, sizeof(struct channel));
        *peer->channels[i] = (struct channel){
            .peer = peer, .stream = stream, .label = xstrndup((const char *)label.data, label.len)};
        return peer->channels[i];
    }
    return NULL;
}

static unsigned count_channels(const struct peer *peer)
{
    unsigned count = 0;

    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++)
        count += peer->channels[i] != NULL && peer->channels[i]->state == CHANNEL_OPEN;
    return count;
}

static void open_channel(struct channel *channel)
{
    struct peer *peer = channel->peer;

    channel->state = CHANNEL_OPEN;
    peer->deadline_ms = 0;
    peer->events->on_channel(peer->arg, channel);
}

/* The stream can be used again: we know that the other knows. */
static void forget_if_reset(struct channel *channel)
{
    struct peer *peer = channel->peer;

    if (!channel->is_ours_reset || !channel->is_theirs_reset)
        return;
    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++)
        if (peer->channels[i] == channel)
            free_channel(peer, i);
}

void channel_close(struct channel *channel)
{
    struct peer *peer = channel->peer;
    bool was_open = channel->state == CHANNEL_OPEN;

    if (channel->state == CHANNEL_CLOSING)
        return;
    channel->state = CHANNEL_CLOSING;
    sctp_reset(peer->sctp, channel->stream);
    if (was_open)
        peer->events->on_channel_closed(peer->arg, channel);
    if (count_channels(peer) == 0 && peer->why == NULL)
        peer->deadline_ms = clock_ms() + LINGER_MS;
}

/* What opens a channel: we ask, or agree. */
static void send_dcep(struct channel *channel)
{
    struct peer *peer = channel->peer;
    struct text *message = &peer->peers->scratch;
    enum sctp_sent sent;

    text_clear(message);
    if (channel->state == CHANNEL_ASKED)
        dcep_open_write(message, &(struct dcep_open){.priority = PRIORITY_NORMAL,
                                                     .label = bytes_of_text(channel->label)});
    else
        dcep_ack_write(message);
    sent = sctp_send(peer->sctp, channel->stream, DCEP_PPID, bytes_of(message->data, message->len));
    channel->owes_dcep = sent == SCTP_FULL;
    if (sent == SCTP_GONE)
        peer_close(peer, "the other is gone, or has too few streams");
}

struct channel *channel_open(struct peer *peer, const char *label)
{
    struct channel *channel = NULL;

    if (peer->state != PEER_OPEN || peer->why != NULL)
        return NULL;
    /* RFC 8832, 6: even ones are the DTLS client's. */
    for (uint16_t stream = peer->is_dtls_client ? 0 : 1; stream < SCTP_STREAMS; stream += 2)
        if (find_channel(peer, stream) == NULL) {
            channel = add_channel(peer, stream, bytes_of_text(label));
            break;
        }
    if (channel == NULL)
        return NULL;
    channel->state = CHANNEL_ASKED;
    send_dcep(channel);
    return channel;
}

const char *channel_label(const struct channel *channel)
{
    return channel->label;
}

struct peer *channel_peer(const struct channel *channel)
{
    return channel->peer;
}

size_t channel_message_max(const struct channel *channel)
{
    return channel->peer->message_max;
}

bool channel_send(struct channel *channel, struct bytes message, bool is_text)
{
    static const uint8_t nothing[1];
    struct peer *peer = channel->peer;
    uint32_t ppid = is_text ? DCEP_PPID_TEXT : DCEP_PPID_BINARY;

    if (channel->state != CHANNEL_OPEN || peer->why != NULL)
        return false;
    be_busy(peer->peers);
    must(message.len <= peer->message_max);
    if (message.len == 0) {
        ppid = is_text ? DCEP_PPID_TEXT_EMPTY : DCEP_PPID_BINARY_EMPTY;
        message = bytes_of(nothing, sizeof(nothing));
    }
    switch (sctp_send(peer->sctp, channel->stream, ppid, message)) {
    case SCTP_SENT:
        peer->bytes_out += message.len;
        peer->peers->metrics.bytes_out_total += message.len;
        channel->blocked_ms = 0;
        return true;
    case SCTP_FULL:
        channel->wants_write = true;
        if (channel->blocked_ms == 0)
            channel->blocked_ms = clock_ms();
        return false;
    case SCTP_GONE:
        break;
    }
    peer_close(peer, "the other is gone");
    return false;
}

static void take_dcep(struct peer *peer, uint16_t stream, struct bytes message)
{
    struct dcep_open open;
    struct channel *channel = find_channel(peer, stream);

    switch (dcep_parse(message, &open)) {
    case DCEP_ACK:
        if (channel != NULL && channel->state == CHANNEL_ASKED)
            open_channel(channel);
        break;
    case DCEP_OPEN:
        if (channel != NULL || stream >= SCTP_STREAMS ||
            (channel = add_channel(peer, stream, open.label)) == NULL) {
            fail(peer, &peer->peers->metrics.failed_sctp_total, "it opened too many channels");
            break;
        }
        send_dcep(channel);
        if (peer->why == NULL)
            open_channel(channel);
        break;
    case DCEP_INVALID:
        fail(peer, &peer->peers->metrics.failed_sctp_total,
             "it opened a channel that makes no sense");
        break;
    }
}

/* ---- SCTP */

static void on_sctp_send(void *arg, struct bytes packet)
{
    struct peer *peer = arg;

    peer->has_sent = true;
    dtls_send(peer->dtls, packet);
}

static void on_sctp_up(void *arg)
{
    struct peer *peer = arg;

    peer->state = PEER_OPEN;
    peer->opened_ms = clock_ms();
    peer->peers->metrics.opened_total++;
    if (peer->label != NULL)
        channel_open(peer, peer->label);
}

static void on_sctp_received(void *arg, uint16_t stream, uint32_t ppid, struct bytes part,
                             bool is_end)
{
    struct peer *peer = arg;
    struct channel *channel;
    bool is_text = ppid == DCEP_PPID_TEXT || ppid == DCEP_PPID_TEXT_EMPTY;

    if (peer->why != NULL)
        return;
    be_busy(peer->peers);
    if (ppid == DCEP_PPID) {
        take_dcep(peer, stream, part);
        return;
    }
    channel = find_channel(peer, stream);
    if (channel == NULL || channel->state == CHANNEL_CLOSING)
        return;
    /* It may speak before it has read our acknowledgement (RFC 8832, 6). */
    if (channel->state == CHANNEL_ASKED)
        open_channel(channel);
    if (channel->state != CHANNEL_OPEN || peer->why != NULL)
        return;
    if (ppid == DCEP_PPID_TEXT_EMPTY || ppid == DCEP_PPID_BINARY_EMPTY)
        part.len = 0;
    peer->bytes_in += part.len;
    peer->peers->metrics.bytes_in_total += part.len;
    peer->events->on_received(peer->arg, channel, part, is_text, is_end);
}

static void on_sctp_writable(void *arg)
{
    struct peer *peer = arg;

    for (size_t i = 0; i < PEER_CHANNELS_MAX && peer->why == NULL; i++) {
        struct channel *channel = peer->channels[i];

        if (channel != NULL && channel->owes_dcep && channel->state != CHANNEL_CLOSING)
            send_dcep(channel);
        if (channel == NULL || !channel->wants_write || channel->state != CHANNEL_OPEN)
            continue;
        channel->wants_write = false;
        channel->blocked_ms = 0;
        peer->events->on_writable(peer->arg, channel);
    }
}

static void on_sctp_reset(void *arg, uint16_t stream)
{
    struct peer *peer = arg;
    struct channel *channel = find_channel(peer, stream);

    if (channel == NULL)
        return;
    channel->is_theirs_reset = true;
    channel_close(channel);
    forget_if_reset(channel);
}

static void on_sctp_reset_done(void *arg, uint16_t stream)
{
    struct channel *channel = find_channel(arg, stream);

    if (channel == NULL || channel->state != CHANNEL_CLOSING)
        return;
    channel->is_ours_reset = true;
    forget_if_reset(channel);
}

static void on_sctp_closed(void *arg, const char *why)
{
    struct peer *peer = arg;

    if (peer->state == PEER_OPEN)
        peer_close(peer, why);
    else
        fail(peer, &peer->peers->metrics.failed_sctp_total, why);
}

static const struct sctp_events sctp_events = {.send = on_sctp_send,
                                               .on_up = on_sctp_up,
                                               .on_received = on_sctp_received,
                                               .on_writable = on_sctp_writable,
                                               .on_reset = on_sctp_reset,
                                               .on_reset_done = on_sctp_reset_done,
                                               .on_closed = on_sctp_closed};

/* ---- DTLS */

static void on_dtls_send(void *arg, struct bytes datagram)
{
    struct peer *peer = arg;
    struct peers *peers = peer->peers;

    if (!pacer_keeps(&peer->pacer, datagram, clock_us()))
        ice_send(peer->ice, datagram);
    else if (peers->metronome == NULL)
        peers->metronome = loop_every(PACER_TICK_MS, on_beat, peers);
}

static void on_dtls_up(void *arg)
{
    struct peer *peer = arg;
    struct error error;

    peer->state = PEER_ASSOCIATING;
    peer->sctp = sctp_new(SCTP_PORT, peer->remote_port, &sctp_events, peer, &error);
    if (peer->sctp == NULL)
        fail(peer, &peer->peers->metrics.failed_sctp_total, "no association could be made");
}

static void on_dtls_received(void *arg, struct bytes data)
{
    struct peer *peer = arg;

    if (peer->sctp != NULL && peer->why == NULL)
        sctp_receive(peer->sctp, data);
}

static void on_dtls_closed(void *arg, const char *why)
{
    struct peer *peer = arg;

    if (peer->state > PEER_SHAKING)
        peer_close(peer, why);
    else
        fail(peer, &peer->peers->metrics.failed_dtls_total, why);
}

static const struct dtls_events dtls_events = {.send = on_dtls_send,
                                               .on_up = on_dtls_up,
                                               .on_received = on_dtls_received,
                                               .on_closed = on_dtls_closed};

/* ---- ICE */

static void describe(struct peer *peer)
{
    struct peers *peers = peer->peers;
    struct text *text = &peers->scratch;
    uint64_t session;
    struct sdp sdp = {.setup = !peer->is_offerer ? peer->is_dtls_client ? SDP_ACTIVE : SDP_PASSIVE
                                                 : SDP_ACTPASS,
                      .mid = bytes_of_text(peer->mid),
                      .sctp_port = SCTP_PORT,
                      .max_message_bytes = PEER_MESSAGE_MAX * 4};

    ice_describe(peer->ice, &sdp);
    memcpy(sdp.fingerprint, dtls_identity_fingerprint(peers->identity), sizeof(sdp.fingerprint));
    must(getrandom(&session, sizeof(session), 0) == sizeof(session));
    text_clear(text);
    sdp_write(text, &sdp, session >> 1);
    peer->events->on_described(peer->arg, bytes_of(text->data, text->len));
}

static void on_gathered(void *arg)
{
    struct peer *peer = arg;

    if (peer->why != NULL)
        return;
    peer->state = peer->is_offerer ? PEER_OFFERED : PEER_CHECKING;
    peer->deadline_ms = clock_ms() + (peer->is_offerer ? PEER_OFFER_MS : PEER_CONNECT_MS);
    describe(peer);
}

/* The path is there, and what the other described. */
static void shake_if_ready(struct peer *peer)
{
    if (!peer->is_connected || !peer->has_remote || peer->dtls != NULL || peer->why != NULL)
        return;
    peer->state = PEER_SHAKING;
    peer->dtls = dtls_new(peer->peers->identity, peer->is_dtls_client, peer->fingerprint,
                          &dtls_events, peer);
    if (peer->is_dtls_client)
        dtls_start(peer->dtls);
    for (size_t i = 0; i < peer->early_count; i++)
        dtls_receive(peer->dtls, bytes_of(peer->early[i].data, peer->early[i].len));
    free(peer->early);
    peer->early = NULL;
    peer->early_count = 0;
}

static void on_connected(void *arg)
{
    struct peer *peer = arg;

    peer->is_connected = true;
    shake_if_ready(peer);
}

/* The other may find the path first: its handshake then arrives before we may answer, and would be
 * repeated after a second only. */
static void keep_early(struct peer *peer, struct bytes datagram)
{
    struct early *early;

    if (peer->early_count == EARLY_MAX || datagram.len > ICE_DATAGRAM_MAX)
        return;
    if (peer->early == NULL)
        peer->early = xcalloc(EARLY_MAX, sizeof(*peer->early));
    early = &peer->early[peer->early_count++];
    early->len = datagram.len;
    memcpy(early->data, datagram.data, datagram.len);
}

static void on_datagram(void *arg, struct bytes datagram)
{
    struct peer *peer = arg;

    if (peer->why != NULL || datagram.len == 0 || datagram.data[0] < DTLS_FIRST ||
        datagram.data[0] > DTLS_LAST)
        return;
    peer->heard_ms = peer->peers->passed_ms;
    if (peer->dtls == NULL)
        keep_early(peer, datagram);
    else
        dtls_receive(peer->dtls, datagram);
}

static void on_path_lost(void *arg)
{
    peer_close(arg, "the path is gone");
}

static const struct ice_events ice_events = {.on_gathered = on_gathered,
                                             .on_connected = on_connected,
                                             .on_received = on_datagram,
                                             .on_failed = on_path_lost};

/* ---- time */

static void look_at(struct peer *peer, uint64_t now_ms)
{
    struct peer_metrics *metrics = &peer->peers->metrics;

    for (size_t i = 0; i < PEER_CHANNELS_MAX; i++)
        if (peer->channels[i] != NULL && peer->channels[i]->blocked_ms != 0 &&
            now_ms - peer->channels[i]->blocked_ms >= PEER_STALL_MS)
            fail(peer, &metrics->stalled_total, "it acknowledges nothing any more");
    if (peer->deadline_ms == 0 || now_ms < peer->deadline_ms)
        return;
    switch (peer->state) {
    case PEER_GATHERING:
    case PEER_CHECKING:
        fail(peer, &metrics->failed_ice_total, "no path was found in time");
        break;
    case PEER_OFFERED:
        fail(peer, &metrics->failed_offered_total, "nobody answered");
        break;
    case PEER_SHAKING:
        fail(peer, &metrics->failed_dtls_total, "hands were not shaken in time");
        break;
    case PEER_ASSOCIATING:
        fail(peer, &metrics->failed_sctp_total, "no association in time");
        break;
    case PEER_OPEN:
    case PEER_STATE_COUNT:
        peer_close(peer, "it has no channel");
        break;
    }
}

/* Only large windows: small ones do no harm, and whoever merely acknowledges has none. */
static void set_pace(struct peer *peer)
{
    uint64_t bytes_per_s = 0;
    struct sctp_stats stats;

    if (!peer->has_sent || peer->sctp == NULL)
        return;
    peer->has_sent = false;
    sctp_stats(peer->sctp, &stats);
    if (stats.rtt_ms >= PACE_FROM_MS && stats.window_bytes >= PACE_FROM_BYTES)
        bytes_per_s = (uint64_t)stats.window_bytes * PACE_WINDOWS * 1000 / stats.rtt_ms;
    pacer_set(&peer->pacer, bytes_per_s);
}

static void on_time(void *arg)
{
    struct peers *peers = arg;
    uint64_t now_ms = clock_ms();
    struct peer *peer;

    if (now_ms - peers->passed_ms >= SCTP_TICK_MS) {
        sctp_pass_time((uint32_t)(now_ms - peers->passed_ms));
        peers->passed_ms = now_ms;
        DL_FOREACH(peers->list, peer)
        {
            set_pace(peer);
        }
    }
    if (now_ms - peers->busy_ms >= BUSY_MS)
        set_clock(peers, IDLE_TICK_MS);
    if (now_ms - peers->shaken_ms >= HANDSHAKE_TICK_MS) {
        peers->shaken_ms = now_ms;
        DL_FOREACH(peers->list, peer)
        {
            if (peer->dtls != NULL && peer->why == NULL)
                dtls_tick(peer->dtls);
        }
    }
    if (now_ms - peers->looked_ms < LOOK_MS)
        return;
    peers->looked_ms = now_ms;
    DL_FOREACH(peers->list, peer)
    {
        if (peer->why == NULL)
            look_at(peer, now_ms);
    }
    if (peers->list == NULL && now_ms - peers->left_ms >= REST_MS)
        loop_stop(&peers->clock);
}

/* ---- all of them */

struct peers *peers_new(const struct ice_config *ice, unsigned max, struct error *error)
{
    struct peers *peers = xcalloc(1, sizeof(*peers));

    *peers = (struct peers){.ice = ice, .usual_ice = ice, .max = max};
    for (size_t i = 0; i < ice->address_count; i++)
        must(candidates_add_ours(&peers->policy, ice->addresses[i])); /* they were read before */
    peers->identity = dtls_identity_new(error);
    if (peers->identity == NULL) {
        free(peers);
        return NULL;
    }
    sctp_begin(DTLS_MTU - DTLS_OVERHEAD);
    return peers;
}

void peers_end(struct peers *peers)
{
    struct peer *peer;

    DL_FOREACH(peers->list, peer)
    {
        peer_close(peer, "the server ends");
    }
}

bool peers_are_gone(const struct peers *peers)
{
    return peers->list == NULL && ice_closing() == 0;
}

bool peers_are_forgotten(const struct peers *peers)
{
    return peers_are_gone(peers) && peers->clock == NULL;
}

void peers_free(struct peers **peers)
{
    if (*peers == NULL)
        return;
    loop_stop(&(*peers)->clock);
    sctp_end();
    dtls_identity_free(&(*peers)->identity);
    text_fini(&(*peers)->scratch);
    free(*peers);
    *peers = NULL;
}

bool peers_turn(struct peers *peers)
{
    bool has_more = sctp_drain();
    struct peer *peer;

    while ((peer = peers->ended) != NULL) {
        LL_DELETE2(peers->ended, peer, next_ended);
        free_peer(peer);
    }
    ice_flush();
    if (peers->list == NULL)
        loop_stop(&peers->metronome);
    return has_more;
}

struct peer_metrics *peers_metrics(struct peers *peers)
{
    struct sctp_totals totals;
    struct peer *peer;

    sctp_totals(&totals);
    peers->metrics.retransmitted_total = totals.retransmitted;
    peers->metrics.timeouts_total = totals.timeouts;
    peers->metrics.peers = peers->count;
    peers->metrics.rtt_sum_ms = 0;
    memset(peers->states, 0, sizeof(peers->states));
    DL_FOREACH(peers->list, peer)
    {
        struct sctp_stats stats;

        peers->states[peer->state].peers_in_state++;
        if (peer->state != PEER_OPEN)
            continue;
        sctp_stats(peer->sctp, &stats);
        peers->metrics.rtt_sum_ms += stats.rtt_ms;
    }
    peers->metrics.peers_open = peers->states[PEER_OPEN].peers_in_state;
    return &peers->metrics;
}

void peers_print_metrics(struct peers *peers, struct text *out)
{
    struct metrics_each each[PEER_STATE_COUNT];

    for (size_t i = 0; i < COUNT_OF(each); i++)
        each[i] = (struct metrics_each){peer_state_word((enum peer_state)i), &peers->states[i]};
    metrics_print(out, &peer_metrics_table, peers_metrics(peers), NULL);
    metrics_print_each(out, &state_metrics_table, "state", each, COUNT_OF(each));
}

unsigned peers_count(const struct peers *peers)
{
    return peers->count;
}

void peers_use(struct peers *peers, const struct ice_config *ice)
{
    peers->ice = ice != NULL ? ice : peers->usual_ice;
}

void peers_avoid(struct peers *peers, const uint8_t ip[16], uint16_t port)
{
    memcpy(peers->policy.avoided_ip, ip, sizeof(peers->policy.avoided_ip));
    peers->policy.avoided_port = port;
}

static struct peer *new_peer(struct peers *peers, bool is_offerer, const struct peer_events *events,
                             void *arg, struct error *error)
{
    struct peer *peer;

    if (peers->count >= peers->max) {
        peers->metrics.refused_total++;
        error_set(error, ERR_BUSY, "%u connections are open or under way, the limit", peers->max);
        return NULL;
    }
    peer = xcalloc(1, sizeof(*peer));
    *peer = (struct peer){.peers = peers,
                          .events = events,
                          .arg = arg,
                          .is_offerer = is_offerer,
                          .is_probe = peers->ice->is_probe,
                          .message_max = PEER_MESSAGE_MAX,
                          .deadline_ms = clock_ms() + PEER_CONNECT_MS};
    peer->ice = ice_new(peers->ice, is_offerer, &ice_events, peer, error);
    if (peer->ice == NULL) {
        peers->metrics.refused_total++;
        free(peer);
        return NULL;
    }
    if (peers->clock == NULL)
        peers->passed_ms = clock_ms();
    be_busy(peers);
    peers->count++;
    DL_APPEND(peers->list, peer);
    return peer;
}

static enum err take_description(struct peer *peer, struct sdp *sdp, struct error *error)
{
    struct peers *peers = peer->peers;

    if (!peer->is_probe)
        peers->metrics.candidates_refused_total += candidates_choose(&peers->policy, sdp);
    if (sdp->max_message_bytes != 0 && sdp->max_message_bytes < PEER_MESSAGE_MIN)
        return error_set(error, ERR_INVALID, "it takes messages of %u bytes only",
                         sdp->max_message_bytes);
    memcpy(peer->fingerprint, sdp->fingerprint, sizeof(peer->fingerprint));
    peer->remote_port = sdp->sctp_port;
    if (sdp->max_message_bytes != 0)
        peer->message_max = MIN(sdp->max_message_bytes, PEER_MESSAGE_MAX);
    peer->has_remote = true;
    return ice_connect(peer->ice, sdp, error);
}

/* `err` of a description. */
static enum err refuse(struct peers *peers, enum err err)
{
    peers->metrics.bad_descriptions_total++;
    return err;
}

enum err peer_answer(struct peers *peers, struct bytes offer, const struct peer_events *events,
                     void *arg, struct peer **out, struct error *error)
{
    struct sdp sdp;
    enum err err = sdp_parse(offer, &sdp, error);
    struct peer *peer;

    if (err != ERR_NONE)
        return refuse(peers, err);
    if ((peer = new_peer(peers, false, events, arg, error)) == NULL)
        return ERR_BUSY;
    snprintf(peer->mid, sizeof(peer->mid), "%.*s", (int)sdp.mid.len, (const char *)sdp.mid.data);
    /* We speak first, unless the other insists. */
    peer->is_dtls_client = sdp.setup != SDP_ACTIVE;
    *out = peer;
    peers->metrics.answers_total++;
    if (take_description(peer, &sdp, error) != ERR_NONE)
        fail(peer, &peers->metrics.bad_descriptions_total, "its description makes no sense");
    else if (ice_is_gathered(peer->ice))
        on_gathered(peer);
    return ERR_NONE;
}

enum err peer_offer(struct peers *peers, const char *label, const struct peer_events *events,
                    void *arg, struct peer **out, struct error *error)
{
    struct peer *peer = new_peer(peers, true, events, arg, error);

    if (peer == NULL)
        return ERR_BUSY;
    snprintf(peer->mid, sizeof(peer->mid), "0");
    peer->label = xstrdup(label);
    *out = peer;
    peers->metrics.offers_total++;
    if (ice_is_gathered(peer->ice))
        on_gathered(peer);
    return ERR_NONE;
}

bool peer_waits(const struct peer *peer)
{
    return peer->state == PEER_OFFERED && peer->why == NULL;
}

enum err peer_accept(struct peer *peer, struct bytes answer, struct error *error)
{
    struct sdp sdp;
    enum err err;

    if (!peer_waits(peer))
        return error_set(error, ERR_EXISTS, "no answer is waited for");
    err = sdp_parse(answer, &sdp, error);
    if (err != ERR_NONE)
        return refuse(peer->peers, err);
    peer->state = PEER_CHECKING;
    peer->deadline_ms = clock_ms() + PEER_CONNECT_MS;
    peer->is_dtls_client = sdp.setup == SDP_PASSIVE;
    err = take_description(peer, &sdp, error);
    if (err != ERR_NONE)
        return refuse(peer->peers, err);
    shake_if_ready(peer);
    return ERR_NONE;
}

void peer_pause(struct peer *peer, bool is_paused)
{
    if (peer->sctp != NULL)
        sctp_pause(peer->sctp, is_paused);
}

void peer_look(const struct peer *peer, struct peer_view *out)
{
    *out = (struct peer_view){.state = peer->state,
                              .opened_ms = peer->opened_ms,
                              .bytes_in = peer->bytes_in,
                              .bytes_out = peer->bytes_out,
                              .channels = count_channels(peer)};
    if (peer->sctp != NULL)
        sctp_stats(peer->sctp, &out->sctp);
    ice_path(peer->ice, out->path, sizeof(out->path));
}

uint64_t peer_heard_ms(const struct peer *peer)
{
    return peer->heard_ms;
}

void peer_bytes(const struct peer *peer, uint64_t *in_out, uint64_t *out_out)
{
    *in_out = peer->bytes_in;
    *out_out = peer->bytes_out;
}
