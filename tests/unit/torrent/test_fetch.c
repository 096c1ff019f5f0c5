/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

static void only_the_web_is_fetched_from(void **state)
{
    static const char *const urls[] = {"", "ftp://example.com/x", "file:///etc/passwd",
                                       "http:/example.com", "httpsx://example.com"};
    struct fetcher *fetcher = fetcher_new(&(struct fetch_config){.proxy = "", .outgoing = ""});
    struct fetch *fetch;
    struct error error;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++)
        assert_int_equal(fetch_start(fetcher, urls[i], NULL, NULL, &fetch, &error), ERR_INVALID);
    fetcher_free(&fetcher);
    assert_null(fetcher);
    fetcher_free(&fetcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_web_is_fetched_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
