/* SPDX-License-Identifier: MIT */
#include "thumbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef Sharestream__Worker__Media Media;
typedef Sharestream__Worker__Stream Stream;

enum { KEYFRAMES = 1000, SECOND_US = 1000000 };

/* A film with a keyframe every 4 s, 1,000 bytes each with what follows; the first `here` bytes of
 * it and the last are here. */
struct world {
    Stream streams[2], *list[2];
    Media media;
    int64_t times[KEYFRAMES];
    uint64_t offsets[KEYFRAMES];
    uint64_t here;
    uint32_t made; /* bits */
};

static bool is_here(void *arg, uint64_t from, uint64_t until)
{
    const struct world *world = arg;

    (void)from;
    return until <= world->here;
}

static bool is_made(void *arg, uint32_t sheet)
{
    const struct world *world = arg;

    return sheet < 32 && (world->made >> sheet & 1) != 0;
}

static struct thumbs_film begin(struct world *world, int64_t seconds, size_t keyframes)
{
    memset(world, 0, sizeof(*world));
    sharestream__worker__media__init(&world->media);
    for (size_t i = 0; i < 2; i++) {
        sharestream__worker__stream__init(&world->streams[i]);
        world->list[i] = &world->streams[i];
        world->streams[i].index = (uint32_t)i;
    }
    world->streams[0].kind = SHARESTREAM__WORKER__KIND__VIDEO;
    world->streams[0].width = 1024;
    world->streams[0].height = 576;
    world->streams[0].pixel_aspect = 1;
    world->streams[1].kind = SHARESTREAM__WORKER__KIND__AUDIO;
    world->media.streams = world->list;
    world->media.n_streams = 2;
    world->media.audio = 1;
    world->media.duration_us = seconds * SECOND_US;
    world->media.keyframes_us = world->times;
    world->media.keyframe_offsets = world->offsets;
    world->media.n_keyframes_us = world->media.n_keyframe_offsets = keyframes;
    for (size_t i = 0; i < keyframes; i++) {
        world->times[i] = (int64_t)i * 4 * SECOND_US;
        world->offsets[i] = i * 1000;
    }
    world->here = UINT64_MAX;
    return (struct thumbs_film){&world->media, KEYFRAMES * 1000, is_here, is_made, world};
}

static struct path path_of(const char *text)
{
    return path_parse(bytes_of_text(text));
}

static enum err check(const struct thumbs_film *film, const char *text)
{
    struct path path = path_of(text);
    struct error error = {0};

    return thumbs_check(film, &path, &error);
}

static void paths_are_read(void **state)
{
    static const struct {
        const char *text;
        enum path_what what;
        enum rendition_kind kind;
        uint32_t number;
    } rows[] = {
        {"thumbs.vtt", PATH_CUES, RENDITION_THUMBS, 0},
        {"thumbs.json", PATH_PROGRESS, RENDITION_THUMBS, 0},
        {"thumbs/0.jpg", PATH_SEGMENT, RENDITION_THUMBS, 0},
        {"thumbs/17.jpg", PATH_SEGMENT, RENDITION_THUMBS, 17},
        {"poster.jpg", PATH_SEGMENT, RENDITION_POSTER, 0},
        {"waveform.json", PATH_SEGMENT, RENDITION_WAVEFORM, 0},
    };
    static const char *const wrong[] = {
        "thumbs",        "thumbs/.jpg", "thumbs/01.jpg", "thumbs/1.jpeg", "thumbs/99999999999.jpg",
        "thumbs/1.jpg/", "poster.jpg?", "waveform",      "thumbs/1.m4s",  "poster/0.jpg"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct path path = path_of(rows[i].text);

        print_message("%s\n", rows[i].text);
        assert_int_equal(path.what, rows[i].what);
        assert_int_equal(path.rendition.kind, rows[i].kind);
        assert_int_equal(path.number, rows[i].number);
        assert_true(rendition_is_quiet(&path.rendition));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        print_message("%s\n", wrong[i]);
        assert_int_equal(path_of(wrong[i]).what, PATH_NONE);
    }
}

static void a_picture_is_the_keyframe_before_its_time(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 2005, 500);
    struct path path = path_of("thumbs/1.jpg");
    struct thumbs_order order;

    (void)state;
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.cut.container, SHARESTREAM__WORKER__CONTAINER__JPEG);
    assert_int_equal(order.pictures.n_at_us, THUMBS_PER_SHEET);
    for (int64_t i = 0; i < THUMBS_PER_SHEET; i++) /* of 1000 + 10 i */
        assert_int_equal(order.pictures.at_us[i], (1000 + 10 * i) / 4 * 4 * SECOND_US);
    assert_int_equal(order.pictures.width, THUMBS_WIDTH);
    assert_int_equal(order.pictures.height, 180);
    path = path_of("thumbs/2.jpg");
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.pictures.n_at_us,
                     1); /* that of 2000 s; there are none behind the last */
    assert_int_equal(order.pictures.at_us[0], 1996 * (int64_t)SECOND_US);
    assert_int_equal(check(&film, "thumbs/3.jpg"), ERR_NOT_FOUND);
}

static void a_first_keyframe_that_is_late_is_taken(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 60, 10);
    struct path path = path_of("thumbs/0.jpg");
    struct thumbs_order order;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        world.times[i] += 15 * SECOND_US;
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.pictures.at_us[0], 15 * SECOND_US);
    assert_int_equal(order.pictures.at_us[1], 15 * SECOND_US);
    assert_int_equal(order.pictures.at_us[2], 19 * SECOND_US);
}

static void a_sheet_can_be_made_when_all_its_pictures_are_here(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 3000, 750);
    struct text text = {0};

    (void)state;
    /* The last of sheet 0 is that of 990 s: keyframe 247, which ends at 248,000. */
    world.here = 247999;
    assert_int_equal(check(&film, "thumbs/0.jpg"), ERR_BUSY);
    thumbs_progress(&text, &film);
    assert_non_null(
        strstr(text.data, "\"total\":3,\"ready\":0,\"pictures\":300,\"pictures_here\":99}"));
    world.here = 248000;
    assert_int_equal(check(&film, "thumbs/0.jpg"), ERR_NONE);
    assert_int_equal(check(&film, "thumbs/1.jpg"), ERR_BUSY);
    text_clear(&text);
    thumbs_cues(&text, &film, "");
    assert_non_null(strstr(text.data, "NOTE 1 of 3 sheets"));
    assert_non_null(strstr(text.data, "thumbs/0.jpg#"));
    assert_null(strstr(text.data, "thumbs/1.jpg"));
    /* What was made is there, wherever its bytes went. */
    world.here = 0;
    world.made = 1 << 2;
    text_clear(&text);
    thumbs_cues(&text, &film, "");
    assert_non_null(strstr(text.data, "NOTE 1 of 3 sheets"));
    assert_non_null(strstr(text.data, "thumbs/2.jpg#"));
    text_fini(&text);
}

static void keyframes_of_one_cluster_share_its_bytes(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 12, 3);

    (void)state;
    world.offsets[1] = world.offsets[0]; /* which ends where the third begins */
    world.here = 1999;
    assert_int_equal(thumbs_poster(&film), 0);
    assert_int_equal(check(&film, "poster.jpg"), ERR_BUSY);
    world.here = 2000;
    assert_int_equal(check(&film, "poster.jpg"), ERR_NONE);
}

static void without_an_index_all_must_be_here(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 100, 0);
    struct path path = path_of("thumbs/0.jpg");
    struct thumbs_order order;

    (void)state;
    world.here = film.size - 1;
    assert_int_equal(check(&film, "thumbs/0.jpg"), ERR_BUSY);
    assert_int_equal(thumbs_poster(&film), 0);
    world.here = film.size;
    assert_int_equal(check(&film, "thumbs/0.jpg"), ERR_NONE);
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.pictures.at_us[9], 90 * SECOND_US);
    path = path_of("poster.jpg");
    path.number = thumbs_poster(&film);
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.pictures.at_us[0], 10 * SECOND_US);
    assert_int_equal(order.pictures.height, 0);
}

static void the_poster_is_of_a_tenth_or_the_nearest_before(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 3000, 750);

    (void)state;
    assert_int_equal(thumbs_poster(&film), 75); /* 300 s */
    world.here = 50500;
    assert_int_equal(thumbs_poster(&film), 49);
    world.here = 0;
    assert_int_equal(thumbs_poster(&film), 0);
    assert_int_equal(check(&film, "poster.jpg"), ERR_BUSY);
}

static void sound_has_a_waveform_and_maybe_a_cover(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 300, 0);
    struct path path = path_of("waveform.json");
    struct thumbs_order order;
    struct text text = {0};

    (void)state;
    assert_int_equal(check(&film, "waveform.json"), ERR_NOT_FOUND); /* it has a picture */
    world.media.video = -1;
    world.streams[0].is_picture = true;
    assert_int_equal(check(&film, "waveform.json"), ERR_NONE);
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.cut.container, SHARESTREAM__WORKER__CONTAINER__WAVEFORM);
    assert_int_equal(order.track.stream, 1);
    assert_int_equal(order.cut.until_us, 300 * SECOND_US);
    path = path_of("poster.jpg");
    thumbs_fill(&order, &film, &path);
    assert_int_equal(order.track.stream, 0);
    assert_int_equal(check(&film, "poster.jpg"), ERR_NONE);
    assert_int_equal(check(&film, "thumbs/0.jpg"), ERR_NOT_FOUND);
    thumbs_cues(&text, &film, "");
    assert_string_equal(text.data, "WEBVTT\n\nNOTE 0 of 0 sheets can be shown\n\n");
    text_fini(&text);
    world.here = film.size - 1;
    assert_int_equal(check(&film, "waveform.json"), ERR_BUSY);
    world.streams[0].is_picture = false;
    assert_int_equal(check(&film, "poster.jpg"), ERR_NOT_FOUND);
}

static void cues_name_place_and_time(void **state)
{
    struct world world;
    struct thumbs_film film = begin(&world, 3661, 900);
    struct text text = {0};

    (void)state;
    thumbs_cues(&text, &film, "");
    assert_memory_equal(text.data,
                        "WEBVTT\n\nNOTE 4 of 4 sheets can be shown\n\n"
                        "00:00:00.000 --> 00:00:10.000\nthumbs/0.jpg#xywh=0,0,320,180\n\n"
                        "00:00:10.000 --> 00:00:20.000\nthumbs/0.jpg#xywh=320,0,320,180\n\n",
                        150);
    assert_non_null(strstr(text.data, "01:01:00.000 --> 01:01:10.000\n"
                                      "thumbs/3.jpg#xywh=1920,1080,320,180\n\n"));
    text_clear(&text);
    thumbs_cues(&text, &film, "sig=a%20b");
    assert_non_null(strstr(text.data, "thumbs/0.jpg?sig=a%20b#xywh=0,0,320,180\n"));
    text_fini(&text);
}

/* Length and shape are what a stranger's file says. */
static void absurd_films_stay_in_bounds(void **state)
{
    static const double aspects[] = {1e9, 1e-9, 0, 2.35, 9.0 / 16};
    static const int64_t lengths[] = {1, 86400, 86401, 1000000000, INT64_MAX / SECOND_US - 100};
    struct world world;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct thumbs_film film = begin(&world, lengths[i], 0);
        struct path path = path_of("thumbs/0.jpg");
        struct thumbs_order order;
        struct text text = {0};

        world.streams[0].pixel_aspect = aspects[i];
        world.streams[0].turns = (uint32_t)i;
        thumbs_fill(&order, &film, &path);
        assert_in_range(order.pictures.n_at_us, 1, THUMBS_PER_SHEET);
        assert_in_range(order.pictures.height, 16, 1280);
        assert_int_equal(order.pictures.height % 2, 0);
        thumbs_cues(&text, &film, "");
        assert_in_range(text.len, 50, 100 * THUMBS_MAX);
        assert_int_equal(check(&film, "thumbs/86.jpg"),
                         lengths[i] > 85000 && lengths[i] < 86401 ? ERR_NONE : ERR_NOT_FOUND);
        text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_read),
        cmocka_unit_test(a_picture_is_the_keyframe_before_its_time),
        cmocka_unit_test(a_first_keyframe_that_is_late_is_taken),
        cmocka_unit_test(a_sheet_can_be_made_when_all_its_pictures_are_here),
        cmocka_unit_test(keyframes_of_one_cluster_share_its_bytes),
        cmocka_unit_test(without_an_index_all_must_be_here),
        cmocka_unit_test(the_poster_is_of_a_tenth_or_the_nearest_before),
        cmocka_unit_test(sound_has_a_waveform_and_maybe_a_cover),
        cmocka_unit_test(cues_name_place_and_time),
        cmocka_unit_test(absurd_films_stay_in_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
