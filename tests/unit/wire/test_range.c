/* SPDX-License-Identifier: MIT */
#include "wire/range.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

/* How a result reads in the tables: "whole", "none", or the ranges as "0-4 8-9". */
static char *result_text(struct bytes header, uint64_t size)
{
    struct range ranges[RANGE_MAX];
    struct text text = {0};
    size_t count = 99;
    enum range_result result = range_parse(header, size, ranges, &count);

    if (result != RANGE_PARTIAL) {
        assert_int_equal(count, 0);
        text_add(&text, result == RANGE_WHOLE ? "whole" : "none");
        return text_take(&text);
    }
    for (size_t i = 0; i < count; i++)
        text_addf(&text, "%s%" PRIu64 "-%" PRIu64, i > 0 ? " " : "", ranges[i].first,
                  ranges[i].last);
    return text_take(&text);
}

static void range_headers_give_what_rfc_9110_says(void **state)
{
    static const struct {
        const char *name, *header;
        uint64_t size;
        const char *result;
    } cases[] = {
        {"first and last", "bytes=0-499", 1000, "0-499"},
        {"one byte", "bytes=7-7", 1000, "7-7"},
        {"what Safari probes with", "bytes=0-1", 1000, "0-1"},
        {"open end", "bytes=0-", 1000, "0-999"},
        {"open end in the middle", "bytes=500-", 1000, "500-999"},
        {"last byte", "bytes=999-", 1000, "999-999"},
        {"last is clamped", "bytes=500-1000", 1000, "500-999"},
        {"first past the end", "bytes=1000-", 1000, "none"},
        {"first and last past the end", "bytes=1000-2000", 1000, "none"},
        {"suffix", "bytes=-500", 1000, "500-999"},
        {"suffix of the whole", "bytes=-1000", 1000, "0-999"},
        {"suffix longer than the file", "bytes=-1001", 1000, "0-999"},
        {"empty suffix", "bytes=-0", 1000, "none"},
        {"leading zeros", "bytes=007-0009", 1000, "7-9"},

        {"empty file, open end", "bytes=0-", 0, "none"},
        {"empty file, closed", "bytes=0-0", 0, "none"},
        {"empty file, suffix", "bytes=-1", 0, "none"},
        {"empty file, broken", "bytes=x", 0, "whole"},

        {"largest file", "bytes=-1", UINT64_MAX, "18446744073709551614-18446744073709551614"},
        {"last overflows", "bytes=5-99999999999999999999999", 1000, "5-999"},
        {"last is 2^64", "bytes=5-18446744073709551616", 1000, "5-999"},
        {"first is 2^64", "bytes=18446744073709551616-", 1000, "none"},
        {"first is 2^64 in the largest file", "bytes=18446744073709551616-", UINT64_MAX, "none"},
        {"both overflow", "bytes=99999999999999999999-99999999999999999999", UINT64_MAX, "none"},
        {"suffix overflows", "bytes=-99999999999999999999999", 1000, "0-999"},

        {"no header", "", 1000, "whole"},
        {"only spaces", " \t ", 1000, "whole"},
        {"foreign unit", "items=0-5", 1000, "whole"},
        {"longer unit", "bytesx=0-5", 1000, "whole"},
        {"unit in capitals", "BYTES=0-5", 1000, "0-5"},
        {"no unit", "0-5", 1000, "whole"},
        {"only the unit", "bytes", 1000, "whole"},
        {"no ranges", "bytes=", 1000, "whole"},
        {"only commas", "bytes=, ,", 1000, "whole"},
        {"backwards", "bytes=5-4", 1000, "whole"},
        {"backwards past the end", "bytes=2000-1999", 1000, "whole"},
        {"only a dash", "bytes=-", 1000, "whole"},
        {"only a number", "bytes=5", 1000, "whole"},
        {"two dashes", "bytes=1-2-3", 1000, "whole"},
        {"negative suffix", "bytes=--5", 1000, "whole"},
        {"plus", "bytes=+1-5", 1000, "whole"},
        {"hexadecimal", "bytes=0x1-5", 1000, "whole"},
        {"letters after it", "bytes=0-5x", 1000, "whole"},
        {"one good and one broken", "bytes=0-5,x", 1000, "whole"},

        {"space around the value", " bytes=0-5\t", 1000, "0-5"},
        {"space after the equals sign", "bytes= 0-5", 1000, "0-5"},
        {"space before the equals sign", "bytes =0-5", 1000, "whole"},
        {"space inside a range", "bytes=0 -5", 1000, "whole"},
        {"space after the dash", "bytes=0- 5", 1000, "whole"},
        {"line break", "bytes=0-5\n", 1000, "whole"},

        {"two ranges", "bytes=0-4,8-9", 1000, "0-4 8-9"},
        {"space around the comma", "bytes=0-4 \t,\t 8-9", 1000, "0-4 8-9"},
        {"empty elements", "bytes=,0-4,,8-9,", 1000, "0-4 8-9"},
        {"no comma", "bytes=0-4 8-9", 1000, "whole"},
        {"out of order", "bytes=8-9,0-4", 1000, "8-9 0-4"},
        {"adjacent", "bytes=0-4,5-9", 1000, "0-4 5-9"},
        {"first and suffix", "bytes=0-0,-1", 1000, "0-0 999-999"},
        {"one satisfiable of three", "bytes=1000-,5-6,-0", 1000, "5-6"},
        {"none satisfiable of two", "bytes=1000-,2000-", 1000, "none"},
        {"overlapping", "bytes=0-5,5-9", 1000, "whole"},
        {"one inside the other", "bytes=0-,5-9", 1000, "whole"},
        {"overlapping once clamped", "bytes=990-2000,-5", 1000, "whole"},
        {"same twice", "bytes=0-5,0-5", 1000, "whole"},
        {"eight", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14", 1000,
         "0-0 2-2 4-4 6-6 8-8 10-10 12-12 14-14"},
        {"nine", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16", 1000, "whole"},
        {"nine, none satisfiable", "bytes=9-,9-,9-,9-,9-,9-,9-,9-,9-", 9, "whole"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *result = result_text(bytes_of_text(cases[i].header), cases[i].size);

        if (strcmp(result, cases[i].result) != 0)
            fail_msg("%s: %s of %" PRIu64 " is %s, not %s", cases[i].name, cases[i].header,
                     cases[i].size, result, cases[i].result);
        free(result);
    }
    assert_int_equal(
        range_parse(bytes_of(NULL, 0), 5, (struct range[RANGE_MAX]){{0}}, &(size_t){0}),
        RANGE_WHOLE);
}

static void etag_lists_match_weakly_or_strongly(void **state)
{
    static const struct {
        const char *name, *list;
        bool weak_matches, strong_matches;
    } cases[] = {
        {"same", "\"ab-0\"", true, true},
        {"weak", "W/\"ab-0\"", true, false},
        {"any", "*", true, true},
        {"any with space", " * ", true, true},
        {"other", "\"ab-1\"", false, false},
        {"longer", "\"ab-00\"", false, false},
        {"shorter", "\"ab-\"", false, false},
        {"empty tag", "\"\"", false, false},
        {"second of two", "\"x\", \"ab-0\"", true, true},
        {"first of two", "\"ab-0\" ,\"x\"", true, true},
        {"weak among strong", "\"x\",W/\"ab-0\",\"y\"", true, false},
        {"empty elements", ", ,\"ab-0\",,", true, true},
        {"comma inside a tag", "\"a,b\",\"ab-0\"", true, true},
        {"ours inside another", "\"x,\\\"ab-0\\\"\"", false, false},
        {"bytes beyond ASCII in a tag", "\"\xc3\xa9\",\"ab-0\"", true, true},
        {"empty", "", false, false},
        {"no quotes", "ab-0", false, false},
        {"half the quotes", "\"ab-0", false, false},
        {"small w", "w/\"ab-0\"", false, false},
        {"space after W/", "W/ \"ab-0\"", false, false},
        {"only W", "W", false, false},
        {"any among others", "*, \"x\"", false, false},
        {"no comma", "\"x\" \"ab-0\"", false, false},
        {"broken after a match", "\"ab-0\", x", false, false},
        {"space in a tag", "\"a b\", \"ab-0\"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bytes list = bytes_of_text(cases[i].list);

        if (etag_list_matches(list, "\"ab-0\"", true) != cases[i].weak_matches)
            fail_msg("%s: weak comparison of %s", cases[i].name, cases[i].list);
        if (etag_list_matches(list, "\"ab-0\"", false) != cases[i].strong_matches)
            fail_msg("%s: strong comparison of %s", cases[i].name, cases[i].list);
    }
    assert_false(etag_list_matches(bytes_of(NULL, 0), "\"ab-0\"", true));
}

static void if_range_takes_exactly_our_tag(void **state)
{
    static const struct {
        const char *name, *value;
        bool matches;
    } cases[] = {
        {"same", "\"ab-0\"", true},
        {"space around", "\t\"ab-0\" ", true},
        {"weak", "W/\"ab-0\"", false},
        {"other", "\"ab-1\"", false},
        {"list", "\"ab-0\", \"x\"", false},
        {"any", "*", false},
        {"date", "Tue, 15 Nov 1994 12:45:26 GMT", false},
        {"empty", "", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (if_range_matches(bytes_of_text(cases[i].value), "\"ab-0\"") != cases[i].matches)
            fail_msg("%s: %s", cases[i].name, cases[i].value);
    assert_false(if_range_matches(bytes_of(NULL, 0), "\"ab-0\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_headers_give_what_rfc_9110_says),
        cmocka_unit_test(etag_lists_match_weakly_or_strongly),
        cmocka_unit_test(if_range_takes_exactly_our_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
