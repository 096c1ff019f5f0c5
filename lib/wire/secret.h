/* SPDX-License-Identifier: MIT
 *
 * secret: comparing what a stranger says with what only we know, so that the time it takes does not
 * tell how much of it was right.
 */
#ifndef WIRE_SECRET_H
#define WIRE_SECRET_H

#include "base/bytes.h"

/* Takes as long wherever they differ; only the lengths are no secret. */
bool secret_equal(struct bytes a, struct bytes b);

#endif
