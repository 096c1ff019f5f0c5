/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <stdlib.h>

#include "base/must.h"

void environment_read_turn(void)
{
    static const struct {
        const char *from, *to;
    } spellings[] = {
        {"TURN_USER", "TURN_USERNAME"},
        {"TURN_PASS", "TURN_CREDENTIAL"},
        {"TURN_PASSWORD", "TURN_CREDENTIAL"},
    };

    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        const char *value = getenv(spellings[i].from);

        if (value != NULL)
            setenv(spellings[i].to, value, 0);
    }
}
