/* SPDX-License-Identifier: MIT */
#include "log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static struct log_ring ring;
static const struct log_ring_line *found[LOG_RING_ASKED_MAX];
static uint64_t next;

static int forget(void **state)
{
    (void)state;
    log_ring_fini(&ring);
    return 0;
}

static void add(const char *name, const char *line, uint64_t now_ms)
{
    log_ring_add(&ring, name, bytes_of_text(line), now_ms);
}

static size_t ask(uint64_t after, const char *name, enum log_level level, size_t limit)
{
    const struct log_ring_question question = {after, name, level, limit};

    return log_ring_read(&ring, &question, found, &next);
}

static void lines_have_numbers_that_only_grow(void **state)
{
    (void)state;
    assert_int_equal(ask(0, "", LOG_LEVEL_DEBUG, 10), 0);
    assert_int_equal(next, 0);
    add("torrent.0", "a\n", 5);
    add("torrent.0", "b\n", 5);
    add("http.0", "c", 4); /* somebody set the clock back */
    assert_int_equal(ask(0, "", LOG_LEVEL_DEBUG, 10), 3);
    assert_int_equal(found[0]->number, 5000);
    assert_int_equal(found[1]->number, 5001);
    assert_int_equal(found[2]->number, 5002);
    assert_string_equal(found[0]->text, "a");
    assert_string_equal(found[2]->text, "c");
    assert_int_equal(next, 5002);
}

static void who_comes_first_gets_the_newest_and_then_what_follows(void **state)
{
    char line[16];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(line, sizeof(line), "%d", i);
        add("torrent.0", line, 1);
    }
    assert_int_equal(ask(0, "", LOG_LEVEL_DEBUG, 3), 3);
    assert_string_equal(found[0]->text, "7");
    assert_string_equal(found[2]->text, "9");
    assert_int_equal(ask(next, "", LOG_LEVEL_DEBUG, 3), 0);
    uint64_t behind_one = 1001;

    assert_int_equal(ask(behind_one, "", LOG_LEVEL_DEBUG, 3), 3);
    assert_string_equal(found[0]->text, "2");
    assert_int_equal(ask(next, "", LOG_LEVEL_DEBUG, 3), 3);
    assert_string_equal(found[0]->text, "5");
    assert_int_equal(ask(next, "", LOG_LEVEL_DEBUG, 3), 2);
    assert_string_equal(found[1]->text, "9");
}

static void service_and_level_choose(void **state)
{
    (void)state;
    add("torrent.0", "ts=1 lvl=debug svc=torrent.0 msg=fine", 1);
    add("torrent.1", "ts=1 lvl=warn svc=torrent.1 msg=odd", 1);
    add("http.0", "ts=1 lvl=error svc=http.0 msg=bad", 1);
    add("http.0", "last words", 1);
    assert_int_equal(ask(0, "torrent", LOG_LEVEL_DEBUG, 9), 2);
    assert_int_equal(ask(0, "torrent.1", LOG_LEVEL_DEBUG, 9), 1);
    assert_int_equal(ask(0, "torr", LOG_LEVEL_DEBUG, 9), 0);
    assert_int_equal(ask(0, "", LOG_LEVEL_ERROR, 9), 2);
    assert_string_equal(found[0]->name, "http.0");
    assert_false(found[1]->has_level);
    /* What is left out is not looked at again. */
    assert_int_equal(ask(0, "torrent", LOG_LEVEL_ERROR, 9), 0);
    assert_int_equal(next, 1003);
}

static void old_lines_go_and_who_misses_some_is_told(void **state)
{
    char line[32];

    (void)state;
    for (int i = 0; i < LOG_RING_LINES + 5; i++) {
        snprintf(line, sizeof(line), "%d", i);
        add("torrent.0", line, 1);
    }
    uint64_t last_gone = 1004;

    assert_true(log_ring_missed(&ring, last_gone - 1));
    assert_false(log_ring_missed(&ring, last_gone));
    assert_false(log_ring_missed(&ring, 0));
    assert_int_equal(ask(1, "", LOG_LEVEL_DEBUG, LOG_RING_ASKED_MAX), LOG_RING_ASKED_MAX);
    assert_string_equal(found[0]->text, "5");
    assert_int_equal(ask(0, "", LOG_LEVEL_DEBUG, 1), 1);
    assert_int_equal(atoi(found[0]->text), LOG_RING_LINES + 4);
    /* A number from the future, of another supervisor whose clock was ahead. */
    assert_int_equal(ask(next + 1000, "", LOG_LEVEL_DEBUG, 5), 0);
}

static void a_long_line_is_cut(void **state)
{
    static char endless[LOG_RING_LINE_MAX * 2];

    (void)state;
    memset(endless, 'x', sizeof(endless) - 1);
    add("torrent.0", endless, 1);
    assert_int_equal(ask(0, "", LOG_LEVEL_DEBUG, 1), 1);
    assert_int_equal(strlen(found[0]->text), LOG_RING_LINE_MAX - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, forget)
    const struct CMUnitTest tests[] = {
        TEST(lines_have_numbers_that_only_grow),
        TEST(who_comes_first_gets_the_newest_and_then_what_follows),
        TEST(service_and_level_choose),
        TEST(old_lines_go_and_who_misses_some_is_told),
        TEST(a_long_line_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
