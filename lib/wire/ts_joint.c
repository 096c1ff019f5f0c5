/* SPDX-License-Identifier: MIT
 *
 * A packet (ISO 13818-1, 2.4.3): sync byte; flags and PID; flags and counter; then, if its flag is
 * set, an adaptation field, which begins with its length and may end in stuffing; then, if its flag
 * is set, payload up to the end. Only packets with payload are counted.
 */
#include "wire/ts_joint.h"

#include <stdlib.h>

#include "base/must.h"

enum {
    SYNC = 0x47,
    HEADER = 4,
    ROOM = TS_PACKET - HEADER,
    STARTS = 0x40,         /* in byte 1 */
    HAS_ADAPTATION = 0x20, /* in byte 3 */
    HAS_PAYLOAD = 0x10,
    COUNTER = 15,
    PID_PAT = 0,
    PID_TABLES_END = 0x20, /* reserved for tables; that of the PMT is told by the PAT */
    PAT_PMT_PID = 15, /* offset, behind header, pointer, head of the table and program number */
    STREAMS_MAX = 8,
    BATCH = 256, /* packets go out so many at a time */
};

struct stream {
    unsigned pid, count; /* packets with payload */
    unsigned next;       /* counter of the next to go out */
    bool is_table;
    bool has_spare;
    size_t spare; /* the last that can be spread over 16, from the beginning of the segment */
};

struct ts_joint {
    unsigned number, pmt_pid;
    struct stream streams[STREAMS_MAX];
    size_t stream_count;
    struct text held; /* packets that are not out yet */
    size_t gone;      /* how many are */
};

struct ts_joint *ts_joint_new(unsigned number)
{
    struct ts_joint *joint = xcalloc(1, sizeof(*joint));

    joint->number = number;
    return joint;
}

void ts_joint_free(struct ts_joint **joint)
{
    if (*joint == NULL)
        return;
    text_fini(&(*joint)->held);
    free(*joint);
    *joint = NULL;
}

static unsigned pid_of(const uint8_t *packet)
{
    return (packet[1] & 0x1fU) << 8 | packet[2];
}

/* Bytes of the adaptation field with its length, 0: there is none. */
static size_t adaptation_of(const uint8_t *packet)
{
    return (packet[3] & HAS_ADAPTATION) != 0 ? (size_t)packet[4] + 1 : 0;
}

static size_t payload_of(const uint8_t *packet)
{
    return (packet[3] & HAS_PAYLOAD) != 0 ? ROOM - adaptation_of(packet) : 0;
}

static bool is_packet(const uint8_t *packet)
{
    return packet[0] == SYNC && adaptation_of(packet) <= ROOM;
}

static struct stream *stream_of(struct ts_joint *joint, unsigned pid)
{
    struct stream *stream;

    for (size_t i = 0; i < joint->stream_count; i++)
        if (joint->streams[i].pid == pid)
            return &joint->streams[i];
    if (joint->stream_count == STREAMS_MAX)
        return NULL;
    stream = &joint->streams[joint->stream_count++];
    *stream =
        (struct stream){.pid = pid, .is_table = pid < PID_TABLES_END || pid == joint->pmt_pid};
    stream->next = stream->is_table ? joint->number : 0;
    return stream;
}

/* ---- going out */

static void count(struct stream *stream, uint8_t *packet)
{
    unsigned counter = (packet[3] & HAS_PAYLOAD) != 0 ? stream->next++ : stream->next - 1;

    packet[3] = (uint8_t)((packet[3] & ~COUNTER) | (counter & COUNTER));
}

/* One of several packets made of `packet`: `len` bytes of its payload from `at` on. What is in the
 * adaptation field goes with the first. */
static void add_part(struct stream *stream, const uint8_t *packet, size_t at, size_t len,
                     struct text *out)
{
    size_t adaptation = at == 0 ? adaptation_of(packet) : 0, room = ROOM - len;
    uint8_t part[TS_PACKET];

    memcpy(part, packet, HEADER);
    if (at > 0)
        part[1] &= (uint8_t)~STARTS;
    if (room > 0) {
        part[3] |= HAS_ADAPTATION;
        memset(part + HEADER, 0xff, room); /* stuffing */
        memcpy(part + HEADER, packet + HEADER, adaptation);
        if (adaptation < 2 && room > 1)
            part[HEADER + 1] = 0; /* no field in it */
        part[HEADER] = (uint8_t)(room - 1);
    }
    memcpy(part + HEADER + room, packet + TS_PACKET - payload_of(packet) + at, len);
    count(stream, part);
    text_add_bytes(out, bytes_of(part, sizeof(part)));
}

static void add_spread(struct stream *stream, const uint8_t *packet, struct text *out)
{
    size_t parts = 1 + (COUNTER + 1 - stream->count % (COUNTER + 1)) % (COUNTER + 1);
    size_t payload = payload_of(packet), first = payload - (parts - 1);

    add_part(stream, packet, 0, first, out);
    for (size_t at = first; at < payload; at++)
        add_part(stream, packet, at, 1, out);
}

/* All held packets in front of that one; it is counted from the beginning of the segment. */
static void let_go(struct ts_joint *joint, size_t until, bool is_end, struct text *out)
{
    uint8_t *packet = (uint8_t *)joint->held.data;
    size_t left = joint->held.len;

    for (; joint->gone < until; joint->gone++, packet += TS_PACKET, left -= TS_PACKET) {
        struct stream *stream = stream_of(joint, pid_of(packet));

        if (is_end && stream->has_spare && stream->spare == joint->gone) {
            add_spread(stream, packet, out);
        } else {
            count(stream, packet);
            text_add_bytes(out, bytes_of(packet, TS_PACKET));
        }
    }
    if (left < joint->held.len) {
        memmove(joint->held.data, packet, left);
        joint->held.len = left;
    }
}

bool ts_joint_put(struct ts_joint *joint, const uint8_t packet[TS_PACKET], struct text *out)
{
    size_t at = joint->gone + joint->held.len / TS_PACKET, until = at;
    struct stream *stream = is_packet(packet) ? stream_of(joint, pid_of(packet)) : NULL;

    if (stream == NULL)
        return false;
    if (stream->pid == PID_PAT)
        joint->pmt_pid = (packet[PAT_PMT_PID] & 0x1fU) << 8 | packet[PAT_PMT_PID + 1];
    if (stream->is_table && stream->count > 0)
        return true; /* once is enough */
    stream->count += (packet[3] & HAS_PAYLOAD) != 0;
    if (!stream->is_table && payload_of(packet) > COUNTER) {
        stream->has_spare = true;
        stream->spare = at;
    }
    text_add_bytes(&joint->held, bytes_of(packet, TS_PACKET));
    for (size_t i = 0; i < joint->stream_count; i++)
        if (joint->streams[i].has_spare)
            until = MIN(until, joint->streams[i].spare);
    if (until - joint->gone >= BATCH)
        let_go(joint, until, false, out);
    return true;
}

void ts_joint_end(struct ts_joint *joint, struct text *out)
{
    let_go(joint, joint->gone + joint->held.len / TS_PACKET, true, out);
}
