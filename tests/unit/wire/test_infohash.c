/* SPDX-License-Identifier: MIT */
#include "wire/infohash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

#define HEX "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static void every_spelling_parses_to_the_same_text(void **state)
{
    static const struct {
        const char *name, *in, *text; /* text NULL: refused */
    } cases[] = {
        {"lower-case hex", HEX, HEX},
        {"upper-case hex", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709", HEX},
        {"upper-case base32", "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", HEX},
        {"lower-case base32", "3i42h3s6nnfq2msvx7xzkyayscx5qbyj", HEX},
        {"v2 hash is cut", HEX "0123456789abcdef01234567", HEX},
        {"empty", "", NULL},
        {"one digit short", "da39a3ee5e6b4b0d3255bfef95601890afd8070", NULL},
        {"one digit long", HEX "0", NULL},
        {"foreign hex digit", "ga39a3ee5e6b4b0d3255bfef95601890afd80709", NULL},
        {"foreign base32 digit", "0I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", NULL},
        {"v2 hash with a bad digit in its tail", HEX "0123456789abcdef0123456x", NULL},
        {"space around", " " HEX, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct infohash hash;
        char text[INFOHASH_TEXT];
        bool parsed = infohash_parse(bytes_of_text(cases[i].in), &hash);

        if (parsed != (cases[i].text != NULL))
            fail_msg("%s: parsed is %d", cases[i].name, parsed);
        if (parsed && strcmp(infohash_text(&hash, text), cases[i].text) != 0)
            fail_msg("%s: came out as %s", cases[i].name, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_parses_to_the_same_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
