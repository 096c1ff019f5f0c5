/* SPDX-License-Identifier: MIT
 *
 * Rates, connections and addresses that are not wanted. Rates are judged by the least time that the
 * bytes must take, never by the most.
 */
#include "rig.h"

#include <signal.h>

enum { FILM_BYTES = 2 * MB, RATE = 1 * MB };

/* How long the whole film takes from the first byte on. */
static uint64_t download_ms(struct rig *rig, struct film *film, uint16_t port)
{
    rig_add_torrent(rig, film);
    uint64_t began_ms = clock_ms();
    rig_add_film(rig, film, port);
    rig_wait_state(rig, film->hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_files(rig, film);
    return clock_ms() - began_ms;
}

static void limit_of_a_torrent_holds_on_loopback_too(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    rig_start(rig, "");
    uint16_t port = rig_seed_with_aria2(rig, &film, "0");
    rig_add_torrent(rig, &film);
    rig_limit(rig, film.hash, RATE, 0);
    assert_true(download_ms(rig, &film, port) >= 1000);
    film_free(&film);
}

static void limit_of_the_session_spares_local_peers_unless_told(void **state)
{
    struct rig *rig = *state;
    struct film film, other;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    film_make_file(&other, rig->originals, "other.mkv", FILM_BYTES);
    /* Spared: at this rate it would take a minute. */
    rig_start(rig, "  download_limit: 50KiB\n");
    download_ms(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    assert_int_equal(rig_stop(rig), 0);
    rig_start(rig, "  download_limit: 1MiB\n  limit_local_peers: true\n");
    assert_true(download_ms(rig, &other, rig_seed_with_aria2(rig, &other, "0")) >= 1000);
    film_free(&film);
    film_free(&other);
}

static void limits_of_the_session_change_at_run_time(void **state)
{
    Sharestream__Torrent__LimitsRequest request = SHARESTREAM__TORRENT__LIMITS_REQUEST__INIT;
    Sharestream__Torrent__Limits limits = SHARESTREAM__TORRENT__LIMITS__INIT;
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    rig_start(rig, "  limit_local_peers: true\n  max_connections: 77\n");
    Sharestream__Torrent__Limits *now = rig_ask(rig, "SetLimits", &request); /* only asks */
    assert_int_equal(now->download, 0);
    assert_int_equal(now->max_connections, 77);
    rig_free(now);
    request.limits = &limits;
    limits.download = RATE;
    limits.upload = UINT64_MAX; /* more than there can be */
    limits.max_connections = 50;
    now = rig_ask(rig, "SetLimits", &request);
    assert_int_equal(now->download, RATE);
    assert_int_equal(now->max_connections, 50);
    rig_free(now);
    assert_true(download_ms(rig, &film, rig_seed_with_aria2(rig, &film, "0")) >= 1000);
    film_free(&film);
}

static size_t count_peers(struct rig *rig, const struct film *film)
{
    Sharestream__Torrent__PeersRequest request = SHARESTREAM__TORRENT__PEERS_REQUEST__INIT;

    request.info_hash = rig_text(film->hash);
    Sharestream__Torrent__PeersReply *reply = rig_ask(rig, "Peers", &request);
    size_t count = 0;
    for (size_t i = 0; i < reply->n_peers; i++)
        count += reply->peers[i]->pieces > 0;
    rig_free(reply);
    return count;
}

static void wait_for_peers(struct rig *rig, const struct film *film, size_t count)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    while (count_peers(rig, film) < count)
        process_look_again(&rig->service, until_ms, "so many peers do not come");
}

static void connections_of_a_torrent_are_limited(void **state)
{
    struct rig *rig = *state;
    struct film film;
    uint16_t ports[3];

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    for (size_t i = 0; i < COUNT_OF(ports); i++)
        ports[i] = rig_seed_with_aria2(rig, &film, "20K");
    rig_start(rig, "  torrent_connections: 2\n");
    rig_add_torrent(rig, &film);
    for (size_t i = 0; i < COUNT_OF(ports); i++)
        rig_add_film(rig, &film, ports[i]);
    wait_for_peers(rig, &film, 2);
    assert_int_equal(count_peers(rig, &film), 2);
    /* With room for it the third comes. */
    Sharestream__Torrent__LimitsRequest request = SHARESTREAM__TORRENT__LIMITS_REQUEST__INIT;
    Sharestream__Torrent__Limits limits = SHARESTREAM__TORRENT__LIMITS__INIT;
    request.info_hash = film.hash;
    request.limits = &limits;
    limits.max_connections = 10;
    rig_free(rig_ask(rig, "SetLimits", &request));
    wait_for_peers(rig, &film, 3);
    film_free(&film);
}

static void write_filter(const struct rig *rig, const char *text)
{
    FILE *file = fopen(rig_path(rig, "filter"), "we");

    fputs(text, file);
    fclose(file);
}

static void filtered_addresses_are_no_peers(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    write_filter(rig, "# a list\nNobody, Inc. #3:127.0.0.1-127.0.0.1\nnonsense\n");
    char *settings = xasprintf("  ip_filter: %s\n", rig_path(rig, "filter"));
    rig_start(rig, settings);
    assert_true(process_said(&rig->service, "ranges=1 skipped_lines=1"));
    uint16_t port = rig_seed_with_aria2(rig, &film, "0");
    rig_add_torrent(rig, &film);
    rig_add_film(rig, &film, port);
    /* It is refused at once, so what counts is that nobody is known or connected. */
    Info *info = rig_get(rig, film.hash);
    assert_int_equal(info->peers, 0);
    rig_free(info);
    write_filter(rig, "127.0.0.2 - 127.0.0.3\n");
    kill(rig->service.pid, SIGHUP);
    rig_wait_said(rig, "ranges=1 skipped_lines=0");
    assert_int_equal(count_peers(rig, &film), 0);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    assert_int_equal(rig_stop(rig), 0);
    /* A filter that is not there must not be taken for an empty one. */
    assert_int_equal(unlink(rig_path(rig, "filter")), 0);
    assert_int_equal(rig_start_fails(rig, settings), 78);
    free(settings);
    film_free(&film);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(limit_of_a_torrent_holds_on_loopback_too),
        STORY(limit_of_the_session_spares_local_peers_unless_told),
        STORY(limits_of_the_session_change_at_run_time),
        STORY(connections_of_a_torrent_are_limited),
        STORY(filtered_addresses_are_no_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
