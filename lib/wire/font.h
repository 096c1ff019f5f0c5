/* SPDX-License-Identifier: MIT
 *
 * font: is it one? What a stranger attached to a film goes to browsers as nothing else.
 */
#ifndef WIRE_FONT_H
#define WIRE_FONT_H

#include "base/bytes.h"

enum { FONT_HEAD_BYTES = 4 };

/* By its first bytes; NULL when it is none. */
const char *font_type(struct bytes head);

#endif
