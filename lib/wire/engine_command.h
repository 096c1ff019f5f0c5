/* SPDX-License-Identifier: MIT
 *
 * engine_command: what the app says to sharestream-engine, one JSON object a line. Pure.
 */
#ifndef WIRE_ENGINE_COMMAND_H
#define WIRE_ENGINE_COMMAND_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/infohash.h"

enum { ENGINE_LINE_MAX = 65536 };

enum engine_verb { ENGINE_SEED, ENGINE_ADD, ENGINE_STOP, ENGINE_INFO, ENGINE_QUIT };

struct engine_command {
    enum engine_verb verb;
    struct text what;     /* seed: path of a file; add: magnet link. Without NUL in it */
    struct text tracker;  /* of these two; may be empty */
    struct infohash hash; /* add: of the link */
};

/* What else the object holds does not matter. On failure `out` is empty, else
 * engine_command_fini() it. */
enum err engine_command_read(struct bytes line, struct engine_command *out, struct error *error);
void engine_command_fini(struct engine_command *command);

#endif
