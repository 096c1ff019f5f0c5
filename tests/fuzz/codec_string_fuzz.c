/* SPDX-License-Identifier: MIT
 *
 * Input: one byte that says which codec (bit 0) and how long lengths are (bits 1 to 3), then a
 * header or a packet. Names are short and of plain characters; an IDR is only found where a byte
 * says so.
 */
#include "wire/codec_string.h"

#include <ctype.h>
#include <string.h>

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name, const char *family)
{
    must(strlen(name) < CODEC_STRING_TEXT && strncmp(name, family, strlen(family)) == 0);
    for (; *name != '\0'; name++)
        must(isalnum((unsigned char)*name) || *name == '.');
    must(name[-1] != '.');
}

static void check_header(struct bytes header, bool is_hevc)
{
    char name[CODEC_STRING_TEXT];
    unsigned length_bytes = nal_length_bytes(header, is_hevc);
    bool is_header = is_hevc ? codec_string_hevc(header, name) : codec_string_avc(header, name);

    must(length_bytes <= 4 && is_header == (length_bytes > 0));
    if (is_header)
        check_name(name, is_hevc ? "hvc1." : "avc1.");
}

static void check_packet(struct bytes packet, unsigned length_bytes, bool is_hevc)
{
    bool says_so = false;

    for (size_t i = 0; i < packet.len; i++) {
        unsigned type = is_hevc ? packet.data[i] >> 1 & 63u : packet.data[i] & 31u;

        says_so |= is_hevc ? type == 19 || type == 20 : type == 5;
    }
    must(!nal_has_idr(packet, length_bytes, is_hevc) || says_so);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    bool is_hevc;

    if (size == 0)
        return 0;
    is_hevc = (data[0] & 1) != 0;
    rest = bytes_of(data + 1, size - 1);
    check_header(rest, is_hevc);
    check_packet(rest, (data[0] >> 1) % 5u, is_hevc);
    return 0;
}
