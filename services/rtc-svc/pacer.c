/* SPDX-License-Identifier: MIT */
#include "pacer.h"

#include "base/must.h"

void pacer_fini(struct pacer *pacer)
{
    text_fini(&pacer->queue);
}

void pacer_set(struct pacer *pacer, uint64_t bytes_per_s)
{
    pacer->bytes_per_ms = bytes_per_s > 0 ? MAX(bytes_per_s / 1000, 1) : 0;
}

bool pacer_is_empty(const struct pacer *pacer)
{
    return pacer->at == pacer->queue.len;
}

/* What was not used is lost, but for a burst: timers are late. */
static void reckon(struct pacer *pacer, uint64_t now_us)
{
    uint64_t burst = MAX(pacer->bytes_per_ms * PACER_LATE_MS, PACER_BURST);
    uint64_t span_us = MIN(now_us - pacer->credited_us, 1000000);

    pacer->credited_us = now_us;
    pacer->credit = MIN(pacer->credit + span_us * pacer->bytes_per_ms / 1000, burst);
}

/* It may never be empty for as long as a film is fetched. */
static void close_up(struct pacer *pacer)
{
    if (pacer->at < PACER_BURST || pacer->at * 2 < pacer->queue.len)
        return;
    pacer->queue.len -= pacer->at;
    memmove(pacer->queue.data, pacer->queue.data + pacer->at, pacer->queue.len);
    pacer->at = 0;
}

bool pacer_keeps(struct pacer *pacer, struct bytes datagram, uint64_t now_us)
{
    uint32_t len = (uint32_t)datagram.len;

    if (pacer_is_empty(pacer)) {
        if (pacer->bytes_per_ms == 0)
            return false;
        reckon(pacer, now_us);
        if (pacer->credit >= datagram.len) {
            pacer->credit -= datagram.len;
            return false;
        }
    }
    if (pacer->queue.len - pacer->at + datagram.len > PACER_QUEUE_MAX)
        return false;
    close_up(pacer);
    text_add_bytes(&pacer->queue, bytes_of(&len, sizeof(len)));
    text_add_bytes(&pacer->queue, datagram);
    return true;
}

bool pacer_next(struct pacer *pacer, uint64_t now_us, struct bytes *out)
{
    uint32_t len;

    if (pacer_is_empty(pacer)) {
        /* Who is idle holds nothing. */
        if (pacer->queue.cap > PACER_BURST)
            text_fini(&pacer->queue);
        text_clear(&pacer->queue);
        pacer->at = 0;
        return false;
    }
    reckon(pacer, now_us);
    memcpy(&len, pacer->queue.data + pacer->at, sizeof(len));
    if (pacer->bytes_per_ms > 0 && pacer->credit < len)
        return false;
    pacer->credit -= MIN(pacer->credit, len);
    *out = bytes_of(pacer->queue.data + pacer->at + sizeof(len), len);
    pacer->at += sizeof(len) + len;
    return true;
}
