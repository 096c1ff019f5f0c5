/* SPDX-License-Identifier: MIT
 *
 * term: the terminal and the person in front of it: colour, width, Ctrl-C, and the one line that is
 * drawn again and again.
 */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdio.h>

#include "table.h"

struct term {
    bool is_tty;     /* of stdout */
    bool has_colour; /* is_tty, and NO_COLOR is not set */
    unsigned width;  /* of stdout; 0 when it is not a terminal */
};

void term_read(struct term *out);

/* From now on Ctrl-C and SIGTERM only make term_interrupted() true. */
void term_catch_interrupt(void);
bool term_interrupted(void);
void term_clear_interrupt(void);
/* Sleeps, or returns early when interrupted. */
void term_nap(unsigned ms);

/* One line that lives. On a terminal it is drawn over; elsewhere it becomes a line every few
 * seconds, or at once when `is_news`. Zero-initialise with the stream. */
struct live {
    FILE *file;
    bool is_quiet; /* nothing is drawn */
    bool is_drawn;
    uint64_t last_ms;
};
void live_draw(struct live *live, const char *line, bool is_news);
void live_end(struct live *live);   /* the last line stays */
void live_erase(struct live *live); /* the last line goes, where it can */

/* "name       value", made safe for the terminal; nothing when the value is empty. */
__attribute__((format(printf, 2, 3))) void print_fact(const char *name, const char *format, ...);
void print_table(const struct term *term, struct table *table); /* and frees it */

#endif
