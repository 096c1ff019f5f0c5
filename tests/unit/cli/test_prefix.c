/* SPDX-License-Identifier: MIT */
#include "prefix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

#define ONE   "1234aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TWO   "1234bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define THREE "abcdef0123456789abcdef0123456789abcdef01"

typedef Sharestream__Torrent__TorrentInfo Info;
typedef Sharestream__Torrent__File File;

static Info info_of(const char *hash, uint64_t added_unix_ms)
{
    Info info = SHARESTREAM__TORRENT__TORRENT_INFO__INIT;

    info.info_hash = (char *)(uintptr_t)hash;
    info.added_unix_ms = added_unix_ms;
    return info;
}

static void torrents_are_numbered_by_age(void **state)
{
    Info a = info_of(THREE, 10), b = info_of(TWO, 5), c = info_of(ONE, 5);
    Info *list[] = {&a, &b, &c};

    (void)state;
    torrents_sort(list, 3);
    assert_ptr_equal(list[0], &c);
    assert_ptr_equal(list[1], &b);
    assert_ptr_equal(list[2], &a);
    torrents_sort(NULL, 0);
}

static void whole_hash_needs_no_list(void **state)
{
    char out[INFOHASH_TEXT];

    (void)state;
    assert_true(prefix_is_whole("ABCDEF0123456789ABCDEF0123456789ABCDEF01", out));
    assert_string_equal(out, THREE);
    assert_true(prefix_is_whole("3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", out));
    assert_string_equal(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_false(prefix_is_whole("abcd", out));
    assert_false(prefix_is_whole("", out));
}

static void word_finds_the_torrent_or_says_why_not(void **state)
{
    static const struct {
        const char *word;
        enum err err;
        size_t index;
        const char *sentence;
    } cases[] = {
        {"1", ERR_NONE, 0, NULL},
        {"3", ERR_NONE, 2, NULL},
        {"abcd", ERR_NONE, 2, NULL},
        {"ABCDEF", ERR_NONE, 2, NULL},
        {THREE, ERR_NONE, 2, NULL},
        {"1234a", ERR_NONE, 0, NULL},
        {"cafe", ERR_NONE, 1, NULL}, /* its v2 hash */
        {"1234", ERR_INVALID, 0, "2 torrents start with 1234; give more of its hash"},
        {"abc", ERR_INVALID, 0, "abc is too short; give at least 4 digits of the hash"},
        {"0", ERR_NOT_FOUND, 0, "there is no torrent 0; see: sharestream list"},
        {"4", ERR_NOT_FOUND, 0, "there is no torrent 4; see: sharestream list"},
        {"ffff", ERR_NOT_FOUND, 0, "there is no torrent ffff; see: sharestream list"},
        {THREE "0", ERR_NOT_FOUND, 0, "there is no torrent " THREE "0; see: sharestream list"},
        {"sintel", ERR_INVALID, 0,
         "\"sintel\" is neither a number of the list nor the start of a hash"},
        {"", ERR_INVALID, 0, "\"\" is neither a number of the list nor the start of a hash"},
    };
    static char v2[] = "cafe000000000000000000000000000000000000000000000000000000000000";
    Info a = info_of(ONE, 1), b = info_of(TWO, 2), c = info_of(THREE, 3);
    Info *list[] = {&a, &b, &c};

    (void)state;
    b.info_hash_v2 = v2;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error = {0};
        size_t index = 99;
        enum err err = prefix_find(cases[i].word, list, 3, &index, &error);

        if (err != cases[i].err)
            fail_msg("%s: %s %s", cases[i].word, err_word(err), error.text);
        if (err == ERR_NONE)
            assert_int_equal(index, cases[i].index);
        else
            assert_string_equal(error.text, cases[i].sentence);
    }
}

static void digits_are_a_hash_before_they_are_a_number(void **state)
{
    static char hashes[2000][INFOHASH_TEXT];
    static Info infos[2000], *list[2000];
    struct error error;
    size_t index;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(infos); i++) {
        snprintf(hashes[i], sizeof(hashes[i]), "%s%04zx%032d", i == 77 ? "1000" : "ffff", i, 0);
        infos[i] = info_of(hashes[i], i);
        list[i] = &infos[i];
    }
    assert_int_equal(prefix_find("1000", list, COUNT_OF(list), &index, &error), ERR_NONE);
    assert_int_equal(index, 77);
    assert_int_equal(prefix_find("1001", list, COUNT_OF(list), &index, &error), ERR_NONE);
    assert_int_equal(index, 1000);
}

static File file_of(uint32_t id, const char *path, const char *kind, uint64_t size)
{
    File file = SHARESTREAM__TORRENT__FILE__INIT;

    file.id = id;
    file.path = (char *)(uintptr_t)path;
    file.kind = (char *)(uintptr_t)kind;
    file.size_bytes = size;
    return file;
}

static void file_is_found_by_number_or_part_of_its_path(void **state)
{
    File a = file_of(0, "show/a.srt", "subtitle", 900), b = file_of(1, "show/ep1.mkv", "video", 50);
    File c = file_of(2, "show/Ep2.mkv", "video", 60),
         d = file_of(4, "show/theme.flac", "audio", 999);
    File *files[] = {&a, &b, &c, &d};
    static const struct {
        const char *word;
        enum err err;
        size_t index;
    } cases[] = {
        {NULL, ERR_NONE, 2}, /* the biggest video */
        {"0", ERR_NONE, 0},
        {"4", ERR_NONE, 3},
        {"ep2", ERR_NONE, 2},
        {"show/ep1.mkv", ERR_NONE, 1},
        {"mkv", ERR_INVALID, 0},
        {"3", ERR_NOT_FOUND, 0},
        {"nothing", ERR_NOT_FOUND, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error;
        size_t index = 99;

        assert_int_equal(prefix_find_file(cases[i].word, files, 4, &index, &error), cases[i].err);
        if (cases[i].err == ERR_NONE)
            assert_int_equal(index, cases[i].index);
    }
}

static void audio_plays_when_there_is_no_video_and_text_never_does(void **state)
{
    File a = file_of(0, "a.txt", "document", 900), b = file_of(1, "b.mp3", "audio", 5);
    File *files[] = {&a, &b};
    struct error error;
    size_t index;

    (void)state;
    assert_int_equal(prefix_find_file(NULL, files, 2, &index, &error), ERR_NONE);
    assert_int_equal(index, 1);
    assert_int_equal(prefix_find_file(NULL, files, 1, &index, &error), ERR_NOT_FOUND);
    assert_int_equal(prefix_find_file(NULL, files, 0, &index, &error), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torrents_are_numbered_by_age),
        cmocka_unit_test(whole_hash_needs_no_list),
        cmocka_unit_test(word_finds_the_torrent_or_says_why_not),
        cmocka_unit_test(digits_are_a_hash_before_they_are_a_number),
        cmocka_unit_test(file_is_found_by_number_or_part_of_its_path),
        cmocka_unit_test(audio_plays_when_there_is_no_video_and_text_never_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
