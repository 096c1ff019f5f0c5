/* SPDX-License-Identifier: MIT
 *
 * Who may ask: lists and connection ids.
 */
#include "access_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "conn_id.h"

static struct infohash hash_of(uint8_t fill)
{
    struct infohash hash;

    memset(hash.bytes, fill, sizeof(hash.bytes));
    return hash;
}

static void empty_lists_let_everybody_in(void **state)
{
    struct access_list list = {0};
    struct infohash hash = hash_of(1);

    (void)state;
    assert_true(access_list_allows(&list, &hash));
    assert_true(access_list_admits(&list, bytes_of_text("/announce")));
}

static void hashes_are_allowed_and_denied(void **state)
{
    static const char ones[] = "0101010101010101010101010101010101010101",
                      twos[] = "0202020202020202020202020202020202020202 # a film\n\n# none\n";
    struct infohash one = hash_of(1), two = hash_of(2), three = hash_of(3);
    struct access_list list = {0};
    struct error error;
    char text[256];

    (void)state;
    snprintf(text, sizeof(text), "%s\r\n%s", ones, twos);
    assert_int_equal(access_list_add_hashes(&list, false, bytes_of_text(text), &error), ERR_NONE);
    assert_int_equal(access_list_add_hashes(&list, true, bytes_of_text(twos), &error), ERR_NONE);
    assert_true(access_list_allows(&list, &one));
    assert_false(access_list_allows(&list, &two)); /* denied wins */
    assert_false(access_list_allows(&list, &three));
    access_list_fini(&list);
    /* An empty list of what is allowed allows nothing. */
    assert_int_equal(access_list_add_hashes(&list, false, bytes_of_text(""), &error), ERR_NONE);
    assert_false(access_list_allows(&list, &one));
    access_list_fini(&list);
}

static void keys_open_the_door(void **state)
{
    static const struct {
        const char *target;
        bool is_in;
    } cases[] = {{"/announce/anna-1234", true},
                 {"/announce/anna-1234?info_hash=x", true},
                 {"/announce?passkey=anna-1234", true},
                 {"/announce?a=b&passkey=bob_56789", true},
                 {"/tracker/bob_56789", true},
                 {"/announce/anna-123", false},
                 {"/announce/anna-12345", false},
                 {"/announce", false},
                 {"/announce/", false},
                 {"", false},
                 {"/announce?passkey=wrong-key", false},
                 {"/announce?passkey=anna-1234&passkey=bob_56789", false}};
    struct access_list list = {0};
    struct error error;

    (void)state;
    assert_int_equal(
        access_list_add_keys(&list, bytes_of_text("bob_56789 Bob\nanna-1234 # Anna\n"), &error),
        ERR_NONE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(access_list_admits(&list, bytes_of_text(cases[i].target)), cases[i].is_in);
    access_list_fini(&list);
}

static void broken_files_name_the_line_and_change_nothing(void **state)
{
    struct access_list list = {0};
    struct error error;
    char name[] = "/tmp/access-list-XXXXXX";
    int fd = mkstemp(name);
    struct infohash one = hash_of(1);

    (void)state;
    assert_true(fd >= 0);
    assert_true(write(fd, "# x\nnot a hash\n", 15) == 15);
    close(fd);
    assert_int_equal(access_list_load(&list, name, "", "", &error), ERR_CONFIG);
    assert_non_null(strstr(error.text, "line 2"));
    assert_non_null(strstr(error.text, name));
    assert_true(access_list_allows(&list, &one));
    assert_int_equal(access_list_load(&list, "", "", name, &error), ERR_CONFIG);
    unlink(name);
    assert_int_equal(access_list_load(&list, "", name, "", &error), ERR_CONFIG);
    assert_int_equal(access_list_load(&list, "", "", "", &error), ERR_NONE);
}

static void connection_ids_are_of_one_address_and_two_minutes(void **state)
{
    static const uint8_t one[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1}, two[16] = {0x20, 1};
    struct conn_ids ids, others;
    uint64_t id;

    (void)state;
    conn_ids_init(&ids);
    conn_ids_init(&others);
    id = conn_id_make(&ids, one, 600);
    assert_true(conn_id_is_valid(&ids, one, 600, id));
    assert_true(conn_id_is_valid(&ids, one, 719, id));
    assert_false(conn_id_is_valid(&ids, one, 720, id));
    assert_false(conn_id_is_valid(&ids, one, 599, id));
    assert_false(conn_id_is_valid(&ids, two, 600, id));
    assert_false(conn_id_is_valid(&others, one, 600, id));
    assert_false(conn_id_is_valid(&ids, one, 600, id + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_lists_let_everybody_in),
        cmocka_unit_test(hashes_are_allowed_and_denied),
        cmocka_unit_test(keys_open_the_door),
        cmocka_unit_test(broken_files_name_the_line_and_change_nothing),
        cmocka_unit_test(connection_ids_are_of_one_address_and_two_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
