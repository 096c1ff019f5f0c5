/* SPDX-License-Identifier: MIT */
#include "wire/websocket.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void accept_is_that_of_the_rfc(void **state)
{
    char out[WEBSOCKET_ACCEPT_TEXT];

    (void)state;
    assert_true(websocket_accept(bytes_of_text("dGhlIHNhbXBsZSBub25jZQ=="), out));
    assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void keys_are_sixteen_bytes_in_base64(void **state)
{
    static const char *const bad[] = {"",
                                      "dGhlIHNhbXBsZSBub25jZQ=",
                                      "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25jZQQQ",
                                      "dGhlIHNhbXBsZSBub25jZ===",
                                      "dGhlIHNhbXBs-SBub25jZQ==",
                                      " GhlIHNhbXBsZSBub25jZQ=="};
    char out[WEBSOCKET_ACCEPT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (websocket_accept(bytes_of_text(bad[i]), out))
            fail_msg("'%s' passed", bad[i]);
    assert_false(websocket_accept(bytes_of(NULL, 0), out));
}

static void codes_that_exist_in_programs_only_are_not_sent(void **state)
{
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000};
    static const unsigned good[] = {1000, 1001, 1003, 1007, 1008, 1009, 1011, 1013, 3000, 4999};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(websocket_code_is_sendable(bad[i]));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(websocket_code_is_sendable(good[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_is_that_of_the_rfc),
        cmocka_unit_test(keys_are_sixteen_bytes_in_base64),
        cmocka_unit_test(codes_that_exist_in_programs_only_are_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
