/* SPDX-License-Identifier: MIT
 *
 * table: aligned columns for people. Cells are given row by row; each is made safe for a terminal.
 * Pure: the caller knows the width and whether there is colour.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/text.h"

enum { TABLE_COLUMNS = 12 };
enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BUSY, COLOUR_ODD, COLOUR_BAD, COLOUR_FAINT };

struct column {
    const char *title;
    bool is_right;   /* numbers */
    bool is_elastic; /* gives up width when the table is wider than the terminal; at most one */
};

struct table {
    const struct column *columns;
    size_t column_count;
    struct cell {
        char *text;
        enum colour colour;
    } * cells;
    size_t cell_count;
};

/* Zero-initialise with the columns; table_fini() it. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
__attribute__((format(printf, 3, 4))) void table_cell_in(struct table *table, enum colour colour,
                                                         const char *format, ...);
/* Adds the table with its titles; `width` 0 = as wide as it gets. Columns without any content are
 * left out. */
void table_print(struct text *out, const struct table *table, unsigned width, bool has_colour);
void table_fini(struct table *table);

/* Columns that a UTF-8 text takes on a terminal. */
unsigned text_columns(const char *text);
/* Adds as much of `text` as fits, with an ellipsis if cut. Returns the columns used. */
unsigned text_add_cut(struct text *out, const char *text, unsigned columns);
void text_add_coloured(struct text *out, enum colour colour, bool has_colour, const char *text);

#endif
