/* SPDX-License-Identifier: MIT */
#include "ice_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

#define RELAY(url) "{\"urls\":" url ",\"username\":\"u\",\"credential\":\"c\"}"
#define TURN_A     "{\"urls\":\"turn:a\",\"username\":\"u\",\"credential\":\"c\"}"

/* What is read of a reply, as clients are told. */
static void answers_of_all_shapes_are_read(void **state)
{
    static const struct {
        const char *name, *reply, *want; /* NULL: no relay in it */
    } cases[] = {
        {"of today",
         "{\"iceServers\":[{\"urls\":[\"stun:s:3478\",\"stun:s:53\"]},"
         "{\"urls\":[\"turn:t:3478?transport=udp\",\"turn:t:53?transport=udp\","
         "\"turns:t:443?transport=tcp\"],\"username\":\"u\",\"credential\":\"c\"}]}",
         "[{\"urls\":\"stun:s:3478\"},"
         "{\"urls\":\"turn:t:3478?transport=udp\",\"username\":\"u\",\"credential\":\"c\"},"
         "{\"urls\":\"turns:t:443?transport=tcp\",\"username\":\"u\",\"credential\":\"c\"}]"},
        {"of before",
         "{\"iceServers\":{\"urls\":[\"stun:s:3478\",\"turn:t:3478\"],"
         "\"username\":\"u\",\"credential\":\"c\"}}",
         "[{\"urls\":\"stun:s:3478\"},"
         "{\"urls\":\"turn:t:3478\",\"username\":\"u\",\"credential\":\"c\"}]"},
        {"one text", "{\"iceServers\":" RELAY("\"turn:a\"") "}", "[" TURN_A "]"},
        {"twice the same", "{\"iceServers\":[" TURN_A "," TURN_A "]}", "[" TURN_A "]"},
        {"odd ones among good ones",
         "{\"iceServers\":[null,7,\"turn:x\",{\"urls\":{}}," RELAY(
             "[1,null,[\"turn:x\"],\"http://x\",\"turn:a\"]") "],\"more\":1}",
         "[" TURN_A "]"},
        {"STUN only", "{\"iceServers\":[{\"urls\":\"stun:s\"}]}", NULL},
        {"only port 53", "{\"iceServers\":" RELAY("\"turn:a:53\"") "}", NULL},
        {"no credential", "{\"iceServers\":[{\"urls\":\"turn:a\",\"username\":\"u\"}]}", NULL},
        {"empty credential",
         "{\"iceServers\":[{\"urls\":\"turn:a\",\"username\":\"u\",\"credential\":\"\"}]}", NULL},
        {"a number as user",
         "{\"iceServers\":[{\"urls\":\"turn:a\",\"username\":1,\"credential\":\"c\"}]}", NULL},
        {"nothing in it", "{\"iceServers\":[]}", NULL},
        {"another object", "{\"errors\":[{\"code\":10000}]}", NULL},
        {"a list", "[" TURN_A "]", NULL},
        {"a page", "<html>", NULL},
        {"cut off", "{\"iceServers\":[" TURN_A, NULL},
        {"more behind it", "{\"iceServers\":" TURN_A "}x", NULL},
        {"empty", "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct ice_list list;
        bool is_read = ice_list_parse(bytes_of_text(cases[i].reply), &list);

        if (is_read != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].name, is_read ? "is taken" : "is not taken");
        if (!is_read)
            continue;
        json_t *json = ice_list_json(&list);
        char *text = json_dumps(json, JSON_COMPACT);

        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, text);
        free(text);
        json_decref(json);
    }
}

static void what_is_too_much_is_left_out(void **state)
{
    struct text reply = {0};
    struct ice_list list;

    (void)state;
    text_add(&reply, "{\"iceServers\":[");
    for (unsigned i = 0; i < 2 * ICE_SERVERS_MAX; i++)
        text_addf(&reply, "{\"urls\":\"turn:a%u\",\"username\":\"u\",\"credential\":\"c\"},", i);
    text_add(&reply, "{\"urls\":\"turn:last\",\"username\":\"");
    for (unsigned i = 0; i <= ICE_TEXT_MAX; i++)
        text_add(&reply, "u");
    text_add(&reply, "\",\"credential\":\"c\"}]}");
    assert_true(ice_list_parse(bytes_of(reply.data, reply.len), &list));
    assert_int_equal(list.count, ICE_SERVERS_MAX);
    text_fini(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_all_shapes_are_read),
        cmocka_unit_test(what_is_too_much_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
