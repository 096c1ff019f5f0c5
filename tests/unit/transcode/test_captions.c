/* SPDX-License-Identifier: MIT */
#include "captions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"
#include "media.h"

enum { FILES_MAX = 8, MEGABYTE = 1 << 20 };

/* "<rendition> <name> [<language>] flags", one line each. */
static void assert_captions(struct captions *captions, const char *wanted)
{
    struct text text = {0};
    char name[RENDITION_NAME];

    captions_name(captions);
    for (size_t i = 0; i < captions->count; i++) {
        const struct caption *caption = &captions->list[i];

        text_addf(&text, "%s %s [%s]%s%s%s%s\n", rendition_name(&caption->rendition, name),
                  caption->name, caption->language, caption->is_default ? " default" : "",
                  caption->is_forced ? " forced" : "", caption->is_impaired ? " impaired" : "",
                  caption->is_image ? " image" : "");
    }
    assert_string_equal(text_str(&text), wanted);
    text_fini(&text);
    captions_fini(captions);
}

static Sharestream__Worker__Stream *add_track(struct media *film, const char *codec,
                                              const char *language, const char *title)
{
    Sharestream__Worker__Stream *stream =
        media_add(film, SHARESTREAM__WORKER__KIND__SUBTITLE, codec, "");

    stream->language = media_text(language);
    stream->title = media_text(title);
    return stream;
}

static void tracks_have_names_and_flags(void **state)
{
    struct media film = {0};
    struct captions captions = {0};

    (void)state;
    media_init(&film, "matroska,webm");
    media_add_video(&film, "h264", "avc1.640028");
    add_track(&film, "subrip", "eng", "")->is_default = true;
    add_track(&film, "subrip", "eng", "");
    add_track(&film, "ass", "ger", "Signs")->is_forced = true;
    add_track(&film, "hdmv_pgs_subtitle", "fre", "");
    add_track(&film, "webvtt", "und", "")->is_impaired = true;
    captions_add_streams(&captions, &film.media);
    assert_captions(&captions, "s1 English [en] default\n"
                               "s2 English (2) [en]\n"
                               "s3 German: Signs [de] forced\n"
                               "s4 French [fr] image\n"
                               "s5 Subtitles [] impaired\n");
}

static void nobody_is_default_where_all_are(void **state)
{
    struct media film = {0};
    struct captions captions = {0};

    (void)state;
    media_init(&film, "matroska,webm");
    add_track(&film, "subrip", "eng", "")->is_default = true;
    add_track(&film, "subrip", "ger", "")->is_default = true;
    captions_add_streams(&captions, &film.media);
    assert_captions(&captions, "s0 English [en]\ns1 German [de]\n");
}

static void assert_beside(const char *const *paths, uint32_t film, const char *wanted)
{
    struct ready_file files[FILES_MAX] = {0};
    struct captions captions = {0};
    size_t count = 0;

    for (; paths[count] != NULL; count++) {
        files[count].path = paths[count];
        files[count].size = captions_codec(paths[count]) != NULL ? 1000 : 100 * MEGABYTE;
    }
    captions_add_files(&captions, files, count, film);
    assert_captions(&captions, wanted);
}

static void files_of_the_name_of_the_film_are_its_own(void **state)
{
    static const char *const series[] = {"Show/S01E01.mkv",
                                         "Show/S01E02.mkv",
                                         "Show/S01E01.en.srt",
                                         "Show/S01E02.en.srt",
                                         "Show/S01E01.srt",
                                         "Show/Subs/S01E01.pt-BR.ASS",
                                         "Show/Subs/S01E01/2_German.srt",
                                         NULL};

    (void)state;
    assert_beside(series, 0,
                  "x2 English [en]\n"
                  "x4 S01E01 []\n"
                  "x5 Portuguese (BR) [pt-BR]\n"
                  "x6 German [de]\n");
    assert_beside(series, 1, "x3 English [en]\n");
    assert_beside(series, 99, "");
}

static void all_near_files_are_of_the_only_film(void **state)
{
    static const char *const one[] = {"Film (2020)/film.2020.mkv",   "Film (2020)/English.srt",
                                      "Film (2020)/subs/fr.vtt",     "Film (2020)/Extras/de.srt",
                                      "Film (2020)/cover.jpg",       "Film (2020)/other.name.srt",
                                      "Film (2020)/subs/more/x.srt", NULL};
    static const char *const two[] = {"a/film.mkv", "a/another.mkv", "a/English.srt", NULL};

    (void)state;
    assert_beside(one, 0, "x1 English [en]\nx2 French [fr]\nx5 other.name []\n");
    assert_beside(two, 0, "");
}

static void names_tell_language_and_kind(void **state)
{
    static const struct {
        const char *name, *wanted;
    } cases[] = {
        {"Film.en.srt", "x1 English [en]\n"},
        {"Film.eng.srt", "x1 English [en]\n"},
        {"Film.English.srt", "x1 English [en]\n"},
        {"Film - English.srt", "x1 English [en]\n"},
        {"Film [English].srt", "x1 English [en]\n"},
        {"Film_ger.srt", "x1 German [de]\n"},
        {"Film-ger.srt", "x1 German [de]\n"},
        {"Film.en.forced.srt", "x1 English: forced [en] forced\n"},
        {"Film.forced.en.srt", "x1 English: forced [en] forced\n"},
        {"Film.en.sdh.srt", "x1 English: SDH [en] impaired\n"},
        {"Film.English (SDH).srt", "x1 English: SDH [en] impaired\n"},
        {"Film.en.hi.srt", "x1 English: SDH [en] impaired\n"},
        {"Film.hi.srt", "x1 Hindi [hi]\n"},
        {"Film.zh-Hant.srt", "x1 Chinese (Hant) [zh-Hant]\n"},
        {"Film.pt-br.srt", "x1 Portuguese (br) [pt-br]\n"},
        {"FILM.EN.SRT", "x1 English [en]\n"},
        /* short words in the middle are no languages */
        {"Film.it.is.done.srt", "x1 Film.it.is.done []\n"},
        {"Film.German.1080p.srt", "x1 German [de]\n"},
        {"Film.director.srt", "x1 Film.director []\n"},
        {"Film.srt", "x1 Film []\n"},
        {"Film...srt", "x1 Film.. []\n"},
        {"Film.en.txt", ""},
        {"Film", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const paths[] = {"Film.mkv", cases[i].name, "Other.mkv", NULL};

        assert_beside(paths, 0, cases[i].wanted);
    }
}

static void films_of_longer_names_keep_theirs(void **state)
{
    static const char *const paths[] = {"Film.mkv", "Film2.mkv", "Film2.en.srt", NULL};

    (void)state;
    assert_beside(paths, 0, "");
    assert_beside(paths, 1, "x2 English [en]\n");
}

static void uploads_are_called_as_people_say(void **state)
{
    struct captions captions = {0};

    (void)state;
    captions_add_upload(&captions, 7, "subrip", "", "en");
    captions_add_upload(&captions, 8, "subrip", "By me", "");
    captions_add_upload(&captions, 9, "ass", "By me", "de");
    captions_add_upload(&captions, 10, "ass", "", "");
    assert_captions(&captions, "u7 English [en]\n"
                               "u8 By me []\n"
                               "u9 German: By me [de]\n"
                               "u10 Subtitles []\n");
}

static void a_full_list_takes_no_more(void **state)
{
    struct captions captions = {0};

    (void)state;
    for (uint32_t i = 0; i < CAPTIONS_MAX + 10; i++)
        captions_add_upload(&captions, i, "subrip", "", "");
    assert_int_equal(captions.count, CAPTIONS_MAX);
    captions_name(&captions);
    assert_string_equal(captions.list[CAPTIONS_MAX - 1].name, "Subtitles (128)");
    captions_fini(&captions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracks_have_names_and_flags),
        cmocka_unit_test(nobody_is_default_where_all_are),
        cmocka_unit_test(files_of_the_name_of_the_film_are_its_own),
        cmocka_unit_test(all_near_files_are_of_the_only_film),
        cmocka_unit_test(names_tell_language_and_kind),
        cmocka_unit_test(films_of_longer_names_keep_theirs),
        cmocka_unit_test(uploads_are_called_as_people_say),
        cmocka_unit_test(a_full_list_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
