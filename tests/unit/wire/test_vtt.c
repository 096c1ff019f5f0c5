/* SPDX-License-Identifier: MIT */
#include "wire/vtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void text_of_an_event_becomes_text_of_a_cue(void **state)
{
    static const struct {
        const char *ass, *text;
        unsigned place;
    } cases[] = {
        {"Hello", "Hello", 2},
        {"one\\Ntwo", "one\ntwo", 2},
        {"one\\ntwo\\hthree", "one two\xc2\xa0three", 2},
        {"one\ntwo\r\nthree", "one\ntwo\nthree", 2},
        /* a cue would end at an empty line */
        {"one\\N\\N  \\Ntwo\\N", "one\ntwo", 2},
        {"\\N  one", "one", 2},
        {"a < b & c --> d", "a &lt; b &amp; c --&gt; d", 2},
        {"{\\i1}slant{\\i0} and {\\b1}fat{\\b0}, {\\u1}line{\\u0}",
         "<i>slant</i> and <b>fat</b>, <u>line</u>", 2},
        {"{\\i1}open", "<i>open</i>", 2},
        {"{\\i1}a{\\b1}b{\\i0}c", "<i>a</i><b><i>b</i></b><b>c</b>", 2},
        {"{\\i1\\b1\\u1}all{\\r}none", "<b><i><u>all</u></i></b>none", 2},
        {"{\\b400}thin{\\b700}fat", "thin<b>fat</b>", 2},
        {"{\\i1}one\\Ntwo", "<i>one\ntwo</i>", 2},
        {"{\\i1}one{\\i0}\\Ntwo", "<i>one</i>\ntwo", 2},
        {"{\\an8}above", "above", 8},
        {"{\\an8}{\\an1}the first counts", "the first counts", 8},
        {"{\\an0}{\\an}", "", 2},
        {"{\\a6}above", "above", 8},
        {"{\\a1}left", "left", 1},
        {"{\\a11}right", "right", 6},
        {"{\\alpha&H80&\\blur2\\bord3\\pos(1,2)\\iclip(1,2,3,4)}plain", "plain", 2},
        {"{\\t(0,500,\\b1\\i1)}not yet", "not yet", 2},
        {"{a comment}said{another \\i}", "said", 2},
        {"{\\p1}m 0 0 l 100 0 100 100{\\p0}seen", "seen", 2},
        {"{\\p1}m 0 0 l 100 0\\N 100 100", "", 2},
        {"{never closed", "{never closed", 2},
        {"{}{", "{", 2},
        {"C:\\dir\\", "C:\\dir\\", 2},
        {"bad \xff\xc3 bytes", "bad \xef\xbf\xbd\xef\xbf\xbd bytes", 2},
        {"bell\x07 gone", "bell gone", 2},
        {"   ", "", 2},
        {"", "", 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text text = {0};
        unsigned place = vtt_add_text(&text, bytes_of_text(cases[i].ass));

        if (strcmp(text_str(&text), cases[i].text) != 0 || place != cases[i].place)
            fail_msg("'%s' became '%s' at %u", cases[i].ass, text_str(&text), place);
        text_fini(&text);
    }
}

static void endless_text_ends(void **state)
{
    static char line[100000] = "{\\i1}";
    struct text text = {0};

    (void)state;
    memset(line + 5, '&', sizeof(line) - 5);
    vtt_add_text(&text, bytes_of(line, sizeof(line)));
    assert_in_range(text.len, VTT_TEXT_MAX, VTT_TEXT_MAX + 20);
    assert_string_equal(text_str(&text) + text.len - 9, "&amp;</i>");
    text_fini(&text);
}

static void text_is_the_last_field_of_an_event(void **state)
{
    struct bytes text = vtt_event_text(bytes_of_text("7,0,Default,,0,0,0,,Well, yes, no"));

    (void)state;
    assert_true(bytes_equal_text(text, "Well, yes, no"));
    assert_int_equal(vtt_event_text(bytes_of_text("7,0,Default,,0,0,0,")).len, 0);
    assert_int_equal(vtt_event_text(bytes_of(NULL, 0)).len, 0);
}

static void file_has_a_header_and_cues(void **state)
{
    char hello[] = "Hello\nyou", top[] = "<i>top</i>";
    const struct vtt_cue first = {1500, 3723004, VTT_PLACE_USUAL, hello};
    const struct vtt_cue second = {-5, 360000000, 7, top};
    struct text out = {0};

    (void)state;
    vtt_add_header(&out, true);
    vtt_add_cue(&out, &first);
    vtt_add_cue(&out, &second);
    assert_string_equal(text_str(&out), "WEBVTT\n"
                                        "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n"
                                        "\n00:00:01.500 --> 01:02:03.004\nHello\nyou\n"
                                        "\n00:00:00.000 --> 100:00:00.000 line:0 align:start\n"
                                        "<i>top</i>\n");
    text_clear(&out);
    vtt_add_header(&out, false);
    assert_string_equal(text_str(&out), "WEBVTT\n");
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_an_event_becomes_text_of_a_cue),
        cmocka_unit_test(endless_text_ends),
        cmocka_unit_test(text_is_the_last_field_of_an_event),
        cmocka_unit_test(file_has_a_header_and_cues),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
