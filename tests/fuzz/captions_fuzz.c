/* SPDX-License-Identifier: MIT
 *
 * Input: names of the files of a torrent, one to a line; the first is the film. What its subtitles
 * are called can stand in a playlist, and no two are called alike.
 */
#include "captions.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/text.h"

enum { FILES_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct captions *captions, size_t file_count)
{
    must(captions->count < MAX(file_count, 1));
    for (size_t i = 0; i < captions->count; i++) {
        const struct caption *caption = &captions->list[i];

        must(caption->rendition.stream > 0 && caption->rendition.stream < file_count);
        must(utf8_valid(bytes_of_text(caption->name)) && caption->name[0] != '\0');
        must(strspn(caption->language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-") == strlen(caption->language));
        for (size_t j = 0; j < i; j++)
            must(strcmp(captions->list[j].name, caption->name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *names = xstrndup((const char *)data, size), *rest = names;
    struct ready_file files[FILES_MAX] = {0};
    struct captions captions = {0};
    size_t count = 0;

    while (count < FILES_MAX && (files[count].path = strsep(&rest, "\n")) != NULL)
        files[count++].size = 1000;
    captions_add_files(&captions, files, count, 0);
    captions_name(&captions);
    check(&captions, count);
    captions_fini(&captions);
    free(names);
    return 0;
}
