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
    static const char *const words[] = {"none", "master", "playlist", "init", "segment"};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_mean_what_playlists_write),
        cmocka_unit_test(a_nul_inside_is_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
