/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 3000, STEPS = 60000, DRAWS = 40000 };

struct model {
    bool is_there, is_seeder;
    uint16_t client;
};

static void key_of(uint32_t number, uint8_t *key)
{
    memset(key, 0, POOL_KEY_MAX);
    memcpy(key, &number, sizeof(number));
    key[5] = (uint8_t)(number * 7); /* within the shortest key */
}

static void check_same(const struct pool *pool, enum pool_kind kind, const struct model *model)
{
    uint8_t key[POOL_KEY_MAX];
    uint32_t count = 0, seeders = 0;

    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t number;

        key_of(i, key);
        number = pool_find(pool, kind, 42, key);
        assert_int_equal(number != POOL_NONE, model[i].is_there);
        if (!model[i].is_there)
            continue;
        count++;
        seeders += model[i].is_seeder;
        assert_int_equal(number < pool->seeders, model[i].is_seeder);
        assert_int_equal(pool_client(pool, kind, number), model[i].client);
        assert_memory_equal(pool_key(pool, kind, number), key, pool_layouts[kind].key);
    }
    assert_int_equal(pool->count, count);
    assert_int_equal(pool->seeders, seeders);
}

/* Random adding, removing and turning, against a plain table. */
static void does_what_a_plain_table_does(enum pool_kind kind)
{
    struct model *model = calloc(KEYS, sizeof(*model));
    struct pool pool = {0};
    uint64_t random = 1;

    for (uint32_t step = 0; step < STEPS; step++) {
        /* Grows to nearly all keys, then shrinks to few, and again. */
        uint32_t bound = (step / 10000) % 2 == 0 ? KEYS : 40;
        uint32_t i = (uint32_t)(pool_random(&random) % bound);
        uint8_t key[POOL_KEY_MAX];
        uint32_t number;

        if (bound == 40)
            i = (uint32_t)(pool_random(&random) % KEYS);
        key_of(i, key);
        number = pool_find(&pool, kind, 42, key);
        if (number == POOL_NONE && bound == KEYS) {
            model[i] = (struct model){true, pool_random(&random) % 2 == 0, (uint16_t)step};
            number = pool_add(&pool, kind, 42, key, model[i].is_seeder);
            pool_set_client(&pool, kind, number, model[i].client);
        } else if (number != POOL_NONE && (bound != KEYS || pool_random(&random) % 4 == 0)) {
            model[i].is_there = false;
            pool_remove(&pool, kind, 42, number);
        } else if (number != POOL_NONE) {
            model[i].is_seeder = !model[i].is_seeder;
            pool_set_seeder(&pool, kind, 42, number, model[i].is_seeder);
        }
        if (step % 5000 == 0)
            check_same(&pool, kind, model);
    }
    check_same(&pool, kind, model);
    pool_fini(&pool);
    free(model);
}

static void ipv4_pool_does_what_a_plain_table_does(void **state)
{
    (void)state;
    does_what_a_plain_table_does(POOL_IPV4);
}

static void ipv6_pool_does_what_a_plain_table_does(void **state)
{
    (void)state;
    does_what_a_plain_table_does(POOL_IPV6);
}

static void socket_pool_does_what_a_plain_table_does(void **state)
{
    (void)state;
    does_what_a_plain_table_does(POOL_SOCKET);
}

static struct pool pool_of(uint32_t count, uint32_t seeders)
{
    struct pool pool = {0};

    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[POOL_KEY_MAX];

        key_of(i, key);
        pool_add(&pool, POOL_IPV4, 42, key, i < seeders);
    }
    return pool;
}

/* Sizes that do not divide, an asker in the middle: each of the others has the same chance, within
 * six standard deviations. */
static void everybody_has_the_same_chance(void **state)
{
    static const struct {
        uint32_t count, first, except, want;
    } cases[] = {{57, 0, POOL_NONE, 50}, {101, 0, 17, 10}, {64, 30, 40, 7}, {200, 3, 2, 50}};
    uint64_t random = 7;

    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct pool pool = pool_of(cases[c].count, 0);
        uint32_t drawn[256] = {0}, out[64];
        uint32_t others = cases[c].count - cases[c].first -
                          (cases[c].except != POOL_NONE && cases[c].except >= cases[c].first);
        double share = (double)cases[c].want / others, expected = DRAWS * share;
        double variance = expected * (1 - share);

        for (unsigned d = 0; d < DRAWS; d++) {
            uint32_t count =
                pool_choose(&pool, cases[c].first, cases[c].except, cases[c].want, &random, out);

            assert_int_equal(count, cases[c].want);
            for (uint32_t i = 0; i < count; i++) {
                assert_true(out[i] >= cases[c].first && out[i] < cases[c].count);
                assert_true(out[i] != cases[c].except);
                for (uint32_t k = 0; k < i; k++)
                    assert_true(out[k] != out[i]);
                drawn[out[i]]++;
            }
        }
        for (uint32_t i = cases[c].first; i < cases[c].count; i++) {
            double off = drawn[i] - expected;

            if (i != cases[c].except)
                assert_true(off * off < 36 * variance);
        }
        pool_fini(&pool);
    }
}

static void few_are_all_told(void **state)
{
    struct pool pool = pool_of(5, 2);
    uint64_t random = 3;
    uint32_t out[8];

    (void)state;
    assert_int_equal(pool_choose(&pool, 0, POOL_NONE, 8, &random, out), 5);
    assert_int_equal(pool_choose(&pool, 2, 3, 8, &random, out), 2);
    assert_int_equal(pool_choose(&pool, 5, POOL_NONE, 8, &random, out), 0);
    assert_int_equal(pool_choose(&pool, 0, POOL_NONE, 0, &random, out), 0);
    pool_fini(&pool);
    assert_int_equal(pool_choose(&pool, 0, POOL_NONE, 8, &random, out), 0);
}

static void idle_time_survives_the_wrap(void **state)
{
    static const uint32_t starts[] = {0, 100, 65535 * POOL_CLOCK_S - 8, UINT32_MAX / 8};
    struct pool pool = pool_of(1, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        uint32_t start = starts[i] / POOL_CLOCK_S * POOL_CLOCK_S;

        pool_set_seen(&pool, POOL_IPV4, 0, start);
        assert_int_equal(pool_idle_s(&pool, POOL_IPV4, 0, start + 1000), 1000);
        assert_int_equal(pool_idle_s(&pool, POOL_IPV4, 0, start), 0);
    }
    pool_fini(&pool);
}

/* The issue asks for at most 32 bytes a peer. */
static void memory_is_small(void **state)
{
    static const uint32_t counts[] = {512, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct pool pool = pool_of(counts[i], 0);

        assert_true(pool_memory(&pool, POOL_IPV4) <= counts[i] * (size_t)24);
        pool_fini(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_pool_does_what_a_plain_table_does),
        cmocka_unit_test(ipv6_pool_does_what_a_plain_table_does),
        cmocka_unit_test(socket_pool_does_what_a_plain_table_does),
        cmocka_unit_test(everybody_has_the_same_chance),
        cmocka_unit_test(few_are_all_told),
        cmocka_unit_test(idle_time_survives_the_wrap),
        cmocka_unit_test(memory_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
