/* SPDX-License-Identifier: MIT */
#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static const uint8_t key[LINK_KEY_BYTES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                            11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                            22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const char path[] = "/stream/ab/0";
static const uint64_t expires_s = 1700000000;

static void signature_is_the_one_another_implementation_makes(void **state)
{
    char signature[LINK_SIGNATURE_TEXT];

    (void)state;
    link_sign(key, path, expires_s, signature);
    assert_string_equal(signature, "BB-KlNblSfy2acoyYduGtQ");
    assert_int_equal(strlen(signature), LINK_SIGNATURE_TEXT - 1);
}

static void only_the_same_path_and_time_verify_until_the_time_comes(void **state)
{
    static const struct {
        const char *name, *path;
        uint64_t expires_s, now_s;
        bool valid;
    } cases[] = {
        {"as signed", path, expires_s, 5, true},
        {"last second", path, expires_s, expires_s - 1, true},
        {"at its time", path, expires_s, expires_s, false},
        {"after its time", path, expires_s, UINT64_MAX, false},
        {"other file", "/stream/ab/1", expires_s, 5, false},
        {"longer path", "/stream/ab/00", expires_s, 5, false},
        {"no path", "", expires_s, 5, false},
        {"time prolonged", path, expires_s + 1, 5, false},
        {"time moved into the path", "/stream/ab/0\n1700000000", 6, 5, false},
    };
    char signature[LINK_SIGNATURE_TEXT];

    (void)state;
    link_sign(key, path, expires_s, signature);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (link_verify(key, cases[i].path, cases[i].expires_s, bytes_of_text(signature),
                        cases[i].now_s) != cases[i].valid)
            fail_msg("%s: should be %s", cases[i].name, cases[i].valid ? "valid" : "refused");
}

static void no_other_signature_verifies(void **state)
{
    char good[LINK_SIGNATURE_TEXT], bad[2 * LINK_SIGNATURE_TEXT];
    size_t len = LINK_SIGNATURE_TEXT - 1;

    (void)state;
    link_sign(key, path, expires_s, good);
    /* Every character matters, also the bits of the last one that decode to nothing. */
    for (size_t i = 0; i < len; i++) {
        for (char c = ' '; c < 0x7f; c++) {
            memcpy(bad, good, sizeof(good));
            bad[i] = c;
            if (link_verify(key, path, expires_s, bytes_of_text(bad), 5) != (c == good[i]))
                fail_msg("'%c' at %zu of %s", c, i, good);
        }
    }
    for (size_t cut = 0; cut < len; cut++)
        if (link_verify(key, path, expires_s, bytes_of(good, cut), 5))
            fail_msg("the first %zu characters are enough", cut);
    memcpy(bad, good, len);
    memcpy(bad + len, "==", 3);
    assert_false(link_verify(key, path, expires_s, bytes_of_text(bad), 5));
    assert_false(link_verify(key, path, expires_s, bytes_of(NULL, 0), 5));
}

static void another_key_makes_another_signature(void **state)
{
    uint8_t other[LINK_KEY_BYTES];
    char signature[LINK_SIGNATURE_TEXT];

    (void)state;
    memcpy(other, key, sizeof(other));
    other[LINK_KEY_BYTES - 1] ^= 1;
    link_sign(other, path, expires_s, signature);
    assert_false(link_verify(key, path, expires_s, bytes_of_text(signature), 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_is_the_one_another_implementation_makes),
        cmocka_unit_test(only_the_same_path_and_time_verify_until_the_time_comes),
        cmocka_unit_test(no_other_signature_verifies),
        cmocka_unit_test(another_key_makes_another_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
