/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

static int real_stderr, log_file;
static char line[4096];

static int catch_stderr(void **state)
{
    FILE *file = tmpfile();

    (void)state;
    real_stderr = dup(STDERR_FILENO);
    log_file = dup(fileno(file));
    fclose(file);
    return 0;
}

static void begin(enum log_level level, bool as_json)
{
    log_init("test.0", level, as_json);
    assert_int_equal(ftruncate(log_file, 0), 0);
    lseek(log_file, 0, SEEK_SET);
    fflush(stderr);
    dup2(log_file, STDERR_FILENO);
}

/* What was logged since begin(). The head (ts, lvl, svc) is left out. */
static const char *logged(void)
{
    dup2(real_stderr, STDERR_FILENO);
    ssize_t len = pread(log_file, line, sizeof(line) - 1, 0);

    line[MAX(len, 0)] = '\0';
    const char *message = strstr(line, line[0] == '{' ? "\"msg\"" : "msg=");

    return message != NULL ? message : line;
}

static void what_was_written_tells_its_level(void **state)
{
    static const char *const foreign[] = {"",
                                          "ts=",
                                          "ts=1 lvl=",
                                          "ts=1 lvl=loud msg=x",
                                          "lvl=info ",
                                          "terminate called",
                                          "{\"ts\":\"1\"}",
                                          "{\"ts\":\"1\",\"lvl\":\"info"};
    enum log_level level = LOG_LEVEL_INFO;

    (void)state;
    for (int as_json = 0; as_json < 2; as_json++) {
        begin(LOG_LEVEL_DEBUG, as_json != 0);
        log_warn("odd", "text=%s", "lvl=error \"lvl\":\"error\"");
        logged();
        level = LOG_LEVEL_INFO;
        assert_true(log_read_level(bytes_of_text(line), &level));
        assert_int_equal(level, LOG_LEVEL_WARN);
    }
    for (size_t i = 0; i < COUNT_OF(foreign); i++)
        assert_false(log_read_level(bytes_of_text(foreign[i]), &level));
}

static struct text copied;

static void copy(void *arg, struct bytes more)
{
    assert_ptr_equal(arg, &copied);
    text_add_bytes(&copied, more);
}

static void somebody_may_see_each_line_too(void **state)
{
    (void)state;
    log_also(copy, &copied);
    begin(LOG_LEVEL_INFO, false);
    log_info("one");
    log_debug("none");
    log_also(NULL, NULL);
    log_info("two");
    logged();
    assert_non_null(strstr(text_str(&copied), "msg=one\n"));
    assert_null(strstr(text_str(&copied), "none"));
    assert_null(strstr(text_str(&copied), "two"));
    text_fini(&copied);
}

static void line_is_logfmt_with_time_level_and_service(void **state)
{
    (void)state;
    begin(LOG_LEVEL_INFO, false);
    log_info("torrent added", "hash=%s pieces=%u share=%.2f size=%llu", "ab12", 7u, 0.5,
             123456789012ull);
    assert_string_equal(logged(),
                        "msg=\"torrent added\" hash=ab12 pieces=7 share=0.50 size=123456789012\n");
    assert_int_equal(strncmp(line, "ts=20", 5), 0);
    assert_int_equal(line[13], 'T');
    assert_non_null(strstr(line, "Z lvl=info svc=test.0 msg="));
}

static void message_alone_is_enough(void **state)
{
    (void)state;
    begin(LOG_LEVEL_INFO, false);
    log_warn("ready");
    assert_string_equal(logged(), "msg=ready\n");
}

static void conversions_take_the_arguments_meant_for_them(void **state)
{
    (void)state;
    begin(LOG_LEVEL_INFO, false);
    errno = ENOENT;
    log_info("m",
             "cut=%.*s wide=%*d size=%zu diff=%td char=%c hex=%04x pct=%d%% e=%.1e err=%m n=%d", 3,
             "abcdef", 4, 7, (size_t)1 << 40, (ptrdiff_t)-5, 'x', 0xabu, 99, 1500.0, -1);
    assert_string_equal(logged(),
                        "msg=m cut=abc wide=\"   7\" size=1099511627776 diff=-5 char=x hex=00ab "
                        "pct=99% e=1.5e+03 err=\"No such file or directory\" n=-1\n");
    assert_int_equal(errno, ENOENT);
}

static void values_are_quoted_when_needed(void **state)
{
    static const struct {
        const char *value, *logfmt, *json;
    } cases[] = {
        {"plain", "plain", "\"plain\""},
        {"/data/a.mkv", "/data/a.mkv", "\"/data/a.mkv\""},
        {"", "\"\"", "\"\""},
        {"two words", "\"two words\"", "\"two words\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\"", "\"back\\\\slash\""},
        {"a\nts=2000 lvl=error msg=forged", "\"a\\nts=2000 lvl=error msg=forged\"",
         "\"a\\nts=2000 lvl=error msg=forged\""},
        {"a\r\t\x1b[31m", "\"a\\u000d\\u0009\\u001b[31m\"", "\"a\\u000d\\u0009\\u001b[31m\""},
        {"\x7f", "\"\\u007f\"", "\"\\u007f\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\"", "\"caf\xc3\xa9\""},
        {"\xf0\x9f\x8e\xac", "\"\xf0\x9f\x8e\xac\"", "\"\xf0\x9f\x8e\xac\""},
        {"caf\xe9!", "\"caf\\ufffd!\"", "\"caf\\ufffd!\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\"", "\"\\u009b31m\""},
        {"\xe2\x82", "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\""},
        {"x\",\"lvl\":\"error", "\"x\\\",\\\"lvl\\\":\\\"error\"",
         "\"x\\\",\\\"lvl\\\":\\\"error\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char expected[256];

        begin(LOG_LEVEL_INFO, false);
        log_info("m", "v=%s", cases[i].value);
        snprintf(expected, sizeof(expected), "msg=m v=%s\n", cases[i].logfmt);
        assert_string_equal(logged(), expected);
        begin(LOG_LEVEL_INFO, true);
        log_info("m", "v=%s", cases[i].value);
        snprintf(expected, sizeof(expected), "\"msg\":\"m\",\"v\":%s}\n", cases[i].json);
        assert_string_equal(logged(), expected);
        assert_int_equal(line[0], '{');
    }
}

/* Walks a line of JSON strings: {"key":"value",...}\n */
static bool is_json_line(const char *at)
{
    if (*at++ != '{')
        return false;
    for (unsigned strings = 1;; strings++) {
        if (*at++ != '"')
            return false;
        for (; *at != '"'; at++) {
            if (*at == '\0' || (unsigned char)*at < ' ')
                return false;
            if (*at == '\\' && *++at == 'u' && strspn(at + 1, "0123456789abcdef") < 4)
                return false;
        }
        at++;
        if (strings % 2 == 0 && *at == '}')
            return strcmp(at, "}\n") == 0;
        if (*at++ != (strings % 2 == 1 ? ':' : ','))
            return false;
    }
}

static void long_values_are_cut_and_the_line_stays_whole(void **state)
{
    static const char *const fillers[] = {"a", "\"", "\\", "\n", "\x1b", " ", "\xc3\xa9", "\xff"};
    char value[3000];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(fillers); i++) {
        for (size_t len = 300; len < 3000; len += 17) {
            for (int as_json = 0; as_json < 2; as_json++) {
                size_t step = strlen(fillers[i]), used = 0;

                for (; used + step <= len && used + step < sizeof(value); used += step)
                    memcpy(value + used, fillers[i], step);
                value[used] = '\0';
                begin(LOG_LEVEL_INFO, as_json);
                log_info("m", "a=%s b=%s c=%s d=%s last=%d", value, value, value, value, 1);
                const char *text = logged();
                assert_true(strlen(line) <= 2048);
                assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
                assert_true(utf8_valid(bytes_of_text(line)));
                if (as_json && !is_json_line(line))
                    fail_msg("%s", text);
                unsigned quotes = 0;
                for (const char *at = line; *at != '\0'; at++) {
                    quotes += *at == '"';
                    at += *at == '\\';
                }
                assert_int_equal(quotes % 2, 0);
            }
        }
    }
}

static void less_important_lines_are_left_out(void **state)
{
    static const struct {
        enum log_level level;
        const char *said;
    } cases[] = {{LOG_LEVEL_ERROR, "E"},
                 {LOG_LEVEL_WARN, "EW"},
                 {LOG_LEVEL_INFO, "EWI"},
                 {LOG_LEVEL_DEBUG, "EWID"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin(LOG_LEVEL_INFO, false);
        log_set_level(cases[i].level);
        assert_int_equal(log_get_level(), cases[i].level);
        log_error("E");
        log_warn("W");
        log_info("I");
        log_debug("D");
        logged();
        char said[8] = "", *at = line;
        while ((at = strstr(at, "msg=")) != NULL)
            strncat(said, at += 4, 1);
        assert_string_equal(said, cases[i].said);
    }
}

static void level_words_go_both_ways(void **state)
{
    enum log_level level;

    (void)state;
    for (enum log_level i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        assert_true(log_level_parse(log_level_word(i), &level));
        assert_int_equal(level, i);
    }
    assert_false(log_level_parse("INFO", &level));
    assert_false(log_level_parse("", &level));
}

static void trace_id_is_shown_while_it_is_set(void **state)
{
    (void)state;
    begin(LOG_LEVEL_INFO, false);
    log_set_trace(0xabc);
    assert_int_equal(log_trace(), 0xabc);
    log_info("m", "a=%d", 1);
    log_set_trace(0);
    assert_string_equal(logged(), "msg=m trace=000000000abc a=1\n");
    begin(LOG_LEVEL_INFO, false);
    log_info("m", "a=%d", 1);
    assert_string_equal(logged(), "msg=m a=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_logfmt_with_time_level_and_service),
        cmocka_unit_test(what_was_written_tells_its_level),
        cmocka_unit_test(somebody_may_see_each_line_too),
        cmocka_unit_test(message_alone_is_enough),
        cmocka_unit_test(conversions_take_the_arguments_meant_for_them),
        cmocka_unit_test(values_are_quoted_when_needed),
        cmocka_unit_test(long_values_are_cut_and_the_line_stays_whole),
        cmocka_unit_test(less_important_lines_are_left_out),
        cmocka_unit_test(level_words_go_both_ways),
        cmocka_unit_test(trace_id_is_shown_while_it_is_set),
    };

    return cmocka_run_group_tests(tests, catch_stderr, NULL);
}
