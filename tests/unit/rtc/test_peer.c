/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "pair.h"
#include "raw.h"
#include "wire/dcep.h"

enum { PEERS_MAX = 60, CYCLES = 100, AT_ONCE = 10, SKIP_MS = 200 };

static struct pair pair;
static struct raw raw;

/* ---- a clock that can be put forward, instead of the one of lib/base */

static uint64_t skipped_ms;

static uint64_t read_us(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
    return read_us(CLOCK_MONOTONIC) + skipped_ms * 1000;
}

uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

uint64_t clock_unix_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

bool clock_boot(char out[CLOCK_BOOT_TEXT])
{
    (void)out;
    return false;
}

/* As pair_until(), with time that flies. */
#define fly_until(cond)                                                                            \
    for (int rounds = 0; !(cond); rounds++, skipped_ms += SKIP_MS, pair_turn())                    \
    assert_true(rounds < 5000)

/* ---- an opened pair */

static void open_pair(struct pair *out)
{
    pair_offer(out);
    pair_answer(out);
    pair_until(pair_is_open(out));
}

static int begin(void **state)
{
    (void)state;
    open_pair(&pair);
    return 0;
}

static int end(void **state)
{
    (void)state;
    pair_close(&pair);
    return 0;
}

static struct bytes sdp_of(const struct end *of)
{
    return bytes_of(of->sdp.data, of->sdp.len);
}

/* ---- messages */

static struct text echoed;
static bool is_echo_text;
static unsigned echoes;

static void keep_echo(struct end *at, struct bytes part, bool is_text, bool is_end)
{
    (void)at;
    text_add_bytes(&echoed, part);
    is_echo_text = is_text;
    echoes += is_end;
}

static void echo(struct end *at, struct bytes part, bool is_text, bool is_end)
{
    static struct text whole;

    text_add_bytes(&whole, part);
    if (!is_end)
        return;
    assert_true(channel_send(at->channel, bytes_of(text_str(&whole), whole.len), is_text));
    text_fini(&whole);
}

static void messages_of_all_sizes_come_back(void **state)
{
    static const size_t sizes[] = {0, 1, 1200, 65535, PEER_MESSAGE_MAX};
    static uint8_t data[PEER_MESSAGE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_int_equal(channel_message_max(pair.offerer.channel), PEER_MESSAGE_MAX);
    for (size_t i = 0; i < 4 * COUNT_OF(sizes); i++) {
        struct end *from = i % 2 == 0 ? &pair.offerer : &pair.answerer;
        size_t len = sizes[i / 4];
        bool is_text = i / 2 % 2 == 0;

        from->on_received = keep_echo;
        from->other->on_received = echo;
        echoes = 0;
        assert_true(channel_send(from->channel, bytes_of(data, len), is_text));
        pair_until(echoes == 1);
        assert_int_equal(is_echo_text, is_text);
        assert_true(bytes_equal(bytes_of(echoed.data, echoed.len), bytes_of(data, len)));
        text_fini(&echoed);
    }
}

static void what_is_not_taken_can_be_sent_later(void **state)
{
    static uint8_t data[PEER_MESSAGE_MAX];
    uint64_t sent = 0;

    (void)state;
    peer_pause(pair.answerer.peer, true);
    for (int idle = 0; idle < 50; idle++, pair_turn())
        while (channel_send(pair.offerer.channel, bytes_of(data, sizeof(data)), false)) {
            sent += sizeof(data);
            idle = 0;
        }
    assert_true(sent <= 4 * SCTP_BUFFER_MAX);
    assert_int_equal(pair.answerer.received, 0);
    peer_pause(pair.answerer.peer, false);
    pair_until(pair.answerer.received == sent);
    assert_true(channel_send(pair.offerer.channel, bytes_of(data, 10), false));
    pair_until(pair.answerer.received == sent + 10);
}

/* ---- channels */

static bool fill(struct channel *channel)
{
    static uint8_t data[PEER_MESSAGE_MAX];
    bool was_taken = false;

    for (size_t len = sizeof(data); len > 0; len /= 2)
        while (channel_send(channel, bytes_of(data, len), false))
            was_taken = true;
    return was_taken;
}

/* The other waits for it, however much is before it. */
static void an_agreement_to_a_channel_waits_for_room(void **state)
{
    (void)state;
    peer_pause(pair.answerer.peer, true);
    for (int idle = 0; idle < 50; idle++, pair_turn())
        idle = fill(pair.offerer.channel) ? 0 : idle;
    assert_non_null(channel_open(pair.answerer.peer, "second"));
    /* Full whenever the agreement could be sent. */
    pair_until((fill(pair.offerer.channel), pair.offerer.channels == 2));
    peer_pause(pair.answerer.peer, false);
    pair_until(pair.answerer.channels == 2);
}

static void a_closed_channel_is_closed_for_both(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct end *closer = i == 0 ? &pair.offerer : &pair.answerer;
        struct channel *extra = channel_open(closer->peer, "second");

        assert_non_null(extra);
        pair_until(closer->channels == 2 && closer->other->channels == 2);
        assert_string_equal(channel_label(closer->other->channel), "second");
        channel_close(closer->channel);
        assert_int_equal(closer->channels_closed, 1);
        pair_until(closer->other->channels_closed == 1);
        assert_null(closer->why);
        pair_close(&pair);
        open_pair(&pair);
    }
}

/* There are 32 for each side. */
static void streams_are_used_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct end *opener = i % 3 == 0 ? &pair.offerer : &pair.answerer;
        struct channel *extra = NULL;

        pair_until((extra = channel_open(opener->peer, "again")) != NULL);
        pair_until(opener->channels == i + 2 && opener->other->channels == i + 2);
        assert_true(channel_send(opener->channel, bytes_of("hello", 5), false));
        pair_until(opener->other->messages + opener->messages == i + 1);
        channel_close(i % 2 == 0 ? opener->channel : opener->other->channel);
        pair_until(opener->channels_closed == i + 1 && opener->other->channels_closed == i + 1);
    }
    assert_null(pair.offerer.why);
    assert_null(pair.answerer.why);
}

static void a_17th_channel_is_refused(void **state)
{
    struct peer_view view;

    (void)state;
    for (unsigned i = 1; i < PEER_CHANNELS_MAX; i++)
        assert_non_null(channel_open(pair.offerer.peer, "more"));
    pair_until(pair.answerer.channels == PEER_CHANNELS_MAX &&
               pair.offerer.channels == PEER_CHANNELS_MAX);
    assert_null(channel_open(pair.offerer.peer, "more"));
    assert_null(channel_open(pair.answerer.peer, "more"));
    peer_look(pair.answerer.peer, &view);
    assert_int_equal(view.channels, PEER_CHANNELS_MAX);
    assert_null(pair.answerer.why);
}

static void who_has_no_channel_is_closed(void **state)
{
    (void)state;
    channel_close(pair.offerer.channel);
    fly_until(pair.offerer.why != NULL && pair.answerer.why != NULL);
}

/* ---- offers and answers */

static void an_offer_that_nobody_answers_ends(void **state)
{
    uint64_t before = peers_metrics(pair_peers)->failed_offered_total;

    (void)state;
    pair_offer(&pair);
    assert_true(peer_waits(pair.offerer.peer));
    fly_until(pair.offerer.why != NULL);
    assert_int_equal(peers_metrics(pair_peers)->failed_offered_total, before + 1);
}

static void nonsense_is_no_answer(void **state)
{
    static const char *const nonsense[] = {"", "nonsense", "v=0\r\n",
                                           "v=0\r\nm=audio 9 RTP/AVP 0\r\n"};
    struct error error;

    (void)state;
    pair_offer(&pair);
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        assert_int_not_equal(peer_accept(pair.offerer.peer, bytes_of_text(nonsense[i]), &error),
                             ERR_NONE);
        assert_true(peer_waits(pair.offerer.peer));
    }
    pair_answer(&pair);
    assert_false(peer_waits(pair.offerer.peer));
    assert_int_equal(peer_accept(pair.offerer.peer, sdp_of(&pair.answerer), &error), ERR_EXISTS);
    pair_until(pair_is_open(&pair));
    assert_int_equal(peer_accept(pair.offerer.peer, sdp_of(&pair.answerer), &error), ERR_EXISTS);
    pair_until(pair_is_open(&pair));
    assert_null(pair.offerer.why);
}

static void its_own_offer_is_no_answer_that_opens(void **state)
{
    struct error error;

    (void)state;
    pair_offer(&pair);
    peer_accept(pair.offerer.peer, sdp_of(&pair.offerer), &error);
    fly_until(pair.offerer.why != NULL);
    assert_int_equal(pair.offerer.channels, 0);
}

/* The text with one line changed. */
static void change(struct text *out, const struct text *from, const char *line, const char *by)
{
    const char *at = strstr(from->data, line);

    assert_non_null(at);
    text_clear(out);
    text_add_bytes(out, bytes_of(from->data, (size_t)(at - from->data)));
    text_add(out, by);
    text_add(out, at + strcspn(at, "\r\n"));
}

static void somebody_elses_certificate_is_refused(void **state)
{
    static const char other[] =
        "a=fingerprint:sha-256 "
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"
        "EE:FF";
    uint64_t before = peers_metrics(pair_peers)->failed_dtls_total;
    struct text changed = {0};
    struct error error;

    (void)state;
    pair_offer(&pair);
    change(&changed, &pair.offerer.sdp, "a=fingerprint", other);
    assert_int_equal(peer_answer(pair_peers, bytes_of(changed.data, changed.len), &pair_events,
                                 &pair.answerer, &pair.answerer.peer, &error),
                     ERR_NONE);
    pair_until(pair.answerer.sdp.len > 0);
    assert_int_equal(peer_accept(pair.offerer.peer, sdp_of(&pair.answerer), &error), ERR_NONE);
    pair_until(pair.answerer.why != NULL);
    assert_int_equal(pair.answerer.channels, 0);
    assert_true(peers_metrics(pair_peers)->failed_dtls_total > before);
    text_fini(&changed);
}

static void messages_of_a_few_bytes_are_not_worth_it(void **state)
{
    static const struct {
        const char *line;
        unsigned max; /* 0: refused */
    } cases[] = {{"a=max-message-size:0", PEER_MESSAGE_MAX},
                 {"a=max-message-size:1", 0},
                 {"a=max-message-size:10", 0},
                 {"a=max-message-size:1023", 0},
                 {"a=max-message-size:1024", 1024},
                 {"a=max-message-size:16384", 16384},
                 {"a=max-message-size:4294967295", PEER_MESSAGE_MAX}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text changed = {0};
        struct error error;
        enum err err;

        pair_offer(&pair);
        change(&changed, &pair.offerer.sdp, "a=max-message-size", cases[i].line);
        err = peer_answer(pair_peers, bytes_of(changed.data, changed.len), &pair_events,
                          &pair.answerer, &pair.answerer.peer, &error);
        text_fini(&changed);
        assert_int_equal(err, ERR_NONE);
        pair_until(pair.answerer.sdp.len > 0 || pair.answerer.why != NULL);
        assert_int_equal(pair.answerer.why == NULL, cases[i].max != 0);
        if (cases[i].max != 0) {
            peer_accept(pair.offerer.peer, sdp_of(&pair.answerer), &error);
            pair_until(pair_is_open(&pair));
            assert_int_equal(channel_message_max(pair.answerer.channel), cases[i].max);
        }
        pair_close(&pair);
    }
}

/* ---- where checks are sent */

struct trap {
    int fd;
    char line[120];
};

/* Something that listens, and a candidate that names it. */
static void set_trap(struct trap *trap, const char *ip, bool is_tcp)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    inet_pton(AF_INET, ip, &address.sin_addr);
    trap->fd = socket(AF_INET, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(trap->fd, (struct sockaddr *)&address, len), 0);
    assert_true(!is_tcp || listen(trap->fd, 8) == 0);
    getsockname(trap->fd, (struct sockaddr *)&address, &len);
    snprintf(trap->line, sizeof(trap->line), "a=candidate:7 1 %s 2130706431 %s %u typ host%s\r\n",
             is_tcp ? "tcp" : "udp", ip, ntohs(address.sin_port), is_tcp ? " tcptype passive" : "");
}

static bool has_come(const struct trap *trap)
{
    char byte;

    if (recv(trap->fd, &byte, 1, MSG_DONTWAIT) >= 0)
        return true;
    return accept(trap->fd, NULL, NULL) >= 0;
}

static void checks_go_only_where_a_browser_can_be(void **state)
{
    struct trap bridge, tcp, allowed;
    struct text changed = {0};
    struct error error;
    uint64_t before = peers_metrics(pair_peers)->candidates_refused_total;
    int allowed_count = 0;

    (void)state;
    pair_ice.has_tcp = true;
    set_trap(&bridge, "127.64.0.9", false);
    set_trap(&tcp, "127.0.0.1", true);
    set_trap(&allowed, "127.0.0.1", false);
    pair_offer(&pair);
    /* In place of those of the offer. */
    for (const char *at = pair.offerer.sdp.data; *at != '\0';) {
        size_t len = strcspn(at, "\n") + 1;

        if (strncmp(at, "a=candidate", 11) != 0)
            text_add_bytes(&changed, bytes_of(at, len));
        at += len;
    }
    text_add(&changed, bridge.line);
    text_add(&changed, tcp.line);
    text_add(&changed, allowed.line);
    assert_int_equal(peer_answer(pair_peers, bytes_of(changed.data, changed.len), &pair_events,
                                 &pair.answerer, &pair.answerer.peer, &error),
                     ERR_NONE);
    assert_int_equal(peers_metrics(pair_peers)->candidates_refused_total, before + 2);
    /* Sent again twice: by then all have been tried once. */
    while (allowed_count < 3) {
        pair_until(has_come(&allowed));
        allowed_count++;
    }
    assert_false(has_come(&bridge));
    assert_false(has_come(&tcp));
    close(bridge.fd);
    close(tcp.fd);
    close(allowed.fd);
    text_fini(&changed);
    pair_ice.has_tcp = false;
    peer_close(pair.answerer.peer, "test over");
}

/* Whom we do not connect to connects to us. */
static void a_browser_comes_by_tcp(void **state)
{
    struct ice_config by_tcp = pair_ice;
    struct peer_view view;
    struct error error;

    (void)state;
    by_tcp.has_udp = false;
    by_tcp.has_tcp = pair_ice.has_tcp = true;
    pair_offer(&pair);
    raw_answer(&raw, &by_tcp, &pair.offerer.sdp);
    assert_int_equal(
        peer_accept(pair.offerer.peer, bytes_of(raw.answer.data, raw.answer.len), &error),
        ERR_NONE);
    pair_until(raw.is_up);
    peer_look(pair.offerer.peer, &view);
    assert_memory_equal(view.path, "tcp ", 4);
    raw_free(&raw, false);
    pair_ice.has_tcp = false;
}

/* ---- limits */

static unsigned count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void open_and_close(struct pair pairs[AT_ONCE])
{
    for (int i = 0; i < AT_ONCE; i++)
        pair_offer(&pairs[i]);
    for (int i = 0; i < AT_ONCE; i++)
        pair_answer(&pairs[i]);
    for (int i = 0; i < AT_ONCE; i++)
        pair_until(pair_is_open(&pairs[i]));
    for (int i = 0; i < AT_ONCE; i++)
        pair_close(&pairs[i]);
    pair_until(peers_are_gone(pair_peers));
}

static void nothing_is_left_of_those_who_went(void **state)
{
    struct pair pairs[AT_ONCE];
    unsigned fds = 0;
    size_t memory = 0;

    (void)state;
    for (int i = 0; i < CYCLES / AT_ONCE; i++) {
        open_and_close(pairs);
        if (i != 1)
            continue;
        fds = count_fds(); /* now that everything was made that stays */
        memory = pair_memory();
    }
    fly_until(peers_are_forgotten(pair_peers));
    assert_int_equal(count_fds(), fds);
    assert_true(pair_memory() < memory + (256 << 10));
}

static void offers_by_the_thousand_meet_a_limit(void **state)
{
    static struct end ends[1000];
    struct text offer = {0};
    struct error error;
    size_t memory, most;
    unsigned taken = 0, fds;

    (void)state;
    pair_offer(&pair);
    text_add_bytes(&offer, sdp_of(&pair.offerer));
    peer_close(pair.offerer.peer, "only its words are wanted");
    pair_until(peers_are_gone(pair_peers));
    memory = pair_memory();
    fds = count_fds();
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        enum err err;

        ends[i] = (struct end){0};
        err = peer_answer(pair_peers, bytes_of(offer.data, offer.len), &pair_events, &ends[i],
                          &ends[i].peer, &error);
        assert_true(err == ERR_NONE || err == ERR_BUSY);
        taken += err == ERR_NONE;
    }
    assert_int_equal(taken, PEERS_MAX);
    most = pair_memory_since(memory);
    assert_true(most < PEERS_MAX * (256 << 10));
    fly_until(peers_metrics(pair_peers)->peers == 0 && peers_are_gone(pair_peers));
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        text_fini(&ends[i].sdp);
    text_fini(&offer);
    assert_int_equal(count_fds(), fds);
    assert_true(pair_memory() <= memory + most / 4);
}

static void without_a_free_port_there_is_no_offer(void **state)
{
    const uint16_t usual_min = pair_ice.port_min, usual_max = pair_ice.port_max;
    struct end ends[8] = {0};
    struct error error;
    size_t made = 0;

    (void)state;
    pair_ice.port_min = 19990; /* where no other test looks for one */
    pair_ice.port_max = 19992;
    while (made < COUNT_OF(ends) && peer_offer(pair_peers, "test", &pair_events, &ends[made],
                                               &ends[made].peer, &error) == ERR_NONE)
        made++;
    assert_in_range(made, 1, 3); /* other programs may have some */
    assert_int_equal(error.code, ERR_BUSY);
    peer_close(ends[0].peer, "test");
    pair_until(peers_metrics(pair_peers)->peers == made - 1 && ice_closing() == 0);
    assert_int_equal(peer_offer(pair_peers, "test", &pair_events, &ends[0], &ends[0].peer, &error),
                     ERR_NONE);
    pair_ice.port_min = usual_min;
    pair_ice.port_max = usual_max;
    for (size_t i = 0; i < made; i++)
        peer_close(ends[i].peer, "test");
    pair_until(peers_are_gone(pair_peers));
    for (size_t i = 0; i < made; i++)
        text_fini(&ends[i].sdp);
}

static void a_description_with_a_thousand_candidates_is_read(void **state)
{
    struct text long_one = {0};
    struct error error;
    enum err err;

    (void)state;
    pair_offer(&pair);
    text_add_bytes(&long_one, sdp_of(&pair.offerer));
    for (unsigned i = 0; i < 1000 && long_one.len < SDP_MAX - 80; i++)
        text_addf(&long_one, "a=candidate:%u 1 udp 1 192.0.2.%u %u typ host\r\n", i, i % 250,
                  1000 + i);
    err = peer_answer(pair_peers, bytes_of(long_one.data, long_one.len), &pair_events,
                      &pair.answerer, &pair.answerer.peer, &error);
    assert_int_equal(err, ERR_NONE);
    pair_until(pair.answerer.sdp.len > 0);
    peer_accept(pair.offerer.peer, sdp_of(&pair.answerer), &error);
    pair_until(pair_is_open(&pair));
    text_fini(&long_one);
}

/* ---- the other says what it likes */

static void open_raw(void)
{
    struct error error;

    pair_offer(&pair);
    raw_answer(&raw, &pair_ice, &pair.offerer.sdp);
    assert_int_equal(
        peer_accept(pair.offerer.peer, bytes_of(raw.answer.data, raw.answer.len), &error),
        ERR_NONE);
    pair_until(raw.is_up && raw.messages > 0); /* our channel is offered */
}

static void raw_open_channel(uint16_t stream)
{
    struct text open = {0};

    dcep_open_write(&open, &(struct dcep_open){.label = bytes_of_text("raw")});
    sctp_send(raw.sctp, stream, DCEP_PPID, bytes_of(open.data, open.len));
    text_fini(&open);
}

static void a_flood_of_channels_ends_the_connection(void **state)
{
    (void)state;
    open_raw();
    for (uint16_t i = 0; i < PEER_CHANNELS_MAX - 1; i++)
        raw_open_channel((uint16_t)(2 * i));
    pair_until(pair.offerer.channels == PEER_CHANNELS_MAX - 1);
    assert_null(pair.offerer.why);
    raw_open_channel(60);
    raw_open_channel(62);
    pair_until(pair.offerer.why != NULL);
    assert_int_equal(pair.offerer.channels, pair.offerer.channels_closed);
    raw_free(&raw, false);
}

static void a_channel_that_is_open_is_not_opened_again(void **state)
{
    (void)state;
    open_raw();
    raw_open_channel(0);
    pair_until(pair.offerer.channels == 1);
    raw_open_channel(0);
    pair_until(pair.offerer.why != NULL);
    raw_free(&raw, false);
}

static void nonsense_about_channels_ends_the_connection(void **state)
{
    static const struct bytes nonsense[] = {
        {(const uint8_t *)"\x03", 1},
        {(const uint8_t *)"\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 12},
        {(const uint8_t *)"\x03\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff", 12}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(nonsense); i++) {
        open_raw();
        sctp_send(raw.sctp, 0, DCEP_PPID, nonsense[i]);
        pair_until(pair.offerer.why != NULL);
        raw_free(&raw, false);
        pair_close(&pair);
    }
}

/* Data of no channel, agreements to nothing, kinds that nobody knows, resets: all without effect.
 */
static void what_belongs_to_no_channel_is_dropped(void **state)
{
    static const uint32_t kinds[] = {0, 51, 52, 53, 54, 56, 57, UINT32_MAX};
    uint8_t ack = 2;

    (void)state;
    open_raw();
    for (uint16_t stream = 0; stream < SCTP_STREAMS; stream += 2) {
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            sctp_send(raw.sctp, stream, kinds[i], bytes_of("x", 1));
        sctp_send(raw.sctp, stream, DCEP_PPID, bytes_of(&ack, 1));
        sctp_reset(raw.sctp, stream);
    }
    sctp_send(raw.sctp, 1, DCEP_PPID, bytes_of(&ack, 1)); /* to our channel: it is open */
    pair_until(pair.offerer.channels == 1);
    assert_int_equal(pair.offerer.received, 0);
    assert_null(pair.offerer.why);
    raw_free(&raw, false);
}

static void a_message_larger_than_we_take_comes_in_parts(void **state)
{
    static uint8_t large[200000];
    size_t before, most = 0;

    (void)state;
    open_raw();
    raw_open_channel(0);
    pair_until(pair.offerer.channels == 1);
    before = pair_memory();
    for (unsigned sent = 0; sent < 100;) {
        sent +=
            sctp_send(raw.sctp, 0, DCEP_PPID_BINARY, bytes_of(large, sizeof(large))) == SCTP_SENT;
        pair_turn();
        most = MAX(most, pair_memory_since(before));
    }
    pair_until(pair.offerer.received == 100 * sizeof(large));
    assert_int_equal(pair.offerer.messages, 100);
    assert_true(most < 3 * SCTP_BUFFER_MAX);
    raw_free(&raw, false);
}

/* What is not read costs more than its bytes when those come one by one. */
static void messages_of_one_byte_do_not_fill_the_memory(void **state)
{
    size_t before;

    (void)state;
    open_raw();
    raw_open_channel(0);
    pair_until(pair.offerer.channels == 1);
    peer_pause(pair.offerer.peer, true);
    before = pair_memory();
    for (int idle = 0; idle < 100; idle++, pair_turn())
        while (sctp_send(raw.sctp, 0, DCEP_PPID_BINARY, bytes_of("x", 1)) == SCTP_SENT)
            idle = 0;
    raw_free(&raw, true); /* what it holds itself is not looked at */
    assert_true(pair_memory() < before + (16 << 20));
}

static void who_vanishes_is_missed(void **state)
{
    (void)state;
    open_raw();
    raw_free(&raw, true);
    fly_until(pair.offerer.why != NULL);
}

/* ---- the end */

static void who_closes_is_not_waited_for(void **state)
{
    (void)state;
    peer_close(pair.answerer.peer, "test");
    pair_turn();
    assert_string_equal(pair.answerer.why, "test");
    pair_until(pair.offerer.why != NULL);
    assert_int_equal(pair.offerer.channels_closed, 1);
}

static void both_may_close_at_once_and_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        pair_offer(&pair);
        if (i % 6 != 0)
            pair_answer(&pair);
        for (int j = 0; j < i / 2; j++)
            pair_turn();
        if (pair.offerer.peer != NULL && i % 3 != 0)
            peer_close(pair.offerer.peer, "one");
        if (pair.answerer.peer != NULL && i % 3 != 1)
            peer_close(pair.answerer.peer, "other");
        if (pair.offerer.peer != NULL)
            peer_close(pair.offerer.peer, "one");
        if (pair.answerer.peer != NULL)
            peer_close(pair.answerer.peer, "twice");
        pair_close(&pair);
    }
}

static void close_other(struct end *at, struct bytes part, bool is_text, bool is_end)
{
    (void)part;
    (void)is_text;
    (void)is_end;
    if (at->channel != NULL)
        channel_close(at->channel);
    if (at->peer != NULL)
        peer_close(at->peer, "in a callback");
    if (at->other->peer != NULL)
        peer_close(at->other->peer, "in a callback of the other");
}

static void a_callback_may_close_anybody(void **state)
{
    static uint8_t data[PEER_MESSAGE_MAX];

    (void)state;
    pair.answerer.on_received = close_other;
    for (int i = 0; i < 20; i++) {
        channel_send(pair.offerer.channel, bytes_of(data, sizeof(data)), false);
        channel_send(pair.answerer.channel, bytes_of(data, sizeof(data)), false);
    }
    pair_until(pair.offerer.why != NULL && pair.answerer.why != NULL);
    assert_int_equal(pair.offerer.channels_closed, 1);
    assert_int_equal(pair.answerer.channels_closed, 1);
}

/* Fifty of them are told: nobody has to find out by silence. */
static void all_are_told_when_the_process_ends(void **state)
{
    struct pair pairs[PEERS_MAX / 2 - 2];

    (void)state;
    open_raw();
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        open_pair(&pairs[i]);
    }
    peers_end(pair_peers);
    pair_until(raw.why != NULL);
    pair_until(peers_are_gone(pair_peers));
    assert_int_equal(peers_metrics(pair_peers)->peers, 0);
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        assert_string_equal(pairs[i].offerer.why, "the server ends");
        assert_string_equal(pairs[i].answerer.why, "the server ends");
        pair_close(&pairs[i]);
    }
    raw_free(&raw, false);
}

static int begin_all(void **state)
{
    (void)state;
    return pair_begin_all(PEERS_MAX);
}

static int end_all(void **state)
{
    (void)state;
    pair_end_all();
    raw_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_of_all_sizes_come_back, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_taken_can_be_sent_later, begin, end),
        cmocka_unit_test_setup_teardown(an_agreement_to_a_channel_waits_for_room, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_channel_is_closed_for_both, begin, end),
        cmocka_unit_test_setup_teardown(streams_are_used_again, begin, end),
        cmocka_unit_test_setup_teardown(a_17th_channel_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(who_has_no_channel_is_closed, begin, end),
        cmocka_unit_test_teardown(an_offer_that_nobody_answers_ends, end),
        cmocka_unit_test_teardown(nonsense_is_no_answer, end),
        cmocka_unit_test_teardown(its_own_offer_is_no_answer_that_opens, end),
        cmocka_unit_test_teardown(somebody_elses_certificate_is_refused, end),
        cmocka_unit_test(messages_of_a_few_bytes_are_not_worth_it),
        cmocka_unit_test_teardown(checks_go_only_where_a_browser_can_be, end),
        cmocka_unit_test_teardown(a_browser_comes_by_tcp, end),
        cmocka_unit_test(nothing_is_left_of_those_who_went),
        cmocka_unit_test_teardown(offers_by_the_thousand_meet_a_limit, end),
        cmocka_unit_test(without_a_free_port_there_is_no_offer),
        cmocka_unit_test_teardown(a_description_with_a_thousand_candidates_is_read, end),
        cmocka_unit_test_teardown(a_flood_of_channels_ends_the_connection, end),
        cmocka_unit_test_teardown(a_channel_that_is_open_is_not_opened_again, end),
        cmocka_unit_test(nonsense_about_channels_ends_the_connection),
        cmocka_unit_test_teardown(what_belongs_to_no_channel_is_dropped, end),
        cmocka_unit_test_teardown(a_message_larger_than_we_take_comes_in_parts, end),
        cmocka_unit_test_teardown(messages_of_one_byte_do_not_fill_the_memory, end),
        cmocka_unit_test_teardown(who_vanishes_is_missed, end),
        cmocka_unit_test_setup_teardown(who_closes_is_not_waited_for, begin, end),
        cmocka_unit_test(both_may_close_at_once_and_at_any_time),
        cmocka_unit_test_setup_teardown(a_callback_may_close_anybody, begin, end),
        cmocka_unit_test_teardown(all_are_told_when_the_process_ends, end),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
