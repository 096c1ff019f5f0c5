/* SPDX-License-Identifier: MIT
 *
 * Links between browsers that are played here and a TCP server in place of torrent-svc; what they
 * tell each other goes by `via`, which is played, too.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include <cmocka.h>

#include "pair.h"
#include "rtc.h"
#include "wire/bridge_address.h"
#include "wire/tracker_ws_client.h"

enum { PEERS_MAX = 100, PER_SWARM = 20, PER_ADDRESS = 4, NONSENSE = 20000 };

static struct rtc rtc;
static struct torrent torrent;
static struct text told; /* what we said last */
static uint8_t told_offer_id[PEER_ID_BYTES];
static int listener;
static struct end browser; /* its end of the connection */

static void tell(struct via *via, const struct link *link, struct bytes sdp)
{
    assert_ptr_equal(via, link->via);
    text_clear(&told);
    wsc_session_write(&told, link->is_offer ? "offer" : "answer", sdp);
    memcpy(told_offer_id, link->offer_id, sizeof(told_offer_id));
}

static struct via via = {.name = "test", .tell = tell};

static void turn(void)
{
    pair_turn();
    bridges_dispatch(rtc.bridges);
}

#define until(cond)                                                                                \
    for (uint64_t give_up_ms = clock_ms() + PAIR_WAIT_MS; !(cond); turn())                         \
    assert_true(clock_ms() < give_up_ms)

static unsigned count_links(void)
{
    struct link *link;
    unsigned count;

    DL_COUNT(torrent.links, link, count);
    assert_int_equal(HASH_COUNT(rtc.links), count); /* NOLINT */
    return count;
}

static void id_of(unsigned number, uint8_t id[PEER_ID_BYTES])
{
    memset(id, 0xff, PEER_ID_BYTES);
    memcpy(id, &number, sizeof(number));
}

static void ip_of(unsigned number, uint8_t ip[16])
{
    memset(ip, 0, 16);
    ip[10] = ip[11] = 0xff;
    memcpy(ip + 12, &number, sizeof(number));
}

/* ---- browsers */

static void make_offer(struct end *end)
{
    struct error error;

    *end = (struct end){0};
    assert_int_equal(peer_offer(pair_peers, "test", &pair_events, end, &end->peer, &error),
                     ERR_NONE);
    until(end->sdp.len > 0);
}

static void send_offer(const struct end *end, unsigned peer, unsigned offer, unsigned address)
{
    uint8_t peer_id[PEER_ID_BYTES], offer_id[PEER_ID_BYTES], ip[16];
    struct text session = {0};

    id_of(peer, peer_id);
    id_of(offer, offer_id);
    ip_of(address, ip);
    wsc_session_write(&session, "offer", bytes_of(end->sdp.data, end->sdp.len));
    text_clear(&told);
    link_take_offer(&rtc, &torrent, &via, peer_id, offer_id, ip,
                    bytes_of(session.data, session.len));
    text_fini(&session);
}

/* The browser reads our answer. */
static void read_answer(struct end *end)
{
    struct text sdp = {0};
    struct error error;

    until(told.len > 0);
    assert_true(wsc_session_parse(bytes_of(told.data, told.len), "answer", &sdp));
    assert_int_equal(peer_accept(end->peer, bytes_of(sdp.data, sdp.len), &error), ERR_NONE);
    text_fini(&sdp);
}

static void come(struct end *end, unsigned peer, unsigned offer, unsigned address)
{
    make_offer(end);
    send_offer(end, peer, offer, address);
    read_answer(end);
    until(end->channel != NULL || end->why != NULL);
}

/* The browser answers our offer; the answer is in its `sdp`. */
static void make_answer(struct end *end)
{
    struct text sdp = {0};
    struct error error;

    *end = (struct end){0};
    until(told.len > 0);
    assert_true(wsc_session_parse(bytes_of(told.data, told.len), "offer", &sdp));
    assert_int_equal(
        peer_answer(pair_peers, bytes_of(sdp.data, sdp.len), &pair_events, end, &end->peer, &error),
        ERR_NONE);
    text_fini(&sdp);
    until(end->sdp.len > 0);
}

static void send_answer(const struct end *end, unsigned peer)
{
    uint8_t peer_id[PEER_ID_BYTES];
    struct text session = {0};

    id_of(peer, peer_id);
    wsc_session_write(&session, "answer", bytes_of(end->sdp.data, end->sdp.len));
    link_take_answer(&rtc, &torrent, peer_id, told_offer_id, bytes_of(session.data, session.len));
    text_fini(&session);
}

static void leave(struct end *end)
{
    if (end->peer != NULL)
        peer_close(end->peer, "it leaves");
    until(end->peer == NULL);
    text_fini(&end->sdp);
}

static int accept_one(uint32_t *source_out)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd = -1;

    until((fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK)) >= 0);
    *source_out = ntohl(from.sin_addr.s_addr);
    return fd;
}

static bool is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}

/* ---- tests */

static int begin(void **state)
{
    const struct browser_limits limits = {.per_swarm = PER_SWARM, .per_address = PER_ADDRESS};
    struct sockaddr_in *to = (struct sockaddr_in *)&rtc.bittorrent;
    socklen_t len = sizeof(*to);

    (void)state;
    rtc = (struct rtc){.peers = pair_peers,
                       .bridges = bridges_new(),
                       .browsers = browsers_new(&limits),
                       .bittorrent_len = sizeof(*to),
                       .comes_by_loopback = true};
    torrent = (struct torrent){0};
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)to, len), 0);
    assert_int_equal(listen(listener, 32), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)to, &len), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    link_close_all(&torrent, "test over");
    until(count_links() == 0);
    leave(&browser);
    assert_int_equal(rtc.metrics.bridges, 0);
    bridges_free(&rtc.bridges);
    browsers_free(&rtc.browsers);
    text_fini(&told);
    close(listener);
    return 0;
}

static void a_browser_becomes_a_peer_and_goes(void **state)
{
    uint32_t source;
    char data[5];
    int fd;

    (void)state;
    come(&browser, 1, 1, 1);
    fd = accept_one(&source);
    assert_true(bridge_address_is(source));
    assert_int_equal(rtc.metrics.bridges, 1);
    assert_true(channel_send(browser.channel, bytes_of("hello", 5), false));
    until(recv(fd, data, sizeof(data), 0) == 5);
    assert_memory_equal(data, "hello", 5);
    leave(&browser);
    until(is_closed(fd));
    until(count_links() == 0);
    close(fd);
}

static void torrent_svc_ends_it_as_well(void **state)
{
    uint32_t source;

    (void)state;
    come(&browser, 1, 1, 1);
    close(accept_one(&source));
    until(browser.why != NULL);
    until(count_links() == 0);
}

static void each_has_an_address_of_its_own(void **state)
{
    struct end ends[3];
    uint32_t sources[3];
    int fds[3];

    (void)state;
    rtc.next_source = 0xfe; /* those that end in 0 look like nets */
    for (unsigned i = 0; i < 3; i++) {
        come(&ends[i], i, i, i);
        fds[i] = accept_one(&sources[i]);
        assert_int_not_equal(sources[i] & 0xff, 0);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(sources[i], sources[j]);
    }
    /* All around: those that are taken are left out. */
    rtc.next_source = (1u << BRIDGE_BITS) + 0xfe;
    come(&browser, 9, 9, 9);
    close(accept_one(&sources[0]));
    assert_true(sources[0] != sources[1] && sources[0] != sources[2]);
    for (unsigned i = 0; i < 3; i++) {
        leave(&ends[i]);
        close(fds[i]);
    }
}

/* Its first offer got lost, or it is a page that was loaded anew. */
static void a_new_offer_takes_the_place_of_one_under_way(void **state)
{
    struct end first;
    uint32_t source;

    (void)state;
    make_offer(&first);
    send_offer(&first, 1, 1, 1);
    make_offer(&browser);
    send_offer(&browser, 1, 2, 1);
    assert_int_equal(count_links(), 2); /* one is on its way out */
    read_answer(&browser);
    until(browser.channel != NULL);
    assert_int_equal(count_links(), 1);
    close(accept_one(&source));
    leave(&first);
}

static void who_is_connected_is_not_connected_twice(void **state)
{
    struct end again;
    uint32_t source;
    int fd;

    (void)state;
    come(&browser, 1, 1, 1);
    fd = accept_one(&source);
    make_offer(&again);
    send_offer(&again, 1, 2, 1);
    assert_int_equal(rtc.metrics.offers_refused_total, 1);
    send_offer(&again, 2, 1, 1); /* an id that is in use */
    assert_int_equal(rtc.metrics.offers_refused_total, 2);
    assert_int_equal(count_links(), 1);
    leave(&again);
    close(fd);
}

static void an_offer_of_ours_is_answered_once(void **state)
{
    uint8_t peer_id[PEER_ID_BYTES];
    uint32_t source;
    int fd;

    (void)state;
    id_of(1, peer_id);
    assert_non_null(link_offer(&rtc, &torrent, &via, peer_id));
    make_answer(&browser);
    send_answer(&browser, 2); /* somebody else */
    assert_int_equal(rtc.metrics.signals_lost_total, 1);
    send_answer(&browser, 1);
    send_answer(&browser, 1);
    assert_int_equal(rtc.metrics.signals_lost_total, 2);
    until(browser.channel != NULL);
    fd = accept_one(&source);
    send_answer(&browser, 1);
    assert_int_equal(rtc.metrics.signals_lost_total, 3);
    assert_true(channel_send(browser.channel, bytes_of("x", 1), false));
    until(recv(fd, peer_id, 1, 0) == 1);
    assert_null(browser.why);
    close(fd);
}

static uint8_t heard[128];

static void keep_heard(struct end *end, struct bytes part, bool is_text, bool is_end)
{
    (void)is_text;
    (void)is_end;
    assert_true(end->received <= sizeof(heard));
    memcpy(heard + end->received - part.len, part.data, part.len);
}

/* Else two servers would wait for each other. */
static void whoever_offered_shakes_hands_first(void **state)
{
    uint8_t peer_id[PEER_ID_BYTES];
    uint32_t source;

    (void)state;
    id_of(1, peer_id);
    assert_non_null(link_offer(&rtc, &torrent, &via, peer_id));
    make_answer(&browser);
    browser.on_received = keep_heard;
    send_answer(&browser, 1);
    until(browser.channel != NULL);
    int fd = accept_one(&source);
    until(browser.received == 68);
    assert_int_equal(heard[0], 19);
    assert_memory_equal(heard + 28, torrent.hash.bytes, 20);
    assert_memory_equal(heard + 48, rtc.peer_id, 20);
    /* What torrent-svc says in its place is not heard twice. */
    assert_int_equal(send(fd, heard, 68, 0), 68);
    assert_int_equal(send(fd, "more", 4, 0), 4);
    until(browser.received == 72);
    assert_memory_equal(heard + 68, "more", 4);
    close(fd);
}

/* Both offered; ours is over, and its answer comes all the same. */
static void a_late_answer_does_not_end_the_other_way(void **state)
{
    uint8_t peer_id[PEER_ID_BYTES];
    struct end answerer;
    uint32_t source;

    (void)state;
    id_of(1, peer_id);
    assert_non_null(link_offer(&rtc, &torrent, &via, peer_id));
    make_answer(&answerer);
    make_offer(&browser);
    {
        uint8_t ours[PEER_ID_BYTES];

        memcpy(ours, told_offer_id, sizeof(ours));
        send_offer(&browser, 1, 7, 1);
        memcpy(told_offer_id, ours, sizeof(ours));
        send_answer(&answerer, 1); /* before the end of the round */
    }
    assert_int_equal(rtc.metrics.signals_lost_total, 1);
    read_answer(&browser);
    until(browser.channel != NULL);
    close(accept_one(&source));
    leave(&answerer);
}

static void an_offer_to_anybody_is_taken_by_one(void **state)
{
    uint32_t source;

    (void)state;
    assert_non_null(link_offer(&rtc, &torrent, &via, NULL));
    make_answer(&browser);
    send_answer(&browser, 1);
    send_answer(&browser, 2);
    assert_int_equal(rtc.metrics.signals_lost_total, 1);
    until(browser.channel != NULL);
    close(accept_one(&source));
}

static void one_channel_is_enough(void **state)
{
    uint32_t source;
    int fd;

    (void)state;
    come(&browser, 1, 1, 1);
    fd = accept_one(&source);
    for (unsigned i = 0; i < 40; i++) {
        until(channel_open(browser.peer, "more") != NULL);
        until(browser.channels_closed == i + 1);
    }
    assert_int_equal(count_links(), 1);
    assert_int_equal(rtc.metrics.bridges, 1);
    close(fd);
}

static void without_torrent_svc_browsers_are_sent_away(void **state)
{
    (void)state;
    rtc.bittorrent_len = 0;
    come(&browser, 1, 1, 1);
    until(browser.why != NULL);
    assert_int_equal(rtc.metrics.bridges_failed_total, 1);
    leave(&browser);
    rtc.bittorrent_len = sizeof(struct sockaddr_in);
    close(listener); /* and when nobody listens */
    come(&browser, 2, 2, 1);
    until(browser.why != NULL);
    until(count_links() == 0);
}

static void an_address_has_its_limit(void **state)
{
    (void)state;
    make_offer(&browser);
    for (unsigned i = 0; i < 2 * PER_ADDRESS; i++)
        send_offer(&browser, i, i, 1);
    assert_int_equal(count_links(), PER_ADDRESS);
    for (unsigned i = 100; i < 100 + 2 * PER_SWARM; i++)
        send_offer(&browser, i, i, i);
    assert_int_equal(count_links(), PER_SWARM);
    assert_int_equal(rtc.metrics.offers_refused_total, PER_ADDRESS + PER_SWARM + PER_ADDRESS);
}

static void nonsense_by_the_thousand_leaves_nothing_behind(void **state)
{
    static const char *const nonsense[] = {"", "{}", "{\"type\":\"offer\",\"sdp\":\"v=0\"}",
                                           "{\"type\":\"answer\",\"sdp\":\"\"}", "[[[[[["};
    uint8_t peer_id[PEER_ID_BYTES], offer_id[PEER_ID_BYTES], ip[16];
    uint32_t source;
    size_t memory = 0;

    (void)state;
    for (unsigned i = 0; i < NONSENSE; i++) {
        id_of(i, peer_id);
        id_of(i, offer_id);
        ip_of(i, ip);
        link_take_offer(&rtc, &torrent, &via, peer_id, offer_id, ip,
                        bytes_of_text(nonsense[i % COUNT_OF(nonsense)]));
        if (i == NONSENSE / 2 + 1000)
            memory = pair_memory(); /* as many are known as can be */
    }
    assert_int_equal(count_links(), 0);
    assert_int_equal(rtc.metrics.offers_refused_total, NONSENSE);
    assert_true(pair_memory() < memory + (256 << 10));
    /* Who makes sense is welcome. */
    come(&browser, NONSENSE, NONSENSE, NONSENSE);
    close(accept_one(&source));
}

static void nobody_is_taken_in_any_more_at_the_end(void **state)
{
    (void)state;
    make_offer(&browser);
    rtc.is_ending = true;
    send_offer(&browser, 1, 1, 1);
    assert_int_equal(count_links(), 0);
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
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_browser_becomes_a_peer_and_goes, begin, end),
        cmocka_unit_test_setup_teardown(torrent_svc_ends_it_as_well, begin, end),
        cmocka_unit_test_setup_teardown(each_has_an_address_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(a_new_offer_takes_the_place_of_one_under_way, begin, end),
        cmocka_unit_test_setup_teardown(who_is_connected_is_not_connected_twice, begin, end),
        cmocka_unit_test_setup_teardown(an_offer_of_ours_is_answered_once, begin, end),
        cmocka_unit_test_setup_teardown(whoever_offered_shakes_hands_first, begin, end),
        cmocka_unit_test_setup_teardown(a_late_answer_does_not_end_the_other_way, begin, end),
        cmocka_unit_test_setup_teardown(an_offer_to_anybody_is_taken_by_one, begin, end),
        cmocka_unit_test_setup_teardown(one_channel_is_enough, begin, end),
        cmocka_unit_test_setup_teardown(without_torrent_svc_browsers_are_sent_away, begin, end),
        cmocka_unit_test_setup_teardown(an_address_has_its_limit, begin, end),
        cmocka_unit_test_setup_teardown(nonsense_by_the_thousand_leaves_nothing_behind, begin, end),
        cmocka_unit_test_setup_teardown(nobody_is_taken_in_any_more_at_the_end, begin, end),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
