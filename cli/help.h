/* SPDX-License-Identifier: MIT */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "verbs.h"

void help_all(FILE *out);
void help_verb(FILE *out, const struct verb *verb);

#endif
