/* SPDX-License-Identifier: MIT
 *
 * settings_file: the YAML side of settings: libcyaml reads the file against a schema made from the
 * tables; values come out as text, with the line they stand on. Only settings.c uses it.
 */
#ifndef BASE_SETTINGS_FILE_H
#define BASE_SETTINGS_FILE_H

#include "base/settings.h"

struct settings_file;

/* *file_out stays NULL when there is no file; the getters take that. */
enum err settings_file_read(const struct settings_source *source,
                            const struct settings_table *const *tables, size_t table_count,
                            struct settings_file **file_out, struct error *error);
void settings_file_free(struct settings_file **file);

/* NULL when the file does not set it. `section` NULL means a top-level key. */
const char *settings_file_get(const struct settings_file *file, const char *section,
                              const char *name);
/* "config.yaml:12" */
void settings_file_place(const struct settings_file *file, const char *section, const char *name,
                         char *out, size_t cap);

#endif
