/* SPDX-License-Identifier: MIT
 *
 * selection: which files of a torrent are wanted, as text for the database: "0,2-5", as so= of
 * magnet links (BEP 53). Pure.
 */
#ifndef TORRENT_SELECTION_H
#define TORRENT_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

/* NULL when all are wanted; caller frees. */
char *selection_write(const bool *is_wanted, uint32_t count);
/* Sets all `count` of `is_wanted_out`. Files that do not exist are passed over; what cannot be read
 * ends the list. */
void selection_read(const char *text, bool *is_wanted_out, uint32_t count);

#endif
