/* SPDX-License-Identifier: MIT */
#include "wire/engine_command.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/must.h"

#define HASH "0123456789abcdef0123456789abcdef01234567"

static void what_the_app_says_is_read(void **state)
{
    struct engine_command command;
    struct error error;
    char text[INFOHASH_TEXT];

    (void)state;
    assert_int_equal(
        engine_command_read(bytes_of_text("{\"cmd\":\"seed\",\"filePath\":\"/films/\\u00e4 b.mp4\","
                                          "\"trackerUrl\":\"ws://localhost:3001/\"}"),
                            &command, &error),
        ERR_NONE);
    assert_int_equal(command.verb, ENGINE_SEED);
    assert_string_equal(text_str(&command.what), "/films/\xc3\xa4 b.mp4");
    assert_string_equal(text_str(&command.tracker), "ws://localhost:3001/");
    engine_command_fini(&command);

    assert_int_equal(engine_command_read(bytes_of_text(" {\"magnetURI\":\"magnet:?xt=urn:btih:" HASH
                                                       "&dn=x\",\"cmd\":\"add\",\"more\":[1]} "),
                                         &command, &error),
                     ERR_NONE);
    assert_int_equal(command.verb, ENGINE_ADD);
    assert_string_equal(infohash_text(&command.hash, text), HASH);
    assert_int_equal(command.tracker.len, 0);
    engine_command_fini(&command);

    static const struct {
        const char *line;
        enum engine_verb verb;
    } plain[] = {{"{\"cmd\":\"stop\"}", ENGINE_STOP},
                 {"{\"cmd\":\"info\"}", ENGINE_INFO},
                 {"{\"cmd\":\"quit\"}", ENGINE_QUIT}};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        assert_int_equal(engine_command_read(bytes_of_text(plain[i].line), &command, &error),
                         ERR_NONE);
        assert_int_equal(command.verb, plain[i].verb);
        engine_command_fini(&command);
    }
}

static void nonsense_is_told_in_a_sentence(void **state)
{
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        {"", "invalid command: not a JSON object in one line"},
        {"hello", "invalid command: not a JSON object in one line"},
        {"[]", "invalid command: not a JSON object in one line"},
        {"{\"cmd\":\"stop\"", "invalid command: not a JSON object in one line"},
        {"{\"cmd\":\"\xff\"}", "invalid command: not a JSON object in one line"},
        {"{}", "invalid command: cmd should be a text"},
        {"{\"cmd\":7}", "invalid command: cmd should be a text"},
        {"{\"cmd\":\"jump\"}", "unknown command: jump"},
        {"{\"cmd\":\"seed\"}", "invalid command: filePath should be a text"},
        {"{\"cmd\":\"seed\",\"filePath\":\"a\\u0000b\"}",
         "invalid command: filePath has a zero in it"},
        {"{\"cmd\":\"seed\",\"filePath\":\"a\",\"trackerUrl\":\"localhost\"}",
         "invalid command: trackerUrl should begin with ws:// or wss://"},
        {"{\"cmd\":\"add\"}", "invalid command: magnetURI should be a text"},
        {"{\"cmd\":\"add\",\"magnetURI\":\"http://x/\"}",
         "invalid magnet URI: must start with 'magnet:?'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct engine_command command;
        struct error error = {0};

        assert_int_equal(engine_command_read(bytes_of_text(cases[i].line), &command, &error),
                         ERR_INVALID);
        assert_string_equal(error.text, cases[i].sentence);
    }
    struct engine_command command;
    struct error error = {0};

    assert_int_equal(
        engine_command_read(bytes_of_text("{\"cmd\":\"add\",\"magnetURI\":\"magnet:?dn=x\"}"),
                            &command, &error),
        ERR_INVALID);
    assert_memory_equal(error.text, "invalid magnet URI: ", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_app_says_is_read),
        cmocka_unit_test(nonsense_is_told_in_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
