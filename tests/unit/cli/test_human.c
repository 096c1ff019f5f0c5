/* SPDX-License-Identifier: MIT */
#include "human.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/must.h"

static void rates_and_limits_read_well(void **state)
{
    char out[HUMAN_TEXT];

    (void)state;
    assert_string_equal(human_rate(0, out), "-");
    assert_string_equal(human_rate(1536 * 1024, out), "1.5 MiB/s");
    assert_string_equal(human_limit(0, out), "none");
    assert_string_equal(human_limit(100, out), "100 B/s");
}

static void percent_is_100_only_when_all_is_there(void **state)
{
    static const struct {
        double part;
        const char *text;
    } cases[] = {{0, "0.0 %"},        {-1, "0.0 %"}, {0.421, "42.1 %"},
                 {0.99999, "99.9 %"}, {1, "100 %"},  {NAN, "0.0 %"}};
    char out[HUMAN_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(human_percent(cases[i].part, out), cases[i].text);
}

static void span_shows_the_two_largest_units(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {{0, "0 ms"},      {999, "999 ms"},       {1000, "1 s"},
                 {59999, "59 s"},  {60000, "1 min"},      {312000, "5 min 12 s"},
                 {3600000, "1 h"}, {90061000, "1 d 1 h"}, {UINT64_MAX, "213503982334 d 14 h"}};
    char out[HUMAN_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(human_span(cases[i].ms, out), cases[i].text);
}

static void time_is_local_and_zero_is_never(void **state)
{
    char out[HUMAN_TEXT];

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(human_time(0, out), "-");
    assert_string_equal(human_time(1769882700000, out), "2026-01-31 18:05");
    assert_string_equal(human_time(UINT64_MAX, out) != NULL ? "ok" : "", "ok");
}

static void rates_are_read_as_people_write_them(void **state)
{
    uint64_t out = 7;

    (void)state;
    assert_true(human_parse_rate("none", &out));
    assert_int_equal(out, 0);
    assert_true(human_parse_rate("2MiB", &out));
    assert_int_equal(out, 2 << 20);
    assert_true(human_parse_rate("500K/s", &out));
    assert_int_equal(out, 500 << 10);
    assert_false(human_parse_rate("fast", &out));
    assert_false(human_parse_rate("/s", &out));
    assert_false(human_parse_rate("", &out));
}

static void expect_clean(const char *raw, const char *clean)
{
    struct text out = {0};

    human_clean(&out, raw);
    assert_string_equal(text_str(&out), clean);
    text_fini(&out);
}

static void positions_are_read_as_players_show_them(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1:02:03", 3723000}, {"4:30", 270000},          {"0:00", 0},
                 {"90s", 90000},       {"1h2m", 3720000},         {"0", 0},
                 {"100:00", 6000000},  {"9999999:00:00", 1 << 30}};
    static const char *const wrong[] = {"", ":", "1:", ":1", "1:60", "1:2:3:4", "1:2x", "-1", "90"};
    char text[HUMAN_TEXT];
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(human_parse_position(cases[i].text, &ms));
        assert_int_equal(ms, cases[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(human_parse_position(wrong[i], &ms));
    assert_string_equal(human_position(3723999, text), "1:02:03");
}

static void names_cannot_command_the_terminal(void **state)
{
    (void)state;
    expect_clean("plain", "plain");
    expect_clean("\033[31mred\a\r\n\t\177", "?[31mred?????");
    expect_clean("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xac",
                 "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xac");
    expect_clean("\xc2\x9b"
                 "31m",
                 "?31m"); /* CSI as one character */
    expect_clean("bad\xff\xe2\x82", "bad???");
}

static void expect_progress(const Sharestream__Torrent__TorrentInfo *info, const char *note,
                            const char *line)
{
    struct text out = {0};

    human_progress(&out, info, note);
    assert_string_equal(text_str(&out), line);
    text_fini(&out);
}

static void progress_says_what_matters_now(void **state)
{
    static char failure[] = "disk\nfull";
    Sharestream__Torrent__TorrentInfo info = SHARESTREAM__TORRENT__TORRENT_INFO__INIT;

    (void)state;
    info.state = SHARESTREAM__TORRENT__STATE__METADATA;
    info.peers = 1;
    expect_progress(&info, NULL, "1 peer  looking for metadata");

    info.state = SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    info.has_metadata = true;
    info.size_bytes = 1 << 30;
    info.progress = 0.25;
    info.peers = 12;
    info.download_rate = 2 << 20;
    info.upload_rate = 1024;
    info.readers = 1;
    info.buffered_bytes = 3 << 20;
    info.eta_s = 65;
    expect_progress(&info, NULL,
                    "25.0 % of 1.0 GiB  12 peers  down 2.0 MiB/s  up 1.0 KiB/s  3.0 MiB ahead  "
                    "1:05 left  downloading");

    info = (Sharestream__Torrent__TorrentInfo)SHARESTREAM__TORRENT__TORRENT_INFO__INIT;
    info.state = SHARESTREAM__TORRENT__STATE__METADATA;
    expect_progress(&info, "nobody has it", "0 peers  looking for metadata: nobody has it");
    info.state = SHARESTREAM__TORRENT__STATE__FAILED;
    info.error = failure;
    expect_progress(&info, "a note", "0 peers  failed: disk?full");
    info.state = SHARESTREAM__TORRENT__STATE__CHECKING;
    info.check_progress = 0.5;
    expect_progress(&info, NULL, "checking 50.0 %");
}

static void every_state_has_a_word(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sharestream__torrent__state__descriptor.n_values; i++) {
        int value = sharestream__torrent__state__descriptor.values[i].value;

        if (value != SHARESTREAM__TORRENT__STATE__UNKNOWN)
            assert_string_not_equal(human_state((Sharestream__Torrent__State)value), "unknown");
    }
    assert_string_equal(human_state((Sharestream__Torrent__State)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_limits_read_well),
        cmocka_unit_test(percent_is_100_only_when_all_is_there),
        cmocka_unit_test(span_shows_the_two_largest_units),
        cmocka_unit_test(time_is_local_and_zero_is_never),
        cmocka_unit_test(rates_are_read_as_people_write_them),
        cmocka_unit_test(positions_are_read_as_players_show_them),
        cmocka_unit_test(names_cannot_command_the_terminal),
        cmocka_unit_test(progress_says_what_matters_now),
        cmocka_unit_test(every_state_has_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
