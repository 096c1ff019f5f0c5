/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fclose(file);
}

static void source_is_recognised(void **state)
{
    static const struct {
        const char *word;
        enum source_kind kind;
    } cases[] = {
        {"magnet:?xt=urn:btih:da39a3ee5e6b4b0d3255bfef95601890afd80709", SOURCE_LINK},
        {"MAGNET:?xt=x", SOURCE_LINK},
        {"https://example.org/a.torrent", SOURCE_LINK},
        {"da39a3ee5e6b4b0d3255bfef95601890afd80709", SOURCE_LINK},
        {"3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", SOURCE_LINK},
        {"film.mkv", SOURCE_DATA},
        {"folder", SOURCE_DATA},
        {"a.torrent", SOURCE_METAINFO},
        {"B.TORRENT", SOURCE_METAINFO},
        {"folder.torrent", SOURCE_DATA},
        /* A file of that name wins over the hash it spells. */
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", SOURCE_DATA},
    };

    (void)state;
    touch("film.mkv");
    touch("a.torrent");
    touch("B.TORRENT");
    touch("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    mkdir("folder", 0700);
    mkdir("folder.torrent", 0700);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error = {0};
        enum source_kind kind;

        if (source_classify(cases[i].word, &kind, &error) != ERR_NONE)
            fail_msg("%s: %s", cases[i].word, error.text);
        if (kind != cases[i].kind)
            fail_msg("%s: kind %d", cases[i].word, kind);
    }
}

static void what_is_nothing_is_said_to_be_nothing(void **state)
{
    enum source_kind kind;
    struct error error;

    (void)state;
    assert_int_equal(source_classify("no-such.mkv", &kind, &error), ERR_NOT_FOUND);
    assert_string_equal(error.text,
                        "\"no-such.mkv\" is no file here, and no magnet link, URL or info-hash");
    assert_int_equal(source_classify("/dev/null", &kind, &error), ERR_INVALID);
    assert_string_equal(error.text, "/dev/null is neither a file nor a folder");
}

int main(void)
{
    char folder[] = "/tmp/sharestream-test-XXXXXX";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_is_recognised),
        cmocka_unit_test(what_is_nothing_is_said_to_be_nothing),
    };

    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command) != 0 ? 1 : failed;
}
