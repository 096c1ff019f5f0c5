/* SPDX-License-Identifier: MIT */
#include "rendition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"

static void describe(const char *text, char *out, size_t cap)
{
    static const char *const words[] = {
        [PATH_NONE] = "none",        [PATH_MASTER] = "master",   [PATH_PLAYLIST] = "playlist",
        [PATH_INIT] = "init",        [PATH_SEGMENT] = "segment", [PATH_ALONE] = "alone",
        [PATH_SCRIPT] = "script",    [PATH_FONT] = "font",       [PATH_CUES] = "cues",
        [PATH_PROGRESS] = "progress"};
    struct path path = path_parse(bytes_of_text(text));
    char name[RENDITION_NAME];

    if (path.what == PATH_NONE || path.what == PATH_MASTER)
        snprintf(out, cap, "%s", words[path.what]);
    else if (path.what == PATH_SEGMENT)
        snprintf(out, cap, "segment %u of %s", path.number, rendition_name(&path.rendition, name));
    else
        snprintf(out, cap, "%s of %s", words[path.what], rendition_name(&path.rendition, name));
}

static void paths_mean_what_playlists_write(void **state)
{
    static const struct {
        const char *path, *result;
    } cases[] = {
        {"master.m3u8", "master"},
        {"playlist.m3u8", "playlist of ts"},
        {"0.ts", "segment 0 of ts"},
        {"19999.ts", "segment 19999 of ts"},
        {"v/index.m3u8", "playlist of v"},
        {"v/init.mp4", "init of v"},
        {"v/3.m4s", "segment 3 of v"},
        {"v720/index.m3u8", "playlist of v720"},
        {"v720/12.m4s", "segment 12 of v720"},
        {"v4320/0.m4s", "segment 0 of v4320"},
        {"a1/index.m3u8", "playlist of a1"},
        {"a0/init.mp4", "init of a0"},
        {"a2t/init.mp4", "init of a2t"},
        {"a63t/4294967295.m4s", "segment 4294967295 of a63t"},

        {"s3/index.m3u8", "playlist of s3"},
        {"s3/0.vtt", "segment 0 of s3"},
        {"s63/all.vtt", "alone of s63"},
        {"s0/all.ass", "script of s0"},
        {"x5/index.m3u8", "playlist of x5"},
        {"x4294967295/all.vtt", "alone of x4294967295"},
        {"u4294967295/4294967295.vtt", "segment 4294967295 of u4294967295"},
        {"font/5", "font of s5"},
        {"v720s3/0.m4s", "segment 0 of v720s3"},
        {"v720-vaapi/0.m4s", "segment 0 of v720-vaapi"},
        {"v4320-nvenc/init.mp4", "init of v4320-nvenc"},
        {"v240-qsv/index.m3u8", "playlist of v240-qsv"},
        {"thumbs.vtt", "cues of thumbs"},
        {"thumbs.json", "progress of thumbs"},
        {"thumbs/7.jpg", "segment 7 of thumbs"},
        {"poster.jpg", "segment 0 of poster"},
        {"waveform.json", "segment 0 of waveform"},

        {"s3/0.m4s", "none"},
        {"s3/init.mp4", "none"},
        {"s64/all.vtt", "none"},
        {"sx5/all.vtt", "none"},
        {"as5/all.vtt", "none"},
        {"v/all.vtt", "none"},
        {"v/0.vtt", "none"},
        {"a1/all.ass", "none"},
        {"s/all.vtt", "none"},
        {"s3/all.srt", "none"},
        {"s3/all.vtt/", "none"},
        {"x4294967296/all.vtt", "none"},
        {"font/", "none"},
        {"font/5/", "none"},
        {"font/64", "none"},
        {"font/x", "none"},
        {"vs3/0.m4s", "none"},
        {"v720s64/0.m4s", "none"},
        {"v720s/0.m4s", "none"},
        {"v720-software/0.m4s", "none"},
        {"v720-/0.m4s", "none"},
        {"v720-vaapis3/0.m4s", "none"},
        {"v720s3-vaapi/0.m4s", "none"},
        {"v-vaapi/0.m4s", "none"},
        {"thumbs/index.m3u8", "none"},
        {"thumbs/7.m4s", "none"},
        {"poster.jpg/", "none"},
        {"", "none"},
        {"/", "none"},
        {"master", "none"},
        {"master.m3u8/", "none"},
        {"Master.m3u8", "none"},
        {"index.m3u8", "none"},
        {"ts/0.ts", "none"},
        {".ts", "none"},
        {"00.ts", "none"},
        {"01.ts", "none"},
        {"-1.ts", "none"},
        {"+1.ts", "none"},
        {"4294967296.ts", "none"},
        {"99999999999999999999999.ts", "none"},
        {"0.m4s", "none"},
        {"0.ts/", "none"},
        {"v", "none"},
        {"v/", "none"},
        {"v/0.ts", "none"},
        {"v/03.m4s", "none"},
        {"v/4294967296.m4s", "none"},
        {"v/init.m4s", "none"},
        {"v/../master.m3u8", "none"},
        {"../v/0.m4s", "none"},
        {"v//0.m4s", "none"},
        {"v99/0.m4s", "none"},
        {"v0/0.m4s", "none"},
        {"v0720/0.m4s", "none"},
        {"v4321/0.m4s", "none"},
        {"vt/0.m4s", "none"},
        {"a/0.m4s", "none"},
        {"a64/0.m4s", "none"},
        {"a01/0.m4s", "none"},
        {"a1tt/0.m4s", "none"},
        {"a1T/0.m4s", "none"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char result[64];

        describe(cases[i].path, result, sizeof(result));
        if (strcmp(result, cases[i].result) != 0)
            fail_msg("'%s' is '%s', wanted '%s'", cases[i].path, result, cases[i].result);
    }
}

static void a_nul_inside_is_no_end(void **state)
{
    (void)state;
    assert_int_equal(path_parse(bytes_of("master.m3u8\0", 12)).what, PATH_NONE);
    assert_int_equal(path_parse(bytes_of("v/\0.m4s", 7)).what, PATH_NONE);
    assert_int_equal(path_parse(bytes_of(NULL, 0)).what, PATH_NONE);
}

static void names_of_files_differ(void **state)
{
    static const struct {
        const char *path, *name;
        int32_t delay_ms;
    } cases[] = {
        {"v/3.m4s", "v.3", 0},
        {"v/3.m4s", "v.3", 500}, /* pictures are not delayed */
        {"a2t/init.mp4", "a2t.init", 0},
        {"s3/3.vtt", "s3.3", 0},
        {"s3/3.vtt", "s3.3.d500", 500},
        {"s3/all.vtt", "s3.vtt.d-500", -500},
        {"s3/all.ass", "s3.ass", 0},
        {"font/3", "s3.font", 0},
        {"u4294967295/4294967295.vtt", "u4294967295.4294967295.d-600000", -600000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct path path = path_parse(bytes_of_text(cases[i].path));
        char name[PATH_NAME];

        path.delay_ms = cases[i].delay_ms;
        assert_string_equal(path_name(&path, name), cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_mean_what_playlists_write),
        cmocka_unit_test(a_nul_inside_is_no_end),
        cmocka_unit_test(names_of_files_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
