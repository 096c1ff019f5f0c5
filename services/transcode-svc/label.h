/* SPDX-License-Identifier: MIT
 *
 * label: what tracks are called in the menu of a player: "English", "Deutsch (2)" are what people
 * look for, not "ger" or "und". Pure.
 */
#ifndef TRANSCODE_LABEL_H
#define TRANSCODE_LABEL_H

#include <stddef.h>

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

#endif
