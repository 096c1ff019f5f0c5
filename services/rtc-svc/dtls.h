/* SPDX-License-Identifier: MIT
 *
 * dtls: one DTLS 1.2 association (RFC 6347, RFC 8261) over datagrams that somebody else carries.
 * Knows OpenSSL; nobody else here does. One thread.
 *
 * The other's certificate is taken when its SHA-256 is the one that signalling told (RFC 8122), and
 * nothing is passed on before.
 */
#ifndef RTC_DTLS_H
#define RTC_DTLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

enum {
    DTLS_FINGERPRINT = 32,
    DTLS_MTU = 1200,    /* bytes of a datagram; fits every path that carries IPv6 */
    DTLS_OVERHEAD = 37, /* of a record with AES-GCM: header 13, nonce 8, tag 16 */
    DTLS_RECORD_MAX = 16 << 10,
};

/* Key and certificate of the process, made anew each time: ECDSA P-256, self-signed, 30 days. */
struct dtls_identity;
struct dtls_identity *dtls_identity_new(struct error *error);
void dtls_identity_free(struct dtls_identity **identity);
const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *identity);

/* on_closed is the last call, and comes at most once; dtls_free() inside of a callback is wrong. */
struct dtls_events {
    void (*send)(void *arg, struct bytes datagram);
    void (*on_up)(void *arg); /* shaken hands, and it is who it should be */
    void (*on_received)(void *arg, struct bytes data);
    void (*on_closed)(void *arg, const char *why);
};

struct dtls;
/* `events` must outlive it. The client speaks first, at dtls_start(). */
struct dtls *dtls_new(const struct dtls_identity *identity, bool is_client,
                      const uint8_t fingerprint[DTLS_FINGERPRINT], const struct dtls_events *events,
                      void *arg);
void dtls_start(struct dtls *dtls);
void dtls_receive(struct dtls *dtls, struct bytes datagram);
/* At most DTLS_MTU - DTLS_OVERHEAD bytes, one record. False: not up. */
bool dtls_send(struct dtls *dtls, struct bytes data);
/* While it shakes hands, about every 50 ms: what is lost is sent again. */
void dtls_tick(struct dtls *dtls);
/* Tells the other, if it is up. Clears the pointer, accepts NULL. */
void dtls_free(struct dtls **dtls);

#endif
