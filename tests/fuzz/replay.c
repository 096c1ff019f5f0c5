/* SPDX-License-Identifier: MIT
 *
 * replay: main() for a fuzz target that is not built with libFuzzer: feeds it every file of the
 * folders named on the command line, so that the corpus (and each input that ever crashed) is a
 * test in every build.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);
    /* An exact heap copy, so that AddressSanitizer sees a read past the end. */
    uint8_t *copy = malloc(len ? len : 1);
    for (size_t i = 0; i < len; i++)
        copy[i] = data[i];
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0, count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;

        if (folder == NULL) {
            perror(argv[i]);
            return 1;
        }
        while ((entry = readdir(folder)) != NULL) {
            char path[4096];

            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            failed += replay_file(path);
            count++;
        }
        closedir(folder);
    }
    if (count == 0)
        fprintf(stderr, "no inputs\n");
    return failed > 0 || count == 0;
}
