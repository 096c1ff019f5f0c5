/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

struct number_case {
    const char *text;
    bool is_good;
    uint64_t value;
};

typedef bool parse_fn(const char *text, uint64_t *out);

static void check_numbers(parse_fn *parse, const struct number_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        bool is_good = parse(cases[i].text, &value);

        if (is_good != cases[i].is_good || (is_good && value != cases[i].value))
            fail_msg("'%s': %s %" PRIu64, cases[i].text, is_good ? "read as" : "refused", value);
        if (!is_good)
            assert_int_equal(value, 4711);
    }
}

static void durations_are_read_as_go_writes_them(void **state)
{
    static const struct number_case cases[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"1ms", true, 1},
        {"250ms", true, 250},
        {"30s", true, 30000},
        {"5m", true, 300000},
        {"1h", true, 3600000},
        {"1h30m", true, 5400000},
        {"1h0m0.5s", true, 3600500},
        {"1.5h", true, 5400000},
        {"0.001s", true, 1},
        {"1.9999s", true, 1999},
        {"90m90s", true, 5490000},
        {"2m3ms", true, 120003},
        {"18446744073709551615ms", true, UINT64_MAX},
        {"5124095576030h25m51s615ms", true, UINT64_MAX},
        {"", false, 0},
        {"30", false, 0},
        {"00", false, 0},
        {"s", false, 0},
        {".5s", false, 0},
        {"1.s", false, 0},
        {"-1s", false, 0},
        {"+1s", false, 0},
        {"1d", false, 0},
        {"1us", false, 0},
        {"1S", false, 0},
        {"1 s", false, 0},
        {" 1s", false, 0},
        {"1s ", false, 0},
        {"1h30", false, 0},
        {"1..5s", false, 0},
        {"18446744073709551616ms", false, 0},
        {"5124095576030h25m51s616ms", false, 0},
        {"5124095576031h", false, 0},
        {"99999999999999999999999s", false, 0},
    };

    (void)state;
    check_numbers(parse_duration_ms, cases, COUNT_OF(cases));
}

static void sizes_know_binary_and_decimal_suffixes(void **state)
{
    static const struct number_case cases[] = {
        {"0", true, 0},
        {"1500", true, 1500},
        {"1500B", true, 1500},
        {"1500 b", true, 1500},
        {"1K", true, 1024},
        {"1k", true, 1024},
        {"1Ki", true, 1024},
        {"1KiB", true, 1024},
        {"1KB", true, 1000},
        {"1kb", true, 1000},
        {"64MiB", true, 64 << 20},
        {"64mib", true, 64 << 20},
        {"64MIB", true, 64 << 20},
        {"64M", true, 64 << 20},
        {"3MB", true, 3000000},
        {"2G", true, 2147483648},
        {"2GiB", true, 2147483648},
        {"10 GB", true, 10000000000},
        {"1T", true, 1099511627776},
        {"1TiB", true, 1099511627776},
        {"1TB", true, 1000000000000},
        {"1.5K", true, 1536},
        {"0.5 GiB", true, 536870912},
        {"1.999K", true, 2046},
        {"18446744073709551615", true, UINT64_MAX},
        {"16777215T", true, 18446742974197923840u},
        {"", false, 0},
        {"K", false, 0},
        {"1.5", false, 0},
        {"1.5B", false, 0},
        {"1.K", false, 0},
        {"-1", false, 0},
        {"1P", false, 0},
        {"1iB", false, 0},
        {"1KiBB", false, 0},
        {"1 K B", false, 0},
        {"1KK", false, 0},
        {" 1K", false, 0},
        {"1K ", false, 0},
        {"0x10", false, 0},
        {"0018446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"28446744073709551615", false, 0},
        {"16777216T", false, 0},
        {"16777215.9999T", true, 18446742974197923840u + 1098412116148u},
        {"18446744073709551615K", false, 0},
    };

    (void)state;
    check_numbers(parse_size_bytes, cases, COUNT_OF(cases));
}

static void counts_are_plain_decimal_numbers(void **state)
{
    static const struct number_case cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"28446744073709551615", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"1 ", false, 0},
        {" 1", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"\xb2", false, 0},
    };

    (void)state;
    check_numbers(parse_count, cases, COUNT_OF(cases));
}

static void durations_print_and_parse_back(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {{0, "0"},           {1, "1ms"},        {999, "999ms"},
                 {1000, "1s"},       {1001, "1s1ms"},   {60000, "1m"},
                 {5400000, "1h30m"}, {86400000, "24h"}, {UINT64_MAX, "5124095576030h25m51s615ms"}};
    char text[UNITS_TEXT];
    uint64_t ms;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(format_duration(cases[i].ms, text), cases[i].text);
        assert_true(parse_duration_ms(text, &ms));
        assert_true(ms == cases[i].ms);
    }
}

static void exact_sizes_print_and_parse_back(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "1"},
                 {1000, "1000"},
                 {1024, "1KiB"},
                 {1500, "1500"},
                 {64 << 20, "64MiB"},
                 {1ull << 40, "1TiB"},
                 {1ull << 60, "1048576TiB"},
                 {UINT64_MAX, "18446744073709551615"}};
    char text[UNITS_TEXT];
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(format_size_exact(cases[i].bytes, text), cases[i].text);
        assert_true(parse_size_bytes(text, &bytes));
        assert_true(bytes == cases[i].bytes);
    }
}

static void sizes_and_times_are_written_for_people(void **state)
{
    char text[UNITS_TEXT];

    (void)state;
    assert_string_equal(format_size(0, text), "0 B");
    assert_string_equal(format_size(1023, text), "1023 B");
    assert_string_equal(format_size(1024, text), "1.0 KiB");
    assert_string_equal(format_size(1503238553, text), "1.4 GiB");
    assert_string_equal(format_size((1 << 20) - 1, text), "1.0 MiB");
    assert_string_equal(format_size(UINT64_MAX, text), "16.0 EiB");
    assert_string_equal(format_eta(0, text), "0:00");
    assert_string_equal(format_eta(245, text), "4:05");
    assert_string_equal(format_eta(3723, text), "1:02:03");
    assert_string_equal(format_eta(UINT64_MAX, text), "5124095576030431:00:15");
}

static void booleans_have_four_spellings(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "TRUE", "Yes"};
    static const char *const no[] = {"false", "no", "off", "0", "FALSE", "No"};
    static const char *const neither[] = {"", "y", "t", "2", "01", "true ", "enabled"};
    bool value;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_true(parse_bool(yes[i], &value) && value);
    for (size_t i = 0; i < COUNT_OF(no); i++)
        assert_true(parse_bool(no[i], &value) && !value);
    for (size_t i = 0; i < COUNT_OF(neither); i++)
        assert_false(parse_bool(neither[i], &value));
}

static void endpoints_are_host_and_port(void **state)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::1]:443", "::1", 443},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", 1},
        {"my-host_1.example:65535", "my-host_1.example", 65535},
        {":8080", "", 8080},
        {"8080", "", 8080},
        {"", NULL, 0},
        {":", NULL, 0},
        {"host", NULL, 0},
        {"host:", NULL, 0},
        {"host:65536", NULL, 0},
        {"host:-1", NULL, 0},
        {"host:80 ", NULL, 0},
        {"::1:80", NULL, 0},
        {"::1", NULL, 0},
        {"[::1]", NULL, 0},
        {"[::1]80", NULL, 0},
        {"[::1:80", NULL, 0},
        {"[]:80", NULL, 0},
        {"[host]:80", NULL, 0},
        {"tcp://host:80", NULL, 0},
        {"a b:80", NULL, 0},
        {"a\"b:80", NULL, 0},
        {"a\nb:80", NULL, 0},
        {"*:80", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct endpoint endpoint;
        bool is_good = parse_endpoint(cases[i].text, &endpoint);

        if (is_good != (cases[i].host != NULL))
            fail_msg("'%s' was %s", cases[i].text, is_good ? "read" : "refused");
        if (!is_good)
            continue;
        assert_string_equal(endpoint.host, cases[i].host);
        assert_int_equal(endpoint.port, cases[i].port);
    }
}

static void host_has_room_for_127_characters(void **state)
{
    char text[200];
    struct endpoint endpoint;

    (void)state;
    memset(text, 'a', sizeof(text));
    snprintf(text + 127, sizeof(text) - 127, ":80");
    assert_true(parse_endpoint(text, &endpoint));
    assert_int_equal(strlen(endpoint.host), 127);
    memset(text, 'a', 128);
    snprintf(text + 128, sizeof(text) - 128, ":80");
    assert_false(parse_endpoint(text, &endpoint));
}

static void only_this_machine_is_loopback(void **state)
{
    static const char *const here[] = {"127.0.0.1",       "127.255.0.3", "::1",
                                       "0:0:0:0:0:0:0:1", "localhost",   "::ffff:127.0.0.1",
                                       "LocalHost"};
    static const char *const elsewhere[] = {
        "",          "0.0.0.0",        "::",  "1.2.3.4", "127.example.org", "127.0.0.1.example.org",
        "128.0.0.1", "localhost.evil", "::2", "127.1"};
    struct endpoint endpoint = {.port = 1};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(here); i++) {
        snprintf(endpoint.host, sizeof(endpoint.host), "%s", here[i]);
        if (!endpoint_is_loopback(&endpoint))
            fail_msg("%s", here[i]);
    }
    for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
        snprintf(endpoint.host, sizeof(endpoint.host), "%s", elsewhere[i]);
        if (endpoint_is_loopback(&endpoint))
            fail_msg("%s", elsewhere[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_as_go_writes_them),
        cmocka_unit_test(sizes_know_binary_and_decimal_suffixes),
        cmocka_unit_test(counts_are_plain_decimal_numbers),
        cmocka_unit_test(durations_print_and_parse_back),
        cmocka_unit_test(exact_sizes_print_and_parse_back),
        cmocka_unit_test(sizes_and_times_are_written_for_people),
        cmocka_unit_test(booleans_have_four_spellings),
        cmocka_unit_test(endpoints_are_host_and_port),
        cmocka_unit_test(host_has_room_for_127_characters),
        cmocka_unit_test(only_this_machine_is_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
