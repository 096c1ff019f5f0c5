/* SPDX-License-Identifier: MIT
 *
 * A configuration file: read or refused with a sentence, and what was read prints and parses back.
 */
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "base/text.h"

#define ROWS(X)                                                                                    \
    X(ENDPOINT, listen, "127.0.0.1:8080", 0, 0, "an address")                                      \
    X(TEXT, title, "t", 0, 0, "a text")                                                            \
    X(LIST, peers, "a, b", 0, 0, "a list")                                                         \
    X(BOOL, is_open, "no", 0, 0, "a fact")                                                         \
    X(COUNT, rooms, "10", 1, 1000, "a number")                                                     \
    X(SIZE, cache, "64MiB", 0, 0, "a size")                                                        \
    X(DURATION, wait, "30s", 0, 0, "a duration")                                                   \
    X(CHOICE, level, "info", 0, 0, "a word (warn|info|debug)")
SETTINGS_STRUCT(fuzz_settings, ROWS);
#define SETTINGS_TAG fuzz_settings
SETTINGS_TABLE(fuzz_table, "web", ROWS);

static const struct settings_table *const tables[] = {&fuzz_table};
static const struct settings_alias aliases[] = {{"port", "web", "listen", ""},
                                                {"timeout", "web", "wait", "s"}};
static const char *const others[] = {"disk"};
static char path[64];

static void remove_file(void)
{
    unlink(path);
}

static enum err load(const char *yaml, size_t len, struct fuzz_settings *out, struct error *error)
{
    const struct settings_source source = {
        .file = path,
        .is_file_required = true,
        .aliases = aliases,
        .alias_count = COUNT_OF(aliases),
        .other_sections = others,
        .other_section_count = COUNT_OF(others),
    };
    void *const values[] = {out};
    FILE *file = fopen(path, "we");

    memset(out, 0, sizeof(*out));
    must(file != NULL && fwrite(yaml, 1, len, file) == len && fclose(file) == 0);
    return settings_load(&source, tables, values, NULL, COUNT_OF(tables), error);
}

static char *print(const struct fuzz_settings *values)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    settings_print_yaml(out, &fuzz_table, values, NULL);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_settings values;
    struct error error = {.code = ERR_NONE};

    if (path[0] == '\0') {
        snprintf(path, sizeof(path), "/tmp/settings_fuzz.XXXXXX");
        close(mkstemp(path));
        atexit(remove_file);
    }
    enum err err = load((const char *)data, size, &values, &error);
    if (err == ERR_NONE) {
        char *first = print(&values);

        settings_free(&fuzz_table, &values);
        must(load(first, strlen(first), &values, &error) == ERR_NONE);
        char *second = print(&values);
        must(strcmp(first, second) == 0);
        free(first);
        free(second);
    } else {
        must(err == ERR_CONFIG && error.code == ERR_CONFIG && error.text[0] != '\0');
        must(utf8_valid(bytes_of_text(error.text)));
    }
    settings_free(&fuzz_table, &values);
    return 0;
}
