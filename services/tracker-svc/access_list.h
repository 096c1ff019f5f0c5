/* SPDX-License-Identifier: MIT
 *
 * access_list: which torrents are tracked, and for whom. Three files of one entry a line, '#'
 * begins a comment: hashes that are allowed (none but these), hashes that are denied, and keys of
 * users. What follows an entry on its line is for people. Pure but for access_list_load().
 */
#ifndef TRACKER_ACCESS_LIST_H
#define TRACKER_ACCESS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/infohash.h"

enum {
    ACCESS_FILE_MAX = 256 << 20, /* bytes */
    ACCESS_KEY_MIN = 8,          /* characters: letters, digits, '-' and '_' */
    ACCESS_KEY_MAX = 64,
};

struct access_list {
    bool has_allowed, has_keys;
    struct infohash *allowed, *denied; /* sorted */
    size_t allowed_count, denied_count;
    char (*keys)[ACCESS_KEY_MAX + 1]; /* sorted */
    size_t key_count;
};

void access_list_fini(struct access_list *list);
/* Each adds what is in the text of one file. ERR_CONFIG names the line; the list is as it was. */
enum err access_list_add_hashes(struct access_list *list, bool is_denied, struct bytes text,
                                struct error *error);
enum err access_list_add_keys(struct access_list *list, struct bytes text, struct error *error);
/* Reads the files whose names are not empty. The new list, or on error *list as it was. */
enum err access_list_load(struct access_list *list, const char *allow_file, const char *deny_file,
                          const char *keys_file, struct error *error);

bool access_list_allows(const struct access_list *list, const struct infohash *hash);
/* True also when no keys are wanted. `target`: path and query of an announce URL, with the key as
 * last part of the path or as parameter "passkey". */
bool access_list_admits(const struct access_list *list, struct bytes target);

#endif
