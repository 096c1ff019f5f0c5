/* SPDX-License-Identifier: MIT
 *
 * probe: does it work here? Connections to ourselves, by each address and protocol that browsers
 * are told of, and whatever else has to be there. All steps run at the same time; each ends by
 * itself, or after STEP_MS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "glib_loop.h"
#include "rtc.h"
#include "wire/sdp.h"

enum {
    STEP_MS = 5000,
    LOOK_MS = 10,
    STEPS_MAX = ICE_ADDRESSES_MAX * 2 + ICE_RELAYS_MAX + 2,
    TEXT_MAX = 400,
    PORTS_LOOKED_AT = 1000, /* of a larger range, the first */
    PORTS_FEW = 20,
};

struct step;

/* One of the two ends of a connection. */
struct end {
    struct step *step;
    struct peer *peer;
    struct text sdp; /* as it was told */
    bool is_open, is_told;
};

struct step {
    struct probe *probe;
    void (*look)(struct step *step); /* whether it is over; NULL: it is */
    char name[96], message[TEXT_MAX];
    bool is_good;
    uint64_t begun_ms, took_ms;
    struct ice_config ice;
    struct end offerer, answerer;
    int fd; /* -1: none */
};

struct probe {
    struct rtc *rtc;
    Sharestream__Rtc__ProbeReply_Closure closure; /* NULL: it has been answered */
    void *data;
    struct loop_timer *timer;
    struct step steps[STEPS_MAX];
    size_t count;
};

__attribute__((format(printf, 3, 4))) static void judge(struct step *step, bool is_good,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(step->message, sizeof(step->message), format, args); /* NOLINT */
    va_end(args);
    step->is_good = is_good;
    step->took_ms = clock_ms() - step->begun_ms;
    step->look = NULL;
}

static bool is_late(const struct step *step)
{
    return clock_ms() - step->begun_ms >= STEP_MS;
}

__attribute__((format(printf, 3, 4))) static struct step *
add_step(struct probe *probe, void (*look)(struct step *step), const char *format, ...)
{
    struct step *step = &probe->steps[probe->count++];
    va_list args;

    must(probe->count <= STEPS_MAX);
    *step = (struct step){.probe = probe,
                          .look = look,
                          .begun_ms = clock_ms(),
                          .offerer = {.step = step},
                          .answerer = {.step = step},
                          .fd = -1};
    va_start(args, format);
    vsnprintf(step->name, sizeof(step->name), format, args); /* NOLINT */
    va_end(args);
    return step;
}

/* ---- connections */

static void on_described(void *arg, struct bytes sdp)
{
    struct end *end = arg;

    text_add_bytes(&end->sdp, sdp);
}

static void on_channel(void *arg, struct channel *channel)
{
    struct end *end = arg;

    (void)channel;
    end->is_open = true;
}

static void on_received(void *arg, struct channel *channel, struct bytes part, bool is_text,
                        bool is_end)
{
    (void)arg;
    (void)channel;
    (void)part;
    (void)is_text;
    (void)is_end;
}

static void on_channel_event(void *arg, struct channel *channel)
{
    (void)arg;
    (void)channel;
}

static const char *way_of(const struct step *step)
{
    return step->ice.has_udp ? "UDP" : "TCP";
}

static void on_closed(void *arg, const char *why)
{
    struct end *end = arg;
    struct step *step = end->step;

    end->peer = NULL;
    if (step->look != NULL)
        judge(step, false, "a connection to itself by %s ended: %s", way_of(step), why);
}

static const struct peer_events events = {.on_described = on_described,
                                          .on_channel = on_channel,
                                          .on_received = on_received,
                                          .on_writable = on_channel_event,
                                          .on_channel_closed = on_channel_event,
                                          .on_closed = on_closed};

/* Begins the first end of a connection, which has this way only. */
static void offer(struct step *step)
{
    struct peers *peers = step->probe->rtc->peers;
    struct error error;

    peers_use(peers, &step->ice);
    if (peer_offer(peers, "probe", &events, &step->offerer, &step->offerer.peer, &error) !=
        ERR_NONE)
        judge(step, false,
              "no connection can be begun: %s. Is the address still one of this machine? If "
              "rtc.ports or rtc.max_peers are used up, raise them",
              error.text);
    peers_use(peers, NULL);
}

static void answer(struct step *step)
{
    struct peers *peers = step->probe->rtc->peers;
    const struct text *sdp = &step->offerer.sdp;
    struct error error;

    step->offerer.is_told = true;
    peers_use(peers, &step->ice);
    if (peer_answer(peers, bytes_of(sdp->data, sdp->len), &events, &step->answerer,
                    &step->answerer.peer, &error) != ERR_NONE)
        judge(step, false, "the second end cannot be begun: %s", error.text);
    peers_use(peers, NULL);
}

static void accept_answer(struct step *step)
{
    const struct text *sdp = &step->answerer.sdp;
    struct error error;

    step->answerer.is_told = true;
    if (peer_accept(step->offerer.peer, bytes_of(sdp->data, sdp->len), &error) != ERR_NONE)
        judge(step, false, "the answer of the second end is not taken: %s", error.text);
}

static void look_at_pair(struct step *step)
{
    const struct addresses *addresses = &step->probe->rtc->addresses;
    struct peer_view view;

    if (step->offerer.is_open && step->answerer.is_open) {
        peer_look(step->offerer.peer, &view);
        judge(step, true, "a connection to itself: %s%s", view.path,
              addresses->ice.external_count > 0
                  ? "; whether others reach rtc.external_addresses only they can try"
                  : "");
    } else if (is_late(step)) {
        judge(step, false,
              "no connection to itself by %s within %d s: a firewall of this machine stands "
              "between; let %s %s in",
              way_of(step), STEP_MS / 1000, way_of(step), step->probe->rtc->settings->ports);
    } else if (!step->offerer.is_told && step->offerer.sdp.len > 0) {
        answer(step);
    } else if (step->offerer.is_told && !step->answerer.is_told && step->answerer.sdp.len > 0) {
        accept_answer(step);
    }
}

static void add_pair(struct probe *probe, const char *address, bool has_udp)
{
    struct step *step = add_step(probe, look_at_pair, "%s %s", has_udp ? "udp" : "tcp", address);

    step->ice = (struct ice_config){.addresses = {address},
                                    .address_count = 1,
                                    .port_min = probe->rtc->addresses.ice.port_min,
                                    .port_max = probe->rtc->addresses.ice.port_max,
                                    .has_udp = has_udp,
                                    .has_tcp = !has_udp,
                                    .is_probe = true};
    offer(step);
}

/* ---- relays: one that gives us an address answers, and takes our password */

static bool has_relay(struct bytes text)
{
    struct sdp sdp;
    struct error error;

    if (sdp_parse(text, &sdp, &error) != ERR_NONE)
        return false;
    for (size_t i = 0; i < sdp.candidate_count; i++)
        if (sdp.candidates[i].type == SDP_RELAY)
            return true;
    return false;
}

static void look_at_relay(struct step *step)
{
    const struct text *sdp = &step->offerer.sdp;

    if (sdp->len > 0 && has_relay(bytes_of(sdp->data, sdp->len)))
        judge(step, true, "it relays for us");
    else if (sdp->len > 0 || is_late(step))
        judge(step, false,
              "it does not answer, or not to this user: see rtc.turn_urls, rtc.turn_username, "
              "rtc.turn_password, and its log");
}

static void add_relay(struct probe *probe, size_t i)
{
    const struct ice_config *ice = &probe->rtc->addresses.ice;
    const struct ice_relay *relay = &ice->relays[i];
    struct step *step = add_step(probe, look_at_relay, "turn %s:%u %s", relay->host, relay->port,
                                 relay->is_tls   ? "tls"
                                 : relay->is_tcp ? "tcp"
                                                 : "udp");

    if (relay->ip != NULL && relay->ip[0] == '\0') {
        judge(step, false, "no address is found for %s", relay->host);
        return;
    }
    step->ice = *ice;
    step->ice.external_count = 0;
    step->ice.has_udp = true;
    step->ice.is_lite = false;
    step->ice.relays_only = true;
    step->ice.relays[0] = *relay;
    step->ice.relay_count = 1;
    offer(step);
}

/* ---- ports */

static bool is_free(int type, uint16_t port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int on = 1;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    bool is_bound;

    if (fd < 0)
        return false;
    /* Connections of before are no matter. */
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    is_bound = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_bound;
}

/* Before the others take some. */
static void add_ports(struct probe *probe)
{
    const struct rtc *rtc = probe->rtc;
    const struct ice_config *ice = &rtc->addresses.ice;
    unsigned looked = MIN(rtc->addresses.ports, (unsigned)PORTS_LOOKED_AT), usable = 0;
    struct step *step = add_step(probe, NULL, "ports %u-%u", ice->port_min, ice->port_max);

    for (unsigned i = 0; i < looked; i++) {
        uint16_t port = (uint16_t)(ice->port_min + i);

        usable += (!ice->has_udp || is_free(SOCK_DGRAM, port)) &&
                  (!ice->has_tcp || is_free(SOCK_STREAM, port));
    }
    if (usable >= PORTS_FEW)
        judge(step, true, "%u of %u are free, %u connections use others", usable, looked,
              (unsigned)peers_metrics(rtc->peers)->peers);
    else
        judge(step, false,
              "only %u of %u are free, and each browser takes one: make rtc.ports wider, or find "
              "out who else uses them (ss -lntup)",
              usable, looked);
}

/* ---- torrent-svc */

static void look_at_connect(struct step *step)
{
    struct pollfd waits = {.fd = step->fd, .events = POLLOUT};
    socklen_t len = sizeof(int);
    int failure = 0;

    if (poll(&waits, 1, 0) == 1)
        getsockopt(step->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
    else if (!is_late(step))
        return;
    else
        failure = ETIMEDOUT;
    if (failure == 0)
        judge(step, true, "torrent-svc takes connections");
    else
        judge(step, false,
              "torrent-svc takes no connection: %s. See sharestream status, torrent.listen and "
              "rtc.bittorrent",
              strerror(failure));
}

static void connect_to_torrent_svc(struct step *step)
{
    const struct rtc *rtc = step->probe->rtc;
    const struct sockaddr *to = (const struct sockaddr *)&rtc->bittorrent;
    char host[INET6_ADDRSTRLEN] = "";

    inet_ntop(to->sa_family,
              to->sa_family == AF_INET
                  ? (const void *)&((const struct sockaddr_in *)to)->sin_addr
                  : (const void *)&((const struct sockaddr_in6 *)to)->sin6_addr,
              host, sizeof(host));
    snprintf(step->name, sizeof(step->name), "bittorrent %s port %u", host,
             ntohs(((const struct sockaddr_in *)to)->sin_port)); /* the same place in both */
    step->look = look_at_connect;
    step->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (step->fd < 0 || (connect(step->fd, to, rtc->bittorrent_len) != 0 && errno != EINPROGRESS))
        judge(step, false, "no connection can be begun: %s", strerror(errno));
}

/* Who has just started may not know yet where it is. */
static void look_for_torrent_svc(struct step *step)
{
    const struct rtc *rtc = step->probe->rtc;

    if (rtc->bittorrent_len > 0)
        connect_to_torrent_svc(step);
    else if (is_late(step) && rtc->settings->bittorrent[0] == '\0')
        judge(step, false, "torrent-svc does not run, or has no port: sharestream status");
    else if (is_late(step))
        judge(step, false, "no address is found for rtc.bittorrent, %s", rtc->settings->bittorrent);
}

/* ---- all of them */

static void reply(struct probe *probe)
{
    Sharestream__Rtc__ProbeReply message = SHARESTREAM__RTC__PROBE_REPLY__INIT;
    Sharestream__Rtc__ProbeReply__Step rows[STEPS_MAX], *list[STEPS_MAX];

    for (size_t i = 0; i < probe->count; i++) {
        sharestream__rtc__probe_reply__step__init(&rows[i]);
        rows[i].name = probe->steps[i].name;
        rows[i].is_good = probe->steps[i].is_good;
        rows[i].message = probe->steps[i].message;
        rows[i].took_ms = (uint32_t)probe->steps[i].took_ms;
        list[i] = &rows[i];
    }
    message.steps = list;
    message.n_steps = probe->count;
    probe->closure(&message, probe->data);
    probe->closure = NULL;
}

static void end_step(struct step *step)
{
    if (step->offerer.peer != NULL)
        peer_close(step->offerer.peer, "the probe is over");
    if (step->answerer.peer != NULL)
        peer_close(step->answerer.peer, "the probe is over");
    if (step->fd >= 0)
        close(step->fd);
    step->fd = -1;
}

void probe_stop(struct rtc *rtc)
{
    struct probe *probe = rtc->probe;

    if (probe == NULL)
        return;
    loop_stop(&probe->timer);
    for (size_t i = 0; i < probe->count; i++) {
        text_fini(&probe->steps[i].offerer.sdp);
        text_fini(&probe->steps[i].answerer.sdp);
    }
    free(probe);
    rtc->probe = NULL;
}

static void on_time(void *arg)
{
    struct probe *probe = arg;
    bool is_over = true, are_gone = true;

    for (size_t i = 0; i < probe->count; i++) {
        struct step *step = &probe->steps[i];

        if (step->look != NULL)
            step->look(step);
        if (step->look == NULL)
            end_step(step);
        is_over = is_over && step->look == NULL;
        are_gone = are_gone && step->offerer.peer == NULL && step->answerer.peer == NULL;
    }
    if (is_over && probe->closure != NULL)
        reply(probe);
    if (is_over && are_gone)
        probe_stop(probe->rtc);
}

void probe_start(struct rtc *rtc, Sharestream__Rtc__ProbeReply_Closure closure, void *data)
{
    const struct ice_config *ice = &rtc->addresses.ice;
    struct probe *probe;

    if (rtc->probe != NULL || rtc->is_ending) {
        bus_fail(data, ERR_BUSY, "another probe is under way");
        return;
    }
    probe = xcalloc(1, sizeof(*probe));
    *probe = (struct probe){.rtc = rtc, .closure = closure, .data = data};
    rtc->probe = probe;
    add_ports(probe);
    add_step(probe, look_for_torrent_svc, "bittorrent");
    for (size_t i = 0; i < ice->address_count; i++) {
        if (ice->has_udp)
            add_pair(probe, ice->addresses[i], true);
        if (ice->has_tcp)
            add_pair(probe, ice->addresses[i], false);
    }
    for (size_t i = 0; i < ice->relay_count; i++)
        add_relay(probe, i);
    probe->timer = loop_every(LOOK_MS, on_time, probe);
}
