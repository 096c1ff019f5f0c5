/* SPDX-License-Identifier: MIT */
#include "wire/secret.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static void every_byte_counts(void **state)
{
    static const uint8_t known[] = {0, 1, 2, 0, 255};
    uint8_t said[sizeof(known)];

    (void)state;
    memcpy(said, known, sizeof(said));
    assert_true(secret_equal(bytes_of(known, sizeof(known)), bytes_of(said, sizeof(said))));
    for (size_t i = 0; i < sizeof(said); i++) {
        said[i] ^= 0x80;
        assert_false(secret_equal(bytes_of(known, sizeof(known)), bytes_of(said, sizeof(said))));
        said[i] ^= 0x80;
    }
}

static void lengths_count(void **state)
{
    (void)state;
    assert_false(secret_equal(bytes_of_text("token"), bytes_of_text("toke")));
    assert_false(secret_equal(bytes_of_text("token"), bytes_of(NULL, 0)));
    assert_true(secret_equal(bytes_of(NULL, 0), bytes_of_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(lengths_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
