/* SPDX-License-Identifier: MIT
 *
 * pb_json_names: how messages are named in JSON: what writing (pb_json.c) and reading
 * (pb_json_read.c) agree on, and what the command line shows of a request.
 */
#ifndef BUS_PB_JSON_NAMES_H
#define BUS_PB_JSON_NAMES_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

enum {
    PB_JSON_DEPTH_MAX = 32, /* messages inside messages */
    PB_JSON_NAME = 96,      /* bytes of a name with NUL; longer ones are cut */
};

/* "info_hash_v2" -> "infoHashV2". Returns `out`. */
const char *pb_json_camel(const char *name, char out[PB_JSON_NAME]);
/* "DOWNLOADING" -> "downloading". Returns `out`. */
const char *pb_json_lower(const char *word, char out[PB_JSON_NAME]);
/* Bytes of one value in memory, alone or in a list. */
size_t pb_json_size(ProtobufCType type);

#endif
