/* SPDX-License-Identifier: MIT */
#include "wire/codec_string.h"

#include <stdio.h>

enum {
    AVCC_MIN = 7,
    HVCC_MIN = 23,
    CONSTRAINTS = 6, /* bytes of constraint flags in hvcC */
    AVC_IDR = 5,
    HEVC_IDR_W_RADL = 19,
    HEVC_IDR_N_LP = 20,
};

bool codec_string_avc(struct bytes avcc, char out[CODEC_STRING_TEXT])
{
    if (avcc.len < AVCC_MIN || avcc.data[0] != 1)
        return false;
    snprintf(out, CODEC_STRING_TEXT, "avc1.%02x%02x%02x", avcc.data[1], avcc.data[2], avcc.data[3]);
    return true;
}

static uint32_t reversed(const uint8_t *big_endian)
{
    uint32_t bits = (uint32_t)big_endian[0] << 24 | (uint32_t)big_endian[1] << 16 |
                    (uint32_t)big_endian[2] << 8 | big_endian[3];
    uint32_t out = 0;

    for (unsigned i = 0; i < 32; i++)
        out |= (bits >> i & 1) << (31 - i);
    return out;
}

bool codec_string_hevc(struct bytes hvcc, char out[CODEC_STRING_TEXT])
{
    static const char *const spaces[] = {"", "A", "B", "C"};
    const uint8_t *constraints;
    size_t last = CONSTRAINTS;
    int len;

    if (hvcc.len < HVCC_MIN || hvcc.data[0] != 1)
        return false;
    constraints = hvcc.data + 6;
    len = snprintf(out, CODEC_STRING_TEXT, "hvc1.%s%u.%x.%c%u", spaces[hvcc.data[1] >> 6],
                   hvcc.data[1] & 31u, reversed(hvcc.data + 2),
                   (hvcc.data[1] & 32) != 0 ? 'H' : 'L', hvcc.data[12]);
    while (last > 0 && constraints[last - 1] == 0)
        last--;
    for (size_t i = 0; i < last; i++)
        len += snprintf(out + len, CODEC_STRING_TEXT - (size_t)len, ".%x", constraints[i]);
    return true;
}

unsigned nal_length_bytes(struct bytes header, bool is_hevc)
{
    size_t at = is_hevc ? 21 : 4;

    if (header.len < (is_hevc ? HVCC_MIN : AVCC_MIN) || header.data[0] != 1)
        return 0;
    return (header.data[at] & 3u) + 1;
}

static bool is_idr(uint8_t first, bool is_hevc)
{
    unsigned type = is_hevc ? first >> 1 & 63u : first & 31u;

    return is_hevc ? type == HEVC_IDR_W_RADL || type == HEVC_IDR_N_LP : type == AVC_IDR;
}

static bool has_idr_in_stream(struct bytes packet, bool is_hevc)
{
    for (size_t i = 0; i + 3 < packet.len; i++)
        if (packet.data[i] == 0 && packet.data[i + 1] == 0 && packet.data[i + 2] == 1 &&
            is_idr(packet.data[i + 3], is_hevc))
            return true;
    return false;
}

bool nal_has_idr(struct bytes packet, unsigned length_bytes, bool is_hevc)
{
    size_t at = 0;

    if (length_bytes == 0)
        return has_idr_in_stream(packet, is_hevc);
    while (packet.len - at > length_bytes) {
        size_t len = 0;

        for (unsigned i = 0; i < length_bytes; i++)
            len = len << 8 | packet.data[at++];
        if (len > 0 && is_idr(packet.data[at], is_hevc))
            return true;
        if (len > packet.len - at)
            return false;
        at += len;
    }
    return false;
}
