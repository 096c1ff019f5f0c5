/* SPDX-License-Identifier: MIT */
#include "server_peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static struct server_peers *peers;
static uint8_t chosen[SERVER_PEERS_OF_SWARM_MAX][PEER_ID_BYTES];

static int set_up(void **state)
{
    (void)state;
    peers = server_peers_new(7);
    return 0;
}

/* Whatever a test did, nothing is left when all leases are over. */
static int tear_down(void **state)
{
    (void)state;
    server_peers_expire(peers, UINT32_MAX);
    assert_int_equal(server_peers_count(peers), 0);
    server_peers_free(&peers);
    assert_null(peers);
    return 0;
}

static const struct infohash *hash_of(unsigned number)
{
    static struct infohash hash;

    memset(&hash, 0, sizeof(hash));
    memcpy(hash.bytes, &number, sizeof(number));
    return &hash;
}

static const uint8_t *id_of(unsigned number)
{
    static char id[PEER_ID_BYTES + 1];

    snprintf(id, sizeof(id), "-SS0001-%012u", number);
    return (const uint8_t *)id;
}

static enum err renew(unsigned swarm, unsigned id, uint64_t now_ms)
{
    return server_peers_renew(peers, hash_of(swarm), id_of(id), false, now_ms);
}

static bool is_there(unsigned swarm, unsigned id, uint64_t now_ms)
{
    return server_peers_has(peers, hash_of(swarm), id_of(id), now_ms);
}

static void each_swarm_has_its_own(void **state)
{
    (void)state;
    assert_int_equal(renew(1, 1, 0), ERR_NONE);
    assert_int_equal(renew(1, 2, 0), ERR_NONE);
    assert_int_equal(renew(2, 1, 0), ERR_NONE);
    assert_int_equal(renew(1, 1, 5), ERR_NONE); /* once more is the same one */
    assert_int_equal(server_peers_count(peers), 3);
    assert_int_equal(server_peers_count_in(peers, hash_of(1), 5), 2);
    assert_int_equal(server_peers_count_in(peers, hash_of(3), 5), 0);
    assert_true(is_there(1, 2, 5));
    assert_false(is_there(2, 2, 5));
    assert_int_equal(server_peers_choose(peers, hash_of(3), false, 9, 5, chosen), 0);
    assert_int_equal(server_peers_choose(peers, hash_of(2), false, 9, 5, chosen), 1);
    assert_memory_equal(chosen[0], id_of(1), PEER_ID_BYTES);
}

static void who_leaves_is_gone_at_once(void **state)
{
    (void)state;
    renew(1, 1, 0);
    renew(1, 2, 0);
    server_peers_leave(peers, hash_of(1), id_of(3), 0);
    server_peers_leave(peers, hash_of(2), id_of(1), 0);
    assert_int_equal(server_peers_count(peers), 2);
    server_peers_leave(peers, hash_of(1), id_of(1), 0);
    assert_false(is_there(1, 1, 0));
    assert_true(is_there(1, 2, 0));
    server_peers_leave(peers, hash_of(1), id_of(2), 0);
    assert_int_equal(server_peers_count(peers), 0);
}

static void a_lease_ends_to_the_millisecond(void **state)
{
    const uint64_t end_ms = 1000 + SERVER_PEER_LEASE_MS;

    (void)state;
    renew(1, 1, 1000);
    server_peers_expire(peers, end_ms - 1);
    assert_true(is_there(1, 1, end_ms - 1));
    assert_int_equal(server_peers_count(peers), 1);
    server_peers_expire(peers, end_ms);
    assert_int_equal(server_peers_count(peers), 0);
}

/* Also before anybody has called server_peers_expire(), and beside one that is not silent. */
static void the_silent_are_found_by_nobody(void **state)
{
    const uint64_t end_ms = SERVER_PEER_LEASE_MS;

    (void)state;
    renew(1, 1, 0);
    renew(1, 2, 0);
    renew(1, 2, 1);
    server_peers_expire(peers, end_ms);
    assert_false(is_there(1, 1, end_ms));
    assert_int_equal(server_peers_choose(peers, hash_of(1), false, 9, end_ms, chosen), 1);
    assert_memory_equal(chosen[0], id_of(2), PEER_ID_BYTES);
    assert_int_equal(server_peers_count_in(peers, hash_of(1), end_ms + 1), 0);
    assert_int_equal(server_peers_count(peers), 0);
    assert_int_equal(renew(1, 1, end_ms + 1), ERR_NONE);
}

/* Swarms are renewed in another order than they came. */
static void expiry_follows_the_renewals(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        renew(i, 1, i);
    renew(0, 1, 20);
    renew(5, 1, 21);
    server_peers_expire(peers, SERVER_PEER_LEASE_MS + 19);
    assert_int_equal(server_peers_count(peers), 2);
    assert_true(is_there(0, 1, SERVER_PEER_LEASE_MS + 19));
    server_peers_expire(peers, SERVER_PEER_LEASE_MS + 20);
    assert_int_equal(server_peers_count(peers), 1);
    assert_true(is_there(5, 1, SERVER_PEER_LEASE_MS + 20));
}

static void a_full_swarm_refuses_another_one_but_not_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SERVER_PEERS_OF_SWARM_MAX; i++)
        assert_int_equal(renew(1, i, i), ERR_NONE);
    assert_int_equal(renew(1, 99, 20), ERR_BUSY);
    assert_int_equal(renew(1, 3, 20), ERR_NONE);
    assert_int_equal(renew(2, 99, 20), ERR_NONE);
    /* The silent make room. */
    assert_int_equal(renew(1, 99, SERVER_PEER_LEASE_MS), ERR_NONE);
    assert_int_equal(server_peers_count_in(peers, hash_of(1), SERVER_PEER_LEASE_MS),
                     SERVER_PEERS_OF_SWARM_MAX);
}

static void a_full_table_refuses_another_one_but_not_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SERVER_PEERS_MAX; i++)
        assert_int_equal(renew(i, 1, 0), ERR_NONE);
    assert_int_equal(renew(SERVER_PEERS_MAX, 1, 0), ERR_BUSY);
    assert_int_equal(renew(0, 2, 0), ERR_BUSY);
    assert_int_equal(renew(0, 1, 1), ERR_NONE);
    assert_false(is_there(SERVER_PEERS_MAX, 1, 0));
    server_peers_expire(peers, SERVER_PEER_LEASE_MS);
    assert_int_equal(server_peers_count(peers), 1);
    assert_int_equal(renew(SERVER_PEERS_MAX, 1, SERVER_PEER_LEASE_MS), ERR_NONE);
}

static void a_seed_is_not_told_of_seeds(void **state)
{
    (void)state;
    server_peers_renew(peers, hash_of(1), id_of(1), true, 0);
    renew(1, 2, 0);
    assert_int_equal(server_peers_choose(peers, hash_of(1), false, 9, 0, chosen), 2);
    assert_int_equal(server_peers_choose(peers, hash_of(1), true, 9, 0, chosen), 1);
    assert_memory_equal(chosen[0], id_of(2), PEER_ID_BYTES);
    server_peers_renew(peers, hash_of(1), id_of(2), true, 0); /* it has become one */
    assert_int_equal(server_peers_choose(peers, hash_of(1), true, 9, 0, chosen), 0);
}

static void everybody_is_chosen_now_and_then(void **state)
{
    unsigned times[10] = {0};

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(times); i++)
        renew(1, i, 0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(server_peers_choose(peers, hash_of(1), false, 2, 0, chosen), 2);
        assert_memory_not_equal(chosen[0], chosen[1], PEER_ID_BYTES);
        for (unsigned n = 0; n < COUNT_OF(times); n++)
            times[n] += memcmp(chosen[0], id_of(n), PEER_ID_BYTES) == 0;
    }
    for (unsigned n = 0; n < COUNT_OF(times); n++)
        assert_in_range(times[n], 50, 150);
}

static bool is_odd(void *arg, const struct infohash *hash)
{
    (void)arg;
    return hash->bytes[0] % 2 == 1;
}

static void swarms_that_are_not_allowed_are_dropped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        renew(i, 1, 0);
        renew(i, 2, 0);
    }
    server_peers_filter(peers, is_odd, NULL);
    assert_int_equal(server_peers_count(peers), 10);
    assert_false(is_there(2, 1, 0));
    assert_true(is_there(3, 1, 0));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_swarm_has_its_own),
        TEST(who_leaves_is_gone_at_once),
        TEST(a_lease_ends_to_the_millisecond),
        TEST(the_silent_are_found_by_nobody),
        TEST(expiry_follows_the_renewals),
        TEST(a_full_swarm_refuses_another_one_but_not_its_own),
        TEST(a_full_table_refuses_another_one_but_not_its_own),
        TEST(a_seed_is_not_told_of_seeds),
        TEST(everybody_is_chosen_now_and_then),
        TEST(swarms_that_are_not_allowed_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
