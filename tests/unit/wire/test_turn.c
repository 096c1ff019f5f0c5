/* SPDX-License-Identifier: MIT */
#include "wire/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/must.h"

static void urls_are_those_that_browsers_take(void **state)
{
    static const struct {
        const char *text, *server; /* NULL: refused */
        bool is_relay, is_tls;
        uint16_t port;
    } cases[] = {
        {"stun:example.org", "example.org", false, false, 3478},
        {"stun:stun.l.google.com:19302", "stun.l.google.com:19302", false, false, 19302},
        {"STUNS:example.org", "example.org", false, true, 5349},
        {"turn:192.0.2.1:53?transport=udp", "192.0.2.1:53", true, false, 53},
        {"turn:[2001:db8::1]:3478?transport=TCP", "[2001:db8::1]:3478", true, false, 3478},
        {"turns:my_box.lan:443?transport=tcp", "my_box.lan:443", true, true, 443},
        {"turn:[::1]", "[::1]", true, false, 3478},
        {"", NULL, false, false, 0},
        {"turn:", NULL, false, false, 0},
        {"turn:[]", NULL, false, false, 0},
        {"turn:[::1", NULL, false, false, 0},
        {"turn:::1", NULL, false, false, 0},
        {"turn://example.org", NULL, false, false, 0},
        {"turn:example.org:", NULL, false, false, 0},
        {"turn:example.org:0", NULL, false, false, 0},
        {"turn:example.org:65536", NULL, false, false, 0},
        {"turn:example.org:99999999999999999999999", NULL, false, false, 0},
        {"turn:example.org?transport=sctp", NULL, false, false, 0},
        {"turn:example.org?transport=udp&x", NULL, false, false, 0},
        {"turn:user@example.org", NULL, false, false, 0},
        {"turn:example.org\r\nx", NULL, false, false, 0},
        {"stun:example.org?transport=udp", NULL, false, false, 0},
        {"http://example.org", NULL, false, false, 0},
        {"example.org:3478", NULL, false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct turn_url url;
        bool is_url = turn_url_parse(bytes_of_text(cases[i].text), &url);

        if (is_url != (cases[i].server != NULL))
            fail_msg("%s is %staken", cases[i].text, is_url ? "" : "not ");
        if (!is_url)
            continue;
        if (!bytes_equal_text(url.server, cases[i].server) || url.port != cases[i].port ||
            url.is_relay != cases[i].is_relay || url.is_tls != cases[i].is_tls)
            fail_msg("%s is read wrongly", cases[i].text);
    }
}

static void a_url_that_is_too_long_is_refused(void **state)
{
    char text[TURN_URL_MAX + 2];
    struct turn_url url;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "turn:", 5);
    assert_true(turn_url_parse(bytes_of(text, TURN_URL_MAX), &url));
    assert_false(turn_url_parse(bytes_of(text, TURN_URL_MAX + 1), &url));
}

static void a_credential_is_the_one_another_implementation_makes(void **state)
{
    struct turn_credential credential =
        turn_credential_make("north", bytes_of_text("alice"), 1700000000);

    (void)state;
    assert_string_equal(credential.username, "1700000000:alice");
    assert_string_equal(credential.password, "Cd/49soE35ICqcJF/bCTn8Z4OyE=");
}

/* What follows a colon or a line break could be read as something else. */
static void a_user_becomes_harmless(void **state)
{
    char longest[TURN_USER_MAX + 40];
    struct turn_credential credential =
        turn_credential_make("s", bytes_of("a:b\nc\0d-e\xff", 10), UINT64_MAX);

    (void)state;
    assert_string_equal(credential.username, "18446744073709551615:a_b_c_d-e_");
    memset(longest, 'x', sizeof(longest));
    credential = turn_credential_make("s", bytes_of(longest, sizeof(longest)), UINT64_MAX);
    assert_int_equal(strlen(credential.username), TURN_USERNAME_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_those_that_browsers_take),
        cmocka_unit_test(a_url_that_is_too_long_is_refused),
        cmocka_unit_test(a_credential_is_the_one_another_implementation_makes),
        cmocka_unit_test(a_user_becomes_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
