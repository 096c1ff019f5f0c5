/* SPDX-License-Identifier: MIT
 *
 * What passes the guard keeps its promises, and its info dictionary alone passes again with the
 * same result.
 */
#include "wire/metainfo.h"

#include "base/must.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct bytes part, struct bytes whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_of(data, size);
    struct metainfo metainfo, again;
    struct error error = {0};
    struct text alone = {0};

    if (metainfo_check(in, &metainfo, &error) != ERR_NONE) {
        must(error.code == ERR_INVALID || error.code == ERR_TOO_LARGE);
        must(error.text[0] != '\0' && utf8_valid(bytes_of_text(error.text)));
        must(metainfo.info.data == NULL && metainfo.name.data == NULL);
        return 0;
    }
    must(metainfo.info.len >= 2 && is_inside(metainfo.info, in));
    must(metainfo.info.data[0] == 'd' && metainfo.info.data[metainfo.info.len - 1] == 'e');
    must(is_inside(metainfo.name, metainfo.info));
    must(metainfo.name.len == 0 || memchr(metainfo.name.data, '/', metainfo.name.len) == NULL);
    must(!bytes_equal_text(metainfo.name, "..") && !bytes_equal_text(metainfo.name, "."));
    must(metainfo.piece_length <= 256 << 20);

    text_add(&alone, "d4:info");
    text_add_bytes(&alone, metainfo.info);
    text_add(&alone, "e");
    must(metainfo_check(bytes_of(alone.data, alone.len), &again, &error) == ERR_NONE);
    must(bytes_equal(again.info, metainfo.info) && bytes_equal(again.name, metainfo.name));
    must(again.piece_length == metainfo.piece_length);
    must(again.has_v1 == metainfo.has_v1 && again.has_v2 == metainfo.has_v2);
    text_fini(&alone);

    /* Cut anywhere it is no longer whole: the walk found the true end, but for line ends. */
    size_t end = size;
    while (data[end - 1] == '\r' || data[end - 1] == '\n')
        end--;
    must(metainfo_check(bytes_of(data, end), &again, &error) == ERR_NONE);
    must(metainfo_check(bytes_of(data, end - 1), &again, &error) == ERR_INVALID);
    return 0;
}
