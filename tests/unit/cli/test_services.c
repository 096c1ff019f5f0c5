/* SPDX-License-Identifier: MIT */
#include "services.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void every_service_can_be_asked(void **state)
{
    static const char *const rows[] = {
        "supervisor",
#define X(name, binary, class, order, grace, about) #name,
#include "svc/services.def"
#undef X
    };

    (void)state;
    assert_int_equal(service_count, COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(services[i].name, rows[i]);
}

static void service_is_found_with_its_instance(void **state)
{
    static const struct {
        const char *word;
        enum err err;
        unsigned instance;
        const char *text; /* name, or the sentence */
    } cases[] = {
        {"torrent", ERR_NONE, 0, "torrent"},
        {"torrent.3", ERR_NONE, 3, "torrent"},
        {"supervisor", ERR_NONE, 0, "supervisor"},
        {"torent", ERR_INVALID, 0, "there is no service torent; did you mean torrent?"},
        {"xyz", ERR_INVALID, 0, "there is no service xyz; see: sharestream status"},
        {"torrent.", ERR_INVALID, 0, "\"torrent.\" is not like \"torrent\" or \"torrent.0\""},
        {"torrent.99", ERR_INVALID, 0, "\"torrent.99\" is not like \"torrent\" or \"torrent.0\""},
        {"a-name-that-is-longer-than-any-of-ours", ERR_INVALID, 0,
         "there is no service a-name-that-is-longer-t; see: sharestream status"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct service *found;
        struct error error;
        unsigned instance = 99;
        enum err err = service_find(cases[i].word, &found, &instance, &error);

        assert_int_equal(err, cases[i].err);
        assert_string_equal(err == ERR_NONE ? found->name : error.text, cases[i].text);
        if (err == ERR_NONE)
            assert_int_equal(instance, cases[i].instance);
    }
}

static void method_is_found_in_any_case_and_in_both_places(void **state)
{
    const ProtobufCServiceDescriptor *descriptor;
    const ProtobufCMethodDescriptor *method;
    const struct service *torrent;
    struct error error;
    unsigned instance;

    (void)state;
    assert_int_equal(service_find("torrent", &torrent, &instance, &error), ERR_NONE);
    assert_int_equal(service_method(torrent, "setlimits", &descriptor, &method, &error), ERR_NONE);
    assert_string_equal(method->name, "SetLimits");
    assert_string_equal(descriptor->name, "sharestream.torrent.Torrent");
    assert_int_equal(service_method(torrent, "Ping", &descriptor, &method, &error), ERR_NONE);
    assert_string_equal(descriptor->name, "sharestream.svc.Svc");
    assert_int_equal(service_method(torrent, "Lits", &descriptor, &method, &error), ERR_INVALID);
    assert_string_equal(error.text, "torrent has no method Lits; did you mean List?");
    assert_int_equal(service_method(torrent, "Frobnicate", &descriptor, &method, &error),
                     ERR_INVALID);
    assert_string_equal(error.text,
                        "torrent has no method Frobnicate; see: sharestream call torrent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_service_can_be_asked),
        cmocka_unit_test(service_is_found_with_its_instance),
        cmocka_unit_test(method_is_found_in_any_case_and_in_both_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
