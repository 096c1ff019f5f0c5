/* SPDX-License-Identifier: MIT */
#include "page.h"

static const char *const coding_names[PAGE_CODINGS] = {[PAGE_GZIP] = "gzip", [PAGE_BROTLI] = "br"};

const struct page_file *page_find(struct bytes path)
{
    for (const struct page_file *file = page_files; file->path != NULL; file++)
        if (bytes_equal_text(path, file->path))
            return file;
    return NULL;
}

const char *page_coding_name(enum page_coding coding)
{
    return coding_names[coding];
}

/* Cuts the front of `text` off, up to `separator`, and the space around it. */
static struct bytes take(struct bytes *text, char separator)
{
    const uint8_t *end = text->len > 0 ? memchr(text->data, separator, text->len) : NULL;
    struct bytes front = bytes_of(text->data, end != NULL ? (size_t)(end - text->data) : text->len);
    size_t used = front.len + (end != NULL ? 1 : 0);

    *text = bytes_of(text->data + used, text->len - used);
    return bytes_trim(front);
}

/* "0", "0.", "0.000": RFC 9110 section 12.4.2. */
static bool is_nothing(struct bytes weight)
{
    for (size_t i = 0; i < weight.len; i++)
        if (weight.data[i] != '0' && !(i == 1 && weight.data[i] == '.'))
            return false;
    return weight.len > 0;
}

/* Whether a list such as "gzip;q=0.5, br;q=0" takes `word`. */
static bool list_takes(struct bytes list, const char *word)
{
    while (list.len > 0) {
        struct bytes item = take(&list, ',');
        bool is_it = bytes_is_word(take(&item, ';'), word);

        while (is_it && item.len > 0) {
            struct bytes parameter = take(&item, ';');

            if (bytes_is_word(take(&parameter, '='), "q") && is_nothing(parameter))
                return false;
        }
        if (is_it)
            return true;
    }
    return false;
}

enum page_coding page_choose(struct bytes accept_encoding)
{
    enum page_coding best = PAGE_PLAIN;

    for (enum page_coding i = PAGE_PLAIN + 1; i < PAGE_CODINGS; i++)
        if (list_takes(accept_encoding, coding_names[i]))
            best = i;
    return best;
}

bool page_is_for(struct bytes accept)
{
    return list_takes(accept, "text/html");
}
