/* SPDX-License-Identifier: MIT
 *
 * spec: which services there are (the rows of services.def) and which of them the settings choose.
 */
#ifndef SUPERVISOR_SPEC_H
#define SUPERVISOR_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "restart.h"

enum { SPEC_MAX = 16, SPEC_INSTANCES_MAX = 16 };

struct spec {
    const char *name;   /* "torrent" */
    const char *binary; /* file name of the program */
    enum restart_class class;
    unsigned order; /* started from low to high, stopped from high to low */
    uint32_t stop_grace_ms;
    const char *about;
};

struct spec_choice {
    const struct spec *spec;
    unsigned instances;
};

extern const struct spec spec_table[];
extern const size_t spec_count;

/* Reads the setting `services`: "torrent, http=2"; empty means all, one instance each. `out` holds
 * SPEC_MAX and comes sorted by start order. ERR_CONFIG on a name that is unknown or stands twice.
 */
enum err spec_choose(const char *services, struct spec_choice *out, size_t *count_out,
                     struct error *error);
/* Path of a program in `bin_dir`; "" means next to the running program. False when too long. */
bool spec_path(const char *bin_dir, const char *binary, char *out, size_t cap);

#endif
