/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "base/must.h"
#include "human.h"

enum { GAP = 2, ELASTIC_MIN = 12 };

/* Decodes one character of clean UTF-8, without any locale; returns its columns. */
static unsigned one_character(const char *text, size_t *len_out)
{
    unsigned char first = (unsigned char)text[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t point = len == 1 ? first : first & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        if (text[i] == '\0') {
            len = i;
            break;
        }
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    }
    *len_out = len;
    int width = point < 0x80 ? 1 : wcwidth((wchar_t)point);
    return width < 0 ? 1 : (unsigned)width;
}

unsigned text_columns(const char *text)
{
    unsigned columns = 0;

    for (size_t len; *text != '\0'; text += len)
        columns += one_character(text, &len);
    return columns;
}

unsigned text_add_cut(struct text *out, const char *text, unsigned columns)
{
    unsigned used = 0;
    size_t len;

    if (text_columns(text) <= columns) {
        text_add(out, text);
        return text_columns(text);
    }
    for (; *text != '\0' && columns > 0; text += len) {
        unsigned width = one_character(text, &len);

        if (used + width > columns - 1)
            break;
        text_add_bytes(out, bytes_of(text, len));
        used += width;
    }
    if (columns > 0)
        text_add(out, "\xe2\x80\xa6");
    return columns > 0 ? used + 1 : 0;
}

void text_add_coloured(struct text *out, enum colour colour, bool has_colour, const char *text)
{
    static const char *const codes[] = {
        [COLOUR_NONE] = "",  [COLOUR_GOOD] = "32", [COLOUR_BUSY] = "36",
        [COLOUR_ODD] = "33", [COLOUR_BAD] = "31",  [COLOUR_FAINT] = "2",
    };

    if (!has_colour || colour == COLOUR_NONE)
        text_add(out, text);
    else
        text_addf(out, "\033[%sm%s\033[0m", codes[colour], text);
}

static void add_cell(struct table *table, enum colour colour, const char *format, va_list args)
{
    struct text clean = {0};
    char *raw = NULL;

    must(vasprintf(&raw, format, args) >= 0);
    human_clean(&clean, raw);
    free(raw);
    table->cells = xrealloc(table->cells, (table->cell_count + 1) * sizeof(*table->cells));
    table->cells[table->cell_count++] = (struct cell){text_take(&clean), colour};
}

void table_cell(struct table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_cell(table, COLOUR_NONE, format, args);
    va_end(args);
}

void table_cell_in(struct table *table, enum colour colour, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_cell(table, colour, format, args);
    va_end(args);
}

/* 0 for a column to leave out. */
static void measure(const struct table *table, unsigned width, unsigned widths[TABLE_COLUMNS])
{
    unsigned total = 0, elastic = TABLE_COLUMNS;

    must(table->column_count <= TABLE_COLUMNS && table->cell_count % table->column_count == 0);
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = 0;
    for (size_t i = 0; i < table->cell_count; i++) {
        unsigned *column = &widths[i % table->column_count];

        *column = MAX(*column, text_columns(table->cells[i].text));
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (widths[i] == 0 && table->cell_count > 0)
            continue;
        widths[i] = MAX(widths[i], text_columns(table->columns[i].title));
        total += widths[i] + (total > 0 ? GAP : 0);
        if (table->columns[i].is_elastic)
            elastic = (unsigned)i;
    }
    if (width > 0 && total > width && elastic < TABLE_COLUMNS) {
        unsigned others = total - widths[elastic];

        widths[elastic] =
            MAX(width > others ? width - others : 0, MIN((unsigned)ELASTIC_MIN, widths[elastic]));
    }
}

static void add_spaces(struct text *out, unsigned count)
{
    text_addf(out, "%*s", (int)count, "");
}

/* A row is `cells`, or the titles when NULL. */
static void print_row(struct text *out, const struct table *table, const struct cell *cells,
                      const unsigned *widths, bool has_colour)
{
    unsigned owed = 0; /* spaces before the next cell: none trail at the end of a line */
    bool is_first = true;

    for (size_t i = 0; i < table->column_count; i++) {
        const char *text = cells != NULL ? cells[i].text : table->columns[i].title;
        struct text cut = {0};

        if (widths[i] == 0)
            continue;
        unsigned used = text_add_cut(&cut, text, widths[i]);
        unsigned rest = widths[i] - MIN(used, widths[i]);

        owed += (is_first ? 0 : GAP) + (table->columns[i].is_right ? rest : 0);
        is_first = false;
        if (used > 0) {
            add_spaces(out, owed);
            owed = 0;
            text_add_coloured(out, cells != NULL ? cells[i].colour : COLOUR_FAINT, has_colour,
                              text_str(&cut));
        }
        owed += table->columns[i].is_right ? 0 : rest;
        text_fini(&cut);
    }
    text_add(out, "\n");
}

void table_print(struct text *out, const struct table *table, unsigned width, bool has_colour)
{
    unsigned widths[TABLE_COLUMNS];

    measure(table, width, widths);
    print_row(out, table, NULL, widths, has_colour);
    for (size_t i = 0; i < table->cell_count; i += table->column_count)
        print_row(out, table, &table->cells[i], widths, has_colour);
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = 0;
}
