/* SPDX-License-Identifier: MIT */
#include "wire/magnet.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

#define V1     "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define V2     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define XT     "xt=urn:btih:" V1
#define LINK   "magnet:?" XT
#define V2_KEY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4"

static void add_list(struct text *text, const char *label, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_addf(text, " %s=%s", label, list[i]);
}

/* How a magnet reads in the tables: its key and then whatever is there. */
static char *magnet_text(const struct magnet *magnet)
{
    struct text text = {0};
    char hash[INFOHASH_TEXT];

    text_addf(&text, "%s%s%s", infohash_text(&magnet->key, hash), magnet->has_v1 ? " v1" : "",
              magnet->has_v2 ? " v2" : "");
    if (magnet->name != NULL)
        text_addf(&text, " name=%s", magnet->name);
    add_list(&text, "tr", magnet->trackers, magnet->tracker_count);
    add_list(&text, "ws", magnet->web_seeds, magnet->web_seed_count);
    add_list(&text, "pe", magnet->peers, magnet->peer_count);
    for (size_t i = 0; i < magnet->selected_count; i++)
        text_addf(&text, "%s%" PRIu32, i > 0 ? "," : " so=", magnet->selected[i]);
    if (magnet->source != NULL)
        text_addf(&text, " xs=%s", magnet->source);
    return text_take(&text);
}

static void good_links_are_taken_apart(void **state)
{
    static const struct {
        const char *name, *uri, *result;
    } cases[] = {
        {"only a hash", LINK, V1 " v1"},
        {"everything in capitals", "MAGNET:?XT=URN:BTIH:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
         V1 " v1"},
        {"base32", "magnet:?xt=urn:btih:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", V1 " v1"},
        {"encoded colons", "magnet:?xt=urn%3Abtih%3a" V1, V1 " v1"},
        {"v2 goes by its first 20 bytes", "magnet:?xt=urn:btmh:1220" V2, V2_KEY " v2"},
        {"hybrid goes by v1", "magnet:?xt=urn:btmh:1220" V2 "&" XT, V1 " v1 v2"},
        {"same hash twice", LINK "&" XT, V1 " v1"},
        {"numbered", "magnet:?xt.1=urn:btih:" V1 "&tr.1=udp://a:1&tr.23=udp://b:2",
         V1 " v1 tr=udp://a:1 tr=udp://b:2"},
        {"other network's hash too", LINK "&xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C",
         V1 " v1"},
        {"hash comes last", "magnet:?dn=x&" XT, V1 " v1 name=x"},
        {"empty parameters", "magnet:?&&" XT "&&dn&=&", V1 " v1"},
        {"unknown parameters", LINK "&xl=5&kt=a+b&mt=x&x.foo=1&trx=udp://a:1&t=udp://a:1",
         V1 " v1"},

        {"name", LINK "&dn=Big+Buck%20Bunny%2B", V1 " v1 name=Big Buck Bunny+"},
        {"name in UTF-8", LINK "&dn=%C3%A9t%C3%A9", V1 " v1 name=\xc3\xa9t\xc3\xa9"},
        {"name in Latin-1 is left out", LINK "&dn=%E9t%E9", V1 " v1"},
        {"name with a lone percent sign is left out", LINK "&dn=100%+fun", V1 " v1"},
        {"name with a NUL is left out", LINK "&dn=a%00b", V1 " v1"},
        {"empty name is no name", LINK "&dn=", V1 " v1"},
        {"first name that is one", LINK "&dn=&dn=one&dn=two", V1 " v1 name=one"},
        {"equals sign in the name", LINK "&dn=a=b", V1 " v1 name=a=b"},

        {"trackers",
         LINK "&tr=udp%3A%2F%2Fa.example%3A1%2Fannounce&tr=http://b.example/x%3Fy=1"
              "&tr=https://c&tr=ws://d&tr=wss://[::1]:80",
         V1 " v1 tr=udp://a.example:1/announce tr=http://b.example/x?y=1 tr=https://c tr=ws://d "
            "tr=wss://[::1]:80"},
        {"plus stays in a tracker", LINK "&tr=http://a/b+c", V1 " v1 tr=http://a/b+c"},
        {"tracker in capitals", LINK "&tr=UDP://A:1", V1 " v1 tr=UDP://A:1"},
        {"same tracker twice", LINK "&tr=udp://a:1&tr=udp://a:1", V1 " v1 tr=udp://a:1"},
        {"trackers of no use",
         LINK "&tr=&tr=file:///etc/passwd&tr=udp:a&tr=udp://&tr=udp:///x&tr=udp://:1"
              "&tr=gopher://a&tr=http://a%0d%0ab&tr=http://a%20b&tr=http://a%FF&tr=udp://a%"
              "&tr=x://udp://a",
         V1 " v1"},

        {"web seeds", LINK "&ws=http://a/x&as=https://b/y&ws=udp://c&as=ftp://d&ws=http:///e",
         V1 " v1 ws=http://a/x ws=https://b/y"},
        {"source", LINK "&xs=urn:btpk:00&xs=https://a/x.torrent&xs=http://b/y.torrent",
         V1 " v1 xs=https://a/x.torrent"},
        {"peers", LINK "&x.pe=1.2.3.4:5&x.pe=a-b.example:65535&x.pe=%5B2001:db8::1%5D:6881",
         V1 " v1 pe=1.2.3.4:5 pe=a-b.example:65535 pe=[2001:db8::1]:6881"},
        {"peers of no use",
         LINK "&x.pe=&x.pe=a&x.pe=:5&x.pe=a:&x.pe=a:0&x.pe=a:65536&x.pe=a:5x&x.pe=2001:db8::1:5"
              "&x.pe=[::1]&x.pe=[::1]5&x.pe=[]:5&x.pe=[::1:5&x.pe=a b:5&x.pe=a/b:5"
              "&x.pe=a:99999999999999999999999&x.pe=[a.example]:5",
         V1 " v1"},

        {"files", LINK "&so=0,2,4-7", V1 " v1 so=0,2,4,5,6,7"},
        {"one file", LINK "&so=3", V1 " v1 so=3"},
        {"files out of order, twice and overlapping", LINK "&so=9,4-6,0,5-7,0,6",
         V1 " v1 so=0,4,5,6,7,9"},
        {"files inside a span", LINK "&so=2-8,3-4,8", V1 " v1 so=2,3,4,5,6,7,8"},
        {"encoded comma", LINK "&so=1%2C2", V1 " v1 so=1,2"},
        {"largest index", LINK "&so=4294967295,4294967294-4294967295",
         V1 " v1 so=4294967294,4294967295"},
        {"no files said", LINK "&so=", V1 " v1"},
        {"first selection counts", LINK "&so=1&so=2", V1 " v1 so=1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct magnet magnet;
        struct error error = {0};

        if (magnet_parse(bytes_of_text(cases[i].uri), &magnet, &error) != ERR_NONE)
            fail_msg("%s: %s", cases[i].name, error.text);
        char *result = magnet_text(&magnet);

        if (strcmp(result, cases[i].result) != 0)
            fail_msg("%s: %s, not %s", cases[i].name, result, cases[i].result);
        free(result);
        magnet_fini(&magnet);
    }
}

static bool is_empty(const struct magnet *magnet)
{
    return magnet->name == NULL && magnet->source == NULL && magnet->selected == NULL &&
           magnet->selected_count == 0 && magnet->tracker_count == 0 &&
           magnet->web_seed_count == 0 && magnet->peer_count == 0 && !magnet->has_v1 &&
           !magnet->has_v2;
}

static void bad_links_are_refused_and_the_part_is_named(void **state)
{
    static const struct {
        const char *name, *uri;
        enum err err;
        const char *says;
    } cases[] = {
        {"empty", "", ERR_INVALID, "not a magnet link"},
        {"web address", "https://example.org/", ERR_INVALID, "not a magnet link"},
        {"no question mark", "magnet:xt=urn:btih:" V1, ERR_INVALID, "not a magnet link"},
        {"space in front", " " LINK, ERR_INVALID, "not a magnet link"},
        {"nothing in it", "magnet:?", ERR_INVALID, "no BitTorrent info-hash"},
        {"no hash", "magnet:?dn=x", ERR_INVALID, "no BitTorrent info-hash"},
        {"only another network's hash", "magnet:?xt=urn:ed2k:31d6cfe0d16ae931b73c59d7e0c089c0",
         ERR_INVALID, "no BitTorrent info-hash"},
        {"empty hash", "magnet:?xt=urn:btih:", ERR_INVALID, "xt:"},
        {"hash too short", "magnet:?xt=urn:btih:da39a3", ERR_INVALID, "xt:"},
        {"hash with a bad digit", "magnet:?xt=urn:btih:xa39a3ee5e6b4b0d3255bfef95601890afd80709",
         ERR_INVALID, "xt:"},
        {"v2 hash in the place of v1", "magnet:?xt=urn:btih:" V2, ERR_INVALID, "xt:"},
        {"v2 hash without its prefix", "magnet:?xt=urn:btmh:" V2, ERR_INVALID, "xt:"},
        {"v2 hash of another function", "magnet:?xt=urn:btmh:1114" V1, ERR_INVALID, "xt:"},
        {"v2 hash too long", "magnet:?xt=urn:btmh:1220" V2 "00", ERR_INVALID, "xt:"},
        {"broken encoding in the hash", LINK "%", ERR_INVALID, "xt: broken percent-encoding"},
        {"two torrents", LINK "&xt=urn:btih:0000000000000000000000000000000000000000", ERR_INVALID,
         "two different torrents"},
        {"two v2 torrents",
         "magnet:?xt=urn:btmh:1220" V2
         "&xt=urn:btmh:12200000000000000000000000000000000000000000000000000000000000000000",
         ERR_INVALID, "two different torrents"},
        {"selection of words", LINK "&so=all", ERR_INVALID, "so:"},
        {"selection ends in a comma", LINK "&so=1,", ERR_INVALID, "so:"},
        {"selection with a hole", LINK "&so=1,,2", ERR_INVALID, "so:"},
        {"selection without an end", LINK "&so=1-", ERR_INVALID, "so:"},
        {"selection backwards", LINK "&so=7-4", ERR_INVALID, "so:"},
        {"selection of a negative", LINK "&so=-4", ERR_INVALID, "so:"},
        {"selection with a space", LINK "&so=1, 2", ERR_INVALID, "so:"},
        {"selection past 2^32", LINK "&so=4294967296", ERR_INVALID, "so:"},
        {"selection past 2^64", LINK "&so=18446744073709551617", ERR_INVALID, "so:"},
        {"broken encoding in the selection", LINK "&so=1%2", ERR_INVALID, "so:"},
        {"one file too many", LINK "&so=0-4096", ERR_TOO_LARGE, "so:"},
        {"one file too many in two parts", LINK "&so=0-4095,9999", ERR_TOO_LARGE, "so:"},
        {"all files there could be", LINK "&so=0-4294967295", ERR_TOO_LARGE, "so:"},
        {"all files but the first", LINK "&so=0,1-4294967295", ERR_TOO_LARGE, "so:"},
        {"good parts first", LINK "&dn=x&tr=udp://a:1&x.pe=a:1&ws=http://a/&so=x", ERR_INVALID,
         "so:"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct magnet magnet;
        struct error error = {0};
        enum err err = magnet_parse(bytes_of_text(cases[i].uri), &magnet, &error);

        if (err != cases[i].err || strstr(error.text, cases[i].says) == NULL)
            fail_msg("%s: %s (%s)", cases[i].name, err_word(err), error.text);
        if (!is_empty(&magnet))
            fail_msg("%s: something is left over", cases[i].name);
    }
}

static void most_files_that_may_be_selected_are_selected(void **state)
{
    struct magnet magnet;

    (void)state;
    assert_int_equal(magnet_parse(bytes_of_text(LINK "&so=0-4095,17,0-4095"), &magnet, NULL),
                     ERR_NONE);
    assert_int_equal(magnet.selected_count, MAGNET_SO_MAX);
    assert_int_equal(magnet.selected[MAGNET_SO_MAX - 1], MAGNET_SO_MAX - 1);
    magnet_fini(&magnet);
}

static void full_lists_leave_the_rest_out(void **state)
{
    struct text uri = {0};
    struct magnet magnet;

    (void)state;
    text_add(&uri, LINK);
    for (int i = 0; i < MAGNET_LIST_MAX + 5; i++)
        text_addf(&uri, "&tr=udp://a:%d&ws=http://a/%d&x.pe=a:%d", i, i, i + 1);
    assert_int_equal(magnet_parse(bytes_of(uri.data, uri.len), &magnet, NULL), ERR_NONE);
    assert_int_equal(magnet.tracker_count, MAGNET_LIST_MAX);
    assert_int_equal(magnet.web_seed_count, MAGNET_LIST_MAX);
    assert_int_equal(magnet.peer_count, MAGNET_LIST_MAX);
    magnet_fini(&magnet);
    text_fini(&uri);
}

static void link_of_the_longest_size_is_read_and_one_byte_more_is_not(void **state)
{
    struct text uri = {0};
    struct magnet magnet;
    struct error error;

    (void)state;
    text_add(&uri, LINK "&dn=");
    while (uri.len < MAGNET_BYTES_MAX)
        text_add(&uri, "x");
    assert_int_equal(magnet_parse(bytes_of(uri.data, uri.len), &magnet, &error), ERR_NONE);
    assert_int_equal(strlen(magnet.name), MAGNET_BYTES_MAX - strlen(LINK "&dn="));
    magnet_fini(&magnet);
    text_add(&uri, "x");
    assert_int_equal(magnet_parse(bytes_of(uri.data, uri.len), &magnet, &error), ERR_TOO_LARGE);
    text_fini(&uri);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_links_are_taken_apart),
        cmocka_unit_test(bad_links_are_refused_and_the_part_is_named),
        cmocka_unit_test(most_files_that_may_be_selected_are_selected),
        cmocka_unit_test(full_lists_leave_the_rest_out),
        cmocka_unit_test(link_of_the_longest_size_is_read_and_one_byte_more_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
