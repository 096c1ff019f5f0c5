/* SPDX-License-Identifier: MIT */
#include "base/flags.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"

static const struct flag *find(const char *name, size_t len, const struct flag *flags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

/* `value` is what was behind '=', or NULL. */
static enum err turn(const struct flag *flag, const char *value, struct error *error)
{
    bool is_on = true;

    if (value != NULL && !parse_bool(value, &is_on))
        return error_set(error, ERR_INVALID, "-%s takes true or false, not '%.40s'", flag->name,
                         value);
    *flag->is_on = is_on;
    return ERR_NONE;
}

enum err flags_read(int argc, char **argv, const struct flag *flags, size_t count,
                    struct error *error)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (argv[i][0] == '-') + (strncmp(argv[i], "--", 2) == 0);
        size_t len = strcspn(name, "=");
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        const struct flag *flag = name == argv[i] ? NULL : find(name, len, flags, count);

        if (flag == NULL)
            return error_set(error, ERR_INVALID, "there is no flag '%.80s'", argv[i]);
        if (flag->value == NULL) {
            if (turn(flag, value, error) != ERR_NONE)
                return ERR_INVALID;
            continue;
        }
        if (value == NULL && (value = i + 1 < argc ? argv[++i] : NULL) == NULL)
            return error_set(error, ERR_INVALID, "-%s wants %s", flag->name, flag->value);
        *flag->text = value;
    }
    return ERR_NONE;
}

static void print(FILE *out, const struct flags_program *program)
{
    for (size_t i = 0; i < program->count; i++) {
        const struct flag *flag = &program->flags[i];

        fprintf(out, "  -%s%s%s\n        %s\n", flag->name, flag->value != NULL ? " " : "",
                flag->value != NULL ? flag->value : "", flag->help);
    }
    fputs("  -version, -help\n", out);
}

static bool is_given(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0 || (argv[i][0] == '-' && strcmp(argv[i] + 1, word) == 0))
            return true;
    return false;
}

int flags_begin(const struct flags_program *program, int argc, char **argv)
{
    struct error error;

    if (is_given(argc, argv, "-help") || is_given(argc, argv, "-h")) {
        printf("%s: %s\n\n", program->name, program->about);
        print(stdout, program);
        return 0;
    }
    if (is_given(argc, argv, "-version")) {
        printf("%s %s\n", program->name, program->version);
        return 0;
    }
    if (flags_read(argc, argv, program->flags, program->count, &error) == ERR_NONE)
        return -1;
    fprintf(stderr, "%s: %s; the flags are:\n", program->name, error.text);
    print(stderr, program);
    return FLAGS_EXIT_USAGE;
}
