/* SPDX-License-Identifier: MIT */
#include "wire/sdp.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

#define SHA                                                                                        \
    "4A:16:EC:10:20:CF:FE:5C:16:7B:B0:FB:68:61:27:E3:54:A8:68:7A:DC:A1:E5:5E:B2:61:23:7E:0A:10:"   \
    "BC:02"
#define SESSION "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define MEDIA   "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
#define ICE     "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef+/0123\r\n"
#define DTLS    "a=fingerprint:sha-256 " SHA "\r\na=setup:active\r\n"
#define SCTP    "a=mid:0\r\na=sctp-port:5000\r\n"
#define GOOD    SESSION MEDIA ICE DTLS SCTP

/* As Chromium 156 makes it when it hides its addresses. */
static const char chromium[] =
    "v=0\r\no=- 4705237178470288989 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n" MEDIA "c=IN IP4 0.0.0.0\r\n"
    "a=candidate:1411060514 1 udp 2113937151 c6dd38c1-a4da-4910-893d-98b45fdaa10a.local 36481 typ "
    "host generation 0 network-cost 999\r\n"
    "a=candidate:1399422866 1 udp 2113942271 99b2fb2e-a10b-454c-b8cb-016795a18ad7.local 48079 typ "
    "host generation 0 network-cost 999\r\n"
    "a=ice-ufrag:JvDL\r\na=ice-pwd:JzncF9a4CcbON7SQ9VhXlgqu\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 " SHA "\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n"
    "a=max-message-size:262144\r\n";

/* Of libdatachannel, which says of the session what others say of the media section. */
static const char libdatachannel[] =
    "v=0\r\no=rtc 26156205 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "a=msid-semantic:WMS *\r\na=ice-options:ice2,trickle\r\na=fingerprint:sha-256 " SHA "\r\n"
    "m=application 55948 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.2\r\na=mid:0\r\n"
    "a=sendrecv\r\na=sctp-port:5000\r\na=max-message-size:262144\r\na=setup:active\r\n"
    "a=ice-ufrag:V0zM\r\na=ice-pwd:yssSCviH0z5nFP624mgVHG\r\n"
    "a=candidate:2 1 UDP 2116026111 fd00::2 55948 typ host\r\n"
    "a=candidate:1 1 UDP 2114977791 192.0.2.2 55948 typ host\r\n"
    "a=candidate:3 1 TCP 1289747967 fd00::2 9 typ host tcptype active\r\n"
    "a=candidate:4 1 TCP 1288699135 192.0.2.2 9 typ host tcptype active\r\n"
    "a=end-of-candidates\r\n";

/* From before RFC 8841, with line ends of LF. */
static const char old_draft[] =
    "v=0\no=mozilla 1 0 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
    "a=fingerprint:sha-256 " SHA "\na=fingerprint:sha-1 4A:AD\n"
    "m=application 9 DTLS/SCTP 5001\na=ice-pwd:0123456789abcdef012345\na=ice-ufrag:1a2b\n"
    "a=mid:sdparta_0\na=sctpmap:5001 webrtc-datachannel 256\na=setup:passive\n";

static struct sdp sdp;

static enum err parse(const char *text)
{
    return sdp_parse(bytes_of_text(text), &sdp, NULL);
}

static void descriptions_of_others_are_read(void **state)
{
    static const struct {
        const char *name, *text, *mid, *ufrag, *pwd;
        enum sdp_setup setup;
        uint16_t port;
        uint32_t max_message_bytes;
        size_t candidates, skipped;
    } cases[] = {
        {"Chromium", chromium, "0", "JvDL", "JzncF9a4CcbON7SQ9VhXlgqu", SDP_ACTPASS, 5000, 262144,
         0, 2},
        {"libdatachannel", libdatachannel, "0", "V0zM", "yssSCviH0z5nFP624mgVHG", SDP_ACTIVE, 5000,
         262144, 4, 0},
        {"the old draft", old_draft, "sdparta_0", "1a2b", "0123456789abcdef012345", SDP_PASSIVE,
         5001, 65536, 0, 0},
    };
    uint8_t sha[32];

    (void)state;
    for (size_t i = 0; i < 32; i++)
        assert_true(hex_decode(bytes_of(SHA + 3 * i, 2), sha + i, 1));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (parse(cases[i].text) != ERR_NONE)
            fail_msg("not read: %s", cases[i].name);
        if (!bytes_equal_text(sdp.mid, cases[i].mid) ||
            !bytes_equal_text(sdp.ufrag, cases[i].ufrag) ||
            !bytes_equal_text(sdp.pwd, cases[i].pwd) || sdp.setup != cases[i].setup ||
            sdp.sctp_port != cases[i].port || memcmp(sdp.fingerprint, sha, 32) != 0 ||
            sdp.max_message_bytes != cases[i].max_message_bytes ||
            sdp.candidate_count != cases[i].candidates || sdp.skipped_count != cases[i].skipped)
            fail_msg("read wrongly: %s", cases[i].name);
    }
}

static void a_media_section_wins_against_the_session(void **state)
{
    (void)state;
    assert_int_equal(parse(SESSION "a=setup:actpass\r\na=ice-ufrag:efgh\r\n" MEDIA ICE DTLS SCTP),
                     ERR_NONE);
    assert_int_equal(sdp.setup, SDP_ACTIVE);
    assert_true(bytes_equal_text(sdp.ufrag, "abcd"));
    assert_int_equal(parse(SESSION ICE DTLS SCTP MEDIA "a=setup:passive\r\n"), ERR_NONE);
    assert_int_equal(sdp.setup, SDP_PASSIVE);
}

static void longest_messages_are_read(void **state)
{
    static const struct {
        const char *text;
        uint32_t bytes;
    } cases[] = {
        {GOOD, 65536},
        {GOOD "a=max-message-size:0\r\n", 0},
        {GOOD "a=max-message-size:1073741823\r\n", 1073741823},
        {GOOD "a=max-message-size:99999999999999999999\r\n", UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(parse(cases[i].text), ERR_NONE);
        assert_int_equal(sdp.max_message_bytes, cases[i].bytes);
    }
}

static void what_is_optional_may_be_absent(void **state)
{
    (void)state;
    assert_int_equal(parse(SESSION MEDIA ICE DTLS), ERR_NONE);
    assert_int_equal(sdp.mid.len, 0);
    assert_int_equal(sdp.sctp_port, 5000);
    assert_int_equal(sdp.candidate_count + sdp.skipped_count, 0);
}

static void what_cannot_work_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "this is no session description"},
        {"v=1\r\n", "this is no session description"},
        {SESSION, "0 media sections instead of one"},
        {GOOD MEDIA, "2 media sections instead of one"},
        {GOOD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "2 media sections instead of one"},
        {SESSION "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" ICE DTLS SCTP,
         "the media section is not for data channels"},
        {SESSION "m=application 9 UDP/DTLS/SCTP something\r\n" ICE DTLS SCTP,
         "the media section is not for data channels"},
        {SESSION "m=application 9 UDP/DTLS/SCTP\r\n" ICE DTLS SCTP,
         "the media section is not for data channels"},
        {SESSION "m=application 65536 UDP/DTLS/SCTP webrtc-datachannel\r\n" ICE DTLS SCTP,
         "the media section is not for data channels"},
        {SESSION "m=application 9 DTLS/SCTP 5000\r\n" ICE DTLS SCTP,
         "the media section is not for data channels"},
        {SESSION "m=application 9 DTLS/SCTP 5000\r\na=sctpmap:5001 webrtc-datachannel\r\n" ICE DTLS,
         "the media section is not for data channels"},
        {SESSION "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" ICE DTLS SCTP,
         "the media section is refused (port 0)"},
        {SESSION MEDIA ICE SCTP "a=fingerprint:sha-256 " SHA "\r\n",
         "no side of the DTLS handshake (a=setup)"},
        {GOOD "a=setup:holdconn\r\n", "no side of the DTLS handshake (a=setup)"},
        {GOOD "a=mid:a b\r\n", "the name of the media section (a=mid) is broken"},
        {GOOD "a=mid:0\ra=x\r\n", "the name of the media section (a=mid) is broken"},
        {GOOD "a=mid:123456789012345678901234567890123\r\n",
         "the name of the media section (a=mid) is broken"},
        {SESSION MEDIA DTLS SCTP, "no ICE user (a=ice-ufrag), or a broken one"},
        {GOOD "a=ice-ufrag:abc\r\n", "no ICE user (a=ice-ufrag), or a broken one"},
        {GOOD "a=ice-ufrag:ab cd\r\n", "no ICE user (a=ice-ufrag), or a broken one"},
        {GOOD "a=ice-pwd:012345678901234567890\r\n",
         "no ICE password (a=ice-pwd), or a broken one"},
        {SESSION MEDIA ICE SCTP "a=setup:active\r\na=fingerprint:sha-1 4A:AD\r\n",
         "no SHA-256 of a certificate (a=fingerprint), or a broken one"},
        {GOOD "a=fingerprint:sha-256 " SHA ":00\r\n",
         "no SHA-256 of a certificate (a=fingerprint), or a broken one"},
        {GOOD "a=sctp-port:0\r\n", "the SCTP port is broken"},
        {GOOD "a=sctp-port:65536\r\n", "the SCTP port is broken"},
        {GOOD "a=max-message-size:-1\r\n", "the longest message (a=max-message-size) is broken"},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(sdp_parse(bytes_of_text(cases[i].text), &sdp, &error), ERR_INVALID);
        assert_string_equal(error.text, cases[i].why);
    }
}

static void more_than_we_take_is_left_out_or_refused(void **state)
{
    struct text text = {0};

    (void)state;
    text_add(&text, GOOD);
    for (unsigned i = 0; i < SDP_CANDIDATES_MAX + 3; i++)
        text_addf(&text, "a=candidate:%u 1 udp 1 192.0.2.1 %u typ host\r\n", i, i + 1);
    assert_int_equal(parse(text_str(&text)), ERR_NONE);
    assert_int_equal(sdp.candidate_count, SDP_CANDIDATES_MAX);
    assert_int_equal(sdp.candidates[SDP_CANDIDATES_MAX - 1].port, SDP_CANDIDATES_MAX);
    assert_int_equal(sdp.skipped_count, 3);
    memset(text_grow(&text, SDP_MAX - text.len), '\n', SDP_MAX - text.len);
    assert_int_equal(parse(text_str(&text)), ERR_NONE);
    text_add(&text, "\n");
    assert_int_equal(parse(text_str(&text)), ERR_TOO_LARGE);
    text_fini(&text);
}

static void descriptions_are_written(void **state)
{
    struct text out = {0};

    (void)state;
    assert_int_equal(parse(libdatachannel), ERR_NONE);
    sdp_write(&out, &sdp, UINT64_MAX);
    assert_string_equal(
        text_str(&out),
        "v=0\r\no=- 9223372036854775807 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        "a=candidate:2 1 udp 2116026111 fd00::2 55948 typ host\r\n"
        "a=candidate:1 1 udp 2114977791 192.0.2.2 55948 typ host\r\n"
        "a=candidate:3 1 tcp 1289747967 fd00::2 9 typ host tcptype active\r\n"
        "a=candidate:4 1 tcp 1288699135 192.0.2.2 9 typ host tcptype active\r\n"
        "a=end-of-candidates\r\na=ice-ufrag:V0zM\r\na=ice-pwd:yssSCviH0z5nFP624mgVHG\r\n"
        "a=fingerprint:sha-256 " SHA "\r\na=setup:active\r\na=mid:0\r\na=sctp-port:5000\r\n"
        "a=max-message-size:262144\r\n");
    text_fini(&out);
}

static void without_a_name_there_is_no_bundle(void **state)
{
    struct text out = {0};

    (void)state;
    assert_int_equal(parse(SESSION MEDIA ICE DTLS), ERR_NONE);
    sdp_write(&out, &sdp, 1);
    assert_null(strstr(text_str(&out), "BUNDLE"));
    assert_null(strstr(text_str(&out), "a=mid"));
    text_fini(&out);
}

static void candidates_are_read_and_written(void **state)
{
    static const struct {
        const char *line, *written; /* NULL: skipped */
    } cases[] = {
        {"candidate:1 1 udp 2113937151 192.0.2.2 42459 typ host generation 0 network-cost 999",
         "candidate:1 1 udp 2113937151 192.0.2.2 42459 typ host"},
        {"a=candidate:a+/9 1 UDP 1 2001:DB8:0::1 1 typ host",
         "candidate:a+/9 1 udp 1 2001:db8::1 1 typ host"},
        {"candidate:1 1 udp 1 ::ffff:192.0.2.2 1 typ host",
         "candidate:1 1 udp 1 192.0.2.2 1 typ host"},
        {"candidate:1 1 udp 4294967295 198.51.100.7 65535 typ srflx raddr 192.0.2.2 rport 46154",
         "candidate:1 1 udp 4294967295 198.51.100.7 65535 typ srflx raddr 0.0.0.0 rport 0"},
        {"candidate:1 1 udp 1 2001:db8::1 1 typ relay raddr :: rport 0",
         "candidate:1 1 udp 1 2001:db8::1 1 typ relay raddr 0.0.0.0 rport 0"},
        {"candidate:1 1 udp 1 192.0.2.2 1 typ prflx",
         "candidate:1 1 udp 1 192.0.2.2 1 typ prflx raddr 0.0.0.0 rport 0"},
        {"candidate:1 1 tcp 1 192.0.2.2 1 typ host tcptype passive generation 0",
         "candidate:1 1 tcp 1 192.0.2.2 1 typ host tcptype passive"},
        {"candidate:1 1 TCP 1 192.0.2.2 0 typ host generation 0 tcptype active",
         "candidate:1 1 tcp 1 192.0.2.2 0 typ host tcptype active"},
        {"candidate:1 1 tcp 1 192.0.2.2 1 typ srflx tcptype so",
         "candidate:1 1 tcp 1 192.0.2.2 1 typ srflx raddr 0.0.0.0 rport 0 tcptype so"},
        {"candidate:12345678901234567890123456789012 1 udp 1 192.0.2.2 1 typ host odd",
         "candidate:12345678901234567890123456789012 1 udp 1 192.0.2.2 1 typ host"},
        {"", NULL},
        {"candidate:", NULL},
        {"1 1 udp 1 192.0.2.2 1 typ host", NULL},
        {"candidate:1 1 udp 1 c6dd38c1-a4da-4910-893d-98b45fdaa10a.local 1 typ host", NULL},
        {"candidate:1 1 udp 1 example.org 1 typ host", NULL},
        {"candidate:1 1 udp 1 fe80::1%eth0 1 typ host", NULL},
        {"candidate:1 1 udp 1 192.0.2 1 typ host", NULL},
        {"candidate:1 1 udp 1 192.0.2.2 0 typ host", NULL},
        {"candidate:1 1 udp 1 192.0.2.2 65536 typ host", NULL},
        {"candidate:1 1 udp 4294967296 192.0.2.2 1 typ host", NULL},
        {"candidate:1 1 udp -1 192.0.2.2 1 typ host", NULL},
        {"candidate:1 2 udp 1 192.0.2.2 1 typ host", NULL},
        {"candidate:1 1 sctp 1 192.0.2.2 1 typ host", NULL},
        {"candidate:1 1 tcp 1 192.0.2.2 1 typ host", NULL},
        {"candidate:1 1 tcp 1 192.0.2.2 1 typ host tcptype odd", NULL},
        {"candidate:1 1 tcp 1 192.0.2.2 1 typ host tcptype", NULL},
        {"candidate:1 1 tcp 1 192.0.2.2 0 typ host tcptype passive", NULL},
        {"candidate:1 1 udp 1 192.0.2.2 1 typ odd", NULL},
        {"candidate:1 1 udp 1 192.0.2.2 1 typ", NULL},
        {"candidate:1 1 udp 1 192.0.2.2 1 host", NULL},
        {"candidate:a_b 1 udp 1 192.0.2.2 1 typ host", NULL},
        {"candidate:123456789012345678901234567890123 1 udp 1 192.0.2.2 1 typ host", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sdp_candidate candidate;
        struct text out = {0};
        bool is_taken = sdp_candidate_parse(bytes_of_text(cases[i].line), &candidate);

        if (is_taken != (cases[i].written != NULL))
            fail_msg("%s is %staken", cases[i].line, is_taken ? "" : "not ");
        if (!is_taken)
            continue;
        sdp_candidate_write(&out, &candidate);
        assert_string_equal(text_str(&out), cases[i].written);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptions_of_others_are_read),
        cmocka_unit_test(a_media_section_wins_against_the_session),
        cmocka_unit_test(longest_messages_are_read),
        cmocka_unit_test(what_is_optional_may_be_absent),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(more_than_we_take_is_left_out_or_refused),
        cmocka_unit_test(descriptions_are_written),
        cmocka_unit_test(without_a_name_there_is_no_bundle),
        cmocka_unit_test(candidates_are_read_and_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
