/* SPDX-License-Identifier: MIT
 *
 * access_log: one line per answered request, in the combined format that log tools know. What a
 * stranger sent is escaped, and what opens doors (token, sig) is not written down.
 */
#ifndef HTTP_ACCESS_LOG_H
#define HTTP_ACCESS_LOG_H

#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

struct access_log_entry {
    const char *address;
    uint64_t unix_ms;
    struct bytes method, target, referer, agent;
    unsigned version; /* 0x0101 */
    int status;
    uint64_t sent_bytes;
    uint64_t duration_ms;
};

void access_log_format(struct text *out, const struct access_log_entry *entry);

struct access_log;
/* `path` is a file to append to, "-" for standard output, or "off" (then *out is NULL). */
enum err access_log_open(const char *path, struct access_log **out, struct error *error);
void access_log_close(struct access_log **log);
/* One write; may be called from any thread. Accepts NULL. */
void access_log_write(struct access_log *log, const struct access_log_entry *entry);
/* After the file was renamed (SIGHUP). */
void access_log_reopen(struct access_log *log);

#endif
