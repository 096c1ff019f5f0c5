/* SPDX-License-Identifier: MIT */
#include "base/metrics.h"

#include <inttypes.h>

static const char *const kind_words[] = {"counter", "gauge"};

void metrics_print(struct text *out, const struct metrics_table *table, const void *values,
                   const char *label)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct metric *row = &table->rows[i];
        const metric_value *value =
            (const metric_value *)(const void *)((const char *)values + row->offset);

        text_addf(out, "# HELP sharestream_%s_%s %s\n# TYPE sharestream_%s_%s %s\n", table->prefix,
                  row->name, row->help, table->prefix, row->name, kind_words[row->kind]);
        text_addf(out, "sharestream_%s_%s%s%s%s %" PRIu64 "\n", table->prefix, row->name,
                  label ? "{" : "", label ? label : "", label ? "}" : "", (uint64_t)*value);
    }
}
