/* SPDX-License-Identifier: MIT
 *
 * slots: things with numbers. A number is below 2^47, never 0 and never given twice, so that
 * whoever holds the number of a thing that is gone finds nothing. Pure.
 */
#ifndef HTTP_SLOTS_H
#define HTTP_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOTS_BITS = 20, SLOTS_GENERATION_BITS = 27, SLOTS_MAX = 1 << SLOTS_BITS };

struct slot {
    void *what;          /* NULL: free, or used up */
    uint32_t generation; /* of what is or was in it; counts the things that were */
    uint32_t next_free;
};

/* Zero-initialise it. */
struct slots {
    struct slot *rows;
    uint32_t count, capacity;
    uint32_t first_free; /* index + 1, 0 = none */
};

void slots_fini(struct slots *slots);
/* 0: all numbers are in use. */
uint64_t slots_add(struct slots *slots, void *what);
/* NULL: there is no such thing any more. */
void *slots_find(const struct slots *slots, uint64_t number);
void slots_remove(struct slots *slots, uint64_t number);
/* The next thing from row *at on, which moves behind it; NULL at the end. Things may come and go
 * between calls. */
void *slots_next(const struct slots *slots, uint32_t *at);

#endif
