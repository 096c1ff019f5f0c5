/* SPDX-License-Identifier: MIT
 *
 * tus: what headers of the upload protocol tus 1.0 say (https://tus.io/protocols/resumable-upload).
 */
#ifndef WIRE_TUS_H
#define WIRE_TUS_H

#include "base/bytes.h"

#define TUS_VERSION "1.0.0"

enum { TUS_NAME_TEXT = 256, TUS_METADATA_MAX = 8192 };

/* Upload-Length, Upload-Offset: digits, and no more than fits a file. */
bool tus_number(struct bytes field, uint64_t *out);
/* Upload-Metadata: the name of the file ("filename", else "name"), as a file here can have it:
 * without folders and control characters, and not too long, where the ending stays. False: it has
 * none that could be one. */
bool tus_file_name(struct bytes metadata, char out[TUS_NAME_TEXT]);

#endif
