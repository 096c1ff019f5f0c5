/* SPDX-License-Identifier: MIT */
#include "wire/tracker_ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* As recorded from bittorrent-tracker 11.2.3: the hash is c3 ff and 18 times 'a'. */
#define HASH                                                                                       \
    "\xc3\x83\xc3\xbf"                                                                             \
    "aaaaaaaaaaaaaaaaaa"
#define WHO "\"info_hash\":\"" HASH "\",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\""

static struct ws_message message;
static char failure[WS_FAILURE_MAX];

static enum ws_parsed parse(const char *text)
{
    return ws_message_parse(bytes_of_text(text), &message, failure);
}

static void assert_text(struct text *text, const char *expected)
{
    assert_string_equal(text_str(text), expected);
    text_fini(text);
}

static void announces_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"numwant\":1,\"uploaded\":0,\"downloaded\":0,\"left\":0,\"event\":\"started\","
              "\"action\":\"announce\"," WHO ",\"offers\":[{\"offer\":{\"type\":\"offer\",\"sdp\":"
              "\"SDPA\"},\"offer_id\":\"oooooooooooooooooooo\"}]}"),
        WS_OK);
    assert_int_equal(message.kind, WS_ANNOUNCE);
    assert_memory_equal(message.hash.bytes,
                        "\xc3\xff"
                        "aaaaaaaaaaaaaaaaaa",
                        20);
    assert_memory_equal(message.peer_id, "-WW0001-aaaaaaaaaaaa", 20);
    assert_int_equal(message.event, EVENT_STARTED);
    assert_true(message.is_seed && message.has_want);
    assert_int_equal(message.want, 1);
    assert_int_equal(message.offer_count, 1);
    assert_true(bytes_equal_text(message.offers[0].offer, "{\"type\":\"offer\",\"sdp\":\"SDPA\"}"));
    assert_true(bytes_equal_text(message.offers[0].id, "\"oooooooooooooooooooo\""));
}

static void what_is_not_zero_is_no_seed(void **state)
{
    static const struct {
        const char *left;
        bool is_seed;
    } cases[] = {{"0", true},     {"0.0", true}, {"-0", true},     {"0e5", true},  {"1", false},
                 {"null", false}, {"-1", false}, {"\"0\"", false}, {"0.1", false}, {"[]", false}};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "{\"action\":\"announce\"," WHO ",\"left\":%s}",
                 cases[i].left);
        assert_int_equal(parse(text), WS_OK);
        assert_int_equal(message.is_seed, cases[i].is_seed);
    }
    assert_int_equal(parse("{\"action\":\"announce\"," WHO "}"), WS_OK);
    assert_false(message.is_seed);
}

static void answers_are_read(void **state)
{
    struct text out = {0};

    (void)state;
    assert_int_equal(parse("{\"action\":\"announce\"," WHO
                           ",\"to_peer_id\":\"-WW0001-bbbbbbbbbbbb\","
                           "\"answer\":{\"type\":\"answer\",\"sdp\":\"ANS\"},\"offer_id\":"
                           "\"pppppppppppppppppppp\"}"),
                     WS_OK);
    assert_int_equal(message.kind, WS_ANSWER);
    assert_memory_equal(message.to_peer_id, "-WW0001-bbbbbbbbbbbb", 20);
    ws_answer_write(&out, &message.hash, message.peer_id, message.answer, message.offer_id);
    assert_text(&out, "{\"action\":\"announce\",\"answer\":{\"type\":\"answer\",\"sdp\":\"ANS\"},"
                      "\"offer_id\":\"pppppppppppppppppppp\",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\","
                      "\"info_hash\":\"" HASH "\"}");
}

static void ids_are_read_and_written(void **state)
{
    static const char *const bad[] = {"",
                                      "null",
                                      "7",
                                      "\"short\"",
                                      "\"aaaaaaaaaaaaaaaaaaaaa\"",
                                      "\"aaaaaaaaaaaaaaaaaaa\\u0100\"",
                                      "[\"aaaaaaaaaaaaaaaaaaaa\"]"};
    static const uint8_t bytes[WS_ID_BYTES] = "\0\x1f\"\\\x7f\x80\xff/aaaaaaaaaaaa";
    struct text json = {0};
    uint8_t out[WS_ID_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(ws_id_read(bytes_of_text(bad[i]), out));
    ws_id_write(&json, bytes);
    assert_true(ws_id_read(bytes_of(json.data, json.len), out));
    assert_memory_equal(out, bytes, sizeof(bytes));
    text_fini(&json);
    assert_true(ws_id_read(bytes_of_text("\"\\u0061\\n\\/aaaaaaaaaaaaaaaaa\""), out));
    assert_memory_equal(out, "a\n/aaaaaaaaaaaaaaaaa", sizeof(out));
}

static void scrapes_are_read(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"action\":\"scrape\",\"info_hash\":\"" HASH "\"}"), WS_OK);
    assert_int_equal(message.kind, WS_SCRAPE);
    assert_int_equal(message.scrape_count, 1);
    assert_int_equal(
        parse("{\"action\":\"scrape\",\"info_hash\":[\"" HASH "\",\"zzzzzzzzzzzzzzzzzzzz\"]}"),
        WS_OK);
    assert_int_equal(message.scrape_count, 2);
    assert_int_equal(parse("{\"action\":\"scrape\"}"), WS_OK);
    assert_int_equal(message.scrape_count, 0);
    assert_int_equal(parse("{\"action\":\"scrape\",\"info_hash\":[\"short\"]}"), WS_INVALID);
    assert_int_equal(parse("{\"action\":\"scrape\",\"info_hash\":7}"), WS_INVALID);
}

static void nul_and_control_bytes_work(void **state)
{
    struct text out = {0};

    (void)state;
    assert_int_equal(
        parse("{\"action\":\"announce\",\"info_hash\":\"\\u0000\\u0001\\n\\\"\\\\aaaaaaaaaaaaaa"
              "\xc2\x80\",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\"}"),
        WS_OK);
    assert_memory_equal(message.hash.bytes, "\0\1\n\"\\aaaaaaaaaaaaaa\x80", 20);
    ws_reply_write(&out, &message.hash, 1, 0, 120);
    assert_text(&out, "{\"complete\":1,\"incomplete\":0,\"action\":\"announce\",\"interval\":120,"
                      "\"info_hash\":\"\\u0000\\u0001\\u000a\\\"\\\\aaaaaaaaaaaaaa\xc2\x80\"}");
}

static void failures_are_those_of_the_original(void **state)
{
    static const struct {
        const char *text;
        enum ws_parsed parsed;
        const char *why;
    } cases[] = {
        {"{\"action\":\"announce\",\"info_hash\":\"short\",\"peer_id\":\"-WW0001-aaaaaaaaaaaa\"}",
         WS_INVALID, "invalid info_hash"},
        {"{\"action\":\"announce\",\"info_hash\":\"" HASH "\",\"peer_id\":7}", WS_INVALID,
         "invalid peer_id"},
        {"{\"action\":\"announce\"," WHO ",\"answer\":{}}", WS_INVALID,
         "invalid `to_peer_id` (required with `answer`)"},
        {"{\"action\":\"announce\"," WHO ",\"event\":\"bogus\",\"left\":0}", WS_REFUSED,
         "invalid event"},
        {"{\"action\":\"announce\"," WHO ",\"offers\":[7]}", WS_REFUSED, "invalid offers"},
        {"{\"action\":\"announce\"," WHO ",\"offers\":[{\"offer\":{}}]}", WS_REFUSED,
         "invalid offers"},
        {"{\"action\":\"announce\"," WHO ",\"offers\":{}}", WS_REFUSED, "invalid offers"},
        {"{\"action\":\"zzz\"}", WS_INVALID, "invalid action in WS request: zzz"},
        {"{\"action\":\"z\\u0000\"}", WS_INVALID, "invalid action in WS request: z"},
        {"{}", WS_INVALID, "invalid action in WS request: "},
        {"not json", WS_INVALID, "this is not a JSON object"},
        {"[]", WS_INVALID, "this is not a JSON object"},
        {"", WS_INVALID, "this is not a JSON object"},
        {"{\"action\":\"announce\"", WS_INVALID, "this is not a JSON object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse(cases[i].text), cases[i].parsed);
        assert_string_equal(failure, cases[i].why);
    }
}

static void more_offers_than_we_take_are_left_out(void **state)
{
    struct text text = {0};

    (void)state;
    text_add(&text, "{\"action\":\"announce\"," WHO ",\"offers\":[");
    for (unsigned i = 0; i < WS_OFFERS_MAX + 5; i++)
        text_addf(&text, "%s{\"offer\":%u,\"offer_id\":\"x\"}", i > 0 ? "," : "", i);
    text_add(&text, "]}");
    assert_int_equal(parse(text_str(&text)), WS_OK);
    assert_int_equal(message.offer_count, WS_OFFERS_MAX);
    text_fini(&text);
}

static void messages_have_the_form_of_the_original(void **state)
{
    const struct ws_offer offer = {.offer = bytes_of_text("{\"type\":\"offer\",\"sdp\":\"SDPB\"}"),
                                   .id = bytes_of_text("\"pppppppppppppppppppp\"")};
    struct infohash hash, other;
    struct text out = {0};

    (void)state;
    memcpy(hash.bytes,
           "\xc3\xff"
           "aaaaaaaaaaaaaaaaaa",
           20);
    memcpy(other.bytes, "zzzzzzzzzzzzzzzzzzzz", 20);
    ws_offer_write(&out, &hash, (const uint8_t *)"-WW0001-bbbbbbbbbbbb", &offer);
    assert_text(&out, "{\"action\":\"announce\",\"offer\":{\"type\":\"offer\",\"sdp\":\"SDPB\"},"
                      "\"offer_id\":\"pppppppppppppppppppp\",\"peer_id\":\"-WW0001-bbbbbbbbbbbb\","
                      "\"info_hash\":\"" HASH "\"}");
    ws_failure_write(&out, NULL, "invalid info_hash");
    assert_text(&out, "{\"failure reason\":\"invalid info_hash\"}");
    ws_failure_write(&out, &hash, "invalid event");
    assert_text(&out, "{\"action\":\"announce\",\"failure reason\":\"invalid event\",\"info_hash\":"
                      "\"" HASH "\"}");
    ws_scrape_begin(&out);
    ws_scrape_add(&out, &hash, 1, 1, 1);
    ws_scrape_add(&out, &other, 0, 0, 0);
    ws_scrape_end(&out, 600);
    assert_text(&out,
                "{\"action\":\"scrape\",\"files\":{\"" HASH
                "\":{\"complete\":1,\"incomplete\":1,\"downloaded\":1},\"zzzzzzzzzzzzzzzzzzzz\":"
                "{\"complete\":0,\"incomplete\":0,\"downloaded\":0}},\"flags\":{\"min_request_"
                "interval\":600}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announces_are_read),
        cmocka_unit_test(what_is_not_zero_is_no_seed),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(ids_are_read_and_written),
        cmocka_unit_test(scrapes_are_read),
        cmocka_unit_test(nul_and_control_bytes_work),
        cmocka_unit_test(failures_are_those_of_the_original),
        cmocka_unit_test(more_offers_than_we_take_are_left_out),
        cmocka_unit_test(messages_have_the_form_of_the_original),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
