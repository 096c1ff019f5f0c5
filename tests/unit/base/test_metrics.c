/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEST_METRICS(X)                                                                            \
    X(COUNTER, calls_total, "calls made")                                                          \
    X(GAUGE, peers, "peers connected")
METRICS_STRUCT(test_metrics, TEST_METRICS);
#define METRICS_TAG test_metrics
METRICS_TABLE(test_table, "test", TEST_METRICS);

static void rows_become_prometheus_text(void **state)
{
    struct test_metrics values = {0};
    struct text out = {0};

    (void)state;
    values.calls_total++;
    values.peers = UINT64_MAX;
    metrics_print(&out, &test_table, &values, NULL);
    assert_string_equal(text_str(&out), "# HELP sharestream_test_calls_total calls made\n"
                                        "# TYPE sharestream_test_calls_total counter\n"
                                        "sharestream_test_calls_total 1\n"
                                        "# HELP sharestream_test_peers peers connected\n"
                                        "# TYPE sharestream_test_peers gauge\n"
                                        "sharestream_test_peers 18446744073709551615\n");
    text_fini(&out);
}

static void label_stands_in_braces(void **state)
{
    struct test_metrics values = {0};
    struct text out = {0};

    (void)state;
    metrics_print(&out, &test_table, &values, "thread=\"0\"");
    assert_non_null(strstr(text_str(&out), "\nsharestream_test_peers{thread=\"0\"} 0\n"));
    text_fini(&out);
}

static void each_value_of_a_label_has_a_sample(void **state)
{
    struct test_metrics values[2] = {0};
    const struct metrics_each each[] = {{"a", &values[0]}, {"b", &values[1]}};
    struct text out = {0};

    (void)state;
    values[1].peers = 3;
    metrics_print_each(&out, &test_table, "kind", each, 2);
    assert_string_equal(text_str(&out), "# HELP sharestream_test_calls_total calls made\n"
                                        "# TYPE sharestream_test_calls_total counter\n"
                                        "sharestream_test_calls_total{kind=\"a\"} 0\n"
                                        "sharestream_test_calls_total{kind=\"b\"} 0\n"
                                        "# HELP sharestream_test_peers peers connected\n"
                                        "# TYPE sharestream_test_peers gauge\n"
                                        "sharestream_test_peers{kind=\"a\"} 0\n"
                                        "sharestream_test_peers{kind=\"b\"} 3\n");
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_prometheus_text),
        cmocka_unit_test(label_stands_in_braces),
        cmocka_unit_test(each_value_of_a_label_has_a_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
