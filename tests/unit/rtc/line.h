/* SPDX-License-Identifier: MIT
 *
 * line: datagrams from one end to another in memory, which delays, loses and doubles them; and the
 * clock by which it does so. usrsctp and OpenSSL see the same clock: they ask gettimeofday().
 */
#ifndef UNIT_RTC_LINE_H
#define UNIT_RTC_LINE_H

#include <stdlib.h>
#include <sys/time.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/must.h"

static uint64_t line_now_ms = 1000;
static uint64_t line_random = 88172645463325252u;

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    *now = (struct timeval){.tv_sec = 1700000000 + (time_t)(line_now_ms / 1000),
                            .tv_usec = (suseconds_t)(line_now_ms % 1000 * 1000)};
    return 0;
}

/* Below `limit`; the same row of numbers in each run. */
static inline uint32_t line_dice(uint32_t limit)
{
    line_random ^= line_random << 13;
    line_random ^= line_random >> 7;
    line_random ^= line_random << 17;
    return limit == 0 ? 0 : (uint32_t)(line_random >> 20) % limit;
}

struct datagram {
    uint64_t due_ms;
    struct datagram *prev, *next;
    size_t len;
    uint8_t data[];
};

struct line {
    uint32_t delay_ms, jitter_ms; /* jitter puts them out of order */
    uint32_t lost_of_1000, doubled_of_1000;
    bool is_cut;
    void (*deliver)(void *arg, struct bytes datagram);
    void (*look)(void *arg, struct bytes datagram); /* at all that is sent; may be NULL */
    void *arg;
    struct datagram *queue;
    uint64_t sent;
};

static inline int line_order(const struct datagram *a, const struct datagram *b)
{
    return a->due_ms < b->due_ms ? -1 : a->due_ms > b->due_ms;
}

static inline void line_put(struct line *line, struct bytes data)
{
    struct datagram *datagram = xcalloc(1, sizeof(*datagram) + data.len);

    datagram->due_ms = line_now_ms + line->delay_ms + line_dice(line->jitter_ms);
    datagram->len = data.len;
    memcpy(datagram->data, data.data, data.len);
    if (line->jitter_ms == 0)
        DL_APPEND(line->queue, datagram);
    else
        DL_INSERT_INORDER(line->queue, datagram, line_order);
}

static inline void line_send(struct line *line, struct bytes data)
{
    line->sent++;
    if (line->look != NULL)
        line->look(line->arg, data);
    if (line->is_cut || line_dice(1000) < line->lost_of_1000)
        return;
    line_put(line, data);
    if (line_dice(1000) < line->doubled_of_1000)
        line_put(line, data);
}

/* Hands over what is due, one by one; false: nothing was. */
static inline bool line_turn(struct line *line)
{
    struct datagram *datagram = line->queue;

    if (datagram == NULL || datagram->due_ms > line_now_ms)
        return false;
    DL_DELETE(line->queue, datagram);
    line->deliver(line->arg, bytes_of(datagram->data, datagram->len));
    free(datagram);
    return true;
}

static inline void line_clear(struct line *line)
{
    struct datagram *datagram, *next;

    DL_FOREACH_SAFE(line->queue, datagram, next)
    {
        DL_DELETE(line->queue, datagram);
        free(datagram);
    }
}

#endif
