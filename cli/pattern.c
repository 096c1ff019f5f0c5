/* SPDX-License-Identifier: MIT */
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

/* Copies until one of `stops`; returns what stopped it. */
static const char *read_name(const char *at, const char *stops, char out[PATTERN_NAME])
{
    size_t len = strcspn(at, stops);

    must(len > 0 && len < PATTERN_NAME);
    memcpy(out, at, len);
    out[len] = '\0';
    return at + len;
}

static const char *skip(const char *at, const char *expected)
{
    must(strncmp(at, expected, strlen(expected)) == 0);
    return at + strlen(expected);
}

static const char *skip_dots(const char *at, bool *is_repeated)
{
    *is_repeated = strncmp(at, "...", 3) == 0;
    return *is_repeated ? at + 3 : at;
}

static const char *read_option(const char *at, struct pattern *out)
{
    must(out->option_count < PATTERN_OPTIONS);
    struct pattern_option *option = &out->options[out->option_count++];

    at = read_name(skip(at, "["), " ]", option->name);
    if (*at == ' ')
        at = skip(read_name(skip(at, " <"), ">", option->value), ">");
    return skip_dots(skip(at, "]"), &option->is_repeated);
}

static const char *read_place(const char *at, struct pattern *out)
{
    must(out->place_count < PATTERN_PLACES);
    struct pattern_place *place = &out->places[out->place_count++];

    place->is_optional = *at == '[';
    at = read_name(at + 1, place->is_optional ? "]" : ">", place->name);
    return skip_dots(at + 1, &place->is_repeated);
}

void pattern_read(const char *text, struct pattern *out)
{
    const char *at = text;

    memset(out, 0, sizeof(*out));
    while (*at != '\0') {
        if (strncmp(at, "[--", 3) == 0) {
            at = read_option(at, out);
        } else if (*at == '[' || *at == '<') {
            at = read_place(at, out);
        } else {
            must(out->word_count < PATTERN_WORDS);
            at = read_name(at, " ", out->words[out->word_count++]);
        }
        must(*at == ' ' || *at == '\0');
        at += strspn(at, " ");
    }
}

static const struct pattern_option *find_option(const struct pattern *pattern, const char *text,
                                                size_t len)
{
    for (unsigned i = 0; i < pattern->option_count; i++)
        if (strlen(pattern->options[i].name) == len &&
            strncmp(pattern->options[i].name, text, len) == 0)
            return &pattern->options[i];
    return NULL;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

int args_first_word(const struct pattern *global, int argc, char *const *argv)
{
    int i = 0;

    for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++) {
        const struct pattern_option *option = find_option(global, argv[i], strlen(argv[i]));

        if (option != NULL && option->value[0] != '\0')
            i++;
    }
    return MIN(i, argc);
}

const char *near_word(const char *wrong, const char *(*word_at)(const void *list, unsigned i),
                      const void *list, unsigned count)
{
    const char *near = NULL;
    unsigned best = 3; /* two edits turn "lsit" into "list"; three turn anything into anything */

    for (unsigned i = 0; i < count; i++) {
        const char *word = word_at(list, i);
        unsigned distance = text_distance(wrong, word);

        if (distance < best && distance < strlen(word)) {
            best = distance;
            near = word;
        }
    }
    return near;
}

static const char *option_at(const void *list, unsigned i)
{
    const struct pattern *const *pair = list;

    return i < pair[0]->option_count ? pair[0]->options[i].name
                                     : pair[1]->options[i - pair[0]->option_count].name;
}

static enum err unknown_option(const struct pattern *verb, const struct pattern *global,
                               const char *word, struct error *error)
{
    const struct pattern *pair[] = {verb, global};
    char name[PATTERN_NAME * 2] = "";

    strncat(name, word, MIN(strcspn(word, "="), sizeof(name) - 1));
    const char *near = near_word(name, option_at, pair, verb->option_count + global->option_count);

    if (near != NULL)
        return error_set(error, ERR_INVALID, "unknown option %s; did you mean %s?", name, near);
    return error_set(error, ERR_INVALID, "unknown option %s", name);
}

/* Returns how many words of argv it took, or 0. */
static int take_option(const struct pattern *verb, const struct pattern *global, int argc,
                       char *const *argv, struct args *out, struct error *error)
{
    const char *word = argv[0], *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    const struct pattern_option *option = find_option(verb, word, len);

    if (option == NULL && (option = find_option(global, word, len)) == NULL) {
        unknown_option(verb, global, word, error);
        return 0;
    }
    struct args_option *given = &out->options[out->option_count];

    *given = (struct args_option){option->name, ""};
    if (args_has(out, option->name) && !option->is_repeated) {
        error_set(error, ERR_INVALID, "%s is given twice", option->name);
        return 0;
    }
    out->option_count++;
    if (option->value[0] == '\0') {
        if (equals != NULL)
            error_set(error, ERR_INVALID, "%s takes no value", option->name);
        return equals == NULL;
    }
    given->value = equals != NULL ? equals + 1 : argc > 1 ? argv[1] : "";
    if (given->value[0] == '\0') {
        error_set(error, ERR_INVALID, "%s needs a value: <%s>", option->name, option->value);
        return 0;
    }
    return equals != NULL ? 1 : 2;
}

static enum err check_places(const struct pattern *verb, const struct args *args,
                             struct error *error)
{
    unsigned needed = 0;
    bool is_open = false;

    for (unsigned i = 0; i < verb->place_count; i++) {
        needed += !verb->places[i].is_optional;
        is_open = verb->places[i].is_repeated;
    }
    if (args->value_count < needed)
        return error_set(error, ERR_INVALID, "<%s> is missing",
                         verb->places[args->value_count].name);
    if (!is_open && args->value_count > verb->place_count)
        return error_set(error, ERR_INVALID, "\"%.80s\" is too much",
                         args->values[verb->place_count]);
    return ERR_NONE;
}

enum err args_read(const struct pattern *verb, const struct pattern *global, int argc,
                   char *const *argv, struct args *out, struct error *error)
{
    bool has_options = true;

    *out = (struct args){
        .values = xcalloc((size_t)argc, sizeof(*out->values)),
        .options = xcalloc((size_t)argc, sizeof(*out->options)),
    };
    for (int i = 0; i < argc;) {
        if (has_options && is_option(argv[i])) {
            int taken = take_option(verb, global, argc - i, argv + i, out, error);

            if (taken == 0)
                return ERR_INVALID;
            i += taken;
        } else if (has_options && strcmp(argv[i], "--") == 0) {
            has_options = false;
            i++;
        } else if (has_options && argv[i][0] == '-' && argv[i][1] != '\0') {
            return unknown_option(verb, global, argv[i], error);
        } else {
            out->values[out->value_count++] = argv[i++];
        }
    }
    return check_places(verb, out, error);
}

void args_fini(struct args *args)
{
    free(args->values);
    free(args->options);
    *args = (struct args){0};
}

const char *args_value(const struct args *args, unsigned place)
{
    return place < args->value_count ? args->values[place] : NULL;
}

const char *args_option(const struct args *args, const char *name, unsigned nth)
{
    for (unsigned i = 0; i < args->option_count; i++)
        if (strcmp(args->options[i].name, name) == 0 && nth-- == 0)
            return args->options[i].value;
    return NULL;
}

bool args_has(const struct args *args, const char *name)
{
    return args_option(args, name, 0) != NULL;
}
