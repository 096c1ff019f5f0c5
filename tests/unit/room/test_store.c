/* SPDX-License-Identifier: MIT
 *
 * The file of rooms, while another process writes into it: whatever fails, a disk that is full
 * included, comes back in the same way.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

struct fixture {
    char dir[64];
    struct store *store, *other;
    struct text found;
};

static void note_room(void *arg, const char *code, struct bytes parts)
{
    text_addf(arg, "%s=%.*s ", code, (int)parts.len, (const char *)parts.data);
}

static void note_gateway(void *arg, uint64_t place, struct bytes data)
{
    text_addf(arg, "%d=%.*s ", (int)place, (int)data.len, (const char *)data.data);
}

/* All that is in the file. */
static const char *read_all(struct fixture *fixture)
{
    struct error error;

    text_clear(&fixture->found);
    assert_int_equal(store_each_room(fixture->store, note_room, &fixture->found, &error), ERR_NONE);
    assert_int_equal(store_each_gateway(fixture->store, note_gateway, &fixture->found, &error),
                     ERR_NONE);
    return text_str(&fixture->found);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct error error;
    char path[80];

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(path, sizeof(path), "%s/rooms.db", fixture->dir);
    assert_int_equal(store_sqlite_open(path, &fixture->store, &error), ERR_NONE);
    assert_int_equal(store_sqlite_open(path, &fixture->other, &error), ERR_NONE);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    store_close(&fixture->store);
    store_close(&fixture->other);
    text_fini(&fixture->found);
    snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void put(struct store *store)
{
    store_put_part(store, "A", 0, bytes_of_text("first"));
    store_put_part(store, "A", 1, bytes_of_text(" second"));
    store_put_gateway(store, 3, bytes_of_text("row"));
}

static void what_is_committed_is_there_and_what_is_deleted_is_not(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    store_begin(fixture->store);
    put(fixture->store);
    assert_int_equal(store_commit(fixture->store, &error), ERR_NONE);
    assert_string_equal(read_all(fixture), "A=first second 3=row ");
    store_begin(fixture->store);
    store_delete_room(fixture->store, "A");
    store_put_gateway(fixture->store, 3, bytes_of(NULL, 0));
    assert_int_equal(store_commit(fixture->store, &error), ERR_NONE);
    assert_string_equal(read_all(fixture), "");
}

static void a_transaction_that_fails_writes_nothing_and_says_why(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    store_begin(fixture->other);
    store_begin(fixture->store);
    assert_int_equal(store_commit(fixture->other, &error), ERR_NONE);
    put(fixture->store); /* would succeed, each by itself */
    assert_int_equal(store_commit(fixture->store, &error), ERR_IO);
    assert_string_equal(read_all(fixture), "");
    assert_non_null(strstr(error.text, "locked"));
}

static void the_next_transaction_is_a_new_one(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    store_begin(fixture->other);
    store_begin(fixture->store);
    put(fixture->store);
    assert_int_equal(store_commit(fixture->store, &error), ERR_IO);
    assert_int_equal(store_commit(fixture->other, &error), ERR_NONE);
    store_begin(fixture->store);
    put(fixture->store);
    assert_int_equal(store_commit(fixture->store, &error), ERR_NONE);
    assert_string_equal(read_all(fixture), "A=first second 3=row ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_there_and_what_is_deleted_is_not,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_that_fails_writes_nothing_and_says_why,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_transaction_is_a_new_one, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
