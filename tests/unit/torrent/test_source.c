/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

#define HASH    "0123456789abcdef0123456789abcdef01234567"
#define HASH_V2 HASH "89abcdef0123456789abcdef"

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static struct source read_text(const char *text, const char *defaults)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct lt_add add = {.magnet = NULL};
    struct source source;
    struct error error = {0};

    request.source = text_of(text);
    if (source_read(&source, &request, bytes_of(NULL, 0), defaults, &add, &error) != ERR_NONE)
        fail_msg("'%s': %s", text, error.text);
    assert_ptr_equal(add.magnet, source.uri);
    return source;
}

static void every_spelling_of_a_hash_becomes_a_magnet(void **state)
{
    static const struct {
        const char *text, *uri, *name;
    } cases[] = {
        {HASH, "magnet:?xt=urn:btih:" HASH, HASH},
        {"\t 0123456789ABCDEF0123456789ABCDEF01234567 \r\n", "magnet:?xt=urn:btih:" HASH, HASH},
        {"AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH", "magnet:?xt=urn:btih:" HASH, HASH},
        {HASH_V2, "magnet:?xt=urn:btmh:1220" HASH_V2, HASH},
        {"magnet:?dn=A+film&xt=urn:btih:" HASH, "magnet:?xt=urn:btih:" HASH "&dn=A%20film",
         "A film"},
        {" MAGNET:?XT.1=URN:BTIH:" HASH, "magnet:?xt=urn:btih:" HASH, HASH},
        {"magnet:?xt=urn:btih:" HASH "&xt=urn:btmh:1220" HASH_V2,
         "magnet:?xt=urn:btih:" HASH "&xt=urn:btmh:1220" HASH_V2, HASH},
        {"magnet:?xt=urn:btih:" HASH "&foo=bar&x.pe=[::1]:80&x.pe=1.2.3.4:5&ws=http://a/b%2520c"
         "&so=5,1-3,0,7",
         "magnet:?xt=urn:btih:" HASH "&ws=http:%2F%2Fa%2Fb%2520c&x.pe=[::1]:80&x.pe=1.2.3.4:5"
         "&so=0-3,5,7",
         HASH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct source source = read_text(cases[i].text, "");
        char hex[INFOHASH_TEXT];

        assert_string_equal(source.uri, cases[i].uri);
        assert_string_equal(source.name, cases[i].name);
        assert_string_equal(infohash_text(&source.hash, hex), HASH);
        source_fini(&source);
    }
}

static void default_trackers_go_to_links_without_any(void **state)
{
    static const char defaults[] = "udp://a:1/announce, http://b:2/announce";

    (void)state;
    struct source source = read_text(HASH, defaults);
    assert_string_equal(source.uri, "magnet:?xt=urn:btih:" HASH "&tr=udp:%2F%2Fa:1%2Fannounce"
                                    "&tr=http:%2F%2Fb:2%2Fannounce");
    source_fini(&source);
    source = read_text("magnet:?xt=urn:btih:" HASH "&tr=udp://own:1", defaults);
    assert_string_equal(source.uri, "magnet:?xt=urn:btih:" HASH "&tr=udp:%2F%2Fown:1");
    source_fini(&source);
}

static void trackers_are_added_once(void **state)
{
    struct source source = read_text("magnet:?xt=urn:btih:" HASH "&tr=udp://a:80&tr=udp://b:1", "");

    (void)state;
    /* One that begins like another is another. */
    char *magnet = source_with_trackers("magnet:?xt=urn:btih:" HASH "&tr=udp%3a//a:8000", &source);
    assert_string_equal(magnet, "magnet:?xt=urn:btih:" HASH "&tr=udp:%2F%2Fa:8000"
                                "&tr=udp:%2F%2Fa:80&tr=udp:%2F%2Fb:1");
    char *again = source_with_trackers(magnet, &source);
    assert_string_equal(again, magnet);
    free(magnet);
    free(again);
    source_fini(&source);
}

static void bad_trackers_are_refused(void **state)
{
    static const char *const bad[] = {"", "example.com", "ftp://x", "udp:/x", "udp://\xff"};
    char *many[SOURCE_TRACKERS_MAX + 1], *one;
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct lt_add add = {.magnet = NULL};
    struct source source;
    struct error error;

    (void)state;
    request.source = text_of(HASH);
    request.trackers = &one;
    request.n_trackers = 1;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        one = text_of(bad[i]);
        assert_int_equal(source_read(&source, &request, bytes_of(NULL, 0), "", &add, &error),
                         ERR_INVALID);
    }
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = text_of("udp://x:1");
    request.trackers = many;
    request.n_trackers = COUNT_OF(many);
    assert_int_equal(source_read(&source, &request, bytes_of(NULL, 0), "", &add, &error),
                     ERR_INVALID);
}

static void urls_are_told_from_the_rest(void **state)
{
    struct bytes url;

    (void)state;
    assert_true(source_is_url(" HTTP://example.com/a b\n", &url));
    assert_true(bytes_equal_text(url, "HTTP://example.com/a b"));
    assert_true(source_is_url("https:", &url));
    assert_false(source_is_url("httpx://", &url));
    assert_false(source_is_url("magnet:?xs=http://", &url));
    assert_false(source_is_url("", &url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_a_hash_becomes_a_magnet),
        cmocka_unit_test(default_trackers_go_to_links_without_any),
        cmocka_unit_test(trackers_are_added_once),
        cmocka_unit_test(bad_trackers_are_refused),
        cmocka_unit_test(urls_are_told_from_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
