/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

struct client {
    unsigned told;
    bool has_path;
    enum err code;
    struct job *asks; /* for it again while it is told */
};

static void on_made(void *arg, const char *path, uint64_t size, const struct error *error)
{
    struct client *client = arg;

    client->told++;
    client->has_path = path != NULL;
    client->code = error != NULL ? error->code : ERR_NONE;
    assert_int_equal(size, path != NULL ? 7 : 0);
    if (client->asks != NULL)
        assert_true(job_wait(client->asks, on_made, client));
}

static struct job *segment(uint32_t number)
{
    const struct file_id film = {.hash = {{0xab}}, .file = 3};
    const struct path path = {
        .what = PATH_SEGMENT, .rendition = {.kind = RENDITION_VIDEO}, .number = number};

    return job_new(&film, &path);
}

static void its_name_says_of_which_film_and_what(void **state)
{
    static const struct error over = {ERR_CANCELLED, "over"};
    struct job *job = segment(12);

    (void)state;
    assert_string_equal(job->name, "ab00000000000000000000000000000000000000.3.v.12");
    job_end(job, NULL, 0, &over);
}

static void all_who_wait_are_told_once(void **state)
{
    struct client clients[3] = {{0}};
    struct job *job = segment(0);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        assert_true(job_wait(job, on_made, &clients[i]));
    job_end(job, "/somewhere", 7, NULL);
    for (size_t i = 0; i < COUNT_OF(clients); i++) {
        assert_int_equal(clients[i].told, 1);
        assert_true(clients[i].has_path);
    }
}

static void who_leaves_is_not_told_and_the_last_one_leaves_it_alone(void **state)
{
    static const struct error over = {ERR_CANCELLED, "over"};
    struct client clients[2] = {{0}}, stranger;
    struct job *job = segment(0);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        assert_true(job_wait(job, on_made, &clients[i]));
    assert_false(job_leave(job, &stranger));
    assert_true(job_leave(job, &clients[0]));
    assert_false(job_leave(job, &clients[0]));
    assert_false(job->is_left);
    assert_true(job_leave(job, &clients[1]));
    assert_true(job->is_left);
    assert_true(job_wait(job, on_made, &clients[1]));
    assert_false(job->is_left);
    job_end(job, NULL, 0, &over);
    assert_int_equal(clients[0].told, 0);
    assert_int_equal(clients[1].told, 1);
    assert_int_equal(clients[1].code, ERR_CANCELLED);
}

static void who_is_told_may_ask_again(void **state)
{
    static const struct error late = {ERR_TIMEOUT, "late"};
    struct job *job = segment(0);
    struct client client = {.asks = job};

    (void)state;
    assert_true(job_wait(job, on_made, &client));
    job_tell(job, NULL, 0, &late);
    assert_int_equal(client.told, 1);
    assert_int_equal(client.code, ERR_TIMEOUT);
    assert_int_equal(job->waiting_count, 1);
    client.asks = NULL;
    job_end(job, "/somewhere", 7, NULL);
    assert_int_equal(client.told, 2);
    assert_true(client.has_path);
}

static void so_many_may_wait_and_no_more(void **state)
{
    struct client client = {0};
    struct job *job = segment(0);
    unsigned count = 0;

    (void)state;
    while (count < 100000 && job_wait(job, on_made, &client))
        count++;
    assert_in_range(count, 100, 10000);
    assert_int_equal(job->waiting_count, count);
    job_end(job, "/somewhere", 7, NULL);
    assert_int_equal(client.told, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_name_says_of_which_film_and_what),
        cmocka_unit_test(all_who_wait_are_told_once),
        cmocka_unit_test(who_leaves_is_not_told_and_the_last_one_leaves_it_alone),
        cmocka_unit_test(who_is_told_may_ask_again),
        cmocka_unit_test(so_many_may_wait_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
