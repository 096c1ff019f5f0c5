/* SPDX-License-Identifier: MIT */
#include "browsers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static const uint8_t anywhere[16];
static int a_link; /* of no meaning here */

static struct browsers *make(unsigned per_swarm, unsigned per_address)
{
    return browsers_new(
        &(struct browser_limits){.per_swarm = per_swarm, .per_address = per_address});
}

static struct browser_name name_of(unsigned swarm, unsigned number)
{
    struct browser_name name = {0};

    memcpy(&name.hash, &swarm, sizeof(swarm));
    memcpy(name.peer_id, &number, sizeof(number));
    return name;
}

static void ip_of(unsigned number, uint8_t ip[16])
{
    memset(ip, 0, 16);
    ip[10] = ip[11] = 0xff;
    memcpy(ip + 12, &number, 4);
}

static struct browser *begin(struct browsers *browsers, unsigned swarm, unsigned number,
                             unsigned address, uint64_t now_ms)
{
    struct browser_name name = name_of(swarm, number);
    uint8_t ip[16];

    ip_of(address, ip);
    return browser_begin(browsers, &name, address == 0 ? anywhere : ip, &a_link, now_ms);
}

static enum browser_verdict judge(struct browsers *browsers, unsigned swarm, unsigned number,
                                  unsigned address, uint64_t heard_ms, uint64_t now_ms)
{
    struct browser_name name = name_of(swarm, number);
    enum browser_verdict verdict;
    const char *why;
    uint8_t ip[16];

    ip_of(address, ip);
    verdict = browsers_judge(browsers, &name, address == 0 ? anywhere : ip, heard_ms, now_ms, &why);
    assert_int_equal(verdict == BROWSER_REFUSE, why != NULL);
    return verdict;
}

/* Whether this one alone is offered a connection. */
static bool is_chosen(struct browsers *browsers, unsigned swarm, unsigned number, bool is_first,
                      uint64_t now_ms)
{
    struct browser_name name = name_of(swarm, number);
    size_t out[1];

    return browsers_choose(browsers, &name.hash, name.peer_id, 1, is_first, now_ms, out, 1) == 1;
}

static void an_offer_is_taken_once(void **state)
{
    struct browsers *browsers = make(10, 10);
    struct browser *browser;

    (void)state;
    assert_int_equal(judge(browsers, 1, 1, 1, 0, 1000), BROWSER_TAKE);
    browser = begin(browsers, 1, 1, 1, 1000);
    /* Both offered at once: theirs wins. */
    assert_int_equal(judge(browsers, 1, 1, 1, 0, 1000), BROWSER_REPLACE);
    browser_open(browser);
    assert_int_equal(judge(browsers, 1, 1, 1, 2000, 2000), BROWSER_REFUSE);
    assert_int_equal(judge(browsers, 1, 1, 1, 2000, 2000 + BROWSER_SILENCE_MS - 1), BROWSER_REFUSE);
    assert_int_equal(judge(browsers, 1, 1, 1, 2000, 2000 + BROWSER_SILENCE_MS), BROWSER_REPLACE);
    /* The same one in another swarm is another connection. */
    assert_int_equal(judge(browsers, 2, 1, 1, 2000, 2000), BROWSER_TAKE);
    browser_end(browser, 3000);
    assert_int_equal(judge(browsers, 1, 1, 1, 0, 3000), BROWSER_TAKE);
    browsers_free(&browsers);
    assert_null(browsers);
}

static void a_full_swarm_refuses_but_replaces(void **state)
{
    struct browsers *browsers = make(3, 10);
    struct browser *all[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        all[i] = begin(browsers, 1, i, i + 1, 0);
    assert_int_equal(judge(browsers, 1, 9, 9, 0, 0), BROWSER_REFUSE);
    assert_int_equal(judge(browsers, 2, 9, 9, 0, 0), BROWSER_TAKE);
    assert_int_equal(judge(browsers, 1, 1, 2, 0, 0), BROWSER_REPLACE);
    browser_end(all[0], 0);
    assert_int_equal(judge(browsers, 1, 9, 9, 0, 0), BROWSER_TAKE);
    browsers_free(&browsers);
}

static void an_address_has_its_limit_in_all_swarms(void **state)
{
    struct browsers *browsers = make(100, 2);
    struct browser *first = begin(browsers, 1, 1, 7, 0);

    (void)state;
    begin(browsers, 2, 2, 7, 0);
    begin(browsers, 2, 4, 8, 0);
    assert_int_equal(judge(browsers, 3, 3, 7, 0, 0), BROWSER_REFUSE);
    assert_int_equal(judge(browsers, 3, 3, 8, 0, 0), BROWSER_TAKE);
    assert_int_equal(judge(browsers, 3, 3, 0, 0, 0), BROWSER_TAKE); /* not known: not counted */
    assert_int_equal(judge(browsers, 2, 2, 7, 0, 0), BROWSER_REPLACE);
    /* Nor by pretending to be somebody who is elsewhere. */
    assert_int_equal(judge(browsers, 2, 4, 7, 0, 0), BROWSER_REFUSE);
    browser_end(first, 0);
    assert_int_equal(judge(browsers, 3, 3, 7, 0, 0), BROWSER_TAKE);
    browsers_free(&browsers);
}

static void who_does_not_answer_is_asked_less_often(void **state)
{
    struct browsers *browsers = make(10, 10);
    uint64_t now_ms = 1000000,
             waits_ms[] = {BROWSER_RETRY_MS, 2ull * BROWSER_RETRY_MS, 4ull * BROWSER_RETRY_MS,
                           8ull * BROWSER_RETRY_MS, 16ull * BROWSER_RETRY_MS};

    (void)state;
    assert_true(is_chosen(browsers, 1, 1, true, now_ms));
    for (size_t i = 0; i < 100; i++) {
        uint64_t wait_ms = i < COUNT_OF(waits_ms) ? waits_ms[i] : (uint64_t)BROWSER_RETRY_MAX_MS;

        browser_end(begin(browsers, 1, 1, 0, now_ms), now_ms);
        assert_false(is_chosen(browsers, 1, 1, false, now_ms + wait_ms - 1));
        now_ms += wait_ms;
        assert_true(is_chosen(browsers, 1, 1, false, now_ms));
    }
    /* Who was connected once is as good as new. */
    struct browser *browser = begin(browsers, 1, 1, 0, now_ms);
    browser_open(browser);
    browser_end(browser, now_ms);
    assert_false(is_chosen(browsers, 1, 1, false, now_ms + BROWSER_PATIENCE_MS - 1));
    assert_true(is_chosen(browsers, 1, 1, false, now_ms + BROWSER_PATIENCE_MS));
    browsers_free(&browsers);
}

static void newcomers_are_left_to_offer_themselves(void **state)
{
    struct browsers *browsers = make(10, 10);

    (void)state;
    assert_false(is_chosen(browsers, 1, 1, false, 1000));
    assert_false(is_chosen(browsers, 1, 1, false, 1000 + BROWSER_PATIENCE_MS - 1));
    assert_true(is_chosen(browsers, 1, 1, false, 1000 + BROWSER_PATIENCE_MS));
    /* Those who were there before us do not come by themselves. */
    assert_true(is_chosen(browsers, 1, 2, true, 1000));
    /* Nobody is offered two. */
    begin(browsers, 1, 2, 0, 1000);
    assert_false(is_chosen(browsers, 1, 2, true, 100000));
    browsers_free(&browsers);
}

static void no_more_are_chosen_than_fit(void **state)
{
    struct browsers *browsers = make(3, 10);
    struct infohash hash = name_of(1, 0).hash;
    uint8_t ids[8][PEER_ID_BYTES];
    size_t out[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        memcpy(ids[i], name_of(1, i).peer_id, PEER_ID_BYTES);
    begin(browsers, 1, 0, 0, 1);
    assert_int_equal(browsers_choose(browsers, &hash, ids[0], 8, true, 1, out, 8), 2);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 2);
    assert_int_equal(browsers_choose(browsers, &hash, ids[0], 8, true, 1, out, 1), 1);
    assert_int_equal(browsers_choose(browsers, &hash, ids[0], 0, true, 1, out, 8), 0);
    begin(browsers, 1, 1, 0, 1);
    begin(browsers, 1, 2, 0, 1);
    assert_int_equal(browsers_choose(browsers, &hash, ids[0], 8, true, 1, out, 8), 0);
    browsers_free(&browsers);
}

static void the_silent_are_forgotten_but_not_the_connected(void **state)
{
    struct browsers *browsers = make(10, 10);
    struct browser_name connected = name_of(1, 1);

    (void)state;
    begin(browsers, 1, 1, 0, 1000);
    browser_end(begin(browsers, 1, 2, 0, 1000), 1000);
    browsers_expire(browsers, 1000 + BROWSER_FORGET_MS - 1);
    assert_int_equal(browsers_count(browsers), 2);
    browsers_expire(browsers, 1000 + BROWSER_FORGET_MS);
    assert_int_equal(browsers_count(browsers), 1);
    assert_ptr_equal(browsers_link(browsers, &connected), &a_link);
    browsers_free(&browsers);
}

/* An offer of nonsense costs a stranger nothing, and neither does a name. */
static void names_by_the_thousand_keep_nobody_out(void **state)
{
    struct browsers *browsers = make(10 * BROWSERS_MAX, 10);
    struct browser_name connected = name_of(1, 0);

    (void)state;
    begin(browsers, 1, 0, 0, 0);
    for (unsigned i = 1; i < 2 * BROWSERS_MAX; i++) {
        struct browser *browser = begin(browsers, 1, i, 0, i);

        assert_non_null(browser);
        browser_end(browser, i);
        assert_true(browsers_count(browsers) <= BROWSERS_MAX);
    }
    assert_ptr_equal(browsers_link(browsers, &connected), &a_link);
    /* Nor is it known who else is there, until some are forgotten. */
    assert_false(is_chosen(browsers, 1, 3 * BROWSERS_MAX, true, 2 * BROWSERS_MAX));
    assert_int_equal(browsers_count(browsers), BROWSERS_MAX);
    browsers_free(&browsers);
}

static void the_connected_are_never_more_than_can_be_known(void **state)
{
    struct browsers *browsers = make(10 * BROWSERS_MAX, 10);

    (void)state;
    for (unsigned i = 0; i < BROWSERS_MAX; i++)
        assert_non_null(begin(browsers, 1, i, 0, 0));
    assert_null(begin(browsers, 1, BROWSERS_MAX, 0, 0));
    assert_int_equal(browsers_count(browsers), BROWSERS_MAX);
    browsers_free(&browsers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_taken_once),
        cmocka_unit_test(a_full_swarm_refuses_but_replaces),
        cmocka_unit_test(an_address_has_its_limit_in_all_swarms),
        cmocka_unit_test(who_does_not_answer_is_asked_less_often),
        cmocka_unit_test(newcomers_are_left_to_offer_themselves),
        cmocka_unit_test(no_more_are_chosen_than_fit),
        cmocka_unit_test(the_silent_are_forgotten_but_not_the_connected),
        cmocka_unit_test(names_by_the_thousand_keep_nobody_out),
        cmocka_unit_test(the_connected_are_never_more_than_can_be_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
