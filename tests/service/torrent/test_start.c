/* SPDX-License-Identifier: MIT
 *
 * Starting and stopping: what is taken, what is wrong, and what a stop leaves behind.
 */
#include "rig.h"

#include <signal.h>

typedef Sharestream__Svc__PingReply PingReply;

static void wait_for_health(struct rig *rig, const char *text)
{
    struct ask where = {.config = &rig->bus, .service = "torrent", .deadline_ms = 5000};
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    for (bool is_so = false; !is_so;) {
        Sharestream__Svc__PingRequest request = SHARESTREAM__SVC__PING_REQUEST__INIT;
        ProtobufCMessage *reply;
        struct error error;

        assert_int_equal(
            ask(&where, &sharestream__svc__svc__descriptor, "Ping", &request.base, &reply, &error),
            ERR_NONE);
        is_so = text == NULL ? !((PingReply *)reply)->is_degraded
                             : strstr(((PingReply *)reply)->degraded_text, text) != NULL;
        rig_free(reply);
        if (!is_so)
            process_look_again(&rig->service, until_ms, "its health is not told");
    }
}

static void taken_port_is_told_and_the_rest_works(void **state)
{
    struct rig *rig = *state, *first;
    struct film film;

    rig_setup((void **)&first);
    rig_start(first, "");
    assert_true(first->port != 0);
    wait_for_health(first, NULL);
    char *settings = xasprintf("  listen: 127.0.0.1:%u\n", first->port);
    rig_start(rig, settings);
    assert_int_equal(rig->port, 0);
    wait_for_health(rig, "set torrent.listen to a free port");
    film_make_file(&film, rig->originals, "film.mkv", MB);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_teardown((void **)&first);
    free(settings);
    film_free(&film);
}

static void nonsense_in_the_settings_ends_the_start(void **state)
{
    static const char *const settings[] = {
        "  encryption: perhaps\n",      "  proxy: example.com\n",   "  proxy: ftp://host:1\n",
        "  ip_filter: /nowhere/list\n", "  metadata_timeout: 30\n", "  max_torrents: 0\n",
        "  disk_io: magic\n",           "  disk_florr: 1GiB\n",
    };
    struct rig *rig = *state;

    for (size_t i = 0; i < COUNT_OF(settings); i++)
        assert_int_equal(rig_start_fails(rig, settings[i]), 78);
    rig_start(rig, ""); /* nothing of it stays */
}

static void second_process_in_the_same_place_is_refused(void **state)
{
    struct rig *rig = *state, *second;

    rig_setup((void **)&second);
    rig_start(rig, "");
    snprintf(second->run_dir, sizeof(second->run_dir), "%s", rig->run_dir);
    assert_int_equal(rig_start_fails(second, ""), 75);
    assert_true(process_said(&second->service, "already runs here"));
    rig_teardown((void **)&second);
}

static void stopping_is_quick_and_clean_in_any_state(void **state)
{
    Sharestream__Torrent__SeedRequest seed = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 4 * MB);
    rig_start(rig, "");
    assert_int_equal(rig_stop(rig), 0); /* empty */
    rig_restart(rig);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "500K"));
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    rig_free(rig_ask(rig, "Add", &request));
    FILE *file = fopen(rig_path(rig, "originals/long.mkv"), "we");
    assert_int_equal(ftruncate(fileno(file), 3000LL * MB), 0);
    fclose(file);
    seed.path = rig_path(rig, "originals/long.mkv");
    rig_free(rig_ask(rig, "Seed", &seed)); /* is hashed when the end comes */
    uint64_t began_ms = clock_ms();
    assert_int_equal(rig_stop(rig), 0);
    assert_true(clock_ms() - began_ms < 10000); /* the supervisor's patience */
    rig_restart(rig);
    assert_int_equal(rig_metric(rig, "torrents"), 2);
    assert_int_equal(process_said(&rig->service, "the machine went down"), false);
    film_free(&film);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(taken_port_is_told_and_the_rest_works),
        STORY(nonsense_in_the_settings_ends_the_start),
        STORY(second_process_in_the_same_place_is_refused),
        STORY(stopping_is_quick_and_clean_in_any_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
