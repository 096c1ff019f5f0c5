/* SPDX-License-Identifier: MIT */
#include "wire/tracker_ws_client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"
#include "wire/json.h"
#include "wire/sdp.h"

/* As recorded from bittorrent-tracker 11.2.3: the hash is c3 ff and 18 times 'a'. */
#define HASH                                                                                       \
    "\xc3\x83\xc3\xbf"                                                                             \
    "aaaaaaaaaaaaaaaaaa"
#define OF_HASH     "\"info_hash\":\"" HASH "\""
#define FROM        "\"peer_id\":\"-WW0001-bbbbbbbbbbbb\""
#define OFFER_ID    "\"offer_id\":\"pppppppppppppppppppp\""
#define SESSION     "{\"type\":\"offer\",\"sdp\":\"SDPB\"}"
#define IS_ANNOUNCE "\"action\":\"announce\""

static const struct infohash hash = {.bytes = "\xc3\xff"
                                              "aaaaaaaaaaaaaaaaaa"};
static const uint8_t peer_a[] = "-WW0001-aaaaaaaaaaaa", peer_b[] = "-WW0001-bbbbbbbbbbbb";

static struct wsc_message message;

static enum err parse(const char *text)
{
    return wsc_parse(bytes_of_text(text), &message, NULL);
}

static void assert_text(struct text *text, const char *expected)
{
    assert_string_equal(text_str(text), expected);
    text_fini(text);
}

static void replies_are_read(void **state)
{
    static const struct {
        const char *text;
        uint32_t complete, incomplete, interval_s;
    } cases[] = {
        {"{\"complete\":1,\"incomplete\":2," IS_ANNOUNCE ",\"interval\":120," OF_HASH "}", 1, 2,
         120},
        {"{" IS_ANNOUNCE "," OF_HASH "}", 0, 0, 0},
        {"{\"complete\":null,\"incomplete\":-1," IS_ANNOUNCE ",\"interval\":\"7\"," OF_HASH "}", 0,
         0, 0},
        {"{\"complete\":4294967296,\"incomplete\":99999999999999999999," IS_ANNOUNCE
         ",\"interval\":86401," OF_HASH "}",
         UINT32_MAX, UINT32_MAX, 86400},
        {"{" IS_ANNOUNCE ",\"interval\":1.5," OF_HASH ",\"offer\":null,\"answer\":false}", 0, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(parse(cases[i].text), ERR_NONE);
        assert_int_equal(message.kind, WSC_REPLY);
        assert_memory_equal(message.hash.bytes, hash.bytes, 20);
        assert_int_equal(message.complete, cases[i].complete);
        assert_int_equal(message.incomplete, cases[i].incomplete);
        assert_int_equal(message.interval_s, cases[i].interval_s);
    }
}

static void offers_and_answers_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{" IS_ANNOUNCE ",\"offer\":" SESSION "," OFFER_ID "," FROM "," OF_HASH "}"),
        ERR_NONE);
    assert_int_equal(message.kind, WSC_OFFER);
    assert_memory_equal(message.hash.bytes, hash.bytes, 20);
    assert_memory_equal(message.peer_id, peer_b, 20);
    assert_memory_equal(message.offer_id, "pppppppppppppppppppp", 20);
    assert_true(bytes_equal_text(message.session, SESSION));
    assert_int_equal(parse("{" IS_ANNOUNCE ",\"answer\":{}," OFFER_ID "," FROM "," OF_HASH "}"),
                     ERR_NONE);
    assert_int_equal(message.kind, WSC_ANSWER);
    assert_true(bytes_equal_text(message.session, "{}"));
}

static void binary_strings_may_hold_any_byte(void **state)
{
    (void)state;
    assert_int_equal(parse("{" IS_ANNOUNCE ",\"offer\":{}," OF_HASH
                           ",\"peer_id\":\"\\u0000\\u0001\\n\\\"\\\\aaaaaaaaaaaaaa\xc2\x80\","
                           "\"offer_id\":\"\xc3\xbf\\u00ff\\u00FFaaaaaaaaaaaaaaaa\\u0000\"}"),
                     ERR_NONE);
    assert_memory_equal(message.peer_id, "\0\1\n\"\\aaaaaaaaaaaaaa\x80", 20);
    assert_memory_equal(message.offer_id,
                        "\xff\xff\xff"
                        "aaaaaaaaaaaaaaaa",
                        20);
}

static void failures_are_read(void **state)
{
    static const struct infohash none;

    (void)state;
    assert_int_equal(parse("{\"failure reason\":\"say \\\"why\\\"\"}"), ERR_NONE);
    assert_int_equal(message.kind, WSC_FAILURE);
    assert_memory_equal(message.hash.bytes, none.bytes, 20);
    assert_true(bytes_equal_text(message.failure, "say \\\"why\\\""));
    assert_int_equal(parse("{" IS_ANNOUNCE ",\"failure reason\":\"invalid event\"," OF_HASH "}"),
                     ERR_NONE);
    assert_int_equal(message.kind, WSC_FAILURE);
    assert_memory_equal(message.hash.bytes, hash.bytes, 20);
    assert_int_equal(parse("{\"failure reason\":\"x\",\"info_hash\":\"\xc3\xbf"
                           "short\"}"),
                     ERR_NONE);
    assert_int_equal(message.kind, WSC_FAILURE);
    assert_memory_equal(message.hash.bytes, none.bytes, 20);
}

/* Between characters, and half an escape at the end does no harm. */
static void long_failures_are_cut(void **state)
{
    static const struct {
        const char *end;
        size_t kept, decoded;
    } cases[] = {
        {"aaaa", WSC_FAILURE_MAX, WSC_FAILURE_MAX},
        {"a\xc3\xbf"
         "a",
         WSC_FAILURE_MAX - 1, WSC_FAILURE_MAX - 1},
        {"a\\na", WSC_FAILURE_MAX, WSC_FAILURE_MAX - 1},
        {"\\u00e9", WSC_FAILURE_MAX, WSC_FAILURE_MAX - 2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text text = {0}, decoded = {0};

        text_add(&text, "{\"failure reason\":\"");
        memset(text_grow(&text, WSC_FAILURE_MAX - 2), 'x', WSC_FAILURE_MAX - 2);
        text_addf(&text, "%s\"}", cases[i].end);
        assert_int_equal(parse(text_str(&text)), ERR_NONE);
        assert_int_equal(message.failure.len, cases[i].kept);
        json_string_decode(message.failure, &decoded);
        assert_int_equal(decoded.len, cases[i].decoded);
        text_fini(&text);
        text_fini(&decoded);
    }
}

static void what_is_not_for_us_is_told_apart(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"action\":\"scrape\",\"files\":{}}",
        "{\"action\":7," OF_HASH "}",
        "{\"warning message\":\"x\"}",
        "{\"failure reason\":null}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(parse(cases[i]), ERR_NONE);
        assert_int_equal(message.kind, WSC_OTHER);
    }
}

static void what_is_broken_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "this is not a JSON object"},
        {"[]", "this is not a JSON object"},
        {"{" IS_ANNOUNCE, "this is not a JSON object"},
        {"{" IS_ANNOUNCE "}", "invalid info_hash"},
        {"{" IS_ANNOUNCE ",\"info_hash\":7}", "invalid info_hash"},
        {"{" IS_ANNOUNCE ",\"info_hash\":\"aaaaaaaaaaaaaaaaaaa\"}", "invalid info_hash"},
        {"{" IS_ANNOUNCE ",\"info_hash\":\"aaaaaaaaaaaaaaaaaaa\xc4\x80\"}", "invalid info_hash"},
        {"{" IS_ANNOUNCE "," OF_HASH "," OFFER_ID ",\"offer\":{}}", "invalid peer_id"},
        {"{" IS_ANNOUNCE "," OF_HASH "," FROM ",\"answer\":{}}", "invalid offer_id"},
        {"{" IS_ANNOUNCE "," OF_HASH "," FROM ",\"offer_id\":\"x\",\"answer\":{}}",
         "invalid offer_id"},
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(wsc_parse(bytes_of_text(cases[i].text), &message, &error), ERR_INVALID);
        assert_string_equal(error.text, cases[i].why);
    }
}

static void announces_are_those_of_the_original(void **state)
{
    const struct wsc_offer offers[] = {
        {.id = "oooooooooooooooooooo", .sdp = bytes_of_text("SDPA")},
        {.id = {0, '"', '\\', 0xff}, .sdp = bytes_of_text("v=0\r\n\"")},
    };
    struct wsc_announce announce = {
        .hash = hash, .event = EVENT_STARTED, .offers = offers, .offer_count = 1};
    struct text out = {0};

    (void)state;
    memcpy(announce.peer_id, peer_a, 20);
    wsc_announce_write(&out, &announce);
    assert_text(&out, "{\"numwant\":1,\"uploaded\":0,\"downloaded\":0,\"left\":0,\"event\":"
                      "\"started\",\"action\":\"announce\"," OF_HASH
                      ",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\",\"offers\":[{\"offer\":{\"type\":"
                      "\"offer\",\"sdp\":\"SDPA\"},\"offer_id\":\"oooooooooooooooooooo\"}]}");
    announce.event = EVENT_NONE;
    announce.uploaded = 1;
    announce.downloaded = 2;
    announce.left = UINT64_MAX;
    announce.offer_count = 2;
    wsc_announce_write(&out, &announce);
    assert_text(
        &out, "{\"numwant\":2,\"uploaded\":1,\"downloaded\":2,\"left\":18446744073709551615,"
              "\"action\":\"announce\"," OF_HASH
              ",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\",\"offers\":[{\"offer\":{\"type\":\"offer\","
              "\"sdp\":\"SDPA\"},\"offer_id\":\"oooooooooooooooooooo\"},{\"offer\":{\"type\":"
              "\"offer\",\"sdp\":\"v=0\\u000d\\u000a\\\"\"},\"offer_id\":\"\\u0000\\\"\\\\\xc3\xbf"
              "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000"
              "\\u0000\\u0000\\u0000\\u0000\\u0000\"}]}");
    announce.event = EVENT_STOPPED;
    announce.left = announce.offer_count = 0;
    wsc_announce_write(&out, &announce);
    assert_text(&out, "{\"numwant\":0,\"uploaded\":1,\"downloaded\":2,\"left\":0,\"event\":"
                      "\"stopped\",\"action\":\"announce\"," OF_HASH
                      ",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\",\"offers\":[]}");
}

static void answers_are_those_of_the_original(void **state)
{
    struct text out = {0};

    (void)state;
    wsc_answer_write(&out, &hash, peer_a, peer_b, (const uint8_t *)"pppppppppppppppppppp",
                     bytes_of_text("ANS"));
    assert_text(&out, "{\"action\":\"announce\"," OF_HASH
                      ",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\",\"to_peer_id\":"
                      "\"-WW0001-bbbbbbbbbbbb\",\"answer\":{\"type\":\"answer\",\"sdp\":\"ANS\"},"
                      "\"offer_id\":\"pppppppppppppppppppp\"}");
}

static void sessions_are_unwrapped(void **state)
{
    static const struct {
        const char *json, *type, *sdp; /* NULL: refused */
    } cases[] = {
        {"{\"type\":\"offer\",\"sdp\":\"v=0\\r\\no=\\u0041\\/\"}", "offer", "v=0\r\no=A/"},
        {" { \"sdp\" : \"\" , \"more\" : [ 1 ] , \"type\" : \"answ\\u0065r\" } ", "answer", ""},
        {"{\"type\":\"offer\",\"sdp\":\"x\"}", "answer", NULL},
        {"{\"type\":\"offers\",\"sdp\":\"x\"}", "offer", NULL},
        {"{\"type\":\"offer\"}", "offer", NULL},
        {"{\"sdp\":\"x\"}", "offer", NULL},
        {"{\"type\":\"offer\",\"sdp\":7}", "offer", NULL},
        {"{\"type\":\"offer\",\"sdp\":\"x\"", "offer", NULL},
        {"\"offer\"", "offer", NULL},
        {"", "offer", NULL},
    };
    struct text sdp = {0};

    (void)state;
    text_add(&sdp, "what was there before");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (wsc_session_parse(bytes_of_text(cases[i].json), cases[i].type, &sdp) !=
            (cases[i].sdp != NULL))
            fail_msg("%s is %staken", cases[i].json, cases[i].sdp != NULL ? "not " : "");
        if (cases[i].sdp != NULL)
            assert_string_equal(text_str(&sdp), cases[i].sdp);
    }
    text_fini(&sdp);
}

/* However it is escaped. */
static void descriptions_have_a_longest_length(void **state)
{
    static const char *const escapes[] = {"x", "\\n", "\\u0041"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        struct text json = {0}, sdp = {0};

        text_add(&json, "{\"type\":\"offer\",\"sdp\":\"");
        for (size_t count = 0; count < SDP_MAX; count++)
            text_add(&json, escapes[i]);
        text_add(&json, "\"}");
        assert_true(wsc_session_parse(bytes_of(json.data, json.len), "offer", &sdp));
        assert_int_equal(sdp.len, SDP_MAX);
        json.len -= 2;
        text_add(&json, "x\"}");
        assert_false(wsc_session_parse(bytes_of(json.data, json.len), "offer", &sdp));
        text_fini(&json);
        text_fini(&sdp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(offers_and_answers_are_read),
        cmocka_unit_test(binary_strings_may_hold_any_byte),
        cmocka_unit_test(failures_are_read),
        cmocka_unit_test(long_failures_are_cut),
        cmocka_unit_test(what_is_not_for_us_is_told_apart),
        cmocka_unit_test(what_is_broken_is_refused),
        cmocka_unit_test(announces_are_those_of_the_original),
        cmocka_unit_test(answers_are_those_of_the_original),
        cmocka_unit_test(sessions_are_unwrapped),
        cmocka_unit_test(descriptions_have_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
