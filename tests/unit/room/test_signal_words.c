/* SPDX-License-Identifier: MIT */
#include "signal.h"

#include "room_rig.h"

static struct rig rig;

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig, &rig_rules);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    memset(&rig, 0, sizeof(rig));
    return 0;
}

static void assert_text(struct text text, const char *expected)
{
    assert_string_equal(text_str(&text), expected);
    text_fini(&text);
}

static void seconds_have_a_fraction(void **state)
{
    static const struct {
        int64_t ms;
        const char *said;
    } cases[] = {
        {0, "\"t\":0.0"},
        {12000, "\"t\":12.0"},
        {12500, "\"t\":12.5"},
        {12050, "\"t\":12.05"},
        {100, "\"t\":0.1"},
        {1, "\"t\":0.001"},
        {10000, "\"t\":10.0"},
        {1000000, "\"t\":1000.0"},
        {CLOCK_POSITION_MAX_MS, "\"t\":1073741.824"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text out = {0};

        signal_add_seconds(&out, "t", cases[i].ms);
        assert_text(out, cases[i].said);
    }
}

static void queue(enum room_source kind, const char *source)
{
    const struct room_item item = {
        .kind = kind, .source = source, .name = "a \"film\"", .duration_ms = 90000};
    uint64_t number;

    assert_int_equal(room_queue_add(rig.room, NULL, &item, rig.now_ms, &number), ROOM_OK);
}

static void film_of_the_queue_is_told_as_a_host_would(void **state)
{
    static const char hash[] = "0123456789abcdef0123456789abcdef01234567";

    (void)state;
    assert_text(signal_film(rig.room, ROOM_MOVIE_LOADED), "");
    assert_text(signal_film(rig.room, ROOM_TORRENT_MAGNET), "");
    assert_text(signal_snapshot(rig.room, rig.now_ms), "");
    queue(ROOM_SOURCE_TORRENT, hash);
    assert_text(signal_film(rig.room, ROOM_MOVIE_LOADED),
                "{\"name\":\"a \\\"film\\\"\",\"duration\":90.0}");
    assert_text(signal_film(rig.room, ROOM_SUBTITLE_DATA), "");
    assert_text(signal_film(rig.room, ROOM_TORRENT_MAGNET),
                "{\"name\":\"a \\\"film\\\"\",\"magnetURI\":\"magnet:?xt=urn:btih:"
                "0123456789abcdef0123456789abcdef01234567\",\"streamPath\":\"direct\"}");
}

static void host_s_own_words_come_first(void **state)
{
    static const char said[] = "{\"magnetURI\":\"magnet:?xt=urn:btih:x\",\"name\":1.0}";
    const struct room_item item = {.kind = ROOM_SOURCE_TORRENT, .source = "magnet:?xt=urn:btih:x"};
    struct room_member *ann = rig_joins(&rig, "ann");

    (void)state;
    assert_int_equal(
        room_announce(rig.room, ann, ROOM_TORRENT_MAGNET, bytes_of_text(said), &item, rig.now_ms),
        ROOM_OK);
    assert_text(signal_film(rig.room, ROOM_TORRENT_MAGNET), said);
}

static void what_is_no_torrent_is_not_told_as_one(void **state)
{
    (void)state;
    queue(ROOM_SOURCE_URL, "https://example.org/film.mp4");
    assert_text(signal_film(rig.room, ROOM_MOVIE_LOADED), "");
    assert_text(signal_film(rig.room, ROOM_TORRENT_MAGNET), "");
}

static void mode_is_native_when_all_say_so(void **state)
{
    static const struct room_join native = {.capabilities = "{\"nativePlayback\":true}"},
                                  other = {.capabilities = "{\"nativePlayback\":\"true\"}"};

    (void)state;
    rig_tries(&rig, "ann", native, false);
    assert_string_equal(signal_mode(rig.room), "web-compatible");
    rig_tries(&rig, "bob", native, false);
    assert_string_equal(signal_mode(rig.room), "native");
    rig_tries(&rig, "cid", other, false);
    assert_string_equal(signal_mode(rig.room), "web-compatible");
    room_lose(rig.room, room_find(rig.room, "cid"), rig.now_ms);
    assert_string_equal(signal_mode(rig.room), "native");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(seconds_have_a_fraction),        TEST(film_of_the_queue_is_told_as_a_host_would),
        TEST(host_s_own_words_come_first),    TEST(what_is_no_torrent_is_not_told_as_one),
        TEST(mode_is_native_when_all_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
