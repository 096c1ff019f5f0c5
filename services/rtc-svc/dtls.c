/* SPDX-License-Identifier: MIT */
#include "dtls.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/must.h"

enum {
    CERTIFICATE_DAYS = 30,
    SECONDS_OF_DAY = 86400,
    SERIAL_BITS = 63,
    TIMER_FIRST_US = 400 * 1000, /* RFC 6347 says 1 s; a page waits for this */
    TIMER_MAX_US = 4000 * 1000,
};

struct dtls_identity {
    SSL_CTX *context;
    BIO_METHOD *method;
    uint8_t fingerprint[DTLS_FINGERPRINT];
};

struct dtls {
    SSL *ssl;
    const struct dtls_events *events;
    void *arg;
    struct bytes incoming; /* the datagram being read; empty when taken */
    uint8_t fingerprint[DTLS_FINGERPRINT];
    bool is_up, is_over;
};

/* ---- identity */

/* Its fingerprint is compared once hands are shaken. Until then nothing is read into what a
 * stranger sent: no chain is built, no name and no policy looked at. */
static int take_any_certificate(X509_STORE_CTX *context, void *arg)
{
    (void)context;
    (void)arg;
    return 1;
}

static bool sign_certificate(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    BIGNUM *serial = BN_new();
    bool is_made = serial != NULL && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, 0) == 1 &&
                   BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL &&
                   X509_gmtime_adj(X509_getm_notBefore(certificate), -SECONDS_OF_DAY) != NULL &&
                   X509_gmtime_adj(X509_getm_notAfter(certificate),
                                   (long)CERTIFICATE_DAYS * SECONDS_OF_DAY) != NULL &&
                   X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                              (const unsigned char *)"ShareStream", -1, -1, 0) &&
                   X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
                   X509_sign(certificate, key, EVP_sha256()) != 0;

    BN_free(serial);
    return is_made;
}

static bool add_certificate(struct dtls_identity *identity)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    unsigned len = 0;
    bool is_made = key != NULL && certificate != NULL && X509_set_version(certificate, 2) &&
                   sign_certificate(certificate, key) &&
                   SSL_CTX_use_certificate(identity->context, certificate) == 1 &&
                   SSL_CTX_use_PrivateKey(identity->context, key) == 1 &&
                   X509_digest(certificate, EVP_sha256(), identity->fingerprint, &len) == 1 &&
                   len == DTLS_FINGERPRINT;

    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_made;
}

/* ---- datagrams in and out of OpenSSL: one write is one datagram, which a memory BIO does not keep
 * apart */

static int bio_write(BIO *bio, const char *data, int len)
{
    struct dtls *dtls = BIO_get_data(bio);

    if (len > 0)
        dtls->events->send(dtls->arg, bytes_of(data, (size_t)len));
    return len;
}

static int bio_read(BIO *bio, char *out, int cap)
{
    struct dtls *dtls = BIO_get_data(bio);
    size_t len = dtls->incoming.len;

    BIO_clear_retry_flags(bio);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    dtls->incoming.len = 0;
    if (cap < 0 || len > (size_t)cap)
        return 0; /* larger than any record: not DTLS */
    memcpy(out, dtls->incoming.data, len);
    return (int)len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return DTLS_MTU;
    default:
        return 0;
    }
}

static BIO_METHOD *make_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "datagrams");

    if (method != NULL) {
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

struct dtls_identity *dtls_identity_new(struct error *error)
{
    struct dtls_identity *identity = xcalloc(1, sizeof(*identity));
    SSL_CTX *context = SSL_CTX_new(DTLS_method());

    identity->context = context;
    identity->method = make_method();
    /* Those whose records are DTLS_OVERHEAD larger than what is in them, or less. */
    if (context == NULL || identity->method == NULL || !add_certificate(identity) ||
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        error_set(error, ERR_INTERNAL, "cannot make a certificate: %s",
                  ERR_reason_error_string(ERR_get_error()));
        dtls_identity_free(&identity);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1); /* a datagram is read whole */
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, take_any_certificate, NULL);
    return identity;
}

void dtls_identity_free(struct dtls_identity **identity)
{
    if (*identity == NULL)
        return;
    SSL_CTX_free((*identity)->context);
    BIO_meth_free((*identity)->method);
    free(*identity);
    *identity = NULL;
}

const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *identity)
{
    return identity->fingerprint;
}

/* ---- an association */

static unsigned next_timer_us(SSL *ssl, unsigned last_us)
{
    (void)ssl;
    return last_us == 0 ? TIMER_FIRST_US : MIN(last_us * 2, TIMER_MAX_US);
}

struct dtls *dtls_new(const struct dtls_identity *identity, bool is_client,
                      const uint8_t fingerprint[DTLS_FINGERPRINT], const struct dtls_events *events,
                      void *arg)
{
    struct dtls *dtls = xcalloc(1, sizeof(*dtls));
    BIO *bio = BIO_new(identity->method);

    dtls->events = events;
    dtls->arg = arg;
    memcpy(dtls->fingerprint, fingerprint, DTLS_FINGERPRINT);
    dtls->ssl = SSL_new(identity->context);
    must(dtls->ssl != NULL && bio != NULL);
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_mtu(dtls->ssl, DTLS_MTU);
    DTLS_set_timer_cb(dtls->ssl, next_timer_us);
    if (is_client)
        SSL_set_connect_state(dtls->ssl);
    else
        SSL_set_accept_state(dtls->ssl);
    return dtls;
}

static void end(struct dtls *dtls, const char *why)
{
    if (dtls->is_over)
        return;
    dtls->is_over = true;
    dtls->is_up = false;
    dtls->events->on_closed(dtls->arg, why);
}

static bool is_who_it_should_be(struct dtls *dtls)
{
    uint8_t fingerprint[EVP_MAX_MD_SIZE];
    X509 *certificate = SSL_get1_peer_certificate(dtls->ssl);
    unsigned len = 0;
    bool is_right = certificate != NULL &&
                    X509_digest(certificate, EVP_sha256(), fingerprint, &len) == 1 &&
                    len == DTLS_FINGERPRINT &&
                    CRYPTO_memcmp(fingerprint, dtls->fingerprint, DTLS_FINGERPRINT) == 0;

    X509_free(certificate);
    return is_right;
}

/* What a call of OpenSSL that did not succeed means. */
static void judge(struct dtls *dtls, int result)
{
    switch (SSL_get_error(dtls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        break;
    case SSL_ERROR_ZERO_RETURN:
        end(dtls, "closed by the other");
        break;
    default:
        end(dtls, dtls->is_up ? "the encryption failed" : "hands could not be shaken");
        break;
    }
    ERR_clear_error(); /* the queue is of the thread, not of the association */
}

static void shake(struct dtls *dtls)
{
    int result = SSL_do_handshake(dtls->ssl);

    if (result != 1) {
        judge(dtls, result);
        return;
    }
    if (!is_who_it_should_be(dtls)) {
        end(dtls, "its certificate is not the one that was signalled");
        return;
    }
    dtls->is_up = true;
    dtls->events->on_up(dtls->arg);
}

void dtls_start(struct dtls *dtls)
{
    if (!dtls->is_over && !dtls->is_up)
        shake(dtls);
}

void dtls_receive(struct dtls *dtls, struct bytes datagram)
{
    static uint8_t plain[DTLS_RECORD_MAX];

    /* What is larger than any record is not DTLS; by TCP it can come. */
    if (dtls->is_over || datagram.len == 0 || datagram.len > DTLS_RECORD_MAX)
        return;
    dtls->incoming = datagram;
    if (!dtls->is_up)
        shake(dtls);
    /* A datagram may hold several records. */
    while (dtls->is_up) {
        int len = SSL_read(dtls->ssl, plain, sizeof(plain));

        if (len <= 0) {
            judge(dtls, len);
            break;
        }
        dtls->events->on_received(dtls->arg, bytes_of(plain, (size_t)len));
    }
    dtls->incoming = bytes_of(NULL, 0);
}

bool dtls_send(struct dtls *dtls, struct bytes data)
{
    int result;

    if (!dtls->is_up || data.len == 0)
        return false;
    result = SSL_write(dtls->ssl, data.data, (int)data.len);
    if (result <= 0)
        judge(dtls, result);
    return result > 0;
}

void dtls_tick(struct dtls *dtls)
{
    if (dtls->is_over || dtls->is_up)
        return;
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        end(dtls, "nobody answered the handshake");
    ERR_clear_error();
}

void dtls_free(struct dtls **dtls)
{
    if (*dtls == NULL)
        return;
    if ((*dtls)->is_up)
        SSL_shutdown((*dtls)->ssl);
    ERR_clear_error();
    SSL_free((*dtls)->ssl);
    free(*dtls);
    *dtls = NULL;
}
