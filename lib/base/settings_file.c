/* SPDX-License-Identifier: MIT */
#include "base/settings_file.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/text.h"

enum { FILE_BYTES_MAX = 1 << 20, LIST_MAX = 1000 };

/* Where libcyaml puts one value: scalars use `text`, lists `items` and `count`. */
struct slot {
    union {
        char *text;
        char **items;
    };
    unsigned count;
};

struct settings_file {
    const char *path; /* borrowed from the source, for messages */
    char *content;    /* whole file, to find lines in */
    size_t len;
    const struct settings_table *const *tables;
    size_t table_count;
    const struct settings_source *source;
    struct slot **sections; /* table_count entries; NULL when the section is absent */
    struct slot *top;       /* sections first, then aliases; owned by libcyaml */
    cyaml_schema_value_t schema;
    cyaml_schema_field_t *fields;
    cyaml_schema_field_t **section_fields;
    char log[512]; /* libcyaml's complaints */
    char *joined;  /* last list given out */
};

static const cyaml_schema_value_t text_item = {
    .type = CYAML_STRING,
    .flags = CYAML_FLAG_POINTER,
    .data_size = sizeof(char),
    .string = {.min = 0, .max = FILE_BYTES_MAX},
};

static void keep_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct settings_file *file = context;
    size_t used = strlen(file->log);

    if (level >= CYAML_LOG_WARNING)
        vsnprintf(file->log + used, sizeof(file->log) - used, format, args);
}

static cyaml_config_t reader_config(struct settings_file *file)
{
    return (cyaml_config_t){
        .log_fn = keep_log, .log_ctx = file, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_WARNING};
}

static cyaml_schema_field_t scalar_field(const char *key, size_t index)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)(index * sizeof(struct slot)),
        .value = {.type = CYAML_STRING,
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = sizeof(char),
                  .string = {.min = 0, .max = FILE_BYTES_MAX}},
    };
}

static cyaml_schema_field_t list_field(const char *key, size_t index)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)(index * sizeof(struct slot)),
        .count_offset = (uint32_t)(index * sizeof(struct slot) + offsetof(struct slot, count)),
        .count_size = sizeof(unsigned),
        .value = {.type = CYAML_SEQUENCE,
                  .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                  .data_size = sizeof(char *),
                  .sequence = {.entry = &text_item, .min = 0, .max = LIST_MAX}},
    };
}

static cyaml_schema_field_t mapping_field(const char *key, size_t index,
                                          const cyaml_schema_field_t *fields, size_t slots)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)(index * sizeof(struct slot)),
        /* a section of which all lines are comments is null */
        .value = {.type = CYAML_MAPPING,
                  .flags = CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL,
                  .data_size = (uint32_t)(slots * sizeof(struct slot)),
                  .mapping = {.fields = fields}},
    };
}

/* Where `name:` stands inside `section:` (or at the left margin): NULL when it cannot be found,
 * such as in {flow: style}. libcyaml 1.3 names the line of the value before, so we look ourselves.
 */
static const char *find_key(const struct settings_file *file, const char *section, const char *name,
                            unsigned *line_out)
{
    bool is_inside = section == NULL;
    unsigned line = 1;

    for (const char *at = file->content; *at != '\0'; line++) {
        size_t indent = strspn(at, " "), name_len = strcspn(at + indent, ":\n");
        const char *key = at + indent;

        *line_out = line;
        if (indent == 0 && section != NULL && strchr("#\r\n", *key) == NULL)
            is_inside = name_len == strlen(section) && strncmp(key, section, name_len) == 0;
        else if (is_inside && (indent == 0) == (section == NULL) && name_len == strlen(name) &&
                 strncmp(key, name, name_len) == 0 && key[name_len] == ':')
            return key;
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    *line_out = 0;
    return NULL;
}

static unsigned line_of(const struct settings_file *file, const char *section, const char *name)
{
    unsigned line;

    find_key(file, section, name, &line);
    return line;
}

/* A list may also be written as text, "a, b", or be empty; libcyaml wants to know before. */
static bool is_written_as_text(const struct settings_file *file, const char *section,
                               const char *name)
{
    unsigned line;
    const char *at = find_key(file, section, name, &line);

    if (at == NULL)
        return false;
    at += strlen(name) + 1;
    at += strspn(at, " \t\r");
    if (*at != '\n' && *at != '#' && *at != '\0')
        return strchr("[&*!", *at) == NULL;
    /* Nothing on that line: the first one with content decides. */
    while (*at == '\n' || *at == '#') {
        at += strcspn(at, "\n");
        at += strspn(at, " \t\r\n");
    }
    return *at != '-' || (at[1] != ' ' && at[1] != '\n' && at[1] != '\r');
}

static void make_schema(struct settings_file *file)
{
    const struct settings_source *source = file->source;
    size_t count = file->table_count + source->alias_count, used = 0;

    file->fields = xcalloc(count + source->other_section_count + 1, sizeof(*file->fields));
    file->section_fields = xcalloc(file->table_count, sizeof(*file->section_fields));
    for (size_t i = 0; i < file->table_count; i++) {
        const struct settings_table *table = file->tables[i];
        cyaml_schema_field_t *rows = xcalloc(table->count + 1, sizeof(*rows));

        for (size_t k = 0; k < table->count; k++) {
            const struct setting *row = &table->rows[k];
            bool is_list =
                row->type == SETTING_LIST && !is_written_as_text(file, table->section, row->name);

            rows[k] = is_list ? list_field(row->name, k) : scalar_field(row->name, k);
        }
        file->section_fields[i] = rows;
        file->fields[used] = mapping_field(table->section, used, rows, MAX(table->count, 1));
        used++;
    }
    for (size_t i = 0; i < source->alias_count; i++, used++)
        file->fields[used] = scalar_field(source->aliases[i].key, used);
    for (size_t i = 0; i < source->other_section_count; i++)
        file->fields[used++] = (cyaml_schema_field_t){
            .key = source->other_sections[i],
            .value = {.type = CYAML_IGNORE, .flags = CYAML_FLAG_OPTIONAL},
        };
    file->schema = (cyaml_schema_value_t){
        .type = CYAML_MAPPING,
        .flags = CYAML_FLAG_POINTER_NULL_STR,
        .data_size = (uint32_t)(MAX(count, 1) * sizeof(struct slot)),
        .mapping = {.fields = file->fields},
    };
}

static void consider(const char *wrong, const char *candidate, const char **best,
                     unsigned *distance)
{
    unsigned now = text_distance(wrong, candidate);

    if (now < *distance) {
        *distance = now;
        *best = candidate;
    }
}

/* `section` is set to the mapping in which the key was met, NULL at top level or when that cannot
 * be told; then all names are considered. */
static const char *near_match(const struct settings_file *file, const char *wrong,
                              const char **section)
{
    const char *best = NULL, *place = NULL;
    unsigned distance = 3; /* farther than two edits is no help */
    bool is_top = line_of(file, NULL, wrong) != 0;

    for (size_t i = 0; i < file->table_count && !is_top; i++) {
        if (line_of(file, file->tables[i]->section, wrong) != 0) {
            place = file->tables[i]->section;
            break;
        }
    }
    *section = place;
    if (place == NULL)
        for (const cyaml_schema_field_t *field = file->fields; field->key != NULL; field++)
            consider(wrong, field->key, &best, &distance);
    for (size_t i = 0; i < file->table_count && !is_top; i++)
        for (size_t k = 0; k < file->tables[i]->count; k++)
            if (place == NULL || strcmp(place, file->tables[i]->section) == 0)
                consider(wrong, file->tables[i]->rows[k].name, &best, &distance);
    return best;
}

/* The rest of the line, cut between two characters. */
static void copy_line(const char *from, char *out, size_t cap)
{
    struct bytes line = bytes_of(from, strcspn(from, "\n"));
    size_t len = utf8_cut(line, cap - 1);

    memcpy(out, from, len);
    out[len] = '\0';
}

static enum err explain(const struct settings_file *file, cyaml_err_t failed, struct error *error)
{
    static const char unexpected[] = "Unexpected key: ";
    char *found = strstr(file->log, unexpected);
    const char *line_text = strstr(file->log, "(line: ");
    unsigned line = line_text != NULL ? (unsigned)strtoul(line_text + 7, NULL, 10) : 1;

    if (found != NULL) {
        char key[64];
        const char *section, *near;

        copy_line(found + sizeof(unexpected) - 1, key, sizeof(key));
        near = near_match(file, key, &section);
        if (line_of(file, section, key) != 0)
            line = line_of(file, section, key);
        return error_set(error, ERR_CONFIG, "%s:%u: unknown key '%s'%s%s%s%s%s", file->path, line,
                         key, section ? " in section " : "", section ? section : "",
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (strstr(file->log, "Expecting SEQUENCE") != NULL)
        return error_set(error, ERR_CONFIG, "%s:%u: a list is expected here, such as [a, b]",
                         file->path, line);
    char what[160];
    const char *start = strncmp(file->log, "Load: ", 6) == 0 ? file->log + 6 : file->log;

    copy_line(start, what, sizeof(what));
    return error_set(error, ERR_CONFIG, "%s:%u: %s", file->path, line,
                     what[0] ? what : cyaml_strerror(failed));
}

static enum err read_content(struct settings_file *file, struct error *error)
{
    FILE *in = fopen(file->path, "re");

    if (in == NULL)
        return error_set_errno(error, ERR_CONFIG, "cannot read %s", file->path);
    file->content = xcalloc(FILE_BYTES_MAX + 1, 1);
    file->len = fread(file->content, 1, FILE_BYTES_MAX, in);
    bool is_whole = feof(in) && !ferror(in);
    fclose(in);
    if (!is_whole)
        return error_set(error, ERR_CONFIG, "%s cannot be read or is larger than 1 MiB",
                         file->path);
    return ERR_NONE;
}

enum err settings_file_read(const struct settings_source *source,
                            const struct settings_table *const *tables, size_t table_count,
                            struct settings_file **file_out, struct error *error)
{
    *file_out = NULL;
    if (source->file == NULL || (!source->is_file_required && access(source->file, F_OK) != 0))
        return ERR_NONE;
    struct settings_file *file = xcalloc(1, sizeof(*file));
    file->path = source->file;
    file->source = source;
    file->tables = tables;
    file->table_count = table_count;
    *file_out = file;
    enum err err = read_content(file, error);
    if (err != ERR_NONE)
        return err;
    make_schema(file);
    cyaml_config_t config = reader_config(file);
    cyaml_err_t failed = cyaml_load_data((const uint8_t *)file->content, file->len, &config,
                                         &file->schema, (cyaml_data_t **)&file->top, NULL);
    return failed == CYAML_OK ? ERR_NONE : explain(file, failed, error);
}

void settings_file_free(struct settings_file **file_p)
{
    struct settings_file *file = *file_p;

    if (file == NULL)
        return;
    if (file->top != NULL) {
        cyaml_config_t config = reader_config(file);

        cyaml_free(&config, &file->schema, file->top, 0);
    }
    if (file->section_fields != NULL)
        for (size_t i = 0; i < file->table_count; i++)
            free(file->section_fields[i]);
    free(file->section_fields);
    free(file->fields);
    free(file->content);
    free(file->joined);
    free(file);
    *file_p = NULL;
}

static const char *join(struct settings_file *file, const struct slot *list)
{
    struct text text = {0};

    for (unsigned i = 0; i < list->count; i++)
        text_addf(&text, "%s%s", i ? ", " : "", list->items[i]);
    free(file->joined);
    file->joined = text_take(&text);
    return file->joined;
}

const char *settings_file_get(const struct settings_file *file, const char *section,
                              const char *name)
{
    if (file == NULL || file->top == NULL)
        return NULL;
    for (size_t i = 0; section == NULL && i < file->source->alias_count; i++)
        if (strcmp(file->source->aliases[i].key, name) == 0)
            return file->top[file->table_count + i].text;
    for (size_t i = 0; section != NULL && i < file->table_count; i++) {
        const struct slot *slots = (const struct slot *)(const void *)file->top[i].text;
        const struct settings_table *table = file->tables[i];

        if (strcmp(table->section, section) != 0 || slots == NULL)
            continue;
        for (size_t k = 0; k < table->count; k++) {
            if (strcmp(table->rows[k].name, name) != 0)
                continue;
            if (file->section_fields[i][k].value.type != CYAML_SEQUENCE)
                return slots[k].text;
            if (slots[k].items == NULL) /* [] or not there */
                return line_of(file, section, name) != 0 ? "" : NULL;
            return join((struct settings_file *)(uintptr_t)file, &slots[k]);
        }
    }
    return NULL;
}

void settings_file_place(const struct settings_file *file, const char *section, const char *name,
                         char *out, size_t cap)
{
    unsigned line = line_of(file, section, name);
    char number[16] = "";

    if (line != 0)
        snprintf(number, sizeof(number), ":%u", line);
    snprintf(out, cap, "%s%s", file->path, number);
}
