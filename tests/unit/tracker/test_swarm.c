/* SPDX-License-Identifier: MIT */
#include "swarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct swarm_limits limits = {.peer_timeout_s = 1000,
                                           .socket_timeout_s = 300,
                                           .max_swarms = 100,
                                           .max_peers = 1000,
                                           .max_swarm_peers = 500};

static struct swarms *swarms;
static uint8_t peers4[SWARM_WANT_MAX * PEER4_BYTES], peers6[SWARM_WANT_MAX * PEER6_BYTES];
static struct swarm_answer answer;

static int set_up(void **state)
{
    (void)state;
    swarms = swarms_new(&limits, 99);
    return 0;
}

static int tear_down(void **state)
{
    struct swarms_stats stats;

    (void)state;
    /* Whatever a test did, nothing is left when all has expired. */
    for (unsigned i = 0; i < 4; i++)
        swarms_expire(swarms, 2000000, 1000000);
    swarms_stats(swarms, &stats);
    assert_int_equal(stats.swarms + stats.peers4 + stats.peers6 + stats.sockets + stats.seeders, 0);
    assert_int_equal(stats.swarms_active, 0);
    swarms_free(&swarms);
    return 0;
}

static struct infohash hash_of(unsigned number)
{
    struct infohash hash = {{0}};

    memcpy(hash.bytes, &number, sizeof(number));
    hash.bytes[19] = 0xff;
    return hash;
}

struct told {
    unsigned hash, host, port;
    bool is_ipv6, is_seed;
    enum swarm_event event;
    unsigned want;
    uint32_t now_s;
    const uint8_t *local;
    const char *ip; /* four numbers; default 10.0.x.y by host */
};

static void announce(struct told told)
{
    struct swarm_announce in = {.hash = hash_of(told.hash),
                                .from = {.is_ipv6 = told.is_ipv6, .port = (uint16_t)told.port},
                                .peer_id = (const uint8_t *)"-TR2940-0123456789ab",
                                .event = told.event,
                                .is_seed = told.is_seed,
                                .local = told.local,
                                .want4 = told.want,
                                .want6 = told.want};

    memcpy(in.from.ip, "\x0a\x00", 2);
    in.from.ip[2] = (uint8_t)(told.host >> 8);
    in.from.ip[3] = (uint8_t)told.host;
    if (told.ip != NULL)
        assert_int_equal(sscanf(told.ip, "%hhu.%hhu.%hhu.%hhu", &in.from.ip[0], &in.from.ip[1],
                                &in.from.ip[2], &in.from.ip[3]),
                         4);
    answer = (struct swarm_answer){.peers4 = peers4, .peers6 = peers6};
    swarms_announce(swarms, &in, told.now_s, &answer);
}

static bool has_port(unsigned port)
{
    for (unsigned i = 0; i < answer.count4; i++)
        if (((unsigned)peers4[i * PEER4_BYTES + 4] << 8 | peers4[i * PEER4_BYTES + 5]) == port)
            return true;
    return false;
}

static void assert_counts(unsigned hash, unsigned complete, unsigned incomplete,
                          unsigned downloaded)
{
    struct infohash name = hash_of(hash);
    struct swarm_counts counts;

    swarms_scrape(swarms, &name, &counts);
    assert_int_equal(counts.complete, complete);
    assert_int_equal(counts.incomplete, incomplete);
    assert_int_equal(counts.downloaded, downloaded);
}

static void peers_are_told_of_each_other_but_not_of_themselves(void **state)
{
    (void)state;
    announce((struct told){.port = 1, .want = 50});
    assert_int_equal(answer.count4, 0);
    announce((struct told){.port = 2, .want = 50});
    assert_int_equal(answer.count4, 1);
    assert_true(has_port(1));
    announce((struct told){.port = 1, .want = 50});
    assert_int_equal(answer.count4, 1);
    assert_true(has_port(2));
    announce((struct told){.port = 3, .want = 1});
    assert_int_equal(answer.count4, 1);
    announce((struct told){.port = 3, .want = 0});
    assert_int_equal(answer.count4, 0);
    announce((struct told){.port = 4, .hash = 5, .want = 50});
    assert_int_equal(answer.count4, 0); /* another torrent */
    assert_counts(0, 0, 3, 0);
}

static void seeds_are_told_of_leechers_only(void **state)
{
    (void)state;
    announce((struct told){.port = 1, .is_seed = true});
    announce((struct told){.port = 2, .is_seed = true});
    announce((struct told){.port = 3});
    announce((struct told){.port = 1, .is_seed = true, .want = 50});
    assert_int_equal(answer.count4, 1);
    assert_true(has_port(3));
    announce((struct told){.port = 3, .want = 50});
    assert_int_equal(answer.count4, 2);
    assert_counts(0, 2, 1, 0);
}

static void who_starts_as_a_seed_is_told_of_seeds(void **state)
{
    (void)state;
    announce((struct told){.port = 1, .is_seed = true});
    announce((struct told){.port = 2, .event = SWARM_STARTED, .is_seed = true, .want = 50});
    assert_int_equal(answer.count4, 1);
    assert_true(has_port(1));
}

static void events_move_the_counts(void **state)
{
    (void)state;
    announce((struct told){.port = 1, .event = SWARM_STARTED});
    assert_counts(0, 0, 1, 0);
    announce((struct told){.port = 1, .event = SWARM_COMPLETED, .is_seed = true});
    assert_counts(0, 1, 0, 1);
    announce((struct told){.port = 1, .event = SWARM_COMPLETED, .is_seed = true});
    assert_counts(0, 1, 0, 1); /* not twice */
    announce((struct told){.port = 1, .is_seed = false});
    assert_counts(0, 0, 1, 1); /* it lost something */
    announce((struct told){.port = 1, .event = SWARM_STOPPED, .want = 50});
    assert_counts(0, 0, 0, 1);
    assert_int_equal(answer.count4, 0);
    announce((struct told){.port = 1, .event = SWARM_STOPPED});
    assert_counts(0, 0, 0, 1);
    announce((struct told){.hash = 9, .port = 1, .event = SWARM_STOPPED});
    assert_counts(9, 0, 0, 0);
}

static void families_are_told_apart(void **state)
{
    (void)state;
    announce((struct told){.port = 1});
    announce((struct told){.port = 2, .is_ipv6 = true, .want = 10});
    assert_int_equal(answer.count4, 1);
    assert_int_equal(answer.count6, 0);
    announce((struct told){.port = 3, .is_ipv6 = true, .want = 10});
    assert_int_equal(answer.count4, 1);
    assert_int_equal(answer.count6, 1);
    assert_int_equal(answer.counts.incomplete, 3);
}

/* 127.0.0.1 is of no use elsewhere; the address by which the asker reached us is. */
static void local_peers_have_our_address_elsewhere(void **state)
{
    static const uint8_t local[4] = {192, 0, 2, 1}, loopback[4] = {127, 0, 0, 1};

    (void)state;
    announce((struct told){.port = 1, .ip = "127.0.0.1"});
    announce((struct told){.port = 2, .want = 10, .local = local});
    assert_int_equal(answer.count4, 1);
    assert_memory_equal(peers4, local, sizeof(local));
    assert_true(has_port(1));
    announce((struct told){.port = 2, .want = 10});
    assert_int_equal(answer.count4, 0);
    announce((struct told){.port = 3, .ip = "127.0.0.1", .want = 10, .local = loopback});
    assert_int_equal(answer.count4, 2);
    assert_memory_equal(has_port(1) && peers4[4] == 0 && peers4[5] == 1 ? peers4 : peers4 + 6,
                        loopback, sizeof(loopback)); /* here it is of use */
}

static void silent_peers_are_dropped(void **state)
{
    struct swarms_stats stats;

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        announce((struct told){.hash = i % 20, .port = 1 + i, .now_s = 100, .is_seed = i % 3 == 0});
    for (unsigned i = 0; i < 50; i++)
        announce((struct told){.hash = i % 20, .port = 1 + i, .now_s = 1000});
    /* A few records at a time, as the service does. */
    for (unsigned i = 0; i < 100; i++)
        swarms_expire(swarms, 1200, 7);
    swarms_stats(swarms, &stats);
    assert_int_equal(stats.peers4, 50);
    assert_int_equal(stats.expired_peers, 150);
    assert_int_equal(stats.seeders, 0);
    assert_int_equal(stats.swarms, 20);
    for (unsigned i = 0; i < 100; i++)
        swarms_expire(swarms, 2500, 7);
    swarms_stats(swarms, &stats);
    assert_int_equal(stats.peers4, 0);
    assert_int_equal(stats.swarms, 0);
}

static void torrent_idle_for_longest_makes_room(void **state)
{
    struct swarms_stats stats;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        announce((struct told){.hash = i, .port = 1, .now_s = i});
    announce((struct told){.hash = 0, .port = 1, .now_s = 200}); /* not idle any more */
    announce((struct told){.hash = 1000, .port = 1, .now_s = 201});
    swarms_stats(swarms, &stats);
    assert_int_equal(stats.swarms, 100);
    assert_int_equal(stats.evicted_swarms, 1);
    assert_counts(0, 0, 1, 0);
    assert_counts(1, 0, 0, 0);
    assert_counts(1000, 0, 1, 0);
}

static void peers_are_bounded_in_one_torrent_and_in_all(void **state)
{
    struct swarms_stats stats;

    (void)state;
    for (unsigned i = 0; i < 600; i++)
        announce((struct told){.hash = 1, .host = i, .port = 1 + i, .now_s = i});
    assert_counts(1, 0, 500, 0);
    announce((struct told){.hash = 1, .host = 599, .port = 600, .now_s = 600, .want = 5});
    assert_int_equal(answer.count4, 5); /* the newest stayed */
    for (unsigned i = 0; i < 450; i++)
        announce((struct told){.hash = 2, .host = i, .port = 1 + i, .now_s = 700});
    swarms_stats(swarms, &stats);
    assert_int_equal(stats.peers4, 950);
    for (unsigned i = 0; i < 60; i++)
        announce((struct told){.hash = 3, .host = i, .port = 1 + i, .now_s = 800});
    assert_counts(1, 0, 0, 0); /* idle for longest */
    assert_counts(2, 0, 450, 0);
    assert_counts(3, 0, 60, 0);
}

static struct swarm_socket socket_of(unsigned number)
{
    struct swarm_socket socket = {.connection = number};

    snprintf((char *)socket.peer_id, sizeof(socket.peer_id), "-WW0001-%011u", number);
    return socket;
}

static unsigned join(unsigned number, bool is_seed, enum swarm_event event, unsigned want,
                     struct swarm_socket *others, struct swarm_counts *counts)
{
    struct swarm_socket self = socket_of(number);
    struct infohash hash = hash_of(1);

    return swarms_announce_socket(swarms, &hash, &self, event, is_seed, want, 10, others, counts);
}

static void browsers_are_apart_but_counted_together(void **state)
{
    struct swarm_socket others[8], self;
    struct infohash hash = hash_of(1);
    struct swarm_counts counts;
    uint64_t connection;

    (void)state;
    announce((struct told){.hash = 1, .port = 1, .now_s = 10});
    assert_int_equal(join(1, true, SWARM_STARTED, 5, others, &counts), 0);
    assert_int_equal(join(2, true, SWARM_STARTED, 5, others, &counts), 0); /* a seed for a seed */
    assert_int_equal(join(3, false, SWARM_STARTED, 5, others, &counts), 2);
    assert_int_equal(counts.complete, 2);
    assert_int_equal(counts.incomplete, 2);
    assert_int_equal(join(3, false, SWARM_NONE, 1, others, &counts), 1);
    announce((struct told){.hash = 1, .port = 1, .want = 50, .now_s = 10});
    assert_int_equal(answer.count4, 0);
    self = socket_of(2);
    assert_true(swarms_find_socket(swarms, &hash, self.peer_id, &connection));
    assert_int_equal(connection, 2);
    assert_int_equal(join(3, true, SWARM_COMPLETED, 0, others, &counts), 0);
    assert_counts(1, 3, 1, 1);
    assert_int_equal(join(3, true, SWARM_STOPPED, 5, others, &counts), 0);
    assert_counts(1, 2, 1, 1);
}

/* Who asks is in no swarm, and none is made for it. */
static void somebody_outside_is_told_of_browsers(void **state)
{
    struct swarm_socket others[SWARM_WANT_MAX];
    struct infohash hash = hash_of(1);
    struct swarm_counts counts;

    (void)state;
    assert_int_equal(swarms_choose_sockets(swarms, &hash, false, 9, others), 0);
    assert_counts(1, 0, 0, 0);
    announce((struct told){.hash = 1, .port = 1, .now_s = 10});
    for (unsigned i = 0; i < 300; i++)
        join(i, i == 7, SWARM_STARTED, 0, others, &counts);
    assert_int_equal(swarms_choose_sockets(swarms, &hash, false, 9, others), 9);
    assert_int_equal(swarms_choose_sockets(swarms, &hash, false, 1000, others), SWARM_WANT_MAX);
    for (unsigned i = 1; i < 300; i++)
        if (i != 7)
            join(i, false, SWARM_STOPPED, 0, others, &counts);
    assert_int_equal(swarms_choose_sockets(swarms, &hash, false, 9, others), 2);
    assert_int_equal(swarms_choose_sockets(swarms, &hash, true, 9, others), 1);
    assert_int_equal(others[0].connection, 0);
    assert_memory_equal(others[0].peer_id, socket_of(0).peer_id, PEER_ID_BYTES);
    assert_counts(1, 1, 2, 0);
}

/* A page that reloads is back before its old connection is seen to be closed. */
static void late_close_of_an_old_connection_changes_nothing(void **state)
{
    struct swarm_socket self = socket_of(7), again = self, others[1];
    struct infohash hash = hash_of(1);
    struct swarm_counts counts;
    uint64_t connection;

    (void)state;
    again.connection = 8;
    swarms_announce_socket(swarms, &hash, &self, SWARM_STARTED, false, 0, 10, others, &counts);
    swarms_announce_socket(swarms, &hash, &again, SWARM_STARTED, false, 0, 10, others, &counts);
    swarms_leave_socket(swarms, &hash, &self);
    assert_true(swarms_find_socket(swarms, &hash, self.peer_id, &connection));
    assert_int_equal(connection, 8);
    swarms_leave_socket(swarms, &hash, &again);
    assert_false(swarms_find_socket(swarms, &hash, self.peer_id, &connection));
}

static bool is_even(void *arg, const struct infohash *hash)
{
    (void)arg;
    return hash->bytes[0] % 2 == 0;
}

static void torrents_not_allowed_any_more_are_dropped(void **state)
{
    struct swarm_row rows[4];

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        for (unsigned p = 0; p <= i; p++)
            announce((struct told){.hash = i, .port = 1 + p, .now_s = 10});
    swarms_filter(swarms, is_even, NULL);
    assert_counts(3, 0, 0, 0);
    assert_int_equal(swarms_list(swarms, rows, 4, 20), 3);
    assert_int_equal(rows[0].counts.incomplete, 5); /* the largest first */
    assert_int_equal(rows[2].counts.incomplete, 1);
    assert_int_equal(rows[0].idle_s, 10);
    assert_int_equal(swarms_list(swarms, rows, 1, 20), 1);
    assert_int_equal(rows[0].counts.incomplete, 5);
}

static void clients_are_counted(void **state)
{
    struct swarm_client clients[4];

    (void)state;
    announce((struct told){.port = 1});
    announce((struct told){.port = 2});
    assert_int_equal(swarms_clients(swarms, clients, 4), 1);
    assert_string_equal(clients[0].name, "-TR2940-");
    assert_int_equal(clients[0].peers, 2);
    announce((struct told){.port = 2, .event = SWARM_STOPPED});
    announce((struct told){.port = 1, .event = SWARM_STOPPED});
    assert_int_equal(swarms_clients(swarms, clients, 4), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(peers_are_told_of_each_other_but_not_of_themselves),
        TEST(seeds_are_told_of_leechers_only),
        TEST(who_starts_as_a_seed_is_told_of_seeds),
        TEST(events_move_the_counts),
        TEST(families_are_told_apart),
        TEST(local_peers_have_our_address_elsewhere),
        TEST(silent_peers_are_dropped),
        TEST(torrent_idle_for_longest_makes_room),
        TEST(peers_are_bounded_in_one_torrent_and_in_all),
        TEST(browsers_are_apart_but_counted_together),
        TEST(somebody_outside_is_told_of_browsers),
        TEST(late_close_of_an_old_connection_changes_nothing),
        TEST(torrents_not_allowed_any_more_are_dropped),
        TEST(clients_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
