/* SPDX-License-Identifier: MIT */
#include "sctp.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <usrsctp.h>
#include <utlist.h>

#include "base/must.h"
#include "crc32c.h"

enum {
    PARTS_PER_TURN = 16, /* of one association, so that others have their turn */
    RTO_MIN_MS = 200,
    RTO_INITIAL_MS = 1000,
    RTO_MAX_MS = 10000,
    SACK_DELAY_MS = 20,
    HEARTBEAT_MS = 10000,
    TRIES_TO_CONNECT = 5,
    TRIES_TO_SEND = 8,
    CHUNKS_QUEUED = 10240, /* more than SCTP_BUFFER_MAX makes */
    PACKET_HEAD = 12,
    SUM_AT = 8,
};

struct sctp {
    struct socket *socket;
    const struct sctp_events *events;
    void *arg;
    const char *why; /* set: it is over */
    int buffer;      /* bytes that may be under way */
    uint64_t resets; /* streams to be reset, one bit each */
    bool is_up, is_told, is_dirty, is_paused, wants_write;
    struct sctp *prev, *next; /* in `dirty` */
};

/* Of the process, as usrsctp itself. */
static struct sctp *dirty;
static uint16_t packet_max;
static bool sums_are_ours;

static void mark(struct sctp *sctp)
{
    if (sctp->is_dirty)
        return;
    sctp->is_dirty = true;
    DL_APPEND(dirty, sctp);
}

/* usrsctp sums byte by byte, in Debian's build without optimization: an eighth of what a packet
 * costs. Told that somebody else does it, it leaves the sum out, and does not look at that of what
 * comes: DTLS has vouched for it. */
static void put_sum(uint8_t *packet, size_t len)
{
    uint32_t sum = 0;

    memcpy(packet + SUM_AT, &sum, sizeof(sum));
    sum = htole32(crc32c(bytes_of(packet, len)));
    memcpy(packet + SUM_AT, &sum, sizeof(sum));
}

static int on_packet(void *address, void *data, size_t len, uint8_t tos, uint8_t df)
{
    struct sctp *sctp = address;

    (void)tos;
    (void)df;
    if (sums_are_ours)
        put_sum(data, len);
    sctp->events->send(sctp->arg, bytes_of(data, len));
    return 0;
}

static void on_upcall(struct socket *socket, void *arg, int flags)
{
    (void)socket;
    (void)flags;
    mark(arg);
}

void sctp_begin(uint16_t mtu)
{
    packet_max = mtu;
    usrsctp_init_nothreads(0, on_packet, NULL);
    sums_are_ours = crc32c_is_there();
    if (sums_are_ours)
        usrsctp_enable_crc32c_offload();
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_cmt_on_off(0);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(SACK_DELAY_MS);
    usrsctp_sysctl_set_sctp_rto_min_default(RTO_MIN_MS);
    usrsctp_sysctl_set_sctp_rto_initial_default(RTO_INITIAL_MS);
    usrsctp_sysctl_set_sctp_rto_max_default(RTO_MAX_MS);
    usrsctp_sysctl_set_sctp_init_rto_max_default(RTO_MAX_MS);
    usrsctp_sysctl_set_sctp_init_rtx_max_default(TRIES_TO_CONNECT);
    usrsctp_sysctl_set_sctp_assoc_rtx_max_default(TRIES_TO_SEND);
    usrsctp_sysctl_set_sctp_path_rtx_max_default(TRIES_TO_SEND);
    usrsctp_sysctl_set_sctp_heartbeat_interval_default(HEARTBEAT_MS);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(CHUNKS_QUEUED);
    usrsctp_sysctl_set_sctp_sendspace(SCTP_BUFFER_MIN);
    usrsctp_sysctl_set_sctp_recvspace(SCTP_BUFFER_MAX);
}

void sctp_end(void)
{
    /* What is closed is freed by its timers. */
    for (int i = 0; i < 100 && usrsctp_finish() != 0; i++)
        usrsctp_handle_timers(SCTP_TICK_MS);
}

/* ---- an association */

static void set(struct socket *socket, int level, int option, const void *value, size_t len)
{
    must(usrsctp_setsockopt(socket, level, option, value, (socklen_t)len) == 0);
}

static void subscribe(struct socket *socket, uint16_t type)
{
    struct sctp_event event = {.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = type, .se_on = 1};

    set(socket, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event));
}

static void set_up(struct socket *socket)
{
    const int on = 1;
    const struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* closing aborts */
    /* Not SCTP_ENABLE_CHANGE_ASSOC_REQ: the other could ask for 65,535 streams, and get them. */
    const struct sctp_assoc_value resets = {.assoc_id = SCTP_ALL_ASSOC,
                                            .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
    const struct sctp_initmsg streams = {.sinit_num_ostreams = SCTP_STREAMS,
                                         .sinit_max_instreams = SCTP_STREAMS};

    must(usrsctp_set_non_blocking(socket, 1) == 0);
    set(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    set(socket, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
    set(socket, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on));
    set(socket, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &resets, sizeof(resets));
    set(socket, IPPROTO_SCTP, SCTP_INITMSG, &streams, sizeof(streams));
    subscribe(socket, SCTP_ASSOC_CHANGE);
    subscribe(socket, SCTP_STREAM_RESET_EVENT);
}

static struct sockaddr_conn address_of(struct sctp *sctp, uint16_t port)
{
    return (struct sockaddr_conn){
        .sconn_family = AF_CONN, .sconn_port = htons(port), .sconn_addr = sctp};
}

struct sctp *sctp_new(uint16_t port, uint16_t remote_port, const struct sctp_events *events,
                      void *arg, struct error *error)
{
    struct sctp *sctp = xcalloc(1, sizeof(*sctp));
    struct sockaddr_conn local = address_of(sctp, port), remote = address_of(sctp, remote_port);
    struct sctp_paddrparams path = {.spp_flags = SPP_PMTUD_DISABLE,
                                    .spp_pathmtu = packet_max - PACKET_HEAD};

    sctp->events = events;
    sctp->arg = arg;
    sctp->buffer = SCTP_BUFFER_MIN;
    sctp->socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (sctp->socket == NULL) {
        error_set_errno(error, ERR_BUSY, "no SCTP socket");
        free(sctp);
        return NULL;
    }
    usrsctp_register_address(sctp);
    set_up(sctp->socket);
    must(usrsctp_set_upcall(sctp->socket, on_upcall, sctp) == 0);
    must(usrsctp_bind(sctp->socket, (struct sockaddr *)&local, sizeof(local)) == 0);
    if (usrsctp_connect(sctp->socket, (struct sockaddr *)&remote, sizeof(remote)) != 0 &&
        errno != EINPROGRESS) {
        error_set_errno(error, ERR_INTERNAL, "cannot connect by SCTP");
        sctp_free(&sctp);
        return NULL;
    }
    memcpy(&path.spp_address, &remote, sizeof(remote));
    set(sctp->socket, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
    return sctp;
}

void sctp_free(struct sctp **sctp_in)
{
    struct sctp *sctp = *sctp_in;

    if (sctp == NULL)
        return;
    usrsctp_set_upcall(sctp->socket, NULL, NULL);
    usrsctp_close(sctp->socket);
    usrsctp_deregister_address(sctp);
    if (sctp->is_dirty)
        DL_DELETE(dirty, sctp);
    free(sctp);
    *sctp_in = NULL;
}

void sctp_receive(struct sctp *sctp, struct bytes packet)
{
    usrsctp_conninput(sctp, packet.data, packet.len, 0);
}

/* More than what the path carries, so that the window can go on growing. Slow paths keep little. */
static bool grow_buffer(struct sctp *sctp)
{
    struct sctp_stats stats;

    if (sctp->buffer >= SCTP_BUFFER_MAX)
        return false;
    sctp_stats(sctp, &stats);
    if (stats.window_bytes * 4 <= (uint32_t)sctp->buffer)
        return false;
    sctp->buffer *= 2;
    set(sctp->socket, SOL_SOCKET, SO_SNDBUF, &sctp->buffer, sizeof(sctp->buffer));
    return true;
}

enum sctp_sent sctp_send(struct sctp *sctp, uint16_t stream, uint32_t ppid, struct bytes message)
{
    /* "Partially" reliable, with more retransmissions allowed than will ever be made: reliable. It
     * keeps usrsctp 0.9.5 off its shortcut for plain acknowledgements (sctp_express_handle_sack),
     * which forgets to start the T3 timer anew (RFC 9260, 6.3.2, R3): that fires in the midst of a
     * transfer as soon as one lasts longer than an RTO, and halves the window each time. */
    struct sctp_sendv_spa how = {
        .sendv_flags = SCTP_SEND_SNDINFO_VALID | SCTP_SEND_PRINFO_VALID,
        .sendv_sndinfo = {.snd_sid = stream, .snd_ppid = htonl(ppid)},
        .sendv_prinfo = {.pr_policy = SCTP_PR_SCTP_RTX, .pr_value = UINT32_MAX}};

    if (!sctp->is_up || sctp->why != NULL)
        return SCTP_GONE;
    if (usrsctp_sendv(sctp->socket, message.data, message.len, NULL, 0, &how, sizeof(how),
                      SCTP_SENDV_SPA, 0) >= 0)
        return SCTP_SENT;
    if (errno != EWOULDBLOCK && errno != ENOBUFS)
        return SCTP_GONE;
    if (grow_buffer(sctp))
        return sctp_send(sctp, stream, ppid, message);
    sctp->wants_write = true;
    return SCTP_FULL;
}

/* One request may be under way; those that are not taken now are tried again later. */
static void send_resets(struct sctp *sctp)
{
    uint8_t room[sizeof(struct sctp_reset_streams) + SCTP_STREAMS * sizeof(uint16_t)]
        __attribute__((aligned(8))) = {0};
    struct sctp_reset_streams *request = (struct sctp_reset_streams *)room;

    for (uint16_t i = 0; i < SCTP_STREAMS; i++)
        if (sctp->resets >> i & 1)
            request->srs_stream_list[request->srs_number_streams++] = i;
    if (request->srs_number_streams == 0)
        return;
    request->srs_assoc_id = SCTP_ALL_ASSOC;
    request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
    if (usrsctp_setsockopt(
            sctp->socket, IPPROTO_SCTP, SCTP_RESET_STREAMS, request,
            (socklen_t)(sizeof(*request) + request->srs_number_streams * sizeof(uint16_t))) == 0)
        sctp->resets = 0;
}

void sctp_reset(struct sctp *sctp, uint16_t stream)
{
    must(stream < SCTP_STREAMS);
    sctp->resets |= (uint64_t)1 << stream;
    mark(sctp);
}

void sctp_pause(struct sctp *sctp, bool is_paused)
{
    if (sctp->is_paused && !is_paused)
        mark(sctp);
    sctp->is_paused = is_paused;
}

/* ---- what happened */

static void tell_resets(struct sctp *sctp, const struct sctp_stream_reset_event *event, size_t len)
{
    size_t head = offsetof(struct sctp_stream_reset_event, strreset_stream_list);
    bool is_theirs = (event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0;
    void (*tell)(void *arg, uint16_t stream) =
        is_theirs ? sctp->events->on_reset : sctp->events->on_reset_done;
    size_t count;

    if (len < head ||
        (event->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0)
        return;
    count = (len - head) / sizeof(uint16_t);
    for (size_t i = 0; i < count; i++)
        if (event->strreset_stream_list[i] < SCTP_STREAMS) /* the other may name any */
            tell(sctp->arg, event->strreset_stream_list[i]);
    /* None is named: all of them (RFC 6525, 4.1). */
    for (uint16_t i = 0; count == 0 && i < SCTP_STREAMS; i++)
        tell(sctp->arg, i);
}

static void take_notice(struct sctp *sctp, const union sctp_notification *notice, size_t len)
{
    if (len < sizeof(notice->sn_header) || notice->sn_header.sn_length > len)
        return;
    if (notice->sn_header.sn_type == SCTP_STREAM_RESET_EVENT) {
        tell_resets(sctp, &notice->sn_strreset_event, notice->sn_header.sn_length);
        return;
    }
    if (notice->sn_header.sn_type != SCTP_ASSOC_CHANGE)
        return;
    switch (notice->sn_assoc_change.sac_state) {
    case SCTP_COMM_UP:
        if (!sctp->is_up) {
            sctp->is_up = true;
            sctp->events->on_up(sctp->arg);
        }
        break;
    case SCTP_COMM_LOST:
        sctp->why = "the other is gone";
        break;
    case SCTP_RESTART: /* what was under way is lost, and nobody does it (RFC 8831, 6.1) */
    case SCTP_SHUTDOWN_COMP:
        sctp->why = "closed by the other";
        break;
    case SCTP_CANT_STR_ASSOC:
        sctp->why = "nobody answered by SCTP";
        break;
    default:
        break;
    }
}

/* False: nothing is there. */
static bool read_part(struct sctp *sctp)
{
    static uint8_t part[SCTP_PART_MAX] __attribute__((aligned(8)));
    struct sctp_rcvinfo info = {0};
    struct sockaddr_conn from;
    socklen_t from_len = sizeof(from), info_len = sizeof(info);
    unsigned info_type = 0;
    int flags = 0;
    ssize_t len = usrsctp_recvv(sctp->socket, part, sizeof(part), (struct sockaddr *)&from,
                                &from_len, &info, &info_len, &info_type, &flags);

    if (len < 0) {
        if (errno != EWOULDBLOCK && sctp->why == NULL)
            sctp->why = "the other is gone";
        return false;
    }
    if (flags & MSG_NOTIFICATION) {
        take_notice(sctp, (const union sctp_notification *)part, (size_t)len);
        return sctp->why == NULL;
    }
    if (len == 0) {
        sctp->why = sctp->why != NULL ? sctp->why : "closed by the other";
        return false;
    }
    if (info_type == SCTP_RECVV_RCVINFO)
        sctp->events->on_received(sctp->arg, info.rcv_sid, ntohl(info.rcv_ppid),
                                  bytes_of(part, (size_t)len), (flags & MSG_EOR) != 0);
    return true;
}

static void drain(struct sctp *sctp)
{
    int parts = 0;

    while (!sctp->is_paused && parts < PARTS_PER_TURN && sctp->why == NULL && read_part(sctp))
        parts++;
    if (parts == PARTS_PER_TURN)
        mark(sctp);
    if (sctp->resets != 0 && sctp->why == NULL)
        send_resets(sctp);
    if (sctp->wants_write && sctp->why == NULL &&
        usrsctp_get_events(sctp->socket) & SCTP_EVENT_WRITE) {
        sctp->wants_write = false;
        sctp->events->on_writable(sctp->arg);
    }
    if (sctp->why != NULL && !sctp->is_told) {
        sctp->is_told = true;
        sctp->events->on_closed(sctp->arg, sctp->why);
    }
}

bool sctp_drain(void)
{
    struct sctp *todo = dirty, *sctp;

    dirty = NULL;
    while ((sctp = todo) != NULL) {
        DL_DELETE(todo, sctp);
        sctp->is_dirty = false;
        drain(sctp);
    }
    return dirty != NULL;
}

void sctp_pass_time(uint32_t elapsed_ms)
{
    usrsctp_handle_timers(elapsed_ms);
}

void sctp_stats(const struct sctp *sctp, struct sctp_stats *out)
{
    struct sctp_status status = {0};
    socklen_t len = sizeof(status);

    *out = (struct sctp_stats){0};
    if (usrsctp_getsockopt(sctp->socket, IPPROTO_SCTP, SCTP_STATUS, &status, &len) == 0)
        *out = (struct sctp_stats){.rtt_ms = status.sstat_primary.spinfo_srtt,
                                   .window_bytes = status.sstat_primary.spinfo_cwnd,
                                   .unacknowledged = status.sstat_unackdata};
}

void sctp_totals(struct sctp_totals *out)
{
    struct sctpstat stat;

    usrsctp_get_stat(&stat);
    *out = (struct sctp_totals){.retransmitted = stat.sctps_sendretransdata,
                                .timeouts = stat.sctps_timodata};
}
