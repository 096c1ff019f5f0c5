/* SPDX-License-Identifier: MIT */
#include "wire/room_code.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

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

unsigned code_seat(const char *code, unsigned seats)
{
    uint64_t best_weight = 0, code_hash = bytes_hash(bytes_of_text(code), 0);
    unsigned best = 0;

    for (unsigned seat = 0; seat < seats; seat++) {
        uint64_t weight =
            bytes_weight(bytes_hash(bytes_of(&(uint8_t){(uint8_t)seat}, 1), 0), code_hash);

        if (weight > best_weight) {
            best_weight = weight;
            best = seat;
        }
    }
    return best;
}
