/* SPDX-License-Identifier: MIT
 *
 * log: one line per event to stderr, logfmt or JSON. Messages are constant strings, values are
 * fields, so that grep and counting work:
 *
 *     log_info("torrent added", "hash=%s pieces=%u", hex, count);
 *
 * The second argument (may be left out) is a string literal of key=format pairs separated by single
 * spaces, checked by the compiler like printf's; values are quoted and escaped as needed, so a
 * stranger's text cannot forge a field or a line; long ones are cut, and what does not fit into a
 * line of 2 KiB is left out. errno stays what it was; %m shows it. Levels: error = a person should
 * look; warn = we coped, still odd; info = state changes an operator wants; debug = the rest. What
 * a stranger can provoke is never above debug (he could fill our disk).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `service` as in "torrent.0"; it is copied. */
void log_init(const char *service, enum log_level level, bool as_json);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_level_parse(const char *word, enum log_level *out);
const char *log_level_word(enum log_level level);
/* Of a line that log_line() wrote, in either shape; false: it is none. */
bool log_read_level(struct bytes line, enum log_level *out);
/* `fn` sees each line that this process writes too, with its newline; NULL: nobody does. It is for
 * processes with one thread that logs. */
typedef void log_also_fn(void *arg, struct bytes line);
void log_also(log_also_fn *fn, void *arg);

/* The trace id of what is being handled now; shown as trace=... in every line of this thread, 0 =
 * none. */
void log_set_trace(uint64_t trace);
uint64_t log_trace(void);

__attribute__((format(printf, 3, 4))) void log_line(enum log_level level, const char *message,
                                                    const char *fields, ...);

#define log_error(message, ...) log_line(LOG_LEVEL_ERROR, message, " " __VA_ARGS__)
#define log_warn(message, ...)  log_line(LOG_LEVEL_WARN, message, " " __VA_ARGS__)
#define log_info(message, ...)  log_line(LOG_LEVEL_INFO, message, " " __VA_ARGS__)
#define log_debug(message, ...)                                                                    \
    do {                                                                                           \
        if (log_get_level() >= LOG_LEVEL_DEBUG)                                                    \
            log_line(LOG_LEVEL_DEBUG, message, " " __VA_ARGS__);                                   \
    } while (0)

#endif
