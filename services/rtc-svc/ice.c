/* SPDX-License-Identifier: MIT */
#include "ice.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <nice/agent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/log.h"
#include "base/must.h"

enum {
    COMPONENT = 1,
    PACING_MS = 5, /* between checks, the least of RFC 8445, 14: a browser waits for two or three */
    SOCKET_BUFFER = 2 << 20, /* the kernel's own holds a mere 90 datagrams */
    BATCH_MAX = 60,          /* datagrams the kernel is given at once; it takes 64 */
    BATCH_BYTES = 64000,
};

struct ice {
    NiceAgent *agent;
    guint stream;
    const struct ice_config *config;
    const struct ice_events *events;
    void *arg;
    char *ufrag, *pwd;
    GSList *candidates; /* ours, for ice_describe() */
    bool is_new, is_gathered, is_connected, has_failed;
    int fd; /* of the path, when datagrams can be sent without libnice; else -1 */
    struct sockaddr_storage to;
    socklen_t to_len;
};

/* Datagrams for one path, all but the last of the same size, which the kernel takes apart
 * (UDP_SEGMENT): half of the cost of sending is the way into it. */
static struct {
    struct ice *ice; /* NULL: empty */
    size_t count, segment, len;
    uint8_t data[BATCH_BYTES];
} batch;
static bool has_no_segments; /* the kernel said so */
static size_t closing;

/* ---- sending */

static void send_plain(struct ice *ice)
{
    for (size_t at = 0; at < batch.len; at += batch.segment)
        (void)!sendto(ice->fd, batch.data + at, MIN(batch.segment, batch.len - at), MSG_DONTWAIT,
                      (struct sockaddr *)&ice->to, ice->to_len);
}

/* False: not like this. What a full socket does not take is lost, as on any path. Whether the
 * kernel can do it at all is told from a path that is too narrow for it, which the other may
 * pretend. */
static bool send_segments(struct ice *ice)
{
    char room[CMSG_SPACE(sizeof(uint16_t))] __attribute__((aligned(8))) = {0};
    struct iovec vector = {.iov_base = batch.data, .iov_len = batch.len};
    struct msghdr message = {.msg_name = &ice->to,
                             .msg_namelen = ice->to_len,
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = room,
                             .msg_controllen = sizeof(room)};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    uint16_t segment = (uint16_t)batch.segment;

    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(segment));
    memcpy(CMSG_DATA(control), &segment, sizeof(segment));
    if (sendmsg(ice->fd, &message, MSG_DONTWAIT) >= 0)
        return true;
    has_no_segments = errno == EIO || errno == EOPNOTSUPP;
    if (has_no_segments)
        log_info("the kernel does not take UDP datagrams apart", "error=%s", strerror(errno));
    return !has_no_segments && errno != EINVAL && errno != EMSGSIZE;
}

void ice_flush(void)
{
    struct ice *ice = batch.ice;

    if (ice == NULL)
        return;
    if (batch.count == 1 || has_no_segments || !send_segments(ice))
        send_plain(ice);
    batch.ice = NULL;
    batch.count = batch.len = 0;
}

void ice_send(struct ice *ice, struct bytes datagram)
{
    if (!ice->is_connected || datagram.len == 0 || datagram.len > ICE_DATAGRAM_MAX)
        return;
    if (ice->fd < 0) {
        nice_agent_send(ice->agent, ice->stream, COMPONENT, (guint)datagram.len,
                        (const gchar *)datagram.data);
        return;
    }
    if (batch.ice != NULL && (batch.ice != ice || datagram.len > batch.segment ||
                              batch.len + datagram.len > BATCH_BYTES))
        ice_flush();
    if (batch.ice == NULL) {
        batch.ice = ice;
        batch.segment = datagram.len;
    }
    memcpy(batch.data + batch.len, datagram.data, datagram.len);
    batch.len += datagram.len;
    batch.count++;
    /* A shorter one can only be the last. */
    if (datagram.len < batch.segment || batch.count == BATCH_MAX)
        ice_flush();
}

/* ---- what libnice says */

static void on_gathering_done(NiceAgent *agent, guint stream, gpointer arg)
{
    struct ice *ice = arg;

    (void)agent;
    (void)stream;
    if (ice->is_gathered)
        return;
    ice->is_gathered = true;
    if (!ice->is_new)
        ice->events->on_gathered(ice->arg);
}

static void on_received(NiceAgent *agent, guint stream, guint component, guint len, gchar *data,
                        gpointer arg)
{
    struct ice *ice = arg;

    (void)agent;
    (void)stream;
    (void)component;
    ice->events->on_received(ice->arg, bytes_of(data, len));
}

/* A path through a relay, or by TCP, is libnice's to pack. */
static void choose_way(struct ice *ice)
{
    NiceCandidate *local, *remote;
    GSocket *socket;

    if (batch.ice == ice)
        ice_flush();
    ice->fd = -1;
    if (!nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote) ||
        local->transport != NICE_CANDIDATE_TRANSPORT_UDP ||
        local->type == NICE_CANDIDATE_TYPE_RELAYED)
        return;
    socket = nice_agent_get_selected_socket(ice->agent, ice->stream, COMPONENT);
    if (socket == NULL)
        return;
    ice->fd = g_socket_get_fd(socket);
    g_object_unref(socket);
    nice_address_copy_to_sockaddr(&remote->addr, (struct sockaddr *)&ice->to);
    ice->to_len =
        ice->to.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void on_pair(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
                    NiceCandidate *remote, gpointer arg)
{
    (void)agent;
    (void)stream;
    (void)component;
    (void)local;
    (void)remote;
    choose_way(arg);
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer arg)
{
    struct ice *ice = arg;

    (void)agent;
    (void)stream;
    (void)component;
    if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY) {
        choose_way(ice);
        if (!ice->is_connected) {
            ice->is_connected = true;
            ice->events->on_connected(ice->arg);
        }
    } else if (state == NICE_COMPONENT_STATE_FAILED && ice->is_connected && !ice->has_failed) {
        /* Before a connection it may still come, by checks of the other. */
        ice->has_failed = true;
        ice->events->on_failed(ice->arg);
    }
}

/* ---- a connection */

static bool set_addresses(struct ice *ice)
{
    const struct ice_config *config = ice->config;

    for (size_t i = 0; i < config->address_count; i++) {
        NiceAddress address;

        nice_address_init(&address);
        if (!nice_address_set_from_string(&address, config->addresses[i]) ||
            !nice_agent_add_local_address(ice->agent, &address))
            return false;
    }
    return true;
}

static void set_relays(struct ice *ice)
{
    for (size_t i = 0; i < ice->config->relay_count; i++) {
        const struct ice_relay *relay = &ice->config->relays[i];
        const char *ip = relay->ip != NULL ? relay->ip : relay->host;

        if (ip[0] == '\0')
            continue;
        nice_agent_set_relay_info(ice->agent, ice->stream, COMPONENT, ip, relay->port,
                                  relay->username, relay->password,
                                  relay->is_tls   ? NICE_RELAY_TYPE_TURN_TLS
                                  : relay->is_tcp ? NICE_RELAY_TYPE_TURN_TCP
                                                  : NICE_RELAY_TYPE_TURN_UDP);
    }
}

static void enlarge_buffers(struct ice *ice)
{
    GPtrArray *sockets = nice_agent_get_sockets(ice->agent, ice->stream, COMPONENT);
    const int size = SOCKET_BUFFER;

    for (guint i = 0; sockets != NULL && i < sockets->len; i++) {
        int fd = g_socket_get_fd(g_ptr_array_index(sockets, i));

        /* Beyond the system's limit only root may go. */
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
            setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    if (sockets != NULL)
        g_ptr_array_unref(sockets);
}

struct ice *ice_new(const struct ice_config *config, bool is_controlling,
                    const struct ice_events *events, void *arg, struct error *error)
{
    struct ice *ice = xcalloc(1, sizeof(*ice));

    *ice = (struct ice){.config = config, .events = events, .arg = arg, .fd = -1, .is_new = true};
    ice->agent =
        nice_agent_new_full(g_main_context_default(), NICE_COMPATIBILITY_RFC5245,
                            config->is_lite ? NICE_AGENT_OPTION_LITE_MODE : NICE_AGENT_OPTION_NONE);
    /* Checks go on as keepalives. libnice's own watch over consent (RFC 7675) gives up after two
     * that are lost in a row. */
    g_object_set(ice->agent, "controlling-mode", (gboolean)is_controlling, "upnp", FALSE, "ice-udp",
                 (gboolean)config->has_udp, "ice-tcp", (gboolean)config->has_tcp, "force-relay",
                 (gboolean)config->relays_only, "keepalive-conncheck", TRUE, "stun-pacing-timer",
                 PACING_MS, NULL);
    ice->stream = nice_agent_add_stream(ice->agent, 1);
    must(ice->stream != 0);
    nice_agent_set_port_range(ice->agent, ice->stream, COMPONENT, config->port_min,
                              config->port_max);
    set_relays(ice);
    g_signal_connect(ice->agent, "candidate-gathering-done", G_CALLBACK(on_gathering_done), ice);
    g_signal_connect(ice->agent, "component-state-changed", G_CALLBACK(on_state), ice);
    g_signal_connect(ice->agent, "new-selected-pair-full", G_CALLBACK(on_pair), ice);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, g_main_context_default(),
                           on_received, ice);
    must(set_addresses(ice)); /* they were read when we started */
    if (!nice_agent_gather_candidates(ice->agent, ice->stream)) {
        error_set(error, ERR_BUSY, "no free port between %u and %u", config->port_min,
                  config->port_max);
        ice_free(&ice);
        return NULL;
    }
    enlarge_buffers(ice);
    ice->is_new = false;
    return ice;
}

bool ice_is_gathered(const struct ice *ice)
{
    return ice->is_gathered;
}

static void put_address(const NiceAddress *address, uint8_t ip[16], uint16_t *port_out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } from = {0};

    nice_address_copy_to_sockaddr(address, &from.any);
    if (from.any.sa_family == AF_INET) {
        address_map(&from.v4.sin_addr, ip);
    } else {
        memcpy(ip, &from.v6.sin6_addr, 16);
    }
    if (port_out != NULL)
        *port_out = (uint16_t)nice_address_get_port(address);
}

static void describe_candidate(const NiceCandidate *from, struct sdp *out)
{
    struct sdp_candidate *to;

    if (out->candidate_count == SDP_CANDIDATES_MAX)
        return;
    to = &out->candidates[out->candidate_count++];
    *to = (struct sdp_candidate){.foundation = bytes_of_text(from->foundation),
                                 .priority = from->priority,
                                 .type = (enum sdp_type)from->type,
                                 .transport = (enum sdp_transport)from->transport};
    put_address(&from->addr, to->ip, &to->port);
}

static void describe_external(const struct ice *ice, const NiceCandidate *candidate,
                              struct sdp *out)
{
    for (size_t i = 0; i < ice->config->external_count; i++) {
        NiceCandidate external = *candidate;

        nice_address_init(&external.addr);
        if (candidate->type != NICE_CANDIDATE_TYPE_HOST ||
            !nice_address_set_from_string(&external.addr, ice->config->external[i]) ||
            nice_address_ip_version(&external.addr) != nice_address_ip_version(&candidate->addr))
            continue;
        nice_address_set_port(&external.addr, nice_address_get_port(&candidate->addr));
        describe_candidate(&external, out);
    }
}

void ice_describe(struct ice *ice, struct sdp *out)
{
    if (ice->ufrag == NULL)
        must(nice_agent_get_local_credentials(ice->agent, ice->stream, &ice->ufrag, &ice->pwd));
    if (ice->candidates == NULL)
        ice->candidates = nice_agent_get_local_candidates(ice->agent, ice->stream, COMPONENT);
    out->ufrag = bytes_of_text(ice->ufrag);
    out->pwd = bytes_of_text(ice->pwd);
    out->candidate_count = 0;
    for (GSList *at = ice->candidates; at != NULL; at = at->next) {
        const NiceCandidate *candidate = at->data;

        /* Of nobody's use to somebody who is elsewhere. */
        if (candidate->transport == NICE_CANDIDATE_TRANSPORT_TCP_ACTIVE)
            continue;
        describe_external(ice, candidate, out);
        describe_candidate(candidate, out);
    }
}

static GSList *take_candidates(const struct ice *ice, const struct sdp *remote)
{
    GSList *list = NULL;

    for (size_t i = 0; i < remote->candidate_count; i++) {
        const struct sdp_candidate *from = &remote->candidates[i];
        NiceCandidate *to = nice_candidate_new((NiceCandidateType)from->type);

        if (address_is_mapped(from->ip))
            nice_address_set_ipv4(&to->addr, (guint32)from->ip[12] << 24 | from->ip[13] << 16 |
                                                 from->ip[14] << 8 | from->ip[15]);
        else
            nice_address_set_ipv6(&to->addr, from->ip);
        nice_address_set_port(&to->addr, from->port);
        to->base_addr = to->addr;
        to->priority = from->priority;
        to->stream_id = ice->stream;
        to->component_id = COMPONENT;
        to->transport = (NiceCandidateTransport)from->transport;
        snprintf(to->foundation, sizeof(to->foundation), "%.*s", (int)from->foundation.len,
                 (const char *)from->foundation.data);
        list = g_slist_prepend(list, to);
    }
    return list;
}

enum err ice_connect(struct ice *ice, const struct sdp *remote, struct error *error)
{
    char ufrag[SDP_UFRAG_MAX + 1], pwd[SDP_PWD_MAX + 1];
    GSList *list;

    snprintf(ufrag, sizeof(ufrag), "%.*s", (int)remote->ufrag.len,
             (const char *)remote->ufrag.data);
    snprintf(pwd, sizeof(pwd), "%.*s", (int)remote->pwd.len, (const char *)remote->pwd.data);
    if (!nice_agent_set_remote_credentials(ice->agent, ice->stream, ufrag, pwd))
        return error_set(error, ERR_INVALID, "its ICE credentials make no sense");
    list = take_candidates(ice, remote);
    if (list != NULL)
        nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, list);
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    nice_agent_peer_candidate_gathering_done(ice->agent, ice->stream);
    return ERR_NONE;
}

static void put_end(char *out, size_t cap, const NiceCandidate *candidate)
{
    static const char *const types[] = {"host", "srflx", "prflx", "relay"};
    char address[NICE_ADDRESS_STRING_LEN];

    nice_address_to_string(&candidate->addr, address);
    snprintf(out, cap, "%s %s:%u", types[candidate->type], address,
             nice_address_get_port(&candidate->addr));
}

static bool get_pair(const struct ice *ice, NiceCandidate **local, NiceCandidate **remote)
{
    return ice->is_connected &&
           nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, local, remote);
}

void ice_path(const struct ice *ice, char *out, size_t cap)
{
    NiceCandidate *local, *remote;
    char ours[80], theirs[80];

    out[0] = '\0';
    if (!get_pair(ice, &local, &remote))
        return;
    put_end(ours, sizeof(ours), local);
    put_end(theirs, sizeof(theirs), remote);
    snprintf(out, cap, "%s %s <- %s",
             local->transport == NICE_CANDIDATE_TRANSPORT_UDP ? "udp" : "tcp", ours, theirs);
}

static void on_closed(GObject *agent, GAsyncResult *result, gpointer arg)
{
    (void)result;
    (void)arg;
    g_object_unref(agent);
    closing--;
}

void ice_free(struct ice **ice_in)
{
    struct ice *ice = *ice_in;

    if (ice == NULL)
        return;
    if (batch.ice == ice)
        ice_flush();
    g_signal_handlers_disconnect_by_data(ice->agent, ice);
    nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, g_main_context_default(), NULL,
                           NULL);
    closing++;
    nice_agent_close_async(ice->agent, on_closed, NULL);
    g_slist_free_full(ice->candidates, (GDestroyNotify)nice_candidate_free);
    g_free(ice->ufrag);
    g_free(ice->pwd);
    free(ice);
    *ice_in = NULL;
}

size_t ice_closing(void)
{
    return closing;
}
