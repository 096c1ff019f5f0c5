/* SPDX-License-Identifier: MIT */
#include "playlist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "media.h"

static const struct choice_client anybody = {0};
static const struct captions none = {0};
static const struct playlist_sizes original = {.has_original = true};

static void assert_master(const struct media *film, const struct choice_client *client,
                          const char *query, const char *wanted)
{
    struct text out = {0};

    playlist_master(&out, &film->media, &none, client, &original, query);
    assert_string_equal(text_str(&out), wanted);
    text_fini(&out);
}

static void make_film(struct media *film)
{
    Sharestream__Worker__Stream *video;

    media_init(film, "matroska,webm");
    film->media.bitrate = 5000000;
    video = media_add_video(film, "h264", "avc1.640028");
    video->width = 1920;
    video->height = 1080;
    video->frame_rate = 24000.0 / 1001;
}

static void master_names_the_picture_and_every_sound(void **state)
{
    struct media film;

    (void)state;
    make_film(&film);
    media_add_audio(&film, "aac", "mp4a.40.2", 2)->language = media_text("eng");
    media_add_audio(&film, "ac3", "ac-3", 6)->language = media_text("und");
    media_add_audio(&film, "aac", "mp4a.40.2", 2)->language = media_text("eng");
    film.streams[3].title = media_text("The \"making of\"\n#EXTM3U");
    assert_master(
        &film, &anybody, "",
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES,"
        "AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a1/index.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"Sound\",DEFAULT=NO,"
        "AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a2t/index.m3u8\"\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"English: The  making of  #EXTM3U\","
        "LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a3/index.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=5170000,CODECS=\"avc1.640028,mp4a.40.2\","
        "RESOLUTION=1920x1080,FRAME-RATE=23.976,AUDIO=\"sound\"\nv/index.m3u8\n");
}

static void codecs_has_those_of_all_sounds_once(void **state)
{
    char avc[] = "avc1", ac3[] = "ac-3", aac[] = "mp4a", *can[] = {avc, ac3, aac};
    const struct choice_client client = {can, COUNT_OF(can)};
    struct media film;
    struct text out = {0};

    (void)state;
    make_film(&film);
    media_add_audio(&film, "ac3", "ac-3", 6);
    media_add_audio(&film, "dts", "dtsc", 6); /* made anew */
    media_add_audio(&film, "ac3", "ac-3", 2);
    playlist_master(&out, &film.media, &none, &client, &original, "");
    assert_non_null(strstr(text_str(&out), ",CODECS=\"avc1.640028,ac-3,mp4a.40.2\","));
    assert_non_null(strstr(text_str(&out), ",CHANNELS=\"6\",URI=\"a1/index.m3u8\""));
    assert_non_null(strstr(text_str(&out), ",CHANNELS=\"2\",URI=\"a2t/index.m3u8\""));
    text_fini(&out);
}

static void master_of_a_film_without_sound_has_no_group(void **state)
{
    struct media film;

    (void)state;
    make_film(&film);
    film.media.bitrate = 0;
    film.streams[0].frame_rate = 0;
    film.streams[0].width = 0;
    assert_master(&film, &anybody, "",
                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
                  "#EXT-X-STREAM-INF:BANDWIDTH=4000000,CODECS=\"avc1.640028\"\nv/index.m3u8\n");
}

static void master_of_sound_alone_is_its_playlist(void **state)
{
    struct media film;

    (void)state;
    media_init(&film, "flac");
    film.media.bitrate = 800000;
    media_add_audio(&film, "flac", "fLaC", 2);
    media_add_audio(&film, "aac", "mp4a.40.2", 2);
    assert_master(&film, &anybody, "",
                  "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"
                  "#EXT-X-STREAM-INF:BANDWIDTH=970000,CODECS=\"mp4a.40.2\"\na0t/index.m3u8\n");
}

static void media_playlist_lists_all_segments(void **state)
{
    int64_t starts[] = {0, 6006000, 12012000, 15000001};
    const struct plan plan = {.starts = starts, .count = 3};
    const struct rendition video = {.kind = RENDITION_VIDEO}, ts = {.kind = RENDITION_TS};
    struct text out = {0};

    (void)state;
    playlist_media(&out, &plan, &video, "");
    assert_string_equal(text_str(&out), "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n"
                                        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
                                        "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n"
                                        "#EXTINF:6.006000,\n0.m4s\n#EXTINF:6.006000,\n1.m4s\n"
                                        "#EXTINF:2.988001,\n2.m4s\n#EXT-X-ENDLIST\n");
    text_clear(&out);
    playlist_media(&out, &plan, &ts, "");
    assert_string_equal(text_str(&out), "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n"
                                        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
                                        "#EXTINF:6.006000,\n0.ts\n#EXTINF:6.006000,\n1.ts\n"
                                        "#EXTINF:2.988001,\n2.ts\n#EXT-X-ENDLIST\n");
    text_fini(&out);
}

static void every_url_carries_the_query_and_none_is_broken_by_it(void **state)
{
    static const char wanted[] = "?e=1&sig=aB-_9%2F%22%20%0A";
    int64_t starts[] = {0, 6000000, 12000000};
    const struct plan plan = {.starts = starts, .count = 2};
    const struct rendition video = {.kind = RENDITION_VIDEO};
    struct text out = {0};
    struct media film;
    unsigned urls = 0;

    (void)state;
    make_film(&film);
    media_add_audio(&film, "aac", "mp4a.40.2", 2);
    playlist_master(&out, &film.media, &none, &anybody, &original, "e=1&sig=aB-_9%2F\" \n");
    playlist_media(&out, &plan, &video, "e=1&sig=aB-_9%2F\" \n");
    for (const char *at = text_str(&out); (at = strchr(at, '?')) != NULL; urls++) {
        assert_memory_equal(at, wanted, strlen(wanted));
        at += strlen(wanted);
        assert_true(*at == '\n' || *at == '"');
    }
    assert_int_equal(urls, 5); /* sound, picture, map, two segments */
    text_fini(&out);
}

/* What a player makes of a playlist: from each line its segment, its place in time. */
static void a_playlist_read_back_is_the_plan(void **state)
{
    int64_t keyframes[1000];
    const struct rendition rendition = {.kind = RENDITION_AUDIO, .stream = 3, .is_made = true};
    struct plan plan;
    struct text out = {0};
    size_t segments = 0;
    int64_t at_us = 0;
    unsigned target;
    char *rest, *line;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(keyframes); i++)
        keyframes[i] = (int64_t)i * 1234567 + (int64_t)(i * i % 977);
    assert_true(plan_keyframes(&plan, keyframes, COUNT_OF(keyframes), 1240000000, 6000000));
    playlist_media(&out, &plan, &rendition, "");
    assert_int_equal(sscanf(strstr(text_str(&out), "TARGETDURATION"), "TARGETDURATION:%u", &target),
                     1);
    rest = out.data;
    while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
        unsigned seconds, micros;
        char url[64], path_text[96];
        struct path path;

        if (sscanf(line, "#EXTINF:%u.%06u,", &seconds, &micros) != 2)
            continue;
        assert_true(seconds + (micros >= 500000) <= target);
        at_us += (int64_t)seconds * 1000000 + micros;
        line = strtok_r(rest, "\n", &rest);
        assert_non_null(line);
        assert_int_equal(sscanf(line, "%63s", url), 1);
        snprintf(path_text, sizeof(path_text), "a3t/%s", url);
        path = path_parse(bytes_of_text(path_text));
        assert_int_equal(path.what, PATH_SEGMENT);
        assert_int_equal(path.number, segments);
        assert_int_equal(path.rendition.stream, 3);
        segments++;
        assert_int_equal(at_us, plan.starts[segments] - plan.starts[0]);
    }
    assert_int_equal(segments, plan.count);
    plan_fini(&plan);
    text_fini(&out);
}

static void subtitles_of_text_are_a_group(void **state)
{
    struct caption list[] = {
        {.rendition = {.kind = RENDITION_SUBTITLE, .stream = 2},
         .name = media_text("English \"1\""),
         .language = "en",
         .is_default = true},
        {.rendition = {.kind = RENDITION_SUBTITLE, .stream = 3},
         .name = media_text("Pictures"),
         .is_image = true},
        {.rendition = {.kind = RENDITION_UPLOAD, .stream = 7},
         .name = media_text("Mine"),
         .is_forced = true,
         .is_impaired = true},
    };
    struct captions captions = {list, COUNT_OF(list)};
    struct media film = {0};
    struct text out = {0};

    (void)state;
    make_film(&film);
    playlist_master(&out, &film.media, &captions, &anybody, &original, "delay=5");
    assert_non_null(strstr(text_str(&out),
                           "\n#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"text\",NAME=\"English  1 \","
                           "LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,"
                           "URI=\"s2/index.m3u8?delay=5\"\n"));
    assert_non_null(strstr(text_str(&out), "NAME=\"Mine\",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,"
                                           "CHARACTERISTICS=\"public.accessibility."
                                           "transcribes-spoken-dialog,public.accessibility."
                                           "describes-music-and-sound\",URI=\"u7/index.m3u8"));
    assert_null(strstr(text_str(&out), "Pictures"));
    assert_non_null(strstr(text_str(&out), ",SUBTITLES=\"text\"\n"));
    text_clear(&out);
    captions.list++;
    captions.count = 1; /* pictures alone make no group */
    playlist_master(&out, &film.media, &captions, &anybody, &original, "");
    assert_null(strstr(text_str(&out), "SUBTITLES"));
    text_fini(&out);
}

static void subtitles_have_no_beginning_of_their_own(void **state)
{
    int64_t starts[] = {0, 6000000, 9500000};
    const struct plan plan = {starts, 2};
    const struct rendition rendition = {.kind = RENDITION_SUBTITLE, .stream = 2};
    struct text out = {0};

    (void)state;
    playlist_media(&out, &plan, &rendition, "delay=5");
    assert_string_equal(text_str(&out),
                        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n"
                        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n"
                        "#EXTINF:6.000000,\n0.vtt?delay=5\n#EXTINF:3.500000,\n1.vtt?delay=5\n"
                        "#EXT-X-ENDLIST\n");
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subtitles_of_text_are_a_group),
        cmocka_unit_test(subtitles_have_no_beginning_of_their_own),
        cmocka_unit_test(master_names_the_picture_and_every_sound),
        cmocka_unit_test(codecs_has_those_of_all_sounds_once),
        cmocka_unit_test(master_of_a_film_without_sound_has_no_group),
        cmocka_unit_test(master_of_sound_alone_is_its_playlist),
        cmocka_unit_test(media_playlist_lists_all_segments),
        cmocka_unit_test(every_url_carries_the_query_and_none_is_broken_by_it),
        cmocka_unit_test(a_playlist_read_back_is_the_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
