/* SPDX-License-Identifier: MIT */
#include "label.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"

/* ISO 639-1, 639-2 (T and, where it differs, B), and the name. Others are shown by their code. */
static const struct language {
    const char *two, *three, *old, *name;
} languages[] = {
    {"ar", "ara", "", "Arabic"},       {"bg", "bul", "", "Bulgarian"},
    {"bn", "ben", "", "Bengali"},      {"ca", "cat", "", "Catalan"},
    {"cs", "ces", "cze", "Czech"},     {"da", "dan", "", "Danish"},
    {"de", "deu", "ger", "German"},    {"el", "ell", "gre", "Greek"},
    {"en", "eng", "", "English"},      {"es", "spa", "", "Spanish"},
    {"et", "est", "", "Estonian"},     {"eu", "eus", "baq", "Basque"},
    {"fa", "fas", "per", "Persian"},   {"fi", "fin", "", "Finnish"},
    {"fr", "fra", "fre", "French"},    {"ga", "gle", "", "Irish"},
    {"gl", "glg", "", "Galician"},     {"he", "heb", "", "Hebrew"},
    {"hi", "hin", "", "Hindi"},        {"hr", "hrv", "", "Croatian"},
    {"hu", "hun", "", "Hungarian"},    {"id", "ind", "", "Indonesian"},
    {"is", "isl", "ice", "Icelandic"}, {"it", "ita", "", "Italian"},
    {"ja", "jpn", "", "Japanese"},     {"ka", "kat", "geo", "Georgian"},
    {"ko", "kor", "", "Korean"},       {"lt", "lit", "", "Lithuanian"},
    {"lv", "lav", "", "Latvian"},      {"mk", "mkd", "mac", "Macedonian"},
    {"ms", "msa", "may", "Malay"},     {"nl", "nld", "dut", "Dutch"},
    {"nb", "nob", "", "Norwegian"},    {"no", "nor", "", "Norwegian"},
    {"pl", "pol", "", "Polish"},       {"pt", "por", "", "Portuguese"},
    {"ro", "ron", "rum", "Romanian"},  {"ru", "rus", "", "Russian"},
    {"sk", "slk", "slo", "Slovak"},    {"sl", "slv", "", "Slovenian"},
    {"sq", "sqi", "alb", "Albanian"},  {"sr", "srp", "", "Serbian"},
    {"sv", "swe", "", "Swedish"},      {"ta", "tam", "", "Tamil"},
    {"te", "tel", "", "Telugu"},       {"th", "tha", "", "Thai"},
    {"tr", "tur", "", "Turkish"},      {"uk", "ukr", "", "Ukrainian"},
    {"vi", "vie", "", "Vietnamese"},   {"zh", "zho", "chi", "Chinese"},
};

static const struct language *find(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(languages); i++)
        if (strcasecmp(code, languages[i].two) == 0 || strcasecmp(code, languages[i].three) == 0 ||
            (languages[i].old[0] != '\0' && strcasecmp(code, languages[i].old) == 0))
            return &languages[i];
    return NULL;
}

const char *label_language_tag(const char *language)
{
    static const char *const nothing[] = {"und", "unk", "mis", "zxx", "mul"};
    const struct language *known = find(language);

    for (size_t i = 0; i < COUNT_OF(nothing); i++)
        if (strcasecmp(language, nothing[i]) == 0)
            return "";
    return known != NULL ? known->two : language;
}

static const struct language *find_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(languages); i++)
        if (strcasecmp(name, languages[i].name) == 0)
            return &languages[i];
    return NULL;
}

bool label_is_tag(const char *text)
{
    size_t len = strlen(text);

    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '-')
            return false;
    return len >= 2 && len < LABEL_TAG;
}

static bool is_region(const char *text)
{
    size_t len = strlen(text);

    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            return false;
    return len >= 2 && len <= 4;
}

bool label_find_language(struct bytes word, char out[LABEL_TAG])
{
    char text[32], *dash;
    const struct language *known;

    out[0] = '\0';
    if (word.len == 0 || word.len >= sizeof(text) || memchr(word.data, '\0', word.len) != NULL)
        return false;
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    if ((known = find_name(text)) == NULL) {
        dash = strchr(text, '-');
        if (dash != NULL)
            *dash = '\0';
        known = find(text);
        if (known == NULL || (dash != NULL && !is_region(dash + 1)))
            return false;
        snprintf(out, LABEL_TAG, "%s%s%s", known->two, dash != NULL ? "-" : "",
                 dash != NULL ? dash + 1 : "");
    } else {
        snprintf(out, LABEL_TAG, "%s", known->two);
    }
    return true;
}

/* "en-US" is "English (US)", "tlh" is "TLH". */
static void add_language(struct text *out, const char *language)
{
    size_t len = strcspn(language, "-_");
    char *code = xstrndup(language, len);
    const struct language *known = find(code);

    if (known != NULL && language[len] != '\0')
        text_addf(out, "%s (%s)", known->name, language + len + 1);
    else if (known != NULL)
        text_add(out, known->name);
    else if (label_language_tag(language)[0] != '\0')
        for (; *language != '\0'; language++)
            text_addf(out, "%c", toupper((unsigned char)*language));
    free(code);
}

static void describe(struct text *out, const struct label_source *source, const char *otherwise)
{
    add_language(out, source->language);
    if (source->title[0] != '\0' &&
        (out->len == 0 || strcasestr(source->title, out->data) != NULL)) {
        text_clear(out); /* the title says it all */
        text_add(out, source->title);
    } else if (source->title[0] != '\0') {
        text_addf(out, ": %s", source->title);
    } else if (out->len == 0) {
        text_add(out, otherwise);
    }
}

static bool is_among(char *const *labels, size_t count, const char *label)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(labels[i], label) == 0)
            return true;
    return false;
}

void labels_make(const struct label_source *sources, size_t count, const char *otherwise,
                 char **out)
{
    struct text plain = {0}, label = {0};

    for (size_t i = 0; i < count; i++) {
        text_clear(&plain);
        describe(&plain, &sources[i], otherwise);
        text_clear(&label);
        text_add(&label, plain.data);
        for (unsigned again = 2; is_among(out, i, label.data); again++) {
            text_clear(&label);
            text_addf(&label, "%s (%u)", plain.data, again);
        }
        out[i] = xstrdup(label.data);
    }
    text_fini(&plain);
    text_fini(&label);
}
