/* SPDX-License-Identifier: MIT
 *
 * pattern: the usage line of a verb is also its parser.
 *
 *     "add [--paused] [--tracker <url>]... <source>..."
 *
 * Words first ("logs level"), then options in brackets, then places: <needed>, [optional], and
 * "..." behind what may come again. Help, completion and the man page test read the same lines.
 * Pure: no files, no output.
 */
#ifndef CLI_PATTERN_H
#define CLI_PATTERN_H

#include <stdbool.h>

#include "base/error.h"

enum { PATTERN_WORDS = 2, PATTERN_PLACES = 4, PATTERN_OPTIONS = 8, PATTERN_NAME = 24 };

struct pattern {
    unsigned word_count, place_count, option_count;
    char words[PATTERN_WORDS][PATTERN_NAME];
    struct pattern_place {
        char name[PATTERN_NAME]; /* "source" */
        bool is_optional, is_repeated;
    } places[PATTERN_PLACES]; /* only the last may be repeated */
    struct pattern_option {
        char name[PATTERN_NAME];  /* "--tracker" */
        char value[PATTERN_NAME]; /* "url"; empty: a flag */
        bool is_repeated;
    } options[PATTERN_OPTIONS];
};

/* Patterns are written by us: a malformed one is a bug and aborts. */
void pattern_read(const char *text, struct pattern *out);

/* Borrowed pieces of argv, sorted into what they are. */
struct args {
    const char **values; /* of the places, in order */
    unsigned value_count;
    struct args_option {
        const char *name;  /* as in the pattern */
        const char *value; /* "" of a flag */
    } * options;
    unsigned option_count;
};

/* The index in argv of the first word that is not an option of `global` or its value; argc if
 * there is none. argv[0] is looked at too. */
int args_first_word(const struct pattern *global, int argc, char *const *argv);
/* argv without the words of the verb. Options may stand anywhere; "--" ends them. ERR_INVALID with
 * a sentence that says what is missing or meant. args_fini() in any case. */
enum err args_read(const struct pattern *verb, const struct pattern *global, int argc,
                   char *const *argv, struct args *out, struct error *error);
void args_fini(struct args *args);

/* NULL when the place was left empty. */
const char *args_value(const struct args *args, unsigned place);
/* The `nth` time (from 0) that the option was given; NULL when it was not; "" for a flag. */
const char *args_option(const struct args *args, const char *name, unsigned nth);
bool args_has(const struct args *args, const char *name);

/* Of `count` words read with `word_at`, the one that `wrong` probably meant; NULL when none is
 * near. */
const char *near_word(const char *wrong, const char *(*word_at)(const void *list, unsigned i),
                      const void *list, unsigned count);

#endif
