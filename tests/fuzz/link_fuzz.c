/* SPDX-License-Identifier: MIT
 *
 * Input: a signature, a line break, a path. Only the one true signature verifies, only for its path
 * and time.
 */
#include "wire/link.h"

#include <stdlib.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[LINK_KEY_BYTES] = "not a secret, only long enough";
    static const uint64_t expires_s = 1700000000;
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = line_end != NULL ? (size_t)(line_end - data) : size;
    size_t path_len = line_end != NULL ? size - len - 1 : 0;
    struct bytes signature = bytes_of(data, len);
    char right[LINK_SIGNATURE_TEXT];

    if (path_len > 0 && memchr(line_end + 1, '\0', path_len) != NULL)
        return 0;
    char *path = path_len > 0 ? xstrndup((const char *)line_end + 1, path_len) : xstrdup("");

    link_sign(key, path, expires_s, right);
    must(strlen(right) == LINK_SIGNATURE_TEXT - 1);
    must(link_verify(key, path, expires_s, signature, 0) == bytes_equal_text(signature, right));
    must(link_verify(key, path, expires_s, bytes_of_text(right), expires_s - 1));
    must(!link_verify(key, path, expires_s, bytes_of_text(right), expires_s));
    must(!link_verify(key, path, expires_s + 1, bytes_of_text(right), 0));
    if (path_len > 0) {
        path[path_len - 1] = '\0';
        must(!link_verify(key, path, expires_s, bytes_of_text(right), 0));
    }
    free(path);
    return 0;
}
