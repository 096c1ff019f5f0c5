/* SPDX-License-Identifier: MIT
 *
 * charset: text of which nobody said how it is encoded, made into UTF-8.
 */
#ifndef WORKER_CHARSET_H
#define WORKER_CHARSET_H

#include "base/text.h"

/* Loads what converts, from files: to be called before the sandbox closes. */
void charset_prepare(void);
/* Adds the text; what cannot be converted becomes U+FFFD. */
void charset_to_utf8(struct bytes in, struct text *out);

#endif
