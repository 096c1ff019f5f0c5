/* SPDX-License-Identifier: MIT
 *
 * label: what tracks are called in the menu of a player: "English", "Deutsch (2)" are what people
 * look for, not "ger" or "und". Pure.
 */
#ifndef TRANSCODE_LABEL_H
#define TRANSCODE_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

enum { LABEL_TAG = 16 };

/* As the file says it; both may be empty. */
struct label_source {
    const char *language, *title;
};

/* One label for each, none twice; `otherwise` ("Sound") is for those that nothing is known of. The
 * caller frees each. */
void labels_make(const struct label_source *sources, size_t count, const char *otherwise,
                 char **out);
/* The code as RFC 5646 wants it ("eng" is "en"); "" when the file does not say. Borrowed. */
const char *label_language_tag(const char *language);
/* Does it look like one, known or not? */
bool label_is_tag(const char *text);
/* The tag of a language by a word: its code or its name, maybe with a region ("eng", "English",
 * "pt-BR"). False when the word is no language that we know; `out` is "" then. */
bool label_find_language(struct bytes word, char out[LABEL_TAG]);

#endif
