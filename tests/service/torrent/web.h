/* SPDX-License-Identifier: MIT
 *
 * web: a web server on loopback with a few fixed pages, as a process of its own.
 */
#ifndef TORRENT_WEB_H
#define TORRENT_WEB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

struct web_page {
    const char *path; /* NULL ends the list */
    int status;       /* 0: connects and never answers */
    struct bytes body;
    const char *location; /* for a redirect, else NULL */
};

struct web {
    pid_t pid;
    uint16_t port;
};

void web_start(struct web *web, const struct web_page *pages);
void web_stop(struct web *web);
/* True when what somebody on loopback answers holds the text. */
bool web_says(uint16_t port, const char *path, const char *text);

#endif
