/* SPDX-License-Identifier: MIT
 *
 * raw: the other end of a connection, which may say on its association whatever it likes.
 */
#ifndef UNIT_RTC_RAW_H
#define UNIT_RTC_RAW_H

#include "pair.h"

struct raw {
    struct ice *ice;
    struct dtls *dtls;
    struct sctp *sctp;
    struct text answer;
    uint8_t fingerprint[DTLS_FINGERPRINT]; /* of the other */
    bool is_up, has_vanished;
    unsigned messages; /* that came */
    const char *why;
};

static struct dtls_identity *raw_identity;

static void raw_on_sctp_send(void *arg, struct bytes packet)
{
    dtls_send(((struct raw *)arg)->dtls, packet);
}

static void raw_on_sctp_up(void *arg)
{
    ((struct raw *)arg)->is_up = true;
}

static void raw_on_message(void *arg, uint16_t stream, uint32_t ppid, struct bytes part,
                           bool is_end)
{
    (void)stream;
    (void)ppid;
    (void)part;
    ((struct raw *)arg)->messages += is_end;
}

static void raw_on_writable(void *arg)
{
    (void)arg;
}

static void raw_on_reset(void *arg, uint16_t stream)
{
    (void)arg;
    (void)stream;
}

static void raw_on_closed(void *arg, const char *why)
{
    ((struct raw *)arg)->why = why;
}

static const struct sctp_events raw_sctp_events = {.send = raw_on_sctp_send,
                                                   .on_up = raw_on_sctp_up,
                                                   .on_received = raw_on_message,
                                                   .on_writable = raw_on_writable,
                                                   .on_reset = raw_on_reset,
                                                   .on_reset_done = raw_on_reset,
                                                   .on_closed = raw_on_closed};

static void raw_on_dtls_send(void *arg, struct bytes datagram)
{
    struct raw *raw = arg;

    if (!raw->has_vanished)
        ice_send(raw->ice, datagram);
}

static void raw_on_dtls_up(void *arg)
{
    struct raw *raw = arg;
    struct error error;

    raw->sctp = sctp_new(5000, 5000, &raw_sctp_events, raw, &error);
    must(raw->sctp != NULL);
}

static void raw_on_dtls_received(void *arg, struct bytes data)
{
    struct raw *raw = arg;

    if (raw->sctp != NULL)
        sctp_receive(raw->sctp, data);
}

static const struct dtls_events raw_dtls_events = {.send = raw_on_dtls_send,
                                                   .on_up = raw_on_dtls_up,
                                                   .on_received = raw_on_dtls_received,
                                                   .on_closed = raw_on_closed};

static void raw_on_gathered(void *arg)
{
    (void)arg;
}

static void raw_on_connected(void *arg)
{
    struct raw *raw = arg;

    raw->dtls = dtls_new(raw_identity, true, raw->fingerprint, &raw_dtls_events, raw);
    dtls_start(raw->dtls);
}

static void raw_on_datagram(void *arg, struct bytes datagram)
{
    struct raw *raw = arg;

    if (raw->dtls != NULL)
        dtls_receive(raw->dtls, datagram);
}

static void raw_on_path_lost(void *arg)
{
    ((struct raw *)arg)->why = "the path is gone";
}

static const struct ice_events raw_ice_events = {.on_gathered = raw_on_gathered,
                                                 .on_connected = raw_on_connected,
                                                 .on_received = raw_on_datagram,
                                                 .on_failed = raw_on_path_lost};

/* Makes the answer to an offer; unlike peer.c it sends to whatever that names. */
static inline void raw_answer(struct raw *raw, const struct ice_config *config,
                              const struct text *offer)
{
    struct error error;
    struct sdp theirs, ours = {.setup = SDP_ACTIVE,
                               .mid = bytes_of_text("0"),
                               .sctp_port = 5000,
                               .max_message_bytes = 0};

    *raw = (struct raw){0};
    if (raw_identity == NULL)
        raw_identity = dtls_identity_new(&error);
    must(sdp_parse(bytes_of(offer->data, offer->len), &theirs, &error) == ERR_NONE);
    memcpy(raw->fingerprint, theirs.fingerprint, sizeof(raw->fingerprint));
    raw->ice = ice_new(config, false, &raw_ice_events, raw, &error);
    must(raw->ice != NULL && ice_connect(raw->ice, &theirs, &error) == ERR_NONE);
    pair_until(ice_is_gathered(raw->ice));
    ice_describe(raw->ice, &ours);
    memcpy(ours.fingerprint, dtls_identity_fingerprint(raw_identity), sizeof(ours.fingerprint));
    sdp_write(&raw->answer, &ours, 1);
}

/* `vanishes`: without a word to the other. */
static inline void raw_free(struct raw *raw, bool vanishes)
{
    raw->has_vanished = vanishes;
    sctp_free(&raw->sctp);
    dtls_free(&raw->dtls);
    ice_free(&raw->ice);
    text_fini(&raw->answer);
}

static inline void raw_end(void)
{
    dtls_identity_free(&raw_identity);
}

#endif
