/* SPDX-License-Identifier: MIT */
#include "ladder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

typedef Sharestream__Worker__Stream Stream;

static Stream stream_of(uint32_t width, uint32_t height, double aspect, double rate)
{
    Stream stream = SHARESTREAM__WORKER__STREAM__INIT;

    stream.width = width;
    stream.height = height;
    stream.pixel_aspect = aspect;
    stream.frame_rate = rate;
    return stream;
}

static void sizes_begin_with_the_film_and_go_down(void **state)
{
    static const struct {
        uint32_t width, height;
        double aspect, rate;
        const char *result;
    } cases[] = {
        {1920, 1080, 1, 25, "1920x1080@40 1280x720@31 854x480@30 640x360@30 426x240@30 "},
        {1920, 1080, 1, 60, "1920x1080@42 1280x720@32 854x480@31 640x360@31 426x240@30 "},
        {3840, 2160, 1, 24, "1920x1080@40 1280x720@31 854x480@30 640x360@30 426x240@30 "},
        {1920, 800, 1, 24, "1920x800@40 1728x720@32 1152x480@31 864x360@30 576x240@30 "},
        {720, 576, 16.0 / 11, 25, "1048x576@31 872x480@31 654x360@30 436x240@30 "},
        {320, 180, 1, 25, "320x180@30 "},
        {321, 181, 1, 0, "322x180@30 "},
        {16, 16, 1, 25, "32x32@30 "},
        {0, 1080, 1, 25, ""},
        {1920, 0, 1, 25, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Stream stream = stream_of(cases[i].width, cases[i].height, cases[i].aspect, cases[i].rate);
        struct rung rungs[LADDER_MAX];
        size_t count = ladder_of(&stream, 1080, rungs);
        struct text text = {0};

        for (size_t k = 0; k < count; k++)
            text_addf(&text, "%ux%u@%u ", rungs[k].width, rungs[k].height, rungs[k].level);
        assert_string_equal(text_str(&text), cases[i].result);
        text_fini(&text);
    }
}

static void less_than_offered_is_not_made(void **state)
{
    Stream stream = stream_of(1280, 720, 1, 25);
    struct rung rung;

    (void)state;
    assert_true(ladder_find(&stream, 1080, 480, &rung));
    assert_int_equal(rung.width, 854);
    assert_int_equal(rung.max_bitrate, 1400000);
    assert_false(ladder_find(&stream, 1080, 1080, &rung));
    assert_false(ladder_find(&stream, 480, 720, &rung));
    assert_false(ladder_find(&stream, 1080, 500, &rung));
}

static void absurd_shapes_stay_within_bounds(void **state)
{
    static const double aspects[] = {0, -1, 1e-9, 1e9, 0.2, 9.9};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(aspects); i++) {
        Stream stream = stream_of(UINT32_MAX, 1, aspects[i], 1e9);
        struct rung rungs[LADDER_MAX];
        size_t count = ladder_of(&stream, 4320, rungs);

        assert_in_range(count, 1, LADDER_MAX);
        for (size_t k = 0; k < count; k++) {
            assert_in_range(rungs[k].width, 32, 8192);
            assert_in_range(rungs[k].height, 32, 4320);
            assert_int_equal(rungs[k].width % 2 + rungs[k].height % 2, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_begin_with_the_film_and_go_down),
        cmocka_unit_test(less_than_offered_is_not_made),
        cmocka_unit_test(absurd_shapes_stay_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
