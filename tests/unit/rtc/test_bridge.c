/* SPDX-License-Identifier: MIT
 *
 * A bridge between a real connection over loopback and a TCP server that is played here.
 */
#include "bridge.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pair.h"

enum {
    SOURCE = 0x7f400102, /* 127.64.1.2 */
    CHUNK = 60000,
    TOTAL = 20 << 20,
    LOADED_BYTES = 24 << 20, /* what all of a stuck transfer may hold */
};

static struct bridges *bridges;
static struct bridge *bridge;
static struct pair pair;
static int listener, server = -1; /* of the TCP server */
static struct sockaddr_in address;
static const char *why;    /* the bridge is closed */
static uint64_t up, down;  /* bytes the browser, and the server, have sent */
static uint64_t up_read;   /* by the server */
static uint64_t down_read; /* by the browser */

static uint8_t byte_of(uint64_t at)
{
    return (uint8_t)(at * 167 + (at >> 9));
}

static void fill(uint8_t *data, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++)
        data[i] = byte_of(at + i);
}

static void check(struct bytes data, uint64_t at)
{
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] != byte_of(at + i))
            fail_msg("differs at %llu", (unsigned long long)(at + i));
}

/* ---- the browser: the offerer; ours is the answerer */

static void on_browser_received(struct end *end, struct bytes part, bool is_text, bool is_end)
{
    (void)end;
    (void)is_end;
    assert_false(is_text);
    check(part, down_read);
    down_read += part.len;
}

static void on_ours_received(struct end *end, struct bytes part, bool is_text, bool is_end)
{
    (void)end;
    (void)is_text;
    (void)is_end;
    if (bridge != NULL)
        bridge_received(bridge, part);
}

static void on_ours_writable(struct end *end)
{
    (void)end;
    if (bridge != NULL)
        bridge_writable(bridge);
}

/* As much as is taken now. */
static void browser_sends(uint64_t total)
{
    static uint8_t data[CHUNK];

    while (up < total && pair.offerer.channel != NULL) {
        size_t len = MIN(sizeof(data), total - up);

        fill(data, len, up);
        if (!channel_send(pair.offerer.channel, bytes_of(data, len), false))
            return;
        up += len;
    }
}

/* ---- the server */

static void server_sends(uint64_t total)
{
    static uint8_t data[CHUNK];

    while (down < total) {
        size_t len = MIN(sizeof(data), total - down);
        ssize_t sent;

        fill(data, len, down);
        sent = send(server, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return;
        down += (uint64_t)sent;
    }
}

static void server_reads(size_t at_most)
{
    static uint8_t data[CHUNK];

    while (at_most > 0) {
        ssize_t len = recv(server, data, MIN(sizeof(data), at_most), MSG_DONTWAIT);

        if (len <= 0)
            return;
        check(bytes_of(data, (size_t)len), up_read);
        up_read += (uint64_t)len;
        at_most -= (size_t)len;
    }
}

/* ---- all together */

static void turn(void)
{
    loop_turn(false);
    bridges_dispatch(bridges);
    peers_turn(pair_peers);
}

#define until_by(cond, doing)                                                                      \
    for (uint64_t give_up_ms = clock_ms() + PAIR_WAIT_MS; !(cond); (doing), turn())                \
    assert_true(clock_ms() < give_up_ms)
#define until(cond) until_by(cond, (void)0)

static void on_closed(void *arg, const char *reason)
{
    (void)arg;
    assert_null(why);
    why = reason;
}

static const struct bridge_events events = {.on_closed = on_closed};

static void open_bridge(uint32_t source)
{
    struct error error;

    pair_offer(&pair);
    pair_answer(&pair);
    pair_until(pair_is_open(&pair));
    pair.offerer.on_received = on_browser_received;
    pair.answerer.on_received = on_ours_received;
    pair.answerer.on_writable = on_ours_writable;
    bridge = bridge_new(bridges, pair.answerer.channel, (struct sockaddr *)&address,
                        sizeof(address), source, &events, NULL, &error);
    assert_non_null(bridge);
}

static void accept_bridge(struct sockaddr_in *from)
{
    socklen_t len = sizeof(*from);

    until((server = accept4(listener, (struct sockaddr *)from, &len, SOCK_NONBLOCK)) >= 0);
}

static int listen_anew(void **state)
{
    socklen_t len = sizeof(address);

    (void)state;
    why = NULL;
    up = down = up_read = down_read = 0;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    return 0;
}

static int begin(void **state)
{
    struct sockaddr_in from;

    listen_anew(state);
    open_bridge(SOURCE);
    accept_bridge(&from);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bridge_free(&bridge);
    pair_close(&pair);
    close(listener);
    if (server >= 0)
        close(server);
    server = -1;
    return 0;
}

static void the_source_is_the_one_asked_for(void **state)
{
    struct sockaddr_in from;

    (void)state;
    open_bridge(SOURCE);
    accept_bridge(&from);
    assert_int_equal(ntohl(from.sin_addr.s_addr), SOURCE);
}

static void without_a_source_it_is_any(void **state)
{
    struct sockaddr_in from;

    (void)state;
    open_bridge(0);
    accept_bridge(&from);
    assert_int_equal(ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK);
}

static void both_ways_are_exact(void **state)
{
    (void)state;
    while (up_read < TOTAL || down_read < TOTAL) {
        browser_sends(TOTAL);
        server_sends(TOTAL);
        server_reads(SIZE_MAX);
        turn();
    }
    assert_null(why);
}

/* The browser has the first bytes before torrent-svc says them, and each once. */
static void what_is_said_first_is_not_said_again(void **state)
{
    enum { FIRST = 68 };
    uint8_t words[FIRST];

    (void)state;
    fill(words, sizeof(words), 0);
    bridge_say_first(bridge, bytes_of(words, sizeof(words)));
    until(down_read == FIRST);
    for (unsigned i = 1; i <= FIRST + 1; i++) /* one by one, across the border */
        until_by(down == i, server_sends(i));
    until(down_read == FIRST + 1);
    until_by(down_read == TOTAL, server_sends(TOTAL));
    assert_null(why);
}

/* What was sent before TCP was connected, too. */
static void what_comes_before_the_connection_waits(void **state)
{
    struct sockaddr_in from;

    (void)state;
    open_bridge(SOURCE);
    browser_sends(100000);
    accept_bridge(&from);
    until_by(up_read == 100000, server_reads(SIZE_MAX));
}

static void a_slow_server_holds_the_browser_back(void **state)
{
    size_t before = pair_memory(), most = 0;
    uint64_t stuck = 0;

    (void)state;
    /* Nothing is read, until nothing more is sent. */
    for (unsigned same = 0; same < 300; same++, turn()) {
        browser_sends(10 * TOTAL);
        same = up == stuck ? same : 0;
        stuck = up;
        most = MAX(most, pair_memory_since(before));
    }
    printf("%llu bytes were sent and not read, %zu were held\n", (unsigned long long)up, most);
    assert_true(up < LOADED_BYTES);
    assert_true(most < LOADED_BYTES);
    assert_null(why);
    until_by(up_read == TOTAL + stuck, (browser_sends(TOTAL + stuck), server_reads(SIZE_MAX)));
    assert_null(why);
}

/* The socket of the bridge. */
static int find_socket(void)
{
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in to;
        socklen_t len = sizeof(to);

        if (getpeername(fd, (struct sockaddr *)&to, &len) == 0 && to.sin_family == AF_INET &&
            to.sin_port == address.sin_port && to.sin_addr.s_addr == address.sin_addr.s_addr)
            return fd;
    }
    fail_msg("no socket");
    return -1;
}

/* Within its limits torrent-svc may not read for long, and nobody is gone. */
static void once_connected_it_may_be_slow_for_as_long_as_it_likes(void **state)
{
    int fd = find_socket(), ms = -1;
    socklen_t len = sizeof(ms);

    (void)state;
    browser_sends(1000);
    until_by(up_read == 1000, server_reads(SIZE_MAX));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    assert_int_equal(ms, 0);
}

static void a_slow_browser_holds_the_server_back(void **state)
{
    size_t before = pair_memory(), most = 0;
    uint64_t stuck = 0;

    (void)state;
    peer_pause(pair.offerer.peer, true);
    for (unsigned same = 0; same < 300; same++, turn()) {
        server_sends(10 * TOTAL);
        same = down == stuck ? same : 0;
        stuck = down;
        most = MAX(most, pair_memory_since(before));
    }
    printf("%llu bytes were sent and not read, %zu were held\n", (unsigned long long)down, most);
    assert_true(most < LOADED_BYTES);
    for (unsigned i = 0; down_read < TOTAL + stuck; i++) {
        peer_pause(pair.offerer.peer, i % 50 != 0);
        server_sends(TOTAL + stuck);
        turn();
    }
    peer_pause(pair.offerer.peer, false);
    assert_null(why);
}

static void its_end_is_told_after_what_came_before(void **state)
{
    (void)state;
    server_sends(300000);
    while (down < 300000) {
        turn();
        server_sends(300000);
    }
    close(server);
    server = -1;
    until(why != NULL);
    assert_string_equal(why, "torrent-svc closed it");
    until(down_read == 300000);
}

static void a_reset_is_told(void **state)
{
    const struct linger now = {.l_onoff = 1};

    (void)state;
    browser_sends(1000);
    until_by(up_read == 1000, server_reads(SIZE_MAX));
    setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(server);
    server = -1;
    until(why != NULL);
    /* What still comes from the browser does no harm. */
    browser_sends(TOTAL);
    for (int i = 0; i < 100; i++)
        turn();
}

static void a_reset_while_much_waits_is_told(void **state)
{
    const struct linger now = {.l_onoff = 1};

    (void)state;
    peer_pause(pair.offerer.peer, true);
    for (int i = 0; i < 500; i++) {
        server_sends(TOTAL);
        browser_sends(TOTAL);
        turn();
    }
    setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(server);
    server = -1;
    until(why != NULL);
}

static void who_is_not_there_is_told(void **state)
{
    (void)state;
    close(listener);
    open_bridge(SOURCE);
    browser_sends(1000);
    until(why != NULL);
    assert_string_equal(why, "torrent-svc does not answer");
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* for end() */
}

static void the_server_sees_when_it_is_freed(void **state)
{
    char byte;
    ssize_t len = -1;

    (void)state;
    browser_sends(5000);
    until_by(up_read == 5000, server_reads(SIZE_MAX));
    bridge_free(&bridge);
    until((len = recv(server, &byte, 1, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
    assert_true(len <= 0);
    assert_null(why);
}

static int begin_all(void **state)
{
    (void)state;
    bridges = bridges_new();
    return pair_begin_all(100);
}

static int end_all(void **state)
{
    (void)state;
    pair_end_all();
    bridges_free(&bridges);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_source_is_the_one_asked_for, listen_anew, end),
        cmocka_unit_test_setup_teardown(without_a_source_it_is_any, listen_anew, end),
        cmocka_unit_test_setup_teardown(both_ways_are_exact, begin, end),
        cmocka_unit_test_setup_teardown(what_is_said_first_is_not_said_again, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_before_the_connection_waits, listen_anew, end),
        cmocka_unit_test_setup_teardown(a_slow_server_holds_the_browser_back, begin, end),
        cmocka_unit_test_setup_teardown(once_connected_it_may_be_slow_for_as_long_as_it_likes,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_slow_browser_holds_the_server_back, begin, end),
        cmocka_unit_test_setup_teardown(its_end_is_told_after_what_came_before, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_while_much_waits_is_told, begin, end),
        cmocka_unit_test_setup_teardown(who_is_not_there_is_told, listen_anew, end),
        cmocka_unit_test_setup_teardown(the_server_sees_when_it_is_freed, begin, end),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
