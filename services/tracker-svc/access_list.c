/* SPDX-License-Identifier: MIT */
#include "access_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "wire/query.h"
#include "wire/tracker_http.h"

void access_list_fini(struct access_list *list)
{
    free(list->allowed);
    free(list->denied);
    free(list->keys);
    *list = (struct access_list){0};
}

/* The first word of the next line that has one. */
static bool next_entry(struct bytes *text, unsigned *line, struct bytes *entry)
{
    while (text->len > 0) {
        const uint8_t *at = text->data, *end = memchr(at, '\n', text->len), *stop;

        if (end == NULL)
            end = at + text->len;
        *text = bytes_of(MIN(end + 1, text->data + text->len),
                         text->len - MIN((size_t)(end - at) + 1, text->len));
        ++*line;
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        for (stop = at; stop<end && * stop> ' ' && *stop != '#'; stop++)
            ;
        *entry = bytes_of(at, (size_t)(stop - at));
        if (entry->len > 0)
            return true;
    }
    return false;
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct infohash));
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum err access_list_add_hashes(struct access_list *list, bool is_denied, struct bytes text,
                                struct error *error)
{
    struct infohash *hashes = NULL;
    size_t count = 0, capacity = 0;
    struct bytes entry;
    unsigned line = 0;

    while (next_entry(&text, &line, &entry)) {
        if (count == capacity) {
            capacity = MAX(capacity * 2, 64);
            hashes = xrealloc(hashes, capacity * sizeof(*hashes));
        }
        if (!infohash_parse(entry, &hashes[count++])) {
            free(hashes);
            return error_set(error, ERR_CONFIG, "line %u: this is not an info-hash", line);
        }
    }
    if (count > 0)
        qsort(hashes, count, sizeof(*hashes), compare_hashes);
    free(is_denied ? list->denied : list->allowed);
    *(is_denied ? &list->denied : &list->allowed) = hashes;
    *(is_denied ? &list->denied_count : &list->allowed_count) = count;
    list->has_allowed = list->has_allowed || !is_denied;
    return ERR_NONE;
}

static bool is_key(struct bytes entry)
{
    if (entry.len < ACCESS_KEY_MIN || entry.len > ACCESS_KEY_MAX)
        return false;
    for (size_t i = 0; i < entry.len; i++) {
        uint8_t c = entry.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

enum err access_list_add_keys(struct access_list *list, struct bytes text, struct error *error)
{
    char(*keys)[ACCESS_KEY_MAX + 1] = NULL;
    size_t count = 0, capacity = 0;
    struct bytes entry;
    unsigned line = 0;

    while (next_entry(&text, &line, &entry)) {
        if (!is_key(entry)) {
            free(keys);
            return error_set(error, ERR_CONFIG,
                             "line %u: a key has %d to %d letters, digits, '-' and '_'", line,
                             ACCESS_KEY_MIN, ACCESS_KEY_MAX);
        }
        if (count == capacity) {
            capacity = MAX(capacity * 2, 64);
            keys = xrealloc(keys, capacity * sizeof(*keys));
        }
        memcpy(keys[count], entry.data, entry.len);
        keys[count++][entry.len] = '\0';
    }
    if (count > 0)
        qsort(keys, count, sizeof(*keys), compare_keys);
    free(list->keys);
    list->keys = keys;
    list->key_count = count;
    list->has_keys = true;
    return ERR_NONE;
}

/* The whole file; freed by the caller. */
static enum err read_file(const char *name, struct bytes *out, struct error *error)
{
    FILE *file = fopen(name, "re");
    uint8_t *data = NULL;
    size_t len = 0, capacity = 0, got;

    if (file == NULL)
        return error_set_errno(error, ERR_CONFIG, "cannot read %s", name);
    do {
        if (len == capacity) {
            capacity = MAX(capacity * 2, 64 << 10);
            data = xrealloc(data, capacity);
        }
        got = fread(data + len, 1, capacity - len, file);
        len += got;
    } while (got > 0 && len <= ACCESS_FILE_MAX);
    if (ferror(file) || len > ACCESS_FILE_MAX) {
        enum err err = ferror(file) ? error_set_errno(error, ERR_CONFIG, "cannot read %s", name)
                                    : error_set(error, ERR_CONFIG, "%s is too large", name);

        fclose(file);
        free(data);
        return err;
    }
    fclose(file);
    *out = bytes_of(data, len);
    return ERR_NONE;
}

enum err access_list_load(struct access_list *list, const char *allow_file, const char *deny_file,
                          const char *keys_file, struct error *error)
{
    const char *const names[] = {allow_file, deny_file, keys_file};
    struct access_list fresh = {0};
    struct error inner;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct bytes text;
        enum err err;

        if (names[i][0] == '\0')
            continue;
        err = read_file(names[i], &text, error);
        if (err == ERR_NONE) {
            err = i < 2 ? access_list_add_hashes(&fresh, i == 1, text, &inner)
                        : access_list_add_keys(&fresh, text, &inner);
            free((void *)(uintptr_t)text.data);
            if (err != ERR_NONE)
                error_set(error, err, "%s: %s", names[i], inner.text);
        }
        if (err != ERR_NONE) {
            access_list_fini(&fresh);
            return err;
        }
    }
    access_list_fini(list);
    *list = fresh;
    return ERR_NONE;
}

bool access_list_allows(const struct access_list *list, const struct infohash *hash)
{
    if (list->denied_count > 0 &&
        bsearch(hash, list->denied, list->denied_count, sizeof(*hash), compare_hashes) != NULL)
        return false;
    return !list->has_allowed ||
           (list->allowed_count > 0 && bsearch(hash, list->allowed, list->allowed_count,
                                               sizeof(*hash), compare_hashes) != NULL);
}

bool access_list_admits(const struct access_list *list, struct bytes target)
{
    const uint8_t *slash;
    uint8_t key[ACCESS_KEY_MAX + 1];
    struct bytes path, query = query_split(target, &path);
    int len = -1;

    if (!list->has_keys)
        return true;
    if (query.data != NULL)
        len = announce_param(query, "passkey", key, ACCESS_KEY_MAX);
    if (len < 0 && path.len > 0 && (slash = memrchr(path.data, '/', path.len)) != NULL) {
        size_t rest = path.len - (size_t)(slash + 1 - path.data);

        if (rest <= ACCESS_KEY_MAX) {
            memcpy(key, slash + 1, rest);
            len = (int)rest;
        }
    }
    if (len < ACCESS_KEY_MIN || list->key_count == 0)
        return false;
    key[len] = '\0';
    return bsearch(key, list->keys, list->key_count, sizeof(*list->keys), compare_keys) != NULL;
}
