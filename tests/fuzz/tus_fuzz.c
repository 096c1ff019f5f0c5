/* SPDX-License-Identifier: MIT
 *
 * Whatever a client calls its file, what comes out can be the name of one.
 */
#include "wire/tus.h"

#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[TUS_NAME_TEXT];
    uint64_t number;

    if (tus_number(bytes_of(data, size), &number))
        must(number <= INT64_MAX);
    if (!tus_file_name(bytes_of(data, size), name))
        return 0;
    struct bytes text = bytes_of_text(name);
    must(text.len > 0 && text.len < TUS_NAME_TEXT && utf8_valid(text));
    must(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    for (size_t i = 0; i < text.len; i++)
        must(text.data[i] >= 0x20 && text.data[i] != '/' && text.data[i] != 0x7f);
    return 0;
}
