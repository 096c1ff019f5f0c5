/* SPDX-License-Identifier: MIT
 *
 * settings: every setting is one row of one table per section; parser, --help, --print-config, docs
 * and tests read the rows.
 *
 *     #define TORRENT_SETTINGS(X) \
 *         X(ENDPOINT, listen, "0.0.0.0:6881", 0, 0, "address for BitTorrent peers") \
 *         X(DURATION, metadata_timeout, "30s", 1000, 600000, "how long to wait for metadata") \
 *     SETTINGS_STRUCT(torrent_settings, TORRENT_SETTINGS);
 *     SETTINGS_TABLE(torrent_settings_table, "torrent", torrent_settings, TORRENT_SETTINGS);
 *
 * Columns: type, name, default as text, min, max (in the stored unit; both 0 = unbounded), help.
 * Precedence: environment (SHARESTREAM_<SECTION>_<NAME>, for text also ..._FILE naming a file that
 * holds the value) beats file beats default.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"

enum setting_type {
    SETTING_TEXT,     /* char *, never NULL */
    SETTING_LIST,     /* char *: items joined by ", "; a YAML list or a comma-separated text */
    SETTING_BOOL,     /* bool */
    SETTING_COUNT,    /* uint64_t */
    SETTING_SIZE,     /* uint64_t, bytes */
    SETTING_DURATION, /* uint64_t, milliseconds */
    SETTING_ENDPOINT, /* struct endpoint */
    SETTING_CHOICE,   /* char *: one of the words in parentheses at the end of the help text,
                         "(a|b|c)" */
};

enum setting_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT };

/* Where a value comes from: "config.yaml:12", the name of the variable, or empty for a default. A
 * long one is cut. */
enum { SETTING_PLACE_TEXT = 256 };
struct setting_place {
    enum setting_origin origin;
    char text[SETTING_PLACE_TEXT];
};

struct setting {
    enum setting_type type;
    const char *name;
    size_t offset; /* into the section's struct */
    const char *fallback;
    uint64_t min, max;
    const char *help;
};

struct settings_table {
    const char *section;
    const struct setting *rows;
    size_t count;
    size_t struct_size;
};

/* A top-level key of an earlier system that means a setting of ours: also an environment name, in
 * upper case. */
struct settings_alias {
    const char *key;
    const char *section, *name;
    const char *bare_unit; /* appended to a bare number: "s", or "" ; a listening `port` becomes
                              ":port" by ENDPOINT rules */
};

struct settings_source {
    const char *file; /* NULL: none. A missing file is an error only when is_file_required */
    bool is_file_required;
    const struct settings_alias *aliases;
    size_t alias_count;
    const char *const
        *other_sections; /* sections of other processes: their content is not looked at */
    size_t other_section_count;
};

/* Fills `values` (struct_size bytes for each table, zeroed before) and `places` (may be NULL; else
 * places[i] has tables[i]->count entries). ERR_CONFIG with file, line and a near match on the
 * first mistake. settings_free() the values in either case. */
enum err settings_load(const struct settings_source *source,
                       const struct settings_table *const *tables, void *const *values,
                       struct setting_place *const *places, size_t table_count,
                       struct error *error);
void settings_free(const struct settings_table *table, void *values);

/* Text of one value, parsing back to the same; caller frees. Secrets (names ending in token,
 * secret, password; URLs with a password) are shown as "(set)" unless `shows_secrets`. */
char *setting_text(const struct setting *row, const void *values, bool shows_secrets);
const char *setting_origin_word(enum setting_origin origin);

/* The commented YAML section with effective values, which parses back to the same, but for secrets:
 * those are only mentioned in a comment. `places` may be NULL. */
void settings_print_yaml(FILE *out, const struct settings_table *table, const void *values,
                         const struct setting_place *places);
/* The next item of a comma-separated list, without the blanks around it; false at the end. */
bool settings_list_next(const char **at, struct bytes *item_out);
/* The same, as a string that the caller frees; NULL at the end. */
char *settings_list_take(const char **at);

/* A Markdown table / an mdoc list of the rows, for docs/settings.md and sharestream.yaml(5). */
void settings_print_markdown(FILE *out, const struct settings_table *table);
void settings_print_mdoc(FILE *out, const struct settings_table *table);

#define SETTINGS_TYPE_TEXT     char *
#define SETTINGS_TYPE_LIST     char *
#define SETTINGS_TYPE_CHOICE   char *
#define SETTINGS_TYPE_BOOL     bool
#define SETTINGS_TYPE_COUNT    uint64_t
#define SETTINGS_TYPE_SIZE     uint64_t
#define SETTINGS_TYPE_DURATION uint64_t
#define SETTINGS_TYPE_ENDPOINT struct endpoint

#define SETTINGS_FIELD(type, name, fallback, min, max, help) SETTINGS_TYPE_##type name;
#define SETTINGS_STRUCT(tag, rows)                                                                 \
    struct tag {                                                                                   \
        rows(SETTINGS_FIELD)                                                                       \
    }
#define SETTINGS_ROW(type, name, fallback, min, max, help)                                         \
    {SETTING_##type, #name, offsetof(struct SETTINGS_TAG, name), fallback, min, max, help},
/* Define SETTINGS_TAG as the struct's tag before using this (a macro cannot hand it to the rows).
 */
#define SETTINGS_TABLE(symbol, section_name, rows_macro)                                           \
    static const struct setting symbol##_rows[] = {rows_macro(SETTINGS_ROW)};                      \
    const struct settings_table symbol = {section_name, symbol##_rows,                             \
                                          sizeof(symbol##_rows) / sizeof(symbol##_rows[0]),        \
                                          sizeof(struct SETTINGS_TAG)}

#endif
