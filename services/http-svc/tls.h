/* SPDX-License-Identifier: MIT
 *
 * tls: certificate and key, and what of TLS is spoken: 1.2 and 1.3, with HTTP/1.1 and nothing else.
 * Files are read again while connections go on; each keeps what it began with. Knows no h2o.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <stdint.h>

#include "base/error.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls;

/* Both paths must outlive it. ERR_CONFIG says which file is wrong, and how. */
enum err tls_open(const char *certificate, const char *key, struct tls **out, struct error *error);
/* Reads both files again. When something is wrong with them nothing changes. */
enum err tls_reload(struct tls *tls, struct error *error);
/* What holds now, for one connection, from any thread; tls_give_back() it. */
struct ssl_ctx_st *tls_take(struct tls *tls);
/* Accepts NULL. */
void tls_give_back(struct ssl_ctx_st *context);
/* When the certificate ends to be valid. */
uint64_t tls_expires_unix_s(struct tls *tls);
/* Clears the pointer, accepts NULL. */
void tls_close(struct tls **tls);

#endif
