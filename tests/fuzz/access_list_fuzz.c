/* SPDX-License-Identifier: MIT
 *
 * Input: the text of a list, a NUL, and a target to be let in.
 */
#include "access_list.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t len = nul != NULL ? (size_t)(nul - data) : size;
    struct bytes text = bytes_of(data, len), target = bytes_of(NULL, 0);
    struct access_list list = {0};
    struct error error;
    struct infohash hash = {{0}};

    if (nul != NULL)
        target = bytes_of(nul + 1, size - len - 1);
    must(access_list_admits(&list, target) && access_list_allows(&list, &hash));
    if (access_list_add_hashes(&list, false, text, &error) == ERR_NONE)
        for (size_t i = 0; i < list.allowed_count; i++)
            must(access_list_allows(&list, &list.allowed[i]));
    if (access_list_add_keys(&list, text, &error) == ERR_NONE)
        for (size_t i = 0; i < list.key_count; i++)
            must(access_list_admits(&list, bytes_of_text(list.keys[i])) == false);
    access_list_admits(&list, target);
    if (access_list_add_hashes(&list, true, text, &error) == ERR_NONE)
        for (size_t i = 0; i < list.denied_count; i++)
            must(!access_list_allows(&list, &list.denied[i]));
    access_list_fini(&list);
    return 0;
}
