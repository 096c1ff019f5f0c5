/* SPDX-License-Identifier: MIT
 *
 * page: the files of the page that people open, which are part of the binary. Pure: which file a
 * path means, and in which of its forms it goes to a client. web/build.mjs makes them; what they
 * hold is none of our business.
 */
#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include <stdbool.h>

#include "base/bytes.h"

/* What a file is packed by; the better one is taken where a client has the choice. */
enum page_coding { PAGE_PLAIN, PAGE_GZIP, PAGE_BROTLI, PAGE_CODINGS };

struct page_file {
    const char *path; /* of the URL, "/assets/main-1F2E3D4C.js" */
    const char *type;
    const char *tag; /* names what is in it */
    struct bytes forms[PAGE_CODINGS];
};

/* Made by the build; ends with a path that is NULL. */
extern const struct page_file page_files[];

/* NULL: there is none. */
const struct page_file *page_find(struct bytes path);
/* By the value of Accept-Encoding. */
enum page_coding page_choose(struct bytes accept_encoding);
/* As Content-Encoding has it; NULL for PAGE_PLAIN. */
const char *page_coding_name(enum page_coding coding);
/* Is it somebody with a browser who asks, by the value of Accept? Programs take anything. */
bool page_is_for(struct bytes accept);

#endif
