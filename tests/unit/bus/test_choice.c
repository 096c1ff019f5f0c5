/* SPDX-License-Identifier: MIT
 *
 * Which instance gets a key: rendezvous hashing over the private parts of the bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <proto/http.pb-c.h>
#include <proto/torrent.pb-c.h>
#include <stdio.h>

#include "base/must.h"
#include "bus/ask.h"
#include "bus/bus_private.h"

enum { INSTANCES = 5, KEYS = 5000 };

static char names[INSTANCES][32];

static int name_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INSTANCES; i++)
        snprintf(names[i], sizeof(names[i]), "torrent.%u", i);
    return 0;
}

static unsigned winner(unsigned key, unsigned without)
{
    unsigned best = INSTANCES;
    uint64_t best_weight = 0;

    for (unsigned i = 0; i < INSTANCES; i++) {
        uint64_t weight = bytes_weight(bytes_hash(bytes_of_text(names[i]), 0),
                                       bytes_hash(bytes_of(&key, sizeof(key)), 0));

        if (i != without && (best == INSTANCES || weight > best_weight)) {
            best = i;
            best_weight = weight;
        }
    }
    return best;
}

static void keys_spread_evenly(void **state)
{
    unsigned count[INSTANCES] = {0};

    (void)state;
    for (unsigned key = 0; key < KEYS; key++)
        count[winner(key, INSTANCES)]++;
    for (unsigned i = 0; i < INSTANCES; i++)
        assert_in_range(count[i], KEYS / INSTANCES * 85 / 100, KEYS / INSTANCES * 115 / 100);
}

static void only_the_keys_of_a_lost_instance_move(void **state)
{
    (void)state;
    for (unsigned key = 0; key < KEYS; key++) {
        unsigned before = winner(key, INSTANCES);

        assert_true(before == 3 ? winner(key, 3) != 3 : winner(key, 3) == before);
    }
}

static void fingerprints_tell_services_apart_and_stay(void **state)
{
    uint64_t torrent = bus_fingerprint(&sharestream__torrent__torrent__descriptor);

    (void)state;
    assert_true(torrent != 0);
    assert_true(torrent == bus_fingerprint(&sharestream__torrent__torrent__descriptor));
    assert_true(torrent != bus_fingerprint(&sharestream__http__http__descriptor));
}

static void endpoints_come_from_the_list_or_the_run_dir(void **state)
{
    static const struct {
        const char *peers, *name;
        unsigned instance;
        bool events;
        const char *expected; /* NULL: none */
    } cases[] = {
        {"", "torrent", 0, false, "ipc:///run/x/torrent.0.rpc"},
        {"", "torrent", 2, true, "ipc:///run/x/torrent.2.evt"},
        {"torrent=tcp://t0:7100, torrent=tcp://t1:7200", "torrent", 1, false, "tcp://t1:7200"},
        {"torrent=tcp://t0:7100, torrent=tcp://t1:7200", "torrent", 1, true, "tcp://t1:7201"},
        {"torrent=tcp://t0:7100", "torrent", 1, false, NULL},
        {"torrent=tcp://t0:7100", "http", 0, false, "ipc:///run/x/http.0.rpc"},
        {"torrent=tcp://[::1]:7100", "torrent", 0, true, "tcp://[::1]:7101"},
        {"torrent=tcp://nonsense", "torrent", 0, false, NULL},
        {"torrent=tcp://t0:65535", "torrent", 0, true, NULL},
    };
    char endpoint[BUS_ENDPOINT_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool found = bus_endpoint("/run/x", cases[i].peers, cases[i].name, cases[i].instance,
                                  cases[i].events, endpoint, sizeof(endpoint));

        if (found != (cases[i].expected != NULL) ||
            (found && strcmp(endpoint, cases[i].expected) != 0))
            fail_msg("case %zu: got %s", i, found ? endpoint : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_spread_evenly),
        cmocka_unit_test(only_the_keys_of_a_lost_instance_move),
        cmocka_unit_test(fingerprints_tell_services_apart_and_stay),
        cmocka_unit_test(endpoints_come_from_the_list_or_the_run_dir),
    };

    return cmocka_run_group_tests(tests, name_them, NULL);
}
