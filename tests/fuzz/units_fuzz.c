/* SPDX-License-Identifier: MIT
 *
 * Durations, sizes, numbers and addresses: what is read is printed so that it reads the same.
 */
#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

static void check_numbers(const char *text)
{
    char printed[UNITS_TEXT];
    uint64_t value, again;
    bool is_true;

    if (parse_duration_ms(text, &value))
        must(parse_duration_ms(format_duration(value, printed), &again) && again == value);
    if (parse_size_bytes(text, &value)) {
        must(parse_size_bytes(format_size_exact(value, printed), &again) && again == value);
        must(strlen(format_size(value, printed)) < UNITS_TEXT);
    }
    if (parse_count(text, &value)) {
        must(parse_size_bytes(text, &again) && again == value);
        must(strlen(format_eta(value, printed)) < UNITS_TEXT);
    }
    parse_bool(text, &is_true);
}

static void check_endpoint(const char *text)
{
    struct endpoint endpoint, again;
    char printed[160];

    if (!parse_endpoint(text, &endpoint))
        return;
    must(memchr(endpoint.host, '\0', sizeof(endpoint.host)) != NULL);
    snprintf(printed, sizeof(printed), strchr(endpoint.host, ':') ? "[%s]:%u" : "%s:%u",
             endpoint.host, endpoint.port);
    must(parse_endpoint(printed, &again) && again.port == endpoint.port);
    must(strcmp(again.host, endpoint.host) == 0);
    endpoint_is_loopback(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xcalloc(size + 1, 1);

    memcpy(text, data, size);
    check_numbers(text);
    check_endpoint(text);
    free(text);
    return 0;
}
