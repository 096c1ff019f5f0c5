/* SPDX-License-Identifier: MIT */
#include "wire/media_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void type_and_kind_follow_the_extension(void **state)
{
    static const struct {
        const char *path, *type, *kind;
    } cases[] = {
        {"film.mkv", "video/x-matroska", "video"},
        {"film.mp4", "video/mp4", "video"},
        {"film.m4v", "video/mp4", "video"},
        {"film.webm", "video/webm", "video"},
        {"film.avi", "video/x-msvideo", "video"},
        {"film.mov", "video/quicktime", "video"},
        {"film.ts", "video/mp2t", "video"},
        {"film.m2ts", "video/mp2t", "video"},
        {"film.mpg", "video/mpeg", "video"},
        {"film.wmv", "video/x-ms-wmv", "video"},
        {"film.flv", "video/x-flv", "video"},
        {"film.ogv", "video/ogg", "video"},
        {"film.3gp", "video/3gpp", "video"},
        {"song.mp3", "audio/mpeg", "audio"},
        {"song.m4a", "audio/mp4", "audio"},
        {"song.aac", "audio/aac", "audio"},
        {"song.flac", "audio/flac", "audio"},
        {"song.ogg", "audio/ogg", "audio"},
        {"song.opus", "audio/ogg", "audio"},
        {"song.wav", "audio/wav", "audio"},
        {"song.mka", "audio/x-matroska", "audio"},
        {"song.ac3", "audio/ac3", "audio"},
        {"song.eac3", "audio/eac3", "audio"},
        {"song.dts", "audio/vnd.dts", "audio"},
        {"film.srt", "application/x-subrip", "subtitle"},
        {"film.vtt", "text/vtt", "subtitle"},
        {"film.ass", "text/x-ssa", "subtitle"},
        {"film.ssa", "text/x-ssa", "subtitle"},
        {"film.sub", "application/octet-stream", "subtitle"},
        {"film.idx", "application/x-vobsub", "subtitle"},
        {"film.sup", "application/x-pgs", "subtitle"},
        {"cover.jpg", "image/jpeg", "image"},
        {"cover.jpeg", "image/jpeg", "image"},
        {"cover.png", "image/png", "image"},
        {"cover.gif", "image/gif", "image"},
        {"cover.svg", "image/svg+xml", "image"},
        {"cover.webp", "image/webp", "image"},
        {"book.pdf", "application/pdf", "document"},
        {"read me.txt", "text/plain", "document"},
        {"film.nfo", "text/plain", "document"},
        {"all.zip", "application/zip", "other"},
        /* how the extension is found */
        {"FILM.MKV", "video/x-matroska", "video"},
        {"film.en.srt", "application/x-subrip", "subtitle"},
        {"season.1/film.mp4", "video/mp4", "video"},
        {"season.mp4/film", "application/octet-stream", "other"},
        {"season.mp4/", "application/octet-stream", "other"},
        {".mp4", "application/octet-stream", "other"},
        {"dir/.mp4", "application/octet-stream", "other"},
        {"film.", "application/octet-stream", "other"},
        {"mp4", "application/octet-stream", "other"},
        {"", "application/octet-stream", "other"},
        {"film.mp4 ", "application/octet-stream", "other"},
        {"film.mp44", "application/octet-stream", "other"},
        /* left out on purpose */
        {"page.html", "application/octet-stream", "other"},
        {"page.xhtml", "application/octet-stream", "other"},
        {"page.js", "application/octet-stream", "other"},
        {"page.xml", "application/octet-stream", "other"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *type = media_type(cases[i].path);
        const char *kind = media_kind_word(media_kind(cases[i].path));

        if (strcmp(type, cases[i].type) != 0 || strcmp(kind, cases[i].kind) != 0)
            fail_msg("%s: is %s (%s)", cases[i].path, type, kind);
    }
}

static void every_kind_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (enum media_kind a = MEDIA_OTHER; a <= MEDIA_DOCUMENT; a++)
        for (enum media_kind b = MEDIA_OTHER; b < a; b++)
            assert_string_not_equal(media_kind_word(a), media_kind_word(b));
}

static void what_is_played_of_several_files(void **state)
{
    (void)state;
    assert_true(media_is_rather("a.mkv", 1, "b.mp3", 100));
    assert_true(media_is_rather("a.mp3", 1, "b.iso", 100));
    assert_true(media_is_rather("film.mp4", 100, "sample.mp4", 10));
    assert_false(media_is_rather("sample.mp4", 10, "film.mp4", 100));
    assert_false(media_is_rather("one.mp4", 10, "two.mp4", 10));
    assert_true(media_is_rather("large.bin", 2, "small.bin", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_and_kind_follow_the_extension),
        cmocka_unit_test(every_kind_has_a_word_of_its_own),
        cmocka_unit_test(what_is_played_of_several_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
