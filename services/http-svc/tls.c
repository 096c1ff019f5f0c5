/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

struct tls {
    const char *certificate, *key;
    pthread_mutex_t lock;
    SSL_CTX *context;
};

static enum err refuse(const char *path, const char *what, struct error *error)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return error_set(error, ERR_CONFIG, "%s %s%s%s", path, what, reason != NULL ? ": " : "",
                     reason != NULL ? reason : "");
}

/* OpenSSL would ask on the terminal. */
static int no_passphrase(char *out, int size, int is_writing, void *arg)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned len, void *arg)
{
    static const char wanted[] = "http/1.1";

    (void)ssl;
    (void)arg;
    for (unsigned at = 0; at < len && offered[at] < len - at; at += offered[at] + 1U) {
        if (offered[at] != sizeof(wanted) - 1 ||
            memcmp(offered + at + 1, wanted, sizeof(wanted) - 1) != 0)
            continue;
        *out = offered + at + 1;
        *out_len = offered[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void choose_manners(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* Of TLS 1.2; those of 1.3 are all good. */
    must(SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* Clients come back by tickets; idle connections hold no buffers. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
}

static uint64_t expiry_of(SSL_CTX *context)
{
    const X509 *certificate = SSL_CTX_get0_certificate(context);
    int days = 0, seconds = 0;

    /* From now on, since ASN1_TIME has no function that gives a time_t. */
    if (certificate == NULL ||
        ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return 0;
    int64_t left_s = (int64_t)days * 86400 + seconds, now_s = (int64_t)(clock_unix_ms() / 1000);
    return left_s + now_s > 0 ? (uint64_t)(left_s + now_s) : 0;
}

static enum err read_files(const struct tls *tls, SSL_CTX *context, struct error *error)
{
    const char *paths[] = {tls->certificate, tls->key};

    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (access(paths[i], R_OK) != 0)
            return error_set_errno(error, ERR_CONFIG, "%s cannot be read", paths[i]);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, tls->certificate) != 1)
        return refuse(tls->certificate, "holds no certificate in PEM", error);
    if (SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return refuse(tls->key,
                      "is not the key of the certificate, in PEM and without a passphrase", error);
    return ERR_NONE;
}

static SSL_CTX *load(const struct tls *tls, struct error *error)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    must(context != NULL);
    choose_manners(context);
    if (read_files(tls, context, error) != ERR_NONE) {
        SSL_CTX_free(context);
        return NULL;
    }
    if (expiry_of(context) <= clock_unix_ms() / 1000)
        log_warn("the certificate has expired", "file=%s", tls->certificate);
    return context;
}

enum err tls_open(const char *certificate, const char *key, struct tls **out, struct error *error)
{
    struct tls *tls = xcalloc(1, sizeof(*tls));

    *out = NULL;
    *tls = (struct tls){.certificate = certificate, .key = key};
    tls->context = load(tls, error);
    if (tls->context == NULL) {
        free(tls);
        return error->code;
    }
    pthread_mutex_init(&tls->lock, NULL);
    *out = tls;
    return ERR_NONE;
}

enum err tls_reload(struct tls *tls, struct error *error)
{
    SSL_CTX *context = load(tls, error), *old;

    if (context == NULL)
        return error->code;
    pthread_mutex_lock(&tls->lock);
    old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return ERR_NONE;
}

SSL_CTX *tls_take(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

void tls_give_back(SSL_CTX *context)
{
    SSL_CTX_free(context);
}

uint64_t tls_expires_unix_s(struct tls *tls)
{
    SSL_CTX *context = tls_take(tls);
    uint64_t expires_s = expiry_of(context);

    tls_give_back(context);
    return expires_s;
}

void tls_close(struct tls **tls_p)
{
    struct tls *tls = *tls_p;

    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
    *tls_p = NULL;
}
