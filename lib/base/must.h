/* SPDX-License-Identifier: MIT
 *
 * must: what happens when *we* are wrong. Stays on in release builds; the supervisor restarts the
 * process and keeps the message as its obituary. Never use it on anything a stranger sent.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stddef.h>

#define must(cond) ((cond) ? (void)0 : must_fail(#cond, __FILE__, __LINE__))

/* A place that copes by aborting and should one day return an error instead: greppable debt. */
#define todo_handle(cond) must(cond)

_Noreturn void must_fail(const char *what, const char *file, int line);

/* Memory that is never NULL. Only for sizes that were bounded before: running out is then our own
 * bug. */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *format, ...);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* GLib has the same. */
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif

#endif
