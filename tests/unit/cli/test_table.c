/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static const struct column columns[] = {
    {"#", true, false}, {"NAME", false, true}, {"NOTE", false, false}, {"SIZE", true, false}};

static void expect_table(struct table *table, unsigned width, bool has_colour, const char *expected)
{
    struct text out = {0};

    table_print(&out, table, width, has_colour);
    assert_string_equal(text_str(&out), expected);
    text_fini(&out);
}

static struct table two_rows(const char *name)
{
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    table_cell(&table, "%d", 1);
    table_cell(&table, "%s", name);
    table_cell(&table, "%s", "x");
    table_cell(&table, "%s", "10 B");
    table_cell(&table, "%d", 12);
    table_cell(&table, "%s", "b");
    table_cell(&table, "%s", "");
    table_cell(&table, "%s", "");
    return table;
}

static void columns_are_aligned_without_trailing_space(void **state)
{
    struct table table = two_rows("long name");

    (void)state;
    expect_table(&table, 0, false,
                 " #  NAME       NOTE  SIZE\n"
                 " 1  long name  x     10 B\n"
                 "12  b\n");
    table_fini(&table);
}

static void elastic_column_gives_way(void **state)
{
    struct table table = two_rows("a very long name of a torrent");

    (void)state;
    expect_table(&table, 34, false,
                 " #  NAME                NOTE  SIZE\n"
                 " 1  a very long name \xe2\x80\xa6  x     10 B\n"
                 "12  b\n");
    table_fini(&table);
}

static void elastic_column_keeps_a_minimum(void **state)
{
    struct table table = two_rows("a very long name of a torrent");
    struct text out = {0};

    (void)state;
    table_print(&out, &table, 5, false);
    assert_non_null(strstr(text_str(&out), "a very long\xe2\x80\xa6  x"));
    text_fini(&out);
    table_fini(&table);
}

static void empty_column_is_left_out(void **state)
{
    struct table table = {columns, COUNT_OF(columns), NULL, 0};

    (void)state;
    table_cell(&table, "%d", 1);
    table_cell(&table, "%s", "a");
    table_cell(&table, "%s", "");
    table_cell(&table, "%s", "5 B");
    expect_table(&table, 0, false, "#  NAME  SIZE\n1  a      5 B\n");
    table_fini(&table);
    expect_table(&table, 0, false, "#  NAME  NOTE  SIZE\n");
}

static void colour_does_not_count_as_width(void **state)
{
    static const struct column two[] = {{"A", false, false}, {"B", false, false}};
    struct table table = {two, 2, NULL, 0};

    (void)state;
    table_cell_in(&table, COLOUR_GOOD, "%s", "ok");
    table_cell(&table, "%s", "x");
    expect_table(&table, 0, true, "\033[2mA\033[0m   \033[2mB\033[0m\n\033[32mok\033[0m  x\n");
    table_fini(&table);
}

static void wide_characters_take_two_columns(void **state)
{
    struct text out = {0};

    (void)state;
    assert_int_equal(text_columns("\xe6\xbc\xa2\xe5\xad\x97"), 4);
    assert_int_equal(text_columns("e\xcc\x81"), 1); /* with a combining accent */
    assert_int_equal(text_add_cut(&out, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 4), 3);
    assert_string_equal(text_str(&out), "\xe6\xbc\xa2\xe2\x80\xa6");
    text_clear(&out);
    assert_int_equal(text_add_cut(&out, "abc", 0), 0);
    assert_string_equal(text_str(&out), "");
    text_fini(&out);
}

static void cell_is_made_safe(void **state)
{
    static const struct column one[] = {{"A", false, false}};
    struct table table = {one, 1, NULL, 0};

    (void)state;
    table_cell(&table, "%s", "a\033[2Jb\nc");
    expect_table(&table, 0, false, "A\na?[2Jb?c\n");
    table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_without_trailing_space),
        cmocka_unit_test(elastic_column_gives_way),
        cmocka_unit_test(elastic_column_keeps_a_minimum),
        cmocka_unit_test(empty_column_is_left_out),
        cmocka_unit_test(colour_does_not_count_as_width),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(cell_is_made_safe),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
