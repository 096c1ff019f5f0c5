/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <inttypes.h>

static const char *const kind_words[] = {"counter", "gauge"};

static void print_head(struct text *out, const struct metrics_table *table,
                       const struct metric *row)
{
    text_addf(out, "# HELP sharestream_%s_%s %s\n# TYPE sharestream_%s_%s %s\n", table->prefix,
              row->name, row->help, table->prefix, row->name, kind_words[row->kind]);
}

static uint64_t value_of(const struct metric *row, const void *values)
{
    return *(const metric_value *)(const void *)((const char *)values + row->offset);
}

void metrics_print(struct text *out, const struct metrics_table *table, const void *values,
                   const char *label)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *row = &table->rows[i];

        print_head(out, table, row);
        text_addf(out, "sharestream_%s_%s%s%s%s %" PRIu64 "\n", table->prefix, row->name,
                  label ? "{" : "", label ? label : "", label ? "}" : "", value_of(row, values));
    }
}

void metrics_print_each(struct text *out, const struct metrics_table *table, const char *label,
                        const struct metrics_each *each, size_t count)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *row = &table->rows[i];

        print_head(out, table, row);
        for (size_t k = 0; k < count; k++)
            text_addf(out, "sharestream_%s_%s{%s=\"%s\"} %" PRIu64 "\n", table->prefix, row->name,
                      label, each[k].word, value_of(row, each[k].values));
    }
}
