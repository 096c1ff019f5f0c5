/* SPDX-License-Identifier: MIT
 *
 * Who is told of which servers, and for how long what somebody else gave is handed out.
 */
#include "ice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

enum { HOUR_MS = 3600000 };

static char none[] = "";
static char cloudflare_url[] = "https://example.org/keys";

static struct room_settings settings_of(const char *stun, const char *turn)
{
    static char stun_copy[4000], turn_copy[4000];

    snprintf(stun_copy, sizeof(stun_copy), "%s", stun);
    snprintf(turn_copy, sizeof(turn_copy), "%s", turn);
    return (struct room_settings){
        .stun_urls = stun_copy,
        .turn_urls = turn_copy,
        .turn_secret = none,
        .turn_username = none,
        .turn_password = none,
        .turn_ttl = 4 * HOUR_MS,
        .cloudflare_key_id = none,
        .cloudflare_token = none,
        .cloudflare_url = cloudflare_url,
        .cloudflare_ca = none,
    };
}

/* "url[=username/credential] ..." of what is told. */
static const char *told(const struct ice *ice, bool is_member, uint64_t now_ms, uint64_t *ttl_s)
{
    static char text[8000];
    const struct ice_asker asker = {.is_member = is_member,
                                    .name = bytes_of_text("alice"),
                                    .now_ms = now_ms,
                                    .unix_s = 1700000000 - 4 * 3600};
    struct ice_list list;
    size_t used = 0;

    ice_gather(ice, &asker, &list, ttl_s);
    text[0] = '\0';
    for (size_t i = 0; i < list.count; i++) {
        const struct ice_server *server = &list.items[i];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
                                 server->url);
        if (server->is_relay)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "=%s/%s", server->username,
                                     server->credential);
    }
    return text;
}

static void nothing_is_named_by_default(void **state)
{
    struct room_settings settings = settings_of("", "");
    struct ice ice;
    uint64_t ttl_s;

    (void)state;
    assert_int_equal(ice_init(&ice, &settings, NULL), ERR_NONE);
    assert_string_equal(told(&ice, true, 0, &ttl_s), "");
}

static void relays_are_for_members_and_stun_for_all(void **state)
{
    struct room_settings settings = settings_of("stun:s", "turn:t, turns:t:443");
    char username[] = "bob", password[] = "pass";
    struct ice ice;
    uint64_t ttl_s;

    (void)state;
    settings.turn_username = username;
    settings.turn_password = password;
    assert_int_equal(ice_init(&ice, &settings, NULL), ERR_NONE);
    assert_string_equal(told(&ice, false, 0, &ttl_s), "stun:s");
    assert_string_equal(told(&ice, true, 0, &ttl_s), "stun:s turn:t=bob/pass turns:t:443=bob/pass");
    settings.public_turn = true;
    assert_string_equal(told(&ice, false, 0, &ttl_s),
                        "stun:s turn:t=bob/pass turns:t:443=bob/pass");
    assert_int_equal(ttl_s, 4 * 3600);
}

static void a_relay_is_asked_for_stun_when_nobody_else_is_named(void **state)
{
    struct room_settings settings =
        settings_of("", "turn:t:1?transport=udp,turn:t:1?transport=tcp,turns:t:2,turn:[::1]");
    char secret[] = "north";
    struct ice ice;
    uint64_t ttl_s;

    (void)state;
    settings.turn_secret = secret;
    assert_int_equal(ice_init(&ice, &settings, NULL), ERR_NONE);
    assert_string_equal(told(&ice, false, 0, &ttl_s), "stun:t:1 stun:[::1]");
#define SET "=1700000000:alice/Cd/49soE35ICqcJF/bCTn8Z4OyE="
    assert_string_equal(told(&ice, true, 0, &ttl_s),
                        "stun:t:1 stun:[::1] turn:t:1?transport=udp" SET
                        " turn:t:1?transport=tcp" SET " turns:t:2" SET " turn:[::1]" SET);
#undef SET
}

static void what_cannot_be_used_is_told_at_the_start(void **state)
{
    static const struct {
        const char *stun, *turn, *secret, *username, *password, *key, *token, *url, *word;
    } cases[] = {
        {.stun = "turn:t", .word = "room.stun_urls: \"turn:t\" is not like stun:"},
        {.stun = "stun:s,nonsense", .word = "room.stun_urls: \"nonsense\""},
        {.turn = "stun:s", .secret = "x", .word = "room.turn_urls: \"stun:s\" is not like turn:"},
        {.turn = "nonsense", .secret = "x", .word = "room.turn_urls: \"nonsense\""},
        {.turn = "turn:t", .word = "wants room.turn_secret"},
        {.turn = "turn:t", .username = "u", .word = "wants room.turn_secret"},
        {.turn = "turn:t", .secret = "x", .username = "u", .password = "p", .word = "not both"},
        {.turn = "turn:t", .username = "u", .password = "\xff", .word = "are UTF-8"},
        {.key = "k", .word = "belong together"},
        {.token = "t", .word = "belong together"},
        {.key = "k/../x", .token = "t", .word = "letters and digits"},
        {.key = "k", .token = "t\r\nX: y", .word = "letters and digits"},
        {.key = "k", .token = "t", .url = "http://example.org", .word = "must begin with https"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
#define OR_NONE(text) ((text) != NULL ? xstrdup(text) : xstrdup(""))
        struct room_settings settings = {
            .stun_urls = OR_NONE(cases[i].stun),
            .turn_urls = OR_NONE(cases[i].turn),
            .turn_secret = OR_NONE(cases[i].secret),
            .turn_username = OR_NONE(cases[i].username),
            .turn_password = OR_NONE(cases[i].password),
            .cloudflare_key_id = OR_NONE(cases[i].key),
            .cloudflare_token = OR_NONE(cases[i].token),
            .cloudflare_url = xstrdup(cases[i].url != NULL ? cases[i].url : cloudflare_url),
            .cloudflare_ca = none,
        };
#undef OR_NONE
        struct error error = {0};
        struct ice ice;

        assert_int_equal(ice_init(&ice, &settings, &error), ERR_CONFIG);
        if (strstr(error.text, cases[i].word) == NULL)
            fail_msg("case %zu says: %s", i, error.text);
        free(settings.stun_urls);
        free(settings.turn_urls);
        free(settings.turn_secret);
        free(settings.turn_username);
        free(settings.turn_password);
        free(settings.cloudflare_key_id);
        free(settings.cloudflare_token);
        free(settings.cloudflare_url);
    }
}

static void more_servers_than_fit_are_an_error(void **state)
{
    char urls[2000] = "";
    struct room_settings settings;
    struct error error = {0};
    struct ice ice;

    (void)state;
    for (int i = 0; i <= ICE_SERVERS_MAX; i++)
        snprintf(urls + strlen(urls), sizeof(urls) - strlen(urls), "stun:s%d,", i);
    settings = settings_of(urls, "");
    assert_int_equal(ice_init(&ice, &settings, &error), ERR_CONFIG);
    assert_non_null(strstr(error.text, "more than 32 servers"));
}

static const char reply[] = "{\"iceServers\":[{\"urls\":[\"stun:cf\"]},"
                            "{\"urls\":[\"turn:cf\"],\"username\":\"u\",\"credential\":\"c\"}]}";

static void cloudflare_is_told_besides_for_as_long_as_it_holds(void **state)
{
    struct room_settings settings = settings_of("stun:s", "");
    struct ice_list list;
    struct ice ice;
    uint64_t ttl_s;

    (void)state;
    assert_int_equal(ice_init(&ice, &settings, NULL), ERR_NONE);
    assert_string_equal(told(&ice, true, 1000, &ttl_s), "stun:s");
    assert_true(ice_list_parse(bytes_of_text(reply), &list));
    turn_cache_fill(&ice.cloudflare, &list, 1000, HOUR_MS);
    assert_string_equal(told(&ice, true, 1000, &ttl_s), "stun:s stun:cf turn:cf=u/c");
    assert_int_equal(ttl_s, 3600);
    assert_string_equal(told(&ice, false, 1000, &ttl_s), "stun:s stun:cf");
    assert_string_equal(told(&ice, true, 1000 + HOUR_MS / 2, &ttl_s), "stun:s stun:cf turn:cf=u/c");
    assert_int_equal(ttl_s, 1800);
    assert_string_equal(told(&ice, true, 1000 + HOUR_MS, &ttl_s), "stun:s");
}

static void new_ones_are_asked_for_in_good_time(void **state)
{
    static struct ice_list list;
    struct turn_cache cache = {.failures = 0};

    (void)state;
    assert_true(turn_cache_is_due(&cache, 5));
    assert_null(turn_cache_list(&cache, 5));
    turn_cache_fill(&cache, &list, 1000, HOUR_MS);
    assert_false(turn_cache_is_due(&cache, 1000 + HOUR_MS * 79 / 100));
    assert_true(turn_cache_is_due(&cache, 1000 + HOUR_MS * 80 / 100));
    assert_non_null(turn_cache_list(&cache, 1000 + HOUR_MS - TURN_CACHE_SPARE_MS));
    assert_null(turn_cache_list(&cache, 1001 + HOUR_MS - TURN_CACHE_SPARE_MS));
}

static void failures_wait_longer_and_longer_and_keep_the_old_ones(void **state)
{
    static struct ice_list list;
    struct turn_cache cache = {.failures = 0};
    uint64_t now_ms = HOUR_MS * 9 / 10, pause_ms = 0;

    (void)state;
    turn_cache_fill(&cache, &list, 0, HOUR_MS);
    assert_int_equal(turn_cache_fail(&cache, now_ms), TURN_CACHE_RETRY_MS);
    assert_false(turn_cache_is_due(&cache, now_ms + TURN_CACHE_RETRY_MS - 1));
    assert_true(turn_cache_is_due(&cache, now_ms + TURN_CACHE_RETRY_MS));
    assert_int_equal(turn_cache_fail(&cache, now_ms), 2 * TURN_CACHE_RETRY_MS);
    assert_int_equal(turn_cache_fail(&cache, now_ms), 4 * TURN_CACHE_RETRY_MS);
    assert_non_null(turn_cache_list(&cache, now_ms));
    for (unsigned i = 0; i < 1000; i++)
        pause_ms = turn_cache_fail(&cache, now_ms);
    assert_int_equal(pause_ms, TURN_CACHE_RETRY_MAX_MS);
    turn_cache_fill(&cache, &list, now_ms, HOUR_MS);
    assert_int_equal(turn_cache_fail(&cache, now_ms), TURN_CACHE_RETRY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_named_by_default),
        cmocka_unit_test(relays_are_for_members_and_stun_for_all),
        cmocka_unit_test(a_relay_is_asked_for_stun_when_nobody_else_is_named),
        cmocka_unit_test(what_cannot_be_used_is_told_at_the_start),
        cmocka_unit_test(more_servers_than_fit_are_an_error),
        cmocka_unit_test(cloudflare_is_told_besides_for_as_long_as_it_holds),
        cmocka_unit_test(new_ones_are_asked_for_in_good_time),
        cmocka_unit_test(failures_wait_longer_and_longer_and_keep_the_old_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
