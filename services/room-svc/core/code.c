/* SPDX-License-Identifier: MIT */
#include "code.h"

#include <stdint.h>
#include <string.h>

void code_make(code_random_fn *random, void *arg, char out[CODE_MAX + 1])
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    enum { KINDS = sizeof(letters) - 1, FAIR = 256 - 256 % KINDS };

    for (unsigned i = 0; i < CODE_LETTERS;) {
        uint8_t byte;

        random(arg, &byte, 1);
        if (byte < FAIR)
            out[i++] = letters[byte % KINDS];
    }
    out[CODE_LETTERS] = '\0';
}

bool code_read(const char *text, char out[CODE_MAX + 1])
{
    size_t len = 0;

    while (*text == ' ')
        text++;
    for (; *text != '\0'; text++) {
        char c = *text;

        if (len == CODE_MAX || c < ' ' || c > '~' || strchr("/\\#?%&\"<>", c) != NULL)
            return false;
        out[len++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
    return len > 0;
}
