/* SPDX-License-Identifier: MIT
 *
 * words: the last words of a service that died, as a sentence.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli.h"

/* What a log line is about: its error, else its message, else all of it. Reads logfmt and JSON
 * lines; pure. */
void words_of_line(struct text *out, const char *line);
/* Of its last death; nothing when there is none, or the supervisor does not answer. */
void words_of_service(struct cli *cli, const char *service, struct text *out);

#endif
