/* SPDX-License-Identifier: MIT */
#include "wire/metainfo.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

#define LITERAL(text)                                                                              \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
/* A torrent with this in its info dictionary, and one with these v1 files or this v2 tree. */
#define INFO(inside)  LITERAL("d4:infod" inside "ee")
#define FILES(inside) INFO("5:filesl" inside "e")
#define PATH(inside)  FILES("d6:lengthi1e4:pathl" inside "ee")
#define TREE(inside)  INFO("9:file treed" inside "e")

static void torrents_of_every_shape_pass(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        const char *info, *title;
        uint64_t piece_length;
        bool has_v1, has_v2;
    } cases[] = {
        {"one file",
         LITERAL("d8:announce3:udp4:infod6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces20:"
                 "01234567890123456789ee"),
         "d6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces20:01234567890123456789e", "a", 16384,
         true, false},
        {"several files",
         INFO(
             "5:filesld6:lengthi5e4:pathl3:dir1:aeed6:lengthi0e4:pathl1:beee4:name3:top6:pieces0:"),
         "d5:filesld6:lengthi5e4:pathl3:dir1:aeed6:lengthi0e4:pathl1:beee4:name3:top6:pieces0:e",
         "top", 0, true, false},
        {"v2",
         INFO("9:file treed3:dird1:ad0:d6:lengthi5e11:pieces root1:xeeee12:meta versioni2e4:name3:"
              "top12:piece lengthi16384e"),
         "d9:file treed3:dird1:ad0:d6:lengthi5e11:pieces root1:xeeee12:meta versioni2e4:name3:"
         "top12:piece lengthi16384ee",
         "top", 16384, false, true},
        {"hybrid", INFO("9:file treed1:ad0:d6:lengthi5eeee6:lengthi5e4:name1:a6:pieces0:"),
         "d9:file treed1:ad0:d6:lengthi5eeee6:lengthi5e4:name1:a6:pieces0:e", "a", 0, true, true},
        {"empty info", INFO(""), "de", "", 0, false, false},
        {"empty name", INFO("4:name0:"), "d4:name0:e", "", 0, false, false},
        {"keys out of order", LITERAL("d4:infod6:pieces0:4:name1:ae1:ai1ee"),
         "d6:pieces0:4:name1:ae", "a", 0, true, false},
        {"largest piece length", INFO("12:piece lengthi268435456e"), "d12:piece lengthi268435456ee",
         "", 268435456, false, false},
        {"largest and smallest integer",
         LITERAL("d1:ai9223372036854775807e1:bi-9223372036854775807e4:infodee"), "de", "", 0, false,
         false},
        {"names that only look bad", PATH("3:...2:.a2:a.2:\\:1: 1:\xff"),
         "d5:filesld6:lengthi1e4:pathl3:...2:.a2:a.2:\\:1: 1:\xff"
         "eeee",
         "", 0, false, false},
        {"lists and dictionaries where nothing is asked", LITERAL("d1:alli1ed0:leee0:e4:infodee"),
         "de", "", 0, false, false},
        {"bad path where nobody looks", LITERAL("d5:filesld4:pathl2:..eee4:infodee"), "de", "", 0,
         false, false},
        {"own keys deeper down do not count", LITERAL("d1:ad4:infoi1ee4:infod1:ad4:infodeeee"),
         "d1:ad4:infodeee", "", 0, false, false},
        {"unknown key twice", LITERAL("d1:a0:1:a0:4:infodee"), "de", "", 0, false, false},
        {"symbolic link as libtorrent writes it",
         FILES("d4:attr1:l6:lengthi0e4:pathl3:dir2:upe12:symlink pathl2:..1:bee"),
         "d5:filesld4:attr1:l6:lengthi0e4:pathl3:dir2:upe12:symlink pathl2:..1:beeee", "", 0, false,
         false},
        {"line end after the end", LITERAL("d4:infodee\r\n"), "de", "", 0, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct metainfo metainfo;
        struct error error = {0};

        if (metainfo_check(cases[i].in, &metainfo, &error) != ERR_NONE)
            fail_msg("%s: %s", cases[i].name, error.text);
        if (!bytes_equal_text(metainfo.info, cases[i].info))
            fail_msg("%s: info is %.*s", cases[i].name, (int)metainfo.info.len,
                     (const char *)metainfo.info.data);
        if (!bytes_equal_text(metainfo.name, cases[i].title))
            fail_msg("%s: name is %.*s", cases[i].name, (int)metainfo.name.len,
                     (const char *)metainfo.name.data);
        if (metainfo.piece_length != cases[i].piece_length)
            fail_msg("%s: piece length is %" PRIu64, cases[i].name, metainfo.piece_length);
        if (metainfo.has_v1 != cases[i].has_v1 || metainfo.has_v2 != cases[i].has_v2)
            fail_msg("%s: v1 is %d, v2 is %d", cases[i].name, metainfo.has_v1, metainfo.has_v2);
    }
}

static void hashes_are_those_that_others_know_it_by(void **state)
{
    static const struct {
        struct bytes in;
        const char *hash; /* by sha1sum, or the first of sha256sum */
    } cases[] = {
        {LITERAL("d4:infod6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces20:"
                 "01234567890123456789ee"),
         "d17f2c87a4921bafb5b731c9ce90a258568ecc8d"},
        {TREE("1:ad0:d6:lengthi1eee"), "1a56a15fbe604386407a435257db28df356a80b8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct metainfo metainfo;
        struct infohash hash;
        struct error error = {0};
        char text[INFOHASH_TEXT];

        if (metainfo_check(cases[i].in, &metainfo, &error) != ERR_NONE)
            fail_msg("%zu: %s", i, error.text);
        metainfo_hash(&metainfo, &hash);
        assert_string_equal(infohash_text(&hash, text), cases[i].hash);
    }
}

static bool is_empty(const struct metainfo *metainfo)
{
    return metainfo->info.data == NULL && metainfo->info.len == 0 && metainfo->name.data == NULL &&
           metainfo->name.len == 0 && metainfo->piece_length == 0 && !metainfo->has_v1 &&
           !metainfo->has_v2;
}

static void hostile_torrents_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        const char *says;
    } cases[] = {
        {"empty", LITERAL(""), "is empty"},
        {"web page", LITERAL("<!DOCTYPE html>"), "file is not a dictionary"},
        {"list", LITERAL("le"), "file is not a dictionary"},
        {"integer", LITERAL("i5e"), "file is not a dictionary"},
        {"only an end", LITERAL("e"), "file is not a dictionary"},
        {"no info", LITERAL("d1:a1:be"), "no info dictionary"},
        {"nothing in it", LITERAL("de"), "no info dictionary"},
        {"info is a string", LITERAL("d4:info2:dee"), "info is not a dictionary"},
        {"info twice", LITERAL("d4:infode4:infodee"), "\"info\" comes twice"},

        {"ends in a dictionary", LITERAL("d4:infode"), "ends too early"},
        {"ends after a key", LITERAL("d4:info"), "ends too early"},
        {"ends in a length", LITERAL("d4"), "without a colon"},
        {"ends in an integer", LITERAL("d1:ai5"), "without an end"},
        {"ends before the digits", LITERAL("d1:ai"), "digit is missing"},
        {"ends after the sign", LITERAL("d1:ai-"), "digit is missing"},
        {"something follows", LITERAL("d4:infodeede"), "something follows"},
        {"key without a value", LITERAL("d4:infode1:ae"), "key without a value"},
        {"key that is an integer", LITERAL("di1e1:ae"), "digit is missing"},
        {"string longer than the file", LITERAL("d9:infodee"), "longer than the file"},
        {"string length of 2^64", LITERAL("d18446744073709551616:a"), "too large"},
        {"string length past every number", LITERAL("d99999999999999999999999999:a"), "too large"},
        {"negative string length", LITERAL("d-1:a"), "digit is missing"},
        {"string length with a zero in front", LITERAL("d01:ai1ee"), "leading zero"},
        {"string length of two zeros", LITERAL("d00:i1ee"), "leading zero"},
        {"integer with a zero in front", LITERAL("d1:ai01ee"), "leading zero"},
        {"integer with a plus", LITERAL("d1:ai+1ee"), "digit is missing"},
        {"integer with a space", LITERAL("d1:ai 1ee"), "digit is missing"},
        {"integer without digits", LITERAL("d1:aiee"), "digit is missing"},
        {"minus zero", LITERAL("d1:ai-0ee"), "minus zero"},
        {"negative with a zero in front", LITERAL("d1:ai-01ee"), "leading zero"},
        {"integer past 2^63", LITERAL("d1:ai9223372036854775808ee"), "too large"},

        {"piece length 0", INFO("12:piece lengthi0e"), "piece length 0"},
        {"negative piece length", INFO("12:piece lengthi-16384e"), "piece length -16384"},
        {"piece length over 256 MiB", INFO("12:piece lengthi268435457e"), "piece length 268435457"},
        {"piece length is a string", INFO("12:piece length5:16384"), "piece length is not an int"},
        {"piece length twice", INFO("12:piece lengthi1e12:piece lengthi2e"), "comes twice"},
        {"pieces is a list", INFO("6:piecesle"), "pieces is not a string"},
        {"negative length", INFO("6:lengthi-1e"), "negative length"},
        {"negative length of a file", FILES("d6:lengthi-1ee"), "negative length"},
        {"negative length in the tree", TREE("1:ad0:d6:lengthi-1eee"), "negative length"},
        {"length is a string", FILES("d6:length1:5e"), "length is not an integer"},
        {"lengths overflow together", FILES("d6:lengthi9223372036854775807eed6:lengthi1ee"),
         "overflow"},

        {"name goes up", INFO("4:name2:.."), "\"..\""},
        {"name is the folder itself", INFO("4:name1:."), "\"..\""},
        {"name with a slash", INFO("4:name4:/etc"), "slash"},
        {"name with a NUL", INFO("4:name3:a\0b"), "NUL"},
        {"name is a list", INFO("4:namel1:ae"), "name is not a string"},
        {"second name goes up", INFO("4:name1:a10:name.utf-82:.."), "\"..\""},
        {"files is a dictionary", INFO("5:filesde"), "files is not a list"},
        {"file is a string", FILES("1:a"), "a file of files is not a dictionary"},
        {"path is a string", FILES("d4:path1:ae"), "path is not a list"},
        {"path goes up", PATH("1:a2:..1:b"), "\"..\""},
        {"path stays", PATH("1:."), "\"..\""},
        {"path with an empty element", PATH("1:a0:"), "empty"},
        {"path with a slash", PATH("3:a/b"), "slash"},
        {"path with a NUL", PATH("3:a\0b"), "NUL"},
        {"path of lists", PATH("l1:ae"), "a path element is not a string"},
        {"path twice", FILES("d4:pathl1:ae4:pathl2:..ee"), "comes twice"},
        {"second path goes up", FILES("d4:pathl1:ae10:path.utf-8l2:..ee"), "\"..\""},

        {"tree is a list", INFO("9:file treele"), "file tree is not a dictionary"},
        {"tree goes up", TREE("2:..d0:dee"), "\"..\""},
        {"tree goes up deeper down", TREE("1:ad2:..d0:deee"), "\"..\""},
        {"tree with a slash", TREE("3:a/bd0:dee"), "slash"},
        {"tree with a NUL", TREE("3:a\0bd0:dee"), "NUL"},
        {"tree with a file that has no name", TREE("0:d6:lengthi1ee"), "empty"},
        {"name in the tree is a list", TREE("1:ale"), "a name of the file tree is not a dict"},
        {"file in the tree is a string", TREE("1:ad0:0:e"), "a file of the file tree is not"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct metainfo metainfo;
        struct error error = {0};
        enum err err = metainfo_check(cases[i].in, &metainfo, &error);

        if (err != ERR_INVALID || strstr(error.text, cases[i].says) == NULL)
            fail_msg("%s: %s (%s)", cases[i].name, err_word(err), error.text);
        if (!is_empty(&metainfo))
            fail_msg("%s: something is left over", cases[i].name);
    }
}

static enum err check_text(const struct text *text, struct error *error)
{
    struct metainfo metainfo;

    return metainfo_check(bytes_of(text->data, text->len), &metainfo, error);
}

static void add_times(struct text *text, const char *part, size_t times)
{
    while (times-- > 0)
        text_add(text, part);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (size_t depth = METAINFO_DEPTH_MAX; depth <= METAINFO_DEPTH_MAX + 1; depth++) {
        struct text text = {0};
        bool fits = depth <= METAINFO_DEPTH_MAX;

        text_add(&text, "d4:infode1:a");
        add_times(&text, "l", depth - 1);
        add_times(&text, "e", depth);
        assert_int_equal(check_text(&text, NULL), fits ? ERR_NONE : ERR_TOO_LARGE);
        text_fini(&text);
    }
}

static void items_are_counted(void **state)
{
    /* the root, its two keys, the two values and what is in the list */
    static const size_t rest = 5;

    (void)state;
    for (size_t items = METAINFO_ITEMS_MAX; items <= METAINFO_ITEMS_MAX + 1; items++) {
        struct text text = {0};
        bool fits = items <= METAINFO_ITEMS_MAX;

        text_add(&text, "d4:infode1:al");
        add_times(&text, "0:", items - rest);
        text_add(&text, "ee");
        assert_int_equal(check_text(&text, NULL), fits ? ERR_NONE : ERR_TOO_LARGE);
        text_fini(&text);
    }
}

static void size_is_bounded(void **state)
{
    (void)state;
    for (size_t size = METAINFO_BYTES_MAX; size <= METAINFO_BYTES_MAX + 1; size++) {
        struct text text = {0};
        bool fits = size <= METAINFO_BYTES_MAX;

        text_addf(&text, "d4:infode1:a%zu:", size - strlen("d4:infode1:a12345678:e"));
        while (text.len < size - 1)
            text_add_bytes(&text, bytes_of("xxxxxxxxxxxxxxxx", MIN(16, size - 1 - text.len)));
        text_add(&text, "e");
        assert_int_equal(text.len, size);
        assert_int_equal(check_text(&text, NULL), fits ? ERR_NONE : ERR_TOO_LARGE);
        text_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torrents_of_every_shape_pass),
        cmocka_unit_test(hashes_are_those_that_others_know_it_by),
        cmocka_unit_test(hostile_torrents_are_refused_with_a_sentence),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(items_are_counted),
        cmocka_unit_test(size_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
