/* SPDX-License-Identifier: MIT */
#include "choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "media.h"
#include "wire/codec_string.h"

/* "avc1,ac-3" as a client; the words live in `room`. */
static struct choice_client client_of(const char *words, char room[256], char *can[16])
{
    struct choice_client client = {.can = can};
    char *rest = room, *word;

    snprintf(room, 256, "%s", words);
    while ((word = strtok_r(rest, ",", &rest)) != NULL)
        can[client.can_count++] = word;
    return client;
}

static void every_client_plays_what_it_says_and_no_more(void **state)
{
    static const struct {
        const char *codec, *codec_string, *profile;
        unsigned bit_depth, channels;
        const char *can;
        bool plays;
    } cases[] = {
        /* Who says nothing is any browser. */
        {"h264", "avc1.640028", "High", 8, 0, "", true},
        {"h264", "avc1.6e0028", "High 10", 10, 0, "", false},
        {"h264", "avc1.7a0028", "High 4:2:2", 8, 0, "", false},
        {"h264", "avc1.f40028", "High 4:4:4 Predictive", 8, 0, "", false},
        {"hevc", "hvc1.1.6.L120.90", "Main", 8, 0, "", false},
        {"vp9", "vp09.00.41.08", "", 8, 0, "", false},
        {"mpeg4", "", "", 8, 0, "", false},
        {"aac", "mp4a.40.2", "LC", 0, 2, "", true},
        {"aac", "mp4a.40.2", "LC", 0, 1, "", true},
        {"aac", "mp4a.40.2", "LC", 0, 6, "", false},
        {"aac", "mp4a.40.5", "HE-AAC", 0, 2, "", false},
        {"ac3", "ac-3", "", 0, 6, "", false},
        {"mp3", "mp3", "", 0, 2, "", false},

        {"h264", "avc1.640028", "High", 8, 0, "avc1.640028", true},
        {"h264", "avc1.64001f", "High", 8, 0, "avc1.64001F", true},
        {"h264", "avc1.640028", "High", 8, 0, "avc1.640029", false},
        {"h264", "avc1.640028", "High", 8, 0, "avc1", true},
        {"h264", "avc1.640028", "High", 8, 0, "avc", false},
        {"h264", "avc1.640028", "High", 8, 0, "avc1.", false},
        {"h264", "avc1.6e0028", "High 10", 10, 0, "avc1", false},
        {"h264", "avc1.6e0028", "High 10", 10, 0, "avc1,avc1.6e0028", true},
        {"hevc", "hvc1.2.4.L120.90", "Main 10", 10, 0, "avc1,hvc1", true},
        {"hevc", "hvc1.2.4.L120.90", "Main 10", 10, 0, "avc1,mp4a.40.2", false},
        {"aac", "mp4a.40.2", "LC", 0, 6, "mp4a.40.2", true},
        {"aac", "mp4a.40.5", "HE-AAC", 0, 2, "mp4a", true},
        {"aac", "mp4a.40.2", "LC", 0, 2, "avc1", false},
        {"ac3", "ac-3", "", 0, 6, "ac-3", true},
        {"opus", "opus", "", 0, 2, "Opus", true},
        {"mpeg4", "", "", 8, 0, "avc1", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Sharestream__Worker__Stream stream = SHARESTREAM__WORKER__STREAM__INIT;
        char room[256], *can[16];
        struct choice_client client = client_of(cases[i].can, room, can);

        stream.codec = media_text(cases[i].codec);
        stream.codec_string = media_text(cases[i].codec_string);
        stream.profile = media_text(cases[i].profile);
        stream.bit_depth = cases[i].bit_depth;
        stream.channels = cases[i].channels;
        if (choice_plays(&client, &stream) != cases[i].plays)
            fail_msg("%s (%s) for '%s'", cases[i].codec_string, cases[i].profile, cases[i].can);
    }
}

static void pictures_of_two_times_are_for_who_makes_them_whole(void **state)
{
    static const struct {
        const char *can;
        bool plays;
    } cases[] = {{"", false},
                 {"avc1,avc1.640028", false},
                 {"avc1,interlaced", true},
                 {"hvc1,interlaced", false}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Sharestream__Worker__Stream stream = SHARESTREAM__WORKER__STREAM__INIT;
        char room[256], *can[16];
        struct choice_client client = client_of(cases[i].can, room, can);

        stream.codec = media_text("h264");
        stream.codec_string = media_text("avc1.640028");
        stream.bit_depth = 8;
        stream.is_interlaced = true;
        if (choice_plays(&client, &stream) != cases[i].plays)
            fail_msg("for '%s'", cases[i].can);
    }
}

static void the_cheapest_way_that_works_is_taken(void **state)
{
    enum { UNPLAYABLE, DIRECT, REMUX, SOUND, FULL };
    static const struct {
        const char *name, *container, *video, *audio; /* NULL: has none */
        bool is_open, has_no_index;
        const char *can;
        int way;
    } cases[] = {
        {"mp4", "mov,mp4,m4a,3gp,3g2,mj2", "avc1.640028", "mp4a.40.2", .way = DIRECT},
        {"mp4 without index", "mov,mp4", "avc1.640028", "mp4a.40.2", .has_no_index = true,
         .way = DIRECT},
        {"mkv", "matroska,webm", "avc1.640028", "mp4a.40.2", .way = REMUX},
        {"mkv without sound", "matroska,webm", "avc1.640028", NULL, .way = REMUX},
        {"mkv without Cues", "matroska,webm", "avc1.640028", "mp4a.40.2", .has_no_index = true,
         .way = FULL},
        {"mkv, AC-3", "matroska,webm", "avc1.640028", "ac-3", .way = SOUND},
        {"mkv, AC-3, no Cues", "matroska,webm", "avc1.640028", "ac-3", .has_no_index = true,
         .way = FULL},
        {"mkv, AC-3, client plays it", "matroska,webm", "avc1.640028", "ac-3", .can = "avc1,ac-3",
         .way = REMUX},
        {"mp4, AC-3", "mov,mp4", "avc1.640028", "ac-3", .way = SOUND},
        {"HEVC", "matroska,webm", "hvc1.1.6.L120.90", "mp4a.40.2", .way = FULL},
        {"HEVC in mp4, client plays it", "mov,mp4", "hvc1.1.6.L120.90", "mp4a.40.2",
         .can = "hvc1,mp4a", .way = DIRECT},
        {"open GOP", "matroska,webm", "avc1.640028", "mp4a.40.2", .is_open = true, .way = FULL},
        {"open GOP breaks direct play as well", "mov,mp4", "avc1.640028", "mp4a.40.2",
         .is_open = true, .way = FULL},
        {"AVI, MPEG-4", "avi", "", "mp3", .way = FULL},
        {"m4a", "mov,mp4", NULL, "mp4a.40.2", .way = DIRECT},
        {"flac", "flac", NULL, "fLaC", .way = SOUND},
        {"flac, client plays it", "flac", NULL, "fLaC", .can = "flac", .way = REMUX},
        {"sound needs no keyframes", "ogg", NULL, "vorbis", .has_no_index = true, .way = SOUND},
        {"nothing in it", "matroska,webm", NULL, NULL, .way = UNPLAYABLE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct media film;
        char room[256], *can[16];
        struct choice_client client =
            client_of(cases[i].can != NULL ? cases[i].can : "", room, can);
        const char *why = NULL;
        Sharestream__Transcode__Way way;

        media_init(&film, cases[i].container);
        if (cases[i].video != NULL)
            media_add_video(&film, strncmp(cases[i].video, "avc1", 4) == 0 ? "h264" : "other",
                            cases[i].video);
        if (cases[i].audio != NULL)
            media_add_audio(&film, "other", cases[i].audio, 2);
        film.media.is_closed = !cases[i].is_open;
        way = choice_way(&film.media, &client, !cases[i].has_no_index, &why);
        if ((int)way != cases[i].way)
            fail_msg("%s: way %d (%s), wanted %d", cases[i].name, (int)way, why, cases[i].way);
        /* Who does not get the film as it is is told why. */
        assert_int_equal(why[0] == '\0', way == SHARESTREAM__TRANSCODE__WAY__DIRECT);
    }
}

static void the_sound_to_play_comes_first_and_each_once(void **state)
{
    struct media film;
    uint32_t sounds[MEDIA_STREAMS];

    (void)state;
    media_init(&film, "matroska,webm");
    assert_int_equal(choice_sounds(&film.media, sounds, MEDIA_STREAMS), 0);
    media_add_video(&film, "h264", "avc1.640028");
    for (unsigned i = 0; i < 4; i++)
        media_add_audio(&film, "ac3", "ac-3", i == 2 ? 0 : 6); /* the third is broken */
    film.media.audio = 4;
    assert_int_equal(choice_sounds(&film.media, sounds, MEDIA_STREAMS), 3);
    assert_int_equal(sounds[0], 4);
    assert_int_equal(sounds[1], 1);
    assert_int_equal(sounds[2], 2);
    assert_int_equal(choice_sounds(&film.media, sounds, 2), 2);
    assert_int_equal(choice_sounds(&film.media, sounds, 0), 0);
}

/* What a worker says is made of a stranger's file. */
static void a_worker_that_lies_about_the_sound_is_not_believed(void **state)
{
    struct media film;
    uint32_t sounds[4];

    (void)state;
    media_init(&film, "matroska,webm");
    media_add_video(&film, "h264", "avc1.640028");
    film.media.audio = 17;
    assert_int_equal(choice_sounds(&film.media, sounds, COUNT_OF(sounds)), 0);
    film.media.audio = 0;
    assert_int_equal(choice_sounds(&film.media, sounds, COUNT_OF(sounds)), 0);
}

static void a_client_may_say_so_much_and_no_more(void **state)
{
    char word[] = "avc1", *words[CODEC_STRINGS_MAX + 1];
    struct choice_client client;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        words[i] = word;
    client = choice_client_copy(words, 3);
    assert_int_equal(client.can_count, 3);
    choice_client_fini(&client);
    client = choice_client_copy(words, COUNT_OF(words));
    assert_int_equal(client.can_count, CODEC_STRINGS_MAX);
    assert_string_equal(client.can[CODEC_STRINGS_MAX - 1], "avc1");
    choice_client_fini(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_client_plays_what_it_says_and_no_more),
        cmocka_unit_test(pictures_of_two_times_are_for_who_makes_them_whole),
        cmocka_unit_test(the_cheapest_way_that_works_is_taken),
        cmocka_unit_test(the_sound_to_play_comes_first_and_each_once),
        cmocka_unit_test(a_worker_that_lies_about_the_sound_is_not_believed),
        cmocka_unit_test(a_client_may_say_so_much_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
