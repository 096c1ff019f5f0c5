/* SPDX-License-Identifier: MIT */
#include "wire/dcep.h"

#include "base/must.h"

/* Section 8.2. */
enum { TYPE_ACK = 2, TYPE_OPEN = 3 };

/* Section 5.1; the lower bits are an enum dcep_reliability. */
enum { CHANNEL_UNORDERED = 0x80 };

/* Of an open message. */
enum {
    AT_CHANNEL = 1,
    AT_PRIORITY = 2,
    AT_RELIABILITY = 4,
    AT_LABEL_LEN = 8,
    AT_PROTOCOL_LEN = 10,
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static bool read_open(struct bytes message, struct dcep_open *out)
{
    const uint8_t *at = message.data;
    uint8_t kind;

    if (message.len < DCEP_OPEN_HEAD)
        return false;
    kind = at[AT_CHANNEL] & (uint8_t)~CHANNEL_UNORDERED;
    if (kind > DCEP_TIMED)
        return false;
    out->is_unordered = (at[AT_CHANNEL] & CHANNEL_UNORDERED) != 0;
    out->reliability_kind = (enum dcep_reliability)kind;
    out->reliability = 0; /* what is said of a reliable channel does not count */
    if (kind != DCEP_RELIABLE)
        out->reliability =
            (uint32_t)get16(at + AT_RELIABILITY) << 16 | get16(at + AT_RELIABILITY + 2);
    out->priority = get16(at + AT_PRIORITY);
    out->label = bytes_of(at + DCEP_OPEN_HEAD, get16(at + AT_LABEL_LEN));
    out->protocol = bytes_of(out->label.data, get16(at + AT_PROTOCOL_LEN));
    if (message.len != DCEP_OPEN_HEAD + out->label.len + out->protocol.len)
        return false;
    out->protocol.data += out->label.len;
    return out->label.len <= DCEP_LABEL_MAX && out->protocol.len <= DCEP_LABEL_MAX;
}

enum dcep_type dcep_parse(struct bytes message, struct dcep_open *out)
{
    if (message.len == 1 && message.data[0] == TYPE_ACK)
        return DCEP_ACK;
    if (message.len > 0 && message.data[0] == TYPE_OPEN && read_open(message, out))
        return DCEP_OPEN;
    return DCEP_INVALID;
}

void dcep_open_write(struct text *out, const struct dcep_open *open)
{
    uint8_t *at = text_grow(out, DCEP_OPEN_HEAD);

    must(open->label.len <= DCEP_LABEL_MAX && open->protocol.len <= DCEP_LABEL_MAX);
    at[0] = TYPE_OPEN;
    at[AT_CHANNEL] =
        (uint8_t)(open->reliability_kind | (open->is_unordered ? CHANNEL_UNORDERED : 0));
    put16(at + AT_PRIORITY, open->priority);
    put16(at + AT_RELIABILITY, open->reliability >> 16);
    put16(at + AT_RELIABILITY + 2, open->reliability);
    put16(at + AT_LABEL_LEN, (uint32_t)open->label.len);
    put16(at + AT_PROTOCOL_LEN, (uint32_t)open->protocol.len);
    text_add_bytes(out, open->label);
    text_add_bytes(out, open->protocol);
}

void dcep_ack_write(struct text *out)
{
    *text_grow(out, 1) = TYPE_ACK;
}
