/* SPDX-License-Identifier: MIT
 *
 * rtc_peer: connections of rtc-svc's (services/rtc-svc/peer.h) that do as they are told, by a line
 * of JSON each on standard input. peers/rtc/peer.mjs does the same with the libraries of others, so
 * that any two can be each other's ends.
 *
 *   rtc_peer [ADDRESS]      of this machine; none: all
 *
 *                                       -> {"is":"ready"}
 *   {"do":"offer","id":1}               -> {"is":"offer","id":1,"sdp":"v=0..."}
 *   {"do":"answer","id":1,"sdp":"..."}  -> {"is":"answer","id":1,"sdp":"v=0..."}
 *   {"do":"accept","id":1,"sdp":"..."}
 *                                       -> {"is":"open","id":1}, of either end
 *   {"do":"send","id":1}                messages of 64 KiB from now on, as fast as they go
 *   {"do":"receive","id":1,"bytes":9}   counts from now on
 *                                       -> {"is":"received","id":1,"bytes":9,"s":0.5}, when they
 * are there
 *   {"do":"count","id":1}               -> the same at once
 *
 * Ends with standard input. A connection that closes before ends it, too.
 */
#include <fcntl.h>
#include <glib-unix.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"
#include "glib_loop.h"
#include "peer.h"
#include "wire/json.h"

enum { ENDS_MAX = 4096, LINE_MAX_BYTES = 64 << 10 };

struct end {
    uint64_t id;
    bool is_offerer, is_sending;
    struct peer *peer;
    struct channel *channel;
    uint64_t wanted, received, begun_us; /* wanted 0: nothing */
};

static struct end *ends[ENDS_MAX]; /* by id */
static struct peers *peers;
static struct text line;
static bool is_over;

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "rtc_peer: %s\n", why);
    exit(EXIT_FAILURE);
}

/* ---- what is said */

static void say_description(const struct end *end, struct bytes sdp)
{
    static struct text said;

    text_clear(&said);
    text_addf(&said,
              "{\"is\":\"%s\",\"id\":%" PRIu64 ",\"sdp\":", end->is_offerer ? "offer" : "answer",
              end->id);
    json_string_add(&said, sdp);
    text_add(&said, "}");
    puts(text_str(&said));
}

static void say_received(struct end *end)
{
    printf("{\"is\":\"received\",\"id\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"s\":%.6f}\n", end->id,
           end->received, (double)(clock_us() - end->begun_us) / 1e6);
    end->wanted = 0;
}

/* ---- what happens */

static void on_described(void *arg, struct bytes sdp)
{
    say_description(arg, sdp);
}

static void push(struct end *end)
{
    static const uint8_t message[PEER_MESSAGE_MAX];

    while (end->is_sending && channel_send(end->channel, bytes_of(message, sizeof(message)), false))
        ;
}

static void on_channel(void *arg, struct channel *channel)
{
    struct end *end = arg;

    end->channel = channel;
    printf("{\"is\":\"open\",\"id\":%" PRIu64 "}\n", end->id);
}

static void on_received(void *arg, struct channel *channel, struct bytes part, bool is_text,
                        bool is_end)
{
    struct end *end = arg;

    (void)channel;
    (void)is_text;
    (void)is_end;
    end->received += part.len;
    if (end->wanted != 0 && end->received >= end->wanted)
        say_received(end);
}

static void on_writable(void *arg, struct channel *channel)
{
    (void)channel;
    push(arg);
}

static void on_channel_closed(void *arg, struct channel *channel)
{
    (void)arg;
    (void)channel;
}

static void on_closed(void *arg, const char *why)
{
    (void)arg;
    if (!is_over)
        die(why);
}

static const struct peer_events events = {.on_described = on_described,
                                          .on_channel = on_channel,
                                          .on_received = on_received,
                                          .on_writable = on_writable,
                                          .on_channel_closed = on_channel_closed,
                                          .on_closed = on_closed};

/* ---- what is to be done */

struct order {
    struct bytes what, id, sdp, bytes;
};

static uint64_t number(struct bytes value)
{
    return strtoull((const char *)value.data, NULL, 10); /* ends at , or } */
}

static struct end *find(uint64_t id)
{
    if (id >= ENDS_MAX)
        die("too many ends");
    if (ends[id] == NULL) {
        ends[id] = xcalloc(1, sizeof(struct end));
        ends[id]->id = id;
    }
    return ends[id];
}

static enum err obey(const struct order *order, struct error *error)
{
    static struct text sdp;
    struct end *end = find(number(order->id));
    struct bytes what, escaped;

    if (!json_unquote(order->what, &what))
        return error_set(error, ERR_INVALID, "nothing to do");
    text_clear(&sdp);
    if (json_unquote(order->sdp, &escaped))
        json_string_decode(escaped, &sdp);
    if (json_string_is(what, "offer")) {
        end->is_offerer = true;
        return peer_offer(peers, "bench", &events, end, &end->peer, error);
    }
    if (json_string_is(what, "answer"))
        return peer_answer(peers, bytes_of(sdp.data, sdp.len), &events, end, &end->peer, error);
    if (json_string_is(what, "accept"))
        return peer_accept(end->peer, bytes_of(sdp.data, sdp.len), error);
    if (json_string_is(what, "send")) {
        end->is_sending = true;
        push(end);
    } else if (json_string_is(what, "receive")) {
        end->wanted = number(order->bytes);
        end->received = 0;
        end->begun_us = clock_us();
    } else if (json_string_is(what, "count")) {
        say_received(end);
    } else {
        return error_set(error, ERR_INVALID, "nobody knows how to do this");
    }
    return ERR_NONE;
}

static void take_line(struct bytes text)
{
    static const struct json_member members[] = {{"do", offsetof(struct order, what)},
                                                 {"id", offsetof(struct order, id)},
                                                 {"sdp", offsetof(struct order, sdp)},
                                                 {"bytes", offsetof(struct order, bytes)}};
    struct order order = {0};
    struct error error;

    if (!json_members_read(text, members, sizeof(members) / sizeof(members[0]), &order) ||
        order.id.len == 0)
        die("no such line was expected");
    if (obey(&order, &error) != ERR_NONE)
        die(error.text);
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer arg)
{
    ssize_t got;
    char *end;

    (void)condition;
    (void)arg;
    got = read(fd, text_grow(&line, LINE_MAX_BYTES), LINE_MAX_BYTES);
    line.len -= LINE_MAX_BYTES - (size_t)MAX(got, 0);
    is_over |= got == 0;
    while ((end = memchr(line.data, '\n', line.len)) != NULL) {
        size_t len = (size_t)(end - line.data);

        take_line(bytes_of(line.data, len));
        line.len -= len + 1;
        memmove(line.data, end + 1, line.len);
    }
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
    const struct ice_config ice = {.addresses = {argc > 1 ? argv[1] : NULL},
                                   .address_count = argc > 1,
                                   .port_min = 20000,
                                   .port_max = 39999,
                                   .has_udp = true};
    struct error error;
    bool has_more = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    peers = peers_new(&ice, ENDS_MAX, &error);
    if (peers == NULL)
        die(error.text);
    puts("{\"is\":\"ready\"}");
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, NULL);
    while (!is_over) {
        loop_turn(!has_more);
        has_more = peers_turn(peers);
    }
    return EXIT_SUCCESS;
}
