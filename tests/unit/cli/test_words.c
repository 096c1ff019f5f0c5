/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

static void line_of_the_log_becomes_a_sentence(void **state)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"ts=1 lvl=error svc=http.0 msg=\"cannot start\" error=\"port 8080 is taken\"",
         "port 8080 is taken"},
        {"ts=1 lvl=info svc=http.0 msg=\"was \\\"well\\\"\"", "was \"well\""},
        {"ts=1 lvl=info svc=http.0 msg=ready took_ms=3", "ready"},
        {"ts=1 msg=\"cut short", "cut short"},
        {"ts=1 msg=\"ends in a backslash\\", "ends in a backslash\\"},
        {"bug: must(x) failed at y.c:3", "bug: must(x) failed at y.c:3"},
        {"{\"lvl\":\"error\",\"msg\":\"cannot start\",\"error\":\"port taken\"}", "port taken"},
        {"{\"lvl\":\"info\",\"msg\":\"ready\"}", "ready"},
        {"{not json", "{not json"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text out = {0};

        words_of_line(&out, cases[i].line);
        assert_string_equal(text_str(&out), cases[i].words);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_of_the_log_becomes_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
