/* SPDX-License-Identifier: MIT
 *
 * Real messages where ours have what is tested; else `everything`, a message with one field of each
 * kind (and itself inside) whose descriptor is written out here, as protoc-c would.
 */
#include "bus/pb_json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <proto/control.pb-c.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "base/must.h"
#include "base/text.h"

struct everything {
    ProtobufCMessage base;
    int32_t small;
    int64_t big;
    uint64_t huge;
    uint32_t mid;
    float ratio;
    double exact;
    protobuf_c_boolean is_on;
    ProtobufCBinaryData raw;
    protobuf_c_boolean has_maybe;
    uint32_t maybe;
    size_t n_parts;
    ProtobufCBinaryData *parts;
    size_t n_flags;
    protobuf_c_boolean *flags;
    struct everything *inner;
    int choice_case;
    union {
        char *choice_word;
        uint32_t choice_number;
    };
};

static const ProtobufCMessageDescriptor everything_descriptor;

#define MEMBER(name) offsetof(struct everything, name)
#define PLAIN(name, number, kind)                                                                  \
    {                                                                                              \
#name, number, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_##kind, 0, MEMBER(name), NULL, NULL, \
            0, 0, NULL, NULL                                                                       \
    }
#define LISTED(name, number, kind)                                                                 \
    {                                                                                              \
#name, number, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_##kind, MEMBER(n_##name),        \
            MEMBER(name), NULL, NULL, 0, 0, NULL, NULL                                             \
    }
#define CHOSEN(name, number, kind)                                                                 \
    {                                                                                              \
#name, number, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_##kind, MEMBER(choice_case),         \
            MEMBER(name), NULL, NULL, PROTOBUF_C_FIELD_FLAG_ONEOF, 0, NULL, NULL                   \
    }

static const ProtobufCFieldDescriptor everything_fields[] = {
    PLAIN(small, 1, INT32),
    PLAIN(big, 2, INT64),
    PLAIN(huge, 3, FIXED64),
    PLAIN(mid, 4, UINT32),
    PLAIN(ratio, 5, FLOAT),
    PLAIN(exact, 6, DOUBLE),
    PLAIN(is_on, 7, BOOL),
    PLAIN(raw, 8, BYTES),
    {"maybe", 9, PROTOBUF_C_LABEL_OPTIONAL, PROTOBUF_C_TYPE_UINT32, MEMBER(has_maybe),
     MEMBER(maybe), NULL, NULL, 0, 0, NULL, NULL},
    LISTED(parts, 10, BYTES),
    LISTED(flags, 11, BOOL),
    {"inner", 12, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_MESSAGE, 0, MEMBER(inner),
     &everything_descriptor, NULL, 0, 0, NULL, NULL},
    CHOSEN(choice_word, 13, STRING),
    CHOSEN(choice_number, 14, UINT32),
};

static void everything_init(struct everything *message)
{
    *message = (struct everything){.base = {.descriptor = &everything_descriptor}};
}

static const ProtobufCMessageDescriptor everything_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.Everything",
    .sizeof_message = sizeof(struct everything),
    .n_fields = COUNT_OF(everything_fields),
    .fields = everything_fields,
    .message_init = (ProtobufCMessageInit)everything_init,
};

static void expect_json(const ProtobufCMessage *message, const char *expected)
{
    json_t *json = pb_to_json(message);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));

    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static enum err read_json(const ProtobufCMessageDescriptor *descriptor, const char *text,
                          ProtobufCMessage **out, struct error *error)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    enum err code;

    assert_non_null(json);
    code = pb_from_json(descriptor, json, out, error);
    json_decref(json);
    return code;
}

/* Reads `text` and writes it again; `expected` NULL means the same text. */
static void expect_round_trip(const ProtobufCMessageDescriptor *descriptor, const char *text,
                              const char *expected)
{
    struct error error = {0};
    ProtobufCMessage *message;

    if (read_json(descriptor, text, &message, &error) != ERR_NONE)
        fail_msg("%s: %s", text, error.text);
    expect_json(message, expected != NULL ? expected : text);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void expect_refused(const ProtobufCMessageDescriptor *descriptor, const char *text,
                           const char *sentence)
{
    struct error error = {0};
    ProtobufCMessage *message;

    assert_int_equal(read_json(descriptor, text, &message, &error), ERR_INVALID);
    assert_null(message);
    assert_string_equal(error.text, sentence);
}

#define EVERYTHING_EMPTY                                                                           \
    "{\"small\":0,\"big\":0,\"huge\":0,\"mid\":0,\"ratio\":0.0,\"exact\":0.0,\"isOn\":false,"      \
    "\"raw\":\"\",\"parts\":[],\"flags\":[]}"

static void empty_message_shows_plain_fields_and_leaves_out_absent_ones(void **state)
{
    (void)state;
    expect_round_trip(&everything_descriptor, "{}", EVERYTHING_EMPTY);
}

static void every_kind_of_field_goes_both_ways(void **state)
{
    (void)state;
    expect_round_trip(
        &everything_descriptor,
        "{\"small\":-2147483648,\"big\":-9223372036854775808,\"huge\":9223372036854775807,"
        "\"mid\":4294967295,\"ratio\":0.5,\"exact\":-1.25,\"isOn\":true,\"raw\":\"-_8\","
        "\"maybe\":0,\"parts\":[\"\",\"Zm9v\"],\"flags\":[true,false],"
        "\"inner\":" EVERYTHING_EMPTY ",\"choiceWord\":\"x\"}",
        NULL);
}

static void unsigned_beyond_signed_range_is_a_decimal_text(void **state)
{
    Sharestream__Svc__HelloReply hello = SHARESTREAM__SVC__HELLO_REPLY__INIT;

    (void)state;
    hello.generation = UINT64_MAX;
    hello.fingerprint = INT64_MAX;
    expect_json(&hello.base, "{\"name\":\"\",\"generation\":\"18446744073709551615\","
                             "\"fingerprint\":9223372036854775807,\"seat\":0,\"seats\":0,"
                             "\"heldSinceMs\":0}");
    expect_round_trip(&sharestream__svc__hello_reply__descriptor,
                      "{\"name\":\"a\",\"generation\":\"18446744073709551615\","
                      "\"fingerprint\":\"12\"}",
                      "{\"name\":\"a\",\"generation\":\"18446744073709551615\","
                      "\"fingerprint\":12,\"seat\":0,\"seats\":0,\"heldSinceMs\":0}");
    expect_round_trip(&everything_descriptor, "{\"big\":\"-9223372036854775808\"}",
                      "{\"small\":0,\"big\":-9223372036854775808,\"huge\":0,\"mid\":0,\"ratio\":0."
                      "0,\"exact\":0.0,\"isOn\":false,\"raw\":\"\",\"parts\":[],\"flags\":[]}");
}

static void enum_is_a_lower_case_word_and_an_unknown_one_a_number(void **state)
{
    Sharestream__Torrent__Changed changed = SHARESTREAM__TORRENT__CHANGED__INIT;

    (void)state;
    changed.state = SHARESTREAM__TORRENT__STATE__DOWNLOADING;
    expect_json(&changed.base, "{\"infoHash\":\"\",\"isGone\":false,\"state\":\"downloading\"}");
    changed.state = (Sharestream__Torrent__State)77;
    expect_json(&changed.base, "{\"infoHash\":\"\",\"isGone\":false,\"state\":77}");
    expect_round_trip(&sharestream__torrent__changed__descriptor,
                      "{\"infoHash\":\"ab\",\"isGone\":true,\"state\":\"hashing\"}", NULL);
}

static void nested_and_repeated_messages_go_both_ways(void **state)
{
    (void)state;
    expect_round_trip(&sharestream__torrent__limits_request__descriptor,
                      "{\"infoHash\":\"\",\"limits\":{\"download\":1000,\"upload\":0,"
                      "\"maxConnections\":50}}",
                      NULL);
    expect_round_trip(&sharestream__torrent__limits_request__descriptor, "{}",
                      "{\"infoHash\":\"\"}");
    expect_round_trip(&sharestream__control__why_reply__descriptor,
                      "{\"deaths\":[{\"whenUnixMs\":5,\"name\":\"torrent.0\",\"pid\":1,"
                      "\"generation\":2,\"uptimeMs\":3,\"cause\":\"signal 9\",\"wasReady\":true,"
                      "\"action\":\"\",\"lastLines\":[\"one\",\"two\"]}]}",
                      NULL);
    expect_round_trip(&sharestream__torrent__select_request__descriptor,
                      "{\"infoHash\":\"\",\"files\":[3,1],\"noBackground\":false,\"first\":[]}",
                      NULL);
}

static void oneof_shows_only_the_chosen_field(void **state)
{
    (void)state;
    expect_round_trip(&sharestream__torrent__event__descriptor,
                      "{\"ready\":{\"infoHash\":\"ab\",\"pieces\":[1,2]}}", NULL);
    expect_round_trip(&sharestream__torrent__event__descriptor, "{}", NULL);
    expect_round_trip(&sharestream__torrent__event__descriptor,
                      "{\"ready\":null,\"changed\":{\"infoHash\":\"\",\"isGone\":true,"
                      "\"state\":\"unknown\"}}",
                      "{\"changed\":{\"infoHash\":\"\",\"isGone\":true,\"state\":\"unknown\"}}");
    expect_refused(&sharestream__torrent__event__descriptor, "{\"ready\":{},\"changed\":{}}",
                   "changed excludes another field that is also given");
    expect_refused(&everything_descriptor, "{\"choiceWord\":\"x\",\"choiceNumber\":1}",
                   "choiceNumber excludes another field that is also given");
}

static void message_survives_packing_after_reading(void **state)
{
    ProtobufCMessage *message;
    uint8_t packed[256];
    struct error error;

    (void)state;
    assert_int_equal(
        read_json(&sharestream__torrent__add_request__descriptor,
                  "{\"source\":\"magnet:?x\",\"metainfo\":\"ZGU\",\"trackers\":[\"udp://a\"],"
                  "\"waitMs\":7}",
                  &message, &error),
        ERR_NONE);
    size_t len = protobuf_c_message_pack(message, packed);
    Sharestream__Torrent__AddRequest *again =
        sharestream__torrent__add_request__unpack(NULL, len, packed);

    assert_string_equal(again->source, "magnet:?x");
    assert_memory_equal(again->metainfo.data, "de", 2);
    assert_string_equal(again->trackers[0], "udp://a");
    assert_int_equal(again->wait_ms, 7);
    sharestream__torrent__add_request__free_unpacked(again, NULL);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void null_means_left_out(void **state)
{
    (void)state;
    expect_round_trip(&everything_descriptor,
                      "{\"small\":null,\"raw\":null,\"parts\":null,\"inner\":null,"
                      "\"choiceWord\":null,\"maybe\":null}",
                      EVERYTHING_EMPTY);
}

static void text_that_is_not_utf8_stays_json(void **state)
{
    static char broken[] = "a\xff\xe2\x82z\xc3\xa9";
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;

    (void)state;
    name.info_hash = broken;
    expect_json(&name.base, "{\"infoHash\":\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9\"}");
}

static void number_that_is_not_finite_is_null(void **state)
{
    Sharestream__Torrent__File file = SHARESTREAM__TORRENT__FILE__INIT;

    (void)state;
    file.progress = NAN;
    json_t *json = pb_to_json(&file.base);
    assert_true(json_is_null(json_object_get(json, "progress")));
    json_decref(json);
}

static void wrong_values_are_refused_by_name(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"[]", "the message must be an object"},
        {"null", "the message must be an object"},
        {"{\"small\":1.5}", "small must be a whole number"},
        {"{\"small\":\"1\"}", "small must be a whole number"},
        {"{\"small\":2147483648}", "small is out of range"},
        {"{\"small\":-2147483649}", "small is out of range"},
        {"{\"big\":\"\"}", "big must be a whole number"},
        {"{\"big\":\"-\"}", "big must be a whole number"},
        {"{\"big\":\"1-\"}", "big must be a whole number"},
        {"{\"big\":\" 1\"}", "big must be a whole number"},
        {"{\"big\":\"9223372036854775808\"}", "big is out of range"},
        {"{\"huge\":-1}", "huge must not be negative"},
        {"{\"huge\":\"-1\"}", "huge must be a whole number"},
        {"{\"huge\":\"18446744073709551616\"}", "huge must be a whole number"},
        {"{\"mid\":4294967296}", "mid is out of range"},
        {"{\"mid\":\"1\"}", "mid must be a whole number"},
        {"{\"ratio\":\"x\"}", "ratio must be a number"},
        {"{\"exact\":true}", "exact must be a number"},
        {"{\"isOn\":1}", "isOn must be true or false"},
        {"{\"raw\":\"a+b\"}", "raw must be base64url text"},
        {"{\"raw\":7}", "raw must be base64url text"},
        {"{\"maybe\":-1}", "maybe must not be negative"},
        {"{\"parts\":\"Zg\"}", "parts must be a list"},
        {"{\"parts\":[\"Zg\",3]}", "parts[1] must be base64url text"},
        {"{\"flags\":[true,null]}", "flags[1] must be true or false"},
        {"{\"inner\":3}", "inner must be an object"},
        {"{\"inner\":{\"inner\":{\"isOn\":0}}}", "inner.inner.isOn must be true or false"},
        {"{\"choiceWord\":3}", "choiceWord must be a text"},
        {"{\"choiceWord\":\"a\\u0000b\"}", "choiceWord must not hold a NUL character"},
        {"{\"is_on\":true}", "the message has no field \"is_on\"; did you mean \"isOn\""},
        {"{\"zzzzzzzzz\":true}", "the message has no field \"zzzzzzzzz\""},
        {"{\"inner\":{\"bigg\":1}}", "inner has no field \"bigg\"; did you mean \"big\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_refused(&everything_descriptor, cases[i].text, cases[i].sentence);
}

static void wrong_enum_word_lists_the_right_ones(void **state)
{
    const char *sentence = "torrents[1].state must be one of unknown, metadata, checking, "
                           "downloading, finished, seeding, paused, failed, hashing, uploading";

    (void)state;
    expect_refused(&sharestream__torrent__list_reply__descriptor,
                   "{\"torrents\":[{\"state\":\"paused\"},{\"state\":\"DOWNLOADING\"}]}", sentence);
    expect_refused(&sharestream__torrent__list_reply__descriptor,
                   "{\"torrents\":[{},{\"state\":3}]}", sentence);
}

static void failure_deep_inside_frees_what_was_built(void **state)
{
    (void)state;
    expect_refused(&sharestream__torrent__list_reply__descriptor,
                   "{\"torrents\":[{\"name\":\"a\",\"files\":[{\"path\":\"x\"},{\"path\":\"y\"}]},"
                   "{\"files\":[{\"path\":\"z\"},{\"path\":[]}]}]}",
                   "torrents[1].files[1].path must be a text");
}

/* `levels` times {"inner": ... } around {} */
static char *nested(unsigned levels)
{
    struct text text = {0};

    for (unsigned i = 0; i < levels; i++)
        text_add(&text, "{\"inner\":");
    text_add(&text, "{}");
    for (unsigned i = 0; i < levels; i++)
        text_add(&text, "}");
    return text_take(&text);
}

static void depth_is_bounded_in_both_directions(void **state)
{
    struct everything levels[64];
    ProtobufCMessage *message;
    struct error error;

    (void)state;
    char *text = nested(32);
    assert_int_equal(read_json(&everything_descriptor, text, &message, &error), ERR_NONE);
    protobuf_c_message_free_unpacked(message, NULL);
    free(text);

    text = nested(33);
    assert_int_equal(read_json(&everything_descriptor, text, &message, &error), ERR_INVALID);
    assert_non_null(strstr(error.text, "is nested too deeply"));
    free(text);

    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        everything_init(&levels[i]);
        if (i > 0)
            levels[i - 1].inner = &levels[i];
    }
    json_t *json = pb_to_json(&levels[0].base), *at = json;
    unsigned depth = 0;
    while ((at = json_object_get(at, "inner")) != NULL)
        depth++;
    assert_int_equal(depth, 33);
    json_decref(json);
}

static void path_too_long_for_the_sentence_is_cut(void **state)
{
    struct text text = {0};
    struct error error;
    ProtobufCMessage *message;

    (void)state;
    for (unsigned i = 0; i < 31; i++)
        text_add(&text, "{\"inner\":");
    text_add(&text, "{\"isOn\":3}");
    for (unsigned i = 0; i < 31; i++)
        text_add(&text, "}");
    assert_int_equal(read_json(&everything_descriptor, text_str(&text), &message, &error),
                     ERR_INVALID);
    assert_non_null(strstr(error.text, " must be true or false"));
    text_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_message_shows_plain_fields_and_leaves_out_absent_ones),
        cmocka_unit_test(every_kind_of_field_goes_both_ways),
        cmocka_unit_test(unsigned_beyond_signed_range_is_a_decimal_text),
        cmocka_unit_test(enum_is_a_lower_case_word_and_an_unknown_one_a_number),
        cmocka_unit_test(nested_and_repeated_messages_go_both_ways),
        cmocka_unit_test(oneof_shows_only_the_chosen_field),
        cmocka_unit_test(message_survives_packing_after_reading),
        cmocka_unit_test(null_means_left_out),
        cmocka_unit_test(text_that_is_not_utf8_stays_json),
        cmocka_unit_test(number_that_is_not_finite_is_null),
        cmocka_unit_test(wrong_values_are_refused_by_name),
        cmocka_unit_test(wrong_enum_word_lists_the_right_ones),
        cmocka_unit_test(failure_deep_inside_frees_what_was_built),
        cmocka_unit_test(depth_is_bounded_in_both_directions),
        cmocka_unit_test(path_too_long_for_the_sentence_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
