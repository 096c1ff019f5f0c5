/* SPDX-License-Identifier: MIT */
#include "wire/sdp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "base/address.h"
#include "base/must.h"

enum {
    UFRAG_MIN = 4,
    PWD_MIN = 22,
    FOUNDATION_MAX = 32,
    SCTP_PORT = 5000,
    MESSAGE_BYTES = 65536,
    DISCARD_PORT = 9, /* in place of the real one, when candidates tell it */
    COMPONENT = 1,    /* there is no other: neither RTP nor RTCP */
};

/* ---- words */

/* Cuts off what stands before the next `separator`; empty pieces are left out. False at the end. */
static bool take_piece(struct bytes *rest, uint8_t separator, struct bytes *out)
{
    size_t len = 0;

    while (rest->len > 0 && rest->data[0] == separator)
        *rest = bytes_of(rest->data + 1, rest->len - 1);
    if (rest->len == 0)
        return false;
    while (len < rest->len && rest->data[len] != separator)
        len++;
    *out = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static bool has_prefix(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* Cuts it off. */
static bool take_prefix(struct bytes *rest, const char *prefix)
{
    size_t len = strlen(prefix);

    if (!has_prefix(*rest, prefix))
        return false;
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

/* Place in `words`, or -1. */
static int find_word(struct bytes word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (bytes_is_word(word, words[i]))
            return i;
    return -1;
}

static bool read_number(struct bytes word, uint64_t max, uint64_t *out)
{
    return bytes_decimal(word, out) == word.len && word.len > 0 && *out <= max;
}

static bool take_number(struct bytes *rest, uint64_t max, uint64_t *out)
{
    struct bytes word;

    return take_piece(rest, ' ', &word) && read_number(word, max, out);
}

static bool is_ice_text(struct bytes word, size_t min, size_t max)
{
    for (size_t i = 0; i < word.len; i++)
        if (!isalnum(word.data[i]) && word.data[i] != '+' && word.data[i] != '/')
            return false;
    return word.len >= min && word.len <= max;
}

/* A token of RFC 8866. */
static bool is_token(struct bytes word)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]", word.data[i]) != NULL)
            return false;
    return true;
}

/* ---- candidates */

static const char *const types[] = {"host", "srflx", "prflx", "relay"};
/* From SDP_TCP_ACTIVE on. */
static const char *const tcp_types[] = {"active", "passive", "so"};

static bool read_address(struct bytes word, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];

    if (word.len >= sizeof(text))
        return false;
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    if (inet_pton(AF_INET6, text, out) == 1)
        return true;
    memcpy(out, address_mapped, sizeof(address_mapped));
    return inet_pton(AF_INET, text, out + sizeof(address_mapped)) == 1;
}

/* What follows the type comes in pairs; of those one matters, and only for TCP (RFC 6544). */
static bool read_transport(struct bytes protocol, struct bytes pairs, enum sdp_transport *out)
{
    struct bytes name, value;

    *out = SDP_UDP;
    if (bytes_is_word(protocol, "udp"))
        return true;
    if (!bytes_is_word(protocol, "tcp"))
        return false;
    while (take_piece(&pairs, ' ', &name) && take_piece(&pairs, ' ', &value)) {
        int type =
            bytes_is_word(name, "tcptype") ? find_word(value, tcp_types, COUNT_OF(tcp_types)) : -1;

        if (type >= 0)
            *out = SDP_TCP_ACTIVE + (enum sdp_transport)type;
    }
    return *out != SDP_UDP;
}

bool sdp_candidate_parse(struct bytes line, struct sdp_candidate *out)
{
    struct bytes protocol, address, word;
    uint64_t component, priority, port;
    int type;

    take_prefix(&line, "a=");
    if (!take_prefix(&line, "candidate:") || !take_piece(&line, ' ', &out->foundation) ||
        !is_ice_text(out->foundation, 1, FOUNDATION_MAX) ||
        !take_number(&line, UINT64_MAX, &component) || component != COMPONENT ||
        !take_piece(&line, ' ', &protocol) || !take_number(&line, UINT32_MAX, &priority) ||
        !take_piece(&line, ' ', &address) || !read_address(address, out->ip) ||
        !take_number(&line, UINT16_MAX, &port) || !take_piece(&line, ' ', &word) ||
        !bytes_is_word(word, "typ") || !take_piece(&line, ' ', &word))
        return false;
    type = find_word(word, types, COUNT_OF(types));
    if (type < 0 || !read_transport(protocol, line, &out->transport))
        return false;
    out->type = (enum sdp_type)type;
    out->priority = (uint32_t)priority;
    out->port = (uint16_t)port;
    return port > 0 || out->transport == SDP_TCP_ACTIVE;
}

void sdp_candidate_write(struct text *out, const struct sdp_candidate *candidate)
{
    bool is_v4 = address_is_mapped(candidate->ip);
    char address[INET6_ADDRSTRLEN];

    must(inet_ntop(is_v4 ? AF_INET : AF_INET6, candidate->ip + (is_v4 ? sizeof(address_mapped) : 0),
                   address, sizeof(address)) != NULL);
    text_add(out, "candidate:");
    text_add_bytes(out, candidate->foundation);
    text_addf(out, " %d %s %" PRIu32 " %s %u typ %s", COMPONENT,
              candidate->transport == SDP_UDP ? "udp" : "tcp", candidate->priority, address,
              candidate->port, types[candidate->type]);
    if (candidate->type != SDP_HOST)
        text_add(out, " raddr 0.0.0.0 rport 0");
    if (candidate->transport != SDP_UDP)
        text_addf(out, " tcptype %s", tcp_types[candidate->transport - SDP_TCP_ACTIVE]);
}

/* ---- descriptions: reading */

static const char *const setups[] = {"actpass", "active", "passive"};

/* Attributes as they stood there; empty = absent. */
struct attributes {
    struct bytes setup, mid, ufrag, pwd, sha256, sctp_port, sctpmap, max_message_size;
};

static const struct attribute {
    const char *prefix;
    size_t at;
} known[] = {
    {"setup:", offsetof(struct attributes, setup)},
    {"mid:", offsetof(struct attributes, mid)},
    {"ice-ufrag:", offsetof(struct attributes, ufrag)},
    {"ice-pwd:", offsetof(struct attributes, pwd)},
    {"sctp-port:", offsetof(struct attributes, sctp_port)},
    {"sctpmap:", offsetof(struct attributes, sctpmap)},
    {"max-message-size:", offsetof(struct attributes, max_message_size)},
};

static void read_attribute(struct bytes line, struct attributes *out)
{
    struct bytes hash;

    if (take_prefix(&line, "fingerprint:")) {
        /* There may be one for each hash somebody might know. */
        if (take_piece(&line, ' ', &hash) && bytes_is_word(hash, "sha-256") &&
            take_piece(&line, ' ', &hash))
            out->sha256 = hash;
        return;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (take_prefix(&line, known[i].prefix)) {
            *(struct bytes *)((char *)out + known[i].at) = line;
            return;
        }
}

static void read_candidate(struct bytes line, struct sdp *out)
{
    if (out->candidate_count < SDP_CANDIDATES_MAX &&
        sdp_candidate_parse(line, &out->candidates[out->candidate_count]))
        out->candidate_count++;
    else
        out->skipped_count++;
}

/* Collects attributes. `media_out` gets what is behind "m=", `count_out` how often that was. */
static void read_lines(struct bytes text, struct sdp *out, struct attributes *attributes_out,
                       struct bytes *media_out, unsigned *count_out)
{
    struct bytes line;

    while (take_piece(&text, '\n', &line)) {
        while (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (take_prefix(&line, "m=")) {
            *media_out = line;
            (*count_out)++;
        } else if (has_prefix(line, "a=candidate:")) {
            read_candidate(line, out);
        } else if (take_prefix(&line, "a=")) {
            read_attribute(line, attributes_out);
        }
    }
}

/* "5000 webrtc-datachannel 1024": of a port that the media line names. */
static bool is_sctpmap(struct bytes sctpmap, struct bytes port)
{
    struct bytes word;

    return take_piece(&sctpmap, ' ', &word) && bytes_equal(word, port) &&
           take_piece(&sctpmap, ' ', &word) && bytes_is_word(word, "webrtc-datachannel");
}

/* Behind "m=". False when it is something else than data channels. */
static bool read_media(struct bytes media, struct attributes *attributes, uint64_t *port_out)
{
    static const char *const protocols[] = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"};
    struct bytes kind, protocol, format;

    if (!take_piece(&media, ' ', &kind) || !bytes_is_word(kind, "application") ||
        !take_number(&media, UINT16_MAX, port_out) || !take_piece(&media, ' ', &protocol) ||
        !take_piece(&media, ' ', &format))
        return false;
    switch (find_word(protocol, protocols, COUNT_OF(protocols))) {
    case 0:
    case 1:
        return bytes_is_word(format, "webrtc-datachannel");
    case 2:
        attributes->sctp_port = format;
        return is_sctpmap(attributes->sctpmap, format);
    default:
        return false;
    }
}

/* "A1:B2:...". */
static bool read_fingerprint(struct bytes text, uint8_t out[32])
{
    if (text.len != 32 * 3 - 1)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const uint8_t *at = text.data + 3 * i;

        if (!hex_decode(bytes_of(at, 2), out + i, 1) || (i < 31 && at[2] != ':'))
            return false;
    }
    return true;
}

/* What is wrong with the attributes; NULL: nothing. */
static const char *read_attributes(const struct attributes *in, struct sdp *out)
{
    int setup = find_word(in->setup, setups, COUNT_OF(setups));
    uint64_t port = SCTP_PORT, bytes = MESSAGE_BYTES;

    if (setup < 0)
        return "no side of the DTLS handshake (a=setup)";
    if (in->mid.len > SDP_MID_MAX || !is_token(in->mid))
        return "the name of the media section (a=mid) is broken";
    if (!is_ice_text(in->ufrag, UFRAG_MIN, SDP_UFRAG_MAX))
        return "no ICE user (a=ice-ufrag), or a broken one";
    if (!is_ice_text(in->pwd, PWD_MIN, SDP_PWD_MAX))
        return "no ICE password (a=ice-pwd), or a broken one";
    if (!read_fingerprint(in->sha256, out->fingerprint))
        return "no SHA-256 of a certificate (a=fingerprint), or a broken one";
    if (in->sctp_port.len > 0 && (!read_number(in->sctp_port, UINT16_MAX, &port) || port == 0))
        return "the SCTP port is broken";
    if (in->max_message_size.len > 0 && !read_number(in->max_message_size, UINT64_MAX, &bytes))
        return "the longest message (a=max-message-size) is broken";
    out->setup = (enum sdp_setup)setup;
    out->mid = in->mid;
    out->ufrag = in->ufrag;
    out->pwd = in->pwd;
    out->sctp_port = (uint16_t)port;
    out->max_message_bytes = (uint32_t)MIN(bytes, UINT32_MAX);
    return NULL;
}

enum err sdp_parse(struct bytes text, struct sdp *out, struct error *error)
{
    struct attributes attributes = {0};
    struct bytes media = {0};
    unsigned media_count = 0;
    uint64_t port;
    const char *why;

    out->candidate_count = out->skipped_count = 0;
    if (text.len > SDP_MAX)
        return error_set(error, ERR_TOO_LARGE, "a session description of more than %d bytes",
                         SDP_MAX);
    if (!take_prefix(&text, "v=0"))
        return error_set(error, ERR_INVALID, "this is no session description");
    read_lines(text, out, &attributes, &media, &media_count);
    if (media_count != 1)
        return error_set(error, ERR_INVALID, "%u media sections instead of one", media_count);
    if (!read_media(media, &attributes, &port))
        return error_set(error, ERR_INVALID, "the media section is not for data channels");
    if (port == 0)
        return error_set(error, ERR_INVALID, "the media section is refused (port 0)");
    why = read_attributes(&attributes, out);
    return why == NULL ? ERR_NONE : error_set(error, ERR_INVALID, "%s", why);
}

/* ---- descriptions: writing */

static void add_line(struct text *out, const char *before, struct bytes value)
{
    text_add(out, before);
    text_add_bytes(out, value);
    text_add(out, "\r\n");
}

static void add_fingerprint(struct text *out, const uint8_t fingerprint[32])
{
    text_add(out, "a=fingerprint:sha-256");
    for (size_t i = 0; i < 32; i++)
        text_addf(out, "%c%02X", i == 0 ? ' ' : ':', fingerprint[i]);
    text_add(out, "\r\n");
}

void sdp_write(struct text *out, const struct sdp *sdp, uint64_t session_id)
{
    /* 63 bits: browsers keep it as a signed number (RFC 8829). */
    text_addf(out, "v=0\r\no=- %" PRIu64 " 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
              session_id & INT64_MAX);
    if (sdp->mid.len > 0)
        add_line(out, "a=group:BUNDLE ", sdp->mid);
    text_addf(out, "m=application %d UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n",
              DISCARD_PORT);
    for (size_t i = 0; i < sdp->candidate_count; i++) {
        text_add(out, "a=");
        sdp_candidate_write(out, &sdp->candidates[i]);
        text_add(out, "\r\n");
    }
    /* Nothing is trickled later. */
    text_add(out, "a=end-of-candidates\r\n");
    add_line(out, "a=ice-ufrag:", sdp->ufrag);
    add_line(out, "a=ice-pwd:", sdp->pwd);
    add_fingerprint(out, sdp->fingerprint);
    text_addf(out, "a=setup:%s\r\n", setups[sdp->setup]);
    if (sdp->mid.len > 0)
        add_line(out, "a=mid:", sdp->mid);
    text_addf(out, "a=sctp-port:%u\r\na=max-message-size:%" PRIu32 "\r\n", sdp->sctp_port,
              sdp->max_message_bytes);
}
