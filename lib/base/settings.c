/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/settings_file.h"
#include "base/text.h"

enum { SECRET_BYTES_MAX = 4096 };

static const char HIDDEN[] = "(set)";

static void *slot(const struct setting *row, void *values)
{
    return (char *)values + row->offset;
}

static char *text_value(const struct setting *row, const void *values)
{
    char *text;

    memcpy(&text, (const char *)values + row->offset, sizeof(text));
    return text;
}

static uint64_t number_value(const struct setting *row, const void *values)
{
    uint64_t number;

    memcpy(&number, (const char *)values + row->offset, sizeof(number));
    return number;
}

static bool holds_text(const struct setting *row)
{
    return row->type == SETTING_TEXT || row->type == SETTING_LIST || row->type == SETTING_CHOICE;
}

/* A choice's words stand in parentheses at the end of its help. */
static bool is_choice(const struct setting *row, const char *text)
{
    const char *at = strrchr(row->help, '(');
    size_t len = strlen(text);

    must(at != NULL);
    if (strpbrk(text, "|)") != NULL)
        return false;
    do {
        at++;
        if (len > 0 && strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == ')'))
            return true;
        at = strchr(at, '|');
    } while (at != NULL);
    return false;
}

static const char *expected(enum setting_type type)
{
    switch (type) {
    case SETTING_BOOL:
        return "true or false";
    case SETTING_COUNT:
        return "a whole number";
    case SETTING_SIZE:
        return "a size such as 64MiB";
    case SETTING_DURATION:
        return "a duration such as 30s or 1h30m";
    case SETTING_ENDPOINT:
        return "an address such as 127.0.0.1:8080 or a port";
    case SETTING_CHOICE:
        return "one of the words named in its help";
    case SETTING_TEXT:
    case SETTING_LIST:
        break;
    }
    return "text";
}

static char *bound_text(const struct setting *row, uint64_t bound, char *out)
{
    if (row->type == SETTING_DURATION)
        return format_duration(bound, out);
    if (row->type == SETTING_SIZE)
        return format_size_exact(bound, out);
    snprintf(out, UNITS_TEXT, "%" PRIu64, bound);
    return out;
}

static enum err set_number(const struct setting *row, void *values, const char *text,
                           struct error *error)
{
    uint64_t number = 0;
    bool is_good = row->type == SETTING_COUNT  ? parse_count(text, &number)
                   : row->type == SETTING_SIZE ? parse_size_bytes(text, &number)
                                               : parse_duration_ms(text, &number);
    char low[UNITS_TEXT], high[UNITS_TEXT];

    if (!is_good)
        return error_set(error, ERR_CONFIG, "'%s' is not %s", text, expected(row->type));
    if ((row->min != 0 || row->max != 0) && (number < row->min || number > row->max))
        return error_set(error, ERR_CONFIG, "'%s' is outside %s to %s", text,
                         bound_text(row, row->min, low), bound_text(row, row->max, high));
    memcpy(slot(row, values), &number, sizeof(number));
    return ERR_NONE;
}

static enum err set_endpoint(const struct setting *row, void *values, const char *text,
                             struct error *error)
{
    struct endpoint endpoint, fallback;

    if (!parse_endpoint(text, &endpoint))
        return error_set(error, ERR_CONFIG, "'%s' is not %s", text, expected(row->type));
    /* A bare port keeps the default's host: widening the bind must be said, never implied. */
    if (endpoint.host[0] == '\0' && parse_endpoint(row->fallback, &fallback))
        memcpy(endpoint.host, fallback.host, sizeof(endpoint.host));
    memcpy(slot(row, values), &endpoint, sizeof(endpoint));
    return ERR_NONE;
}

bool settings_list_next(const char **at, struct bytes *item_out)
{
    while (**at != '\0') {
        const char *start = *at + strspn(*at, ", \t\n"), *end = start + strcspn(start, ",");

        *at = end;
        while (end > start && strchr(" \t\n", end[-1]) != NULL)
            end--;
        if (end > start) {
            *item_out = bytes_of(start, (size_t)(end - start));
            return true;
        }
    }
    return false;
}

char *settings_list_take(const char **at)
{
    struct bytes item;

    return settings_list_next(at, &item) ? xstrndup((const char *)item.data, item.len) : NULL;
}

static char *normal_list(const char *text)
{
    struct text list = {0};
    struct bytes item;

    while (settings_list_next(&text, &item)) {
        text_add(&list, list.len > 0 ? ", " : "");
        text_add_bytes(&list, item);
    }
    return text_take(&list);
}

static enum err set_value(const struct setting *row, void *values, const char *text,
                          struct error *error)
{
    if (holds_text(row)) {
        char *copy;

        if (row->type == SETTING_CHOICE && !is_choice(row, text))
            return error_set(error, ERR_CONFIG, "'%s' is not one of %s", text,
                             strrchr(row->help, '('));
        free(text_value(row, values));
        copy = row->type == SETTING_LIST ? normal_list(text) : xstrdup(text);
        memcpy(slot(row, values), &copy, sizeof(copy));
        return ERR_NONE;
    }
    if (row->type == SETTING_BOOL) {
        bool value;

        if (!parse_bool(text, &value))
            return error_set(error, ERR_CONFIG, "'%s' is not %s", text, expected(row->type));
        memcpy(slot(row, values), &value, sizeof(value));
        return ERR_NONE;
    }
    return row->type == SETTING_ENDPOINT ? set_endpoint(row, values, text, error)
                                         : set_number(row, values, text, error);
}

static const struct settings_alias *alias_of(const struct settings_source *source,
                                             const char *section, const char *name)
{
    for (size_t i = 0; i < source->alias_count; i++)
        if (strcmp(source->aliases[i].section, section) == 0 &&
            strcmp(source->aliases[i].name, name) == 0)
            return &source->aliases[i];
    return NULL;
}

/* tod-p2m wrote some durations as bare numbers; ours always carry a unit. */
static char *with_unit(const struct settings_alias *alias, const char *text)
{
    uint64_t ignored;

    return parse_count(text, &ignored) ? xasprintf("%s%s", text, alias->bare_unit) : xstrdup(text);
}

static char *upper(char *text)
{
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    return text;
}

static enum err read_secret_file(const char *name, const char *path, char **out,
                                 struct error *error)
{
    char buffer[SECRET_BYTES_MAX + 1];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return error_set_errno(error, ERR_CONFIG, "environment %s: cannot read %s", name, path);
    size_t len = fread(buffer, 1, sizeof(buffer), file);
    bool is_good = !ferror(file) && len <= SECRET_BYTES_MAX && memchr(buffer, '\0', len) == NULL;
    fclose(file);
    if (!is_good)
        return error_set(error, ERR_CONFIG,
                         "environment %s: %s is no text of at most %d bytes that can be read", name,
                         path, SECRET_BYTES_MAX);
    while (len > 0 && isspace((unsigned char)buffer[len - 1]))
        len--;
    *out = xstrndup(buffer, len);
    return ERR_NONE;
}

/* The environment's say on one row: *value_out is NULL when it says nothing. `name_out` tells where
 * it was found. */
static enum err from_environment(const struct settings_source *source, const char *section,
                                 const struct setting *row, char **value_out, char *name_out,
                                 size_t name_cap, struct error *error)
{
    const struct settings_alias *alias = alias_of(source, section, row->name);
    const char *value;
    size_t len;

    *value_out = NULL;
    snprintf(name_out, name_cap, "SHARESTREAM_%s_%s", section, row->name);
    upper(name_out);
    if ((value = getenv(name_out)) != NULL) {
        *value_out = xstrdup(value);
        return ERR_NONE;
    }
    len = strlen(name_out);
    snprintf(name_out + len, name_cap - len, "_FILE");
    if (holds_text(row) && (value = getenv(name_out)) != NULL)
        return read_secret_file(name_out, value, value_out, error);
    if (alias == NULL)
        return ERR_NONE;
    snprintf(name_out, name_cap, "%s", alias->key);
    upper(name_out);
    if ((value = getenv(name_out)) != NULL)
        *value_out = with_unit(alias, value);
    return ERR_NONE;
}

/* `key` is what the file calls it. */
static enum err refuse(const struct setting_place *place, const char *key, const struct error *why,
                       struct error *error)
{
    switch (place->origin) {
    case ORIGIN_ENVIRONMENT:
        return error_set(error, why->code, "environment %s: %s", place->text, why->text);
    case ORIGIN_FILE:
        return error_set(error, why->code, "%s %s: %s", place->text, key, why->text);
    case ORIGIN_DEFAULT:
        break;
    }
    return error_set(error, why->code, "default of %s: %s", key, why->text);
}

static enum err load_row(const struct settings_source *source, struct settings_file *file,
                         const char *section, const struct setting *row, void *values,
                         struct setting_place *place, struct error *error)
{
    char name[160], key[160];
    struct error why;
    char *value = NULL;
    enum err err = from_environment(source, section, row, &value, name, sizeof(name), error);
    const struct settings_alias *alias = alias_of(source, section, row->name);
    const char *in_file;

    if (err != ERR_NONE)
        return err;
    snprintf(key, sizeof(key), "%s.%s", section, row->name);
    *place = (struct setting_place){.origin = ORIGIN_ENVIRONMENT};
    snprintf(place->text, sizeof(place->text), "%s", name);
    if (value == NULL && (in_file = settings_file_get(file, section, row->name)) != NULL) {
        value = xstrdup(in_file);
        settings_file_place(file, section, row->name, place->text, sizeof(place->text));
        place->origin = ORIGIN_FILE;
    } else if (value == NULL && alias != NULL &&
               (in_file = settings_file_get(file, NULL, alias->key)) != NULL) {
        value = with_unit(alias, in_file);
        snprintf(key, sizeof(key), "%s", alias->key);
        settings_file_place(file, NULL, alias->key, place->text, sizeof(place->text));
        place->origin = ORIGIN_FILE;
    } else if (value == NULL) {
        value = xstrdup(row->fallback);
        *place = (struct setting_place){.origin = ORIGIN_DEFAULT};
    }
    err = set_value(row, values, value, &why);
    free(value);
    return err == ERR_NONE ? ERR_NONE : refuse(place, key, &why, error);
}

enum err settings_load(const struct settings_source *source,
                       const struct settings_table *const *tables, void *const *values,
                       struct setting_place *const *places, size_t table_count, struct error *error)
{
    struct settings_file *file = NULL;
    enum err err = settings_file_read(source, tables, table_count, &file, error);

    for (size_t i = 0; i < table_count && err == ERR_NONE; i++) {
        for (size_t k = 0; k < tables[i]->count && err == ERR_NONE; k++) {
            struct setting_place place;

            err = load_row(source, file, tables[i]->section, &tables[i]->rows[k], values[i], &place,
                           error);
            if (places != NULL && err == ERR_NONE)
                places[i][k] = place;
        }
    }
    settings_file_free(&file);
    return err;
}

void settings_free(const struct settings_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++)
        if (holds_text(&table->rows[i]))
            free(text_value(&table->rows[i], values));
    memset(values, 0, table->struct_size);
}

/* "scheme://user:password@host", in a list as well. */
static bool has_password(const char *text)
{
    while ((text = strstr(text, "://")) != NULL) {
        text += strlen("://");
        size_t len = strcspn(text, ",");
        const char *colon = memchr(text, ':', len);

        if (colon != NULL && memchr(colon, '@', len - (size_t)(colon - text)) != NULL)
            return true;
    }
    return false;
}

static bool is_secret(const struct setting *row, const char *text)
{
    static const char *const endings[] = {"token", "secret", "password"};
    size_t len = strlen(row->name);

    if (!holds_text(row) || *text == '\0')
        return false;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t ending = strlen(endings[i]);

        if (len >= ending && strcmp(row->name + len - ending, endings[i]) == 0)
            return true;
    }
    return has_password(text);
}

char *setting_text(const struct setting *row, const void *values, bool shows_secrets)
{
    char buffer[UNITS_TEXT];

    switch (row->type) {
    case SETTING_BOOL: {
        bool value;

        memcpy(&value, (const char *)values + row->offset, sizeof(value));
        return xstrdup(value ? "true" : "false");
    }
    case SETTING_COUNT:
        return xasprintf("%" PRIu64, number_value(row, values));
    case SETTING_SIZE:
        return xstrdup(format_size_exact(number_value(row, values), buffer));
    case SETTING_DURATION:
        return xstrdup(format_duration(number_value(row, values), buffer));
    case SETTING_ENDPOINT: {
        struct endpoint endpoint;

        memcpy(&endpoint, (const char *)values + row->offset, sizeof(endpoint));
        return xasprintf(strchr(endpoint.host, ':') != NULL ? "[%s]:%u" : "%s:%u", endpoint.host,
                         endpoint.port);
    }
    case SETTING_TEXT:
    case SETTING_LIST:
    case SETTING_CHOICE:
        break;
    }
    const char *text = text_value(row, values);

    return xstrdup(is_secret(row, text) && !shows_secrets ? HIDDEN : text);
}

const char *setting_origin_word(enum setting_origin origin)
{
    static const char *const words[] = {"default", "file", "environment"};

    return words[origin];
}

/* Double quotes and the escapes of YAML 1.1. Line and paragraph separators would be folded, and a
 * byte that is no UTF-8 cannot be told in YAML. */
static void print_quoted(FILE *out, struct bytes text)
{
    fputc('"', out);
    for (size_t at = 0, len; at < text.len; at += MAX(len, 1)) {
        uint32_t code = 0xfffd;

        len = utf8_next(bytes_of(text.data + at, text.len - at), &code);
        if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (char)code);
        else if (code < ' ' || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
                 code == 0xfeff || len == 0)
            fprintf(out, "\\u%04x", (unsigned)code);
        else
            fwrite(text.data + at, 1, len, out);
    }
    fputc('"', out);
}

static void print_list(FILE *out, const char *list)
{
    struct bytes item;
    const char *comma = "";

    fputc('[', out);
    for (; settings_list_next(&list, &item); comma = ", ") {
        fputs(comma, out);
        print_quoted(out, item);
    }
    fputc(']', out);
}

void settings_print_yaml(FILE *out, const struct settings_table *table, const void *values,
                         const struct setting_place *places)
{
    fprintf(out, "%s:\n", table->section);
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        char *text = setting_text(row, values, true);

        fprintf(out, "  # %s", row->help);
        if (places != NULL && places[i].origin != ORIGIN_DEFAULT)
            fprintf(out, " [%s]", setting_origin_word(places[i].origin));
        /* A secret that is set stays a comment: "(set)" must not become the secret when somebody
         * saves what we print. */
        bool is_hidden = is_secret(row, text);
        fprintf(out, is_hidden ? "\n  # %s: " : "\n  %s: ", row->name);
        if (is_hidden)
            fputs(HIDDEN, out);
        else if (row->type == SETTING_LIST)
            print_list(out, text);
        else if (holds_text(row) || row->type == SETTING_ENDPOINT)
            print_quoted(out, bytes_of_text(text));
        else
            fputs(text, out);
        fputc('\n', out);
        free(text);
    }
}

void settings_print_markdown(FILE *out, const struct settings_table *table)
{
    fprintf(out, "## %s\n\n| setting | default | meaning |\n| --- | --- | --- |\n", table->section);
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];

        fprintf(out, "| `%s.%s` | `%s` | ", table->section, row->name,
                *row->fallback ? row->fallback : "\"\"");
        for (const char *at = row->help; *at != '\0'; at++)
            fprintf(out, *at == '|' ? "\\%c" : "%c", *at);
        fprintf(out, " |\n");
    }
}

void settings_print_mdoc(FILE *out, const struct settings_table *table)
{
    fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", table->section);
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];

        fprintf(out, ".It Cm %s\n%s.\nDefault:\n.Ql %s\n", row->name, row->help,
                *row->fallback ? row->fallback : "(empty)");
    }
    fprintf(out, ".El\n");
}
