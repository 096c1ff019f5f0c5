/* SPDX-License-Identifier: MIT
 *
 * error: what went wrong, as one of few codes and a short sentence for a person. The codes also
 * travel on the bus and decide the HTTP status, the CLI's exit code and whether a caller should try
 * again; there is no second list.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* name, word on the wire, HTTP status */
#define ERR_CODES(X)                                                                               \
    X(ERR_NONE, "ok", 200)                                                                         \
    X(ERR_INVALID, "invalid", 400)         /* what was sent makes no sense; same again fails */    \
    X(ERR_DENIED, "denied", 403)           /* understood, and not allowed */                       \
    X(ERR_NOT_FOUND, "not_found", 404)     /* no such torrent, file, method ... */                 \
    X(ERR_EXISTS, "exists", 409)           /* clashes with what is there */                        \
    X(ERR_TOO_LARGE, "too_large", 413)     /* over a limit of size or depth */                     \
    X(ERR_BUSY, "busy", 503)               /* a queue or limit is full now; later may work */      \
    X(ERR_UNAVAILABLE, "unavailable", 503) /* the neighbour is away */                             \
    X(ERR_TIMEOUT, "timeout", 504)         /* nobody answered before the deadline */               \
    X(ERR_NO_SPACE, "no_space", 507)       /* disk or quota is full */                             \
    X(ERR_IO, "io", 500)                   /* the operating system said no */                      \
    X(ERR_CONFIG, "config", 500)           /* configuration is wrong; a restart will not help */   \
    X(ERR_CANCELLED, "cancelled", 499)     /* whoever asked has gone */                            \
    X(ERR_PROTOCOL, "protocol", 502)       /* a neighbour spoke another version */                 \
    X(ERR_INTERNAL, "internal", 500)

enum err {
#define X(name, word, status) name,
    ERR_CODES(X)
#undef X
};

struct error {
    enum err code;
    char text[256]; /* a sentence without final full stop; empty when code is ERR_NONE */
};

/* Fills `error` (may be NULL) and returns `code`, so that `return error_set(...)` reads well. What
 * does not fit is cut between characters. The arguments may come from error->text itself. */
__attribute__((format(printf, 3, 4))) enum err error_set(struct error *error, enum err code,
                                                         const char *format, ...);
/* Same, with ": " and the text of errno at the end. */
__attribute__((format(printf, 3, 4))) enum err error_set_errno(struct error *error, enum err code,
                                                               const char *format, ...);
const char *err_word(enum err code);
int err_http_status(enum err code);

#endif
