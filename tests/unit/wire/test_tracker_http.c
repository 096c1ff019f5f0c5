/* SPDX-License-Identifier: MIT */
#include "wire/tracker_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WHO "info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001&port=6881"

static const char *parse(const char *query, struct announce_query *out)
{
    return announce_query_parse(bytes_of_text(query), out);
}

static void announces_are_read(void **state)
{
    struct announce_query query;

    (void)state;
    assert_null(parse(WHO "&left=0&uploaded=0&downloaded=0&compact=1&event=started&numwant=30"
                          "&key=1234&no_peer_id=1&supportcrypto=1&ip=10.0.0.1",
                      &query));
    assert_memory_equal(query.hash.bytes,
                        "\xc3\xff"
                        "aaaaaaaaaaaaaaaaaa",
                        20);
    assert_memory_equal(query.peer_id, "-TR2940-000000000001", 20);
    assert_int_equal(query.port, 6881);
    assert_int_equal(query.event, EVENT_STARTED);
    assert_true(query.is_seed && query.is_compact && query.has_want);
    assert_int_equal(query.want, 30);
    assert_true(bytes_equal_text(query.ip, "10.0.0.1"));
    /* Bytes may come unescaped; a plus is a plus. */
    assert_null(
        parse("info_hash=\xc3\xff+aaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001&port=1", &query));
    assert_memory_equal(query.hash.bytes, "\xc3\xff+aaaaaaaaaaaaaaaaa", 20);
    assert_false(query.is_seed);
}

static void strange_numbers_are_no_zero(void **state)
{
    static const struct {
        const char *tail;
        bool is_seed, is_compact;
        uint32_t want;
    } cases[] = {{"&left=-1", false, true, 0},
                 {"&left=", false, true, 0},
                 {"&left=00", true, true, 0},
                 {"&left=0x", false, true, 0},
                 {"&left=99999999999999999999999", false, true, 0},
                 {"&left=Infinity", false, true, 0},
                 {"&compact=0", false, false, 0},
                 {"&compact=2", false, true, 0},
                 {"&numwant=-1", false, true, 0},
                 {"&numwant=99999999999999999999999", false, true, UINT32_MAX}};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct announce_query query;

        snprintf(text, sizeof(text), "%s%s", WHO, cases[i].tail);
        assert_null(parse(text, &query));
        assert_int_equal(query.is_seed, cases[i].is_seed);
        assert_int_equal(query.is_compact, cases[i].is_compact);
        assert_int_equal(query.want, cases[i].want);
    }
}

static void failures_are_those_of_the_original(void **state)
{
    static const struct {
        const char *query, *why;
    } cases[] = {
        {"", "invalid info_hash"},
        {"&&&==&=", "invalid info_hash"},
        {"info_hash=short&peer_id=-TR2940-000000000001&port=1", "invalid info_hash"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaaX&port=1", "invalid info_hash"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaa%a&port=1", "invalid info_hash"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=short&port=6883", "invalid peer_id"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&port=6883", "invalid peer_id"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001", "invalid port"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001&port=0", "invalid port"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001&port=65536",
         "invalid port"},
        {"info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&peer_id=-TR2940-000000000001&port=-1", "invalid port"},
        {WHO "&event=bogus", "invalid event"},
        {WHO "&port=6881", "a parameter comes twice"},
        {WHO "&" WHO, "a parameter comes twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct announce_query query;
        const char *why = parse(cases[i].query, &query);

        assert_non_null(why);
        assert_string_equal(why, cases[i].why);
    }
}

static void scrapes_are_read(void **state)
{
    struct infohash hashes[2];

    (void)state;
    assert_int_equal(scrape_query_parse(bytes_of_text("info_hash=%C3%FFaaaaaaaaaaaaaaaaaa&x=1&"
                                                      "info_hash=bbbbbbbbbbbbbbbbbbbb"),
                                        hashes, 2),
                     2);
    assert_memory_equal(hashes[0].bytes,
                        "\xc3\xff"
                        "aaaaaaaaaaaaaaaaaa",
                        20);
    assert_int_equal(
        scrape_query_parse(bytes_of_text("info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=b"), hashes, 2),
        0);
    assert_int_equal(scrape_query_parse(bytes_of_text("info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash="
                                                      "bbbbbbbbbbbbbbbbbbbb"),
                                        hashes, 1),
                     0);
    assert_int_equal(scrape_query_parse(bytes_of_text(""), hashes, 2), 0);
}

static void single_parameters_are_decoded(void **state)
{
    uint8_t out[8];

    (void)state;
    assert_int_equal(announce_param(bytes_of_text("a=1&passkey=ab%2dc"), "passkey", out, 8), 4);
    assert_memory_equal(out, "ab-c", 4);
    assert_int_equal(announce_param(bytes_of_text("a=1"), "passkey", out, 8), -1);
    assert_int_equal(announce_param(bytes_of_text("k=1&k=2"), "k", out, 8), -1);
    assert_int_equal(announce_param(bytes_of_text("k=123456789"), "k", out, 8), -1);
    assert_int_equal(announce_param(bytes_of_text("k=%2"), "k", out, 8), -1);
}

static void assert_text(struct text *text, const char *expected, size_t len)
{
    assert_int_equal(text->len, len);
    assert_memory_equal(text->data, expected, len);
    text_fini(text);
}

#define LITERAL(text) text, sizeof(text) - 1

static void replies_are_bencoded(void **state)
{
    static const uint8_t peers[] = "\x7f\0\0\1\x1a\xe2"
                                   "\x0a\0\0\2\0\x50";
    struct announce_reply reply = {.complete = 1,
                                   .incomplete = 2,
                                   .interval_s = 600,
                                   .min_interval_s = 60,
                                   .is_compact = true,
                                   .peers4 = bytes_of(peers, 12)};
    struct text out = {0};

    (void)state;
    announce_reply_write(&out, &reply);
    assert_text(&out,
                LITERAL("d8:completei1e10:incompletei2e8:intervali600e12:min intervali60e5:peers12:"
                        "\x7f\0\0\1\x1a\xe2"
                        "\x0a\0\0\2\0\x50"
                        "6:peers60:e"));
    reply.is_compact = false;
    reply.external_ip = bytes_of("\x7f\0\0\1", 4);
    reply.peers6 = bytes_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\x50", 18);
    announce_reply_write(&out, &reply);
    assert_text(&out, LITERAL("d8:completei1e11:external ip4:\x7f\0\0\1"
                              "10:incompletei2e8:interval"
                              "i600e12:min intervali60e5:peersld2:ip9:127.0.0.14:porti6882eed2:ip8:"
                              "10.0.0.24:porti80eed2:ip3:::14:porti80eeee"));
    announce_failure_write(&out, "invalid port", 0);
    assert_text(&out, LITERAL("d14:failure reason12:invalid porte"));
    announce_failure_write(&out, "no", 5);
    assert_text(&out, LITERAL("d14:failure reason2:no8:retry ini5ee"));
    announce_failure_write(&out, "no", UINT32_MAX);
    assert_text(&out, LITERAL("d14:failure reason2:no8:retry in5:nevere"));
}

/* The original encodes the hash as UTF-8, 22 bytes here; BEP 48 says 20. */
static void scraped_hashes_are_raw(void **state)
{
    struct infohash hash;
    struct text out = {0};

    (void)state;
    memcpy(hash.bytes,
           "\xc3\xff"
           "aaaaaaaaaaaaaaaaaa",
           20);
    scrape_reply_begin(&out);
    scrape_reply_add(&out, &hash, 2, 3, 4);
    scrape_reply_end(&out, 600);
    assert_text(&out, LITERAL("d5:filesd20:\xc3\xff"
                              "aaaaaaaaaaaaaaaaaad8:completei2e10:downloadedi3"
                              "e10:incompletei4eee5:flagsd20:min_request_intervali600eee"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announces_are_read),
        cmocka_unit_test(strange_numbers_are_no_zero),
        cmocka_unit_test(failures_are_those_of_the_original),
        cmocka_unit_test(scrapes_are_read),
        cmocka_unit_test(single_parameters_are_decoded),
        cmocka_unit_test(replies_are_bencoded),
        cmocka_unit_test(scraped_hashes_are_raw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
