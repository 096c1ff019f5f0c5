/* SPDX-License-Identifier: MIT */
#include "wire/mp4_delay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BOX(len, type) "\0\0\0" len type

static const char init[] = BOX("\x0c", "ftyp") "iso5" BOX("\x38", "moov") BOX("\x08", "mvhd")
    BOX("\x14", "trak") BOX("\x0c", "tkhd") "aaaa" BOX("\x14", "trak") BOX("\x0c", "tkhd") "bbbb";

static void the_edit_list_stands_behind_the_head_of_its_track(void **state)
{
    static const char expected[] = BOX("\x0c", "ftyp") "iso5" BOX("\x5c", "moov")
        BOX("\x08", "mvhd") BOX("\x14", "trak") BOX("\x0c", "tkhd") "aaaa" BOX("\x38", "trak")
            BOX("\x0c", "tkhd") "bbbb" BOX("\x24", "edts") BOX("\x1c", "elst") "\0\0\0\0"
                                                                               "\0\0\0\1"
                                                                               "\0\0\0\0"
                                                                               "\0\1\2\3"
                                                                               "\0\1\0\0";
    uint8_t out[sizeof(init) + MP4_DELAY_BYTES];
    size_t len = mp4_delay(bytes_of(init, sizeof(init) - 1), 1, 0x10203, out);

    (void)state;
    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(out, expected, len);
    assert_int_equal(mp4_delay(bytes_of(expected, len), 1, 5, out), 0); /* it has one */
}

static void what_is_no_such_file_is_refused(void **state)
{
    uint8_t out[sizeof(init) + MP4_DELAY_BYTES], broken[sizeof(init)];

    (void)state;
    assert_int_equal(mp4_delay(bytes_of(init, sizeof(init) - 1), 2, 1, out), 0);
    assert_int_equal(mp4_delay(bytes_of(init, 0), 0, 1, out), 0);
    for (size_t len = 0; len < sizeof(init) - 1; len++)
        assert_int_equal(mp4_delay(bytes_of(init, len), 1, 1, out), 0);
    /* Lengths that lie never lead out of it. */
    for (size_t at = 0; at < sizeof(init) - 1; at++)
        for (unsigned value = 0; value < 256; value++) {
            size_t len;

            memcpy(broken, init, sizeof(init));
            broken[at] = (uint8_t)value;
            len = mp4_delay(bytes_of(broken, sizeof(init) - 1), 0, 1, out);
            assert_true(len == 0 || len == sizeof(init) - 1 + MP4_DELAY_BYTES);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edit_list_stands_behind_the_head_of_its_track),
        cmocka_unit_test(what_is_no_such_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
