/* SPDX-License-Identifier: MIT
 *
 * metrics: one row per metric; the struct that counts, the Prometheus text and the docs come from
 * the rows.
 *
 *     #define BUS_METRICS(X) X(COUNTER, calls_total, "calls sent to other services")
 *     METRICS_STRUCT(bus_metrics, BUS_METRICS);
 *
 * Names end in their unit (Prometheus rules); the text says sharestream_<prefix>_<name>. Fields are
 * atomic, so that a thread may count and another print.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric {
    enum metric_kind kind;
    const char *name, *help;
    size_t offset;
};

struct metrics_table {
    const char *prefix;
    const struct metric *rows;
    size_t count;
};

typedef _Atomic uint64_t metric_value;

/* Adds the table in Prometheus text format 0.0.4; `label` is NULL or like `thread="0"`. */
void metrics_print(struct text *out, const struct metrics_table *table, const void *values,
                   const char *label);
/* Likewise, with a sample for each value of a label: `label="word"`. */
struct metrics_each {
    const char *word;
    const void *values;
};
void metrics_print_each(struct text *out, const struct metrics_table *table, const char *label,
                        const struct metrics_each *each, size_t count);

#define METRICS_FIELD(kind, name, help) metric_value name;
#define METRICS_STRUCT(tag, rows)                                                                  \
    struct tag {                                                                                   \
        rows(METRICS_FIELD)                                                                        \
    }
/* Define METRICS_TAG as the struct's tag before using this. */
#define METRICS_ROW(kind, name, help)                                                              \
    {METRIC_##kind, #name, help, offsetof(struct METRICS_TAG, name)},
#define METRICS_TABLE(symbol, prefix_name, rows_macro)                                             \
    static const struct metric symbol##_rows[] = {rows_macro(METRICS_ROW)};                        \
    const struct metrics_table symbol = {prefix_name, symbol##_rows,                               \
                                         sizeof(symbol##_rows) / sizeof(symbol##_rows[0])}

#endif
