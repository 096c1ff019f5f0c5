/* SPDX-License-Identifier: MIT
 *
 * Downloads from real clients: order, seeks, pause, removal, what people are told.
 */
#include "rig.h"

#include <signal.h>
#include <sys/stat.h>

enum { READER = 7 };

static void wait_finished(struct rig *rig, const struct film *film)
{
    rig_wait_state(rig, film->hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    assert_int_equal(rig_check_ready(rig, film, NULL), film->piece_count);
    rig_check_files(rig, film);
}

static void several_torrents_and_files_come_at_once(void **state)
{
    static const char *const paths[] = {"a.mkv", "b.mkv", "c.nfo"};
    static const uint64_t sizes[] = {3 * MB + 1, 2 * MB, 100};
    struct rig *rig = *state;
    struct film films[3];

    film_make(&films[0], rig->originals, "Series", COUNT_OF(paths), paths, sizes);
    film_make_file(&films[1], rig->originals, "film.mkv", 4 * MB + 12345);
    film_make_file(&films[2], rig->originals, "tiny.srt", 1);
    rig_start(rig, "");
    for (size_t i = 0; i < COUNT_OF(films); i++)
        rig_add_film(rig, &films[i], rig_seed_with_aria2(rig, &films[i], "0"));
    for (size_t i = 0; i < COUNT_OF(films); i++)
        wait_finished(rig, &films[i]);
    Sharestream__Torrent__ListRequest list = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    Sharestream__Torrent__ListReply *all = rig_ask(rig, "List", &list);
    assert_int_equal(all->n_torrents, COUNT_OF(films));
    for (size_t i = 0; i < all->n_torrents; i++) {
        assert_int_equal(all->torrents[i]->n_files, 0);
        assert_true(all->torrents[i]->file_count > 0);
        assert_true(all->torrents[i]->progress == 1.0);
    }
    rig_free(all);
    assert_true(rig_metric(rig, "pieces_ready_total") >= films[0].piece_count);
    for (size_t i = 0; i < COUNT_OF(films); i++)
        film_free(&films[i]);
}

/* transmission takes what lies in its watch folder. */
static uint16_t seed_with_transmission(struct rig *rig, const struct film *film)
{
    struct process *client = rig_new_client(rig);
    uint16_t port = process_free_port();
    char *peers = xasprintf("%u", port), *rpc = xasprintf("%u", process_free_port());
    const char *watch = rig_path(rig, "watch"), *config = rig_path(rig, "transmission");
    const char *const argv[] = {"transmission-daemon",
                                "--foreground",
                                "--config-dir",
                                config,
                                "--download-dir",
                                film->folder,
                                "--watch-dir",
                                watch,
                                "--peerport",
                                peers,
                                "--port",
                                rpc,
                                "--bind-address-ipv4",
                                "127.0.0.1",
                                "--rpc-bind-address",
                                "127.0.0.1",
                                "--no-dht",
                                "--no-lpd",
                                "--no-portmap",
                                "--no-utp",
                                "--no-auth",
                                NULL};

    assert_int_equal(mkdir(watch, 0755), 0);
    film_write_torrent(film, watch);
    process_start(client, rig_path(rig, "transmission.log"), argv);
    process_wait_port(client, port);
    /* It is deaf to what it has not looked at yet, and then we come back only after a while. */
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;
    while (!process_said(client, "Verifying torrent"))
        process_look_again(client, until_ms, "transmission does not look at its files");
    free(peers);
    free(rpc);
    return port;
}

static void transmission_seeds(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 3 * MB + 777);
    rig_start(rig, "");
    uint16_t port = seed_with_transmission(rig, &film);
    rig_add_torrent(rig, &film);
    rig_add_film(rig, &film, port);
    wait_finished(rig, &film);
    film_free(&film);
}

static uint32_t count_in(const uint8_t *have, uint32_t from, uint32_t to)
{
    uint32_t count = 0;

    for (uint32_t i = from; i < to; i++)
        count += have[i];
    return count;
}

static uint32_t first_missing(const uint8_t *have, uint32_t from, uint32_t to)
{
    while (from < to && have[from])
        from++;
    return from;
}

/* Reads from piece `from` on until `piece` has come. */
static void read_until(struct rig *rig, const struct film *film, uint32_t from, uint32_t piece,
                       uint8_t *have)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    for (;;) {
        rig_read(rig, film->hash, READER, 0, (uint64_t)from * FILM_PIECE, film->total);
        rig_check_ready(rig, film, have);
        if (have[piece])
            return;
        process_look_again(&rig->service, until_ms, "the piece does not come");
    }
}

/* In order from `from` on, but for what aria2 gives away while it chokes us (BEP 6: ten pieces of
 * its own choice), and the last piece of a film. */
static bool is_in_order(const uint8_t *have, uint32_t from, uint32_t to)
{
    return count_in(have, first_missing(have, from, to), to) <= 11;
}

/* Nothing is fetched for nobody, then in order from the head, then from where a seek goes. */
static void reading_makes_the_order_and_a_seek_changes_it(void **state)
{
    enum { BYTES = 32 * MB, PIECES = BYTES / FILM_PIECE, LATER = PIECES / 2, MORE = LATER + 64 };
    struct rig *rig = *state;
    struct film film;
    uint8_t have[PIECES];

    film_make_file(&film, rig->originals, "film.mkv", BYTES);
    rig_start(rig, "  background: false\n");
    uint16_t port = rig_seed_with_aria2(rig, &film, "2M");
    rig_add_torrent(rig, &film); /* with no peer yet, so that nothing comes before the plan */
    rig_read(rig, film.hash, READER, 0, 0, BYTES);
    rig_add_film(rig, &film, port);
    read_until(rig, &film, 0, 20, have);
    assert_true(is_in_order(have, 0, PIECES));
    assert_true(first_missing(have, 0, PIECES) >= 12);
    assert_false(have[LATER]);

    read_until(rig, &film, LATER, LATER, have);
    /* What was asked for at the old place is cancelled. aria2 obeys, but for what it has sent
     * already, and that comes before anything of the new place: so this is all of it. */
    rig_check_ready(rig, &film, have);
    uint32_t before = count_in(have, 0, LATER);
    read_until(rig, &film, LATER, MORE, have);
    /* Not one piece more, and the new place in order. Only its last 8 MiB may be in any order and
     * bring the old place back, should this machine have slept while they came. */
    if (count_in(have, LATER, PIECES) < PIECES - LATER - 8 * MB / FILM_PIECE) {
        assert_int_equal(count_in(have, 0, LATER), before);
        assert_true(is_in_order(have, LATER, PIECES));
    }
    assert_true(rig_metric(rig, "seeks_total") >= 1);

    Sharestream__Torrent__CloseRequest close = SHARESTREAM__TORRENT__CLOSE_REQUEST__INIT;
    close.info_hash = film.hash;
    close.reader = READER;
    rig_free(rig_ask(rig, "Close", &close));
    Info *info = rig_get(rig, film.hash);
    assert_int_equal(info->readers, 0);
    rig_free(info);
    film_free(&film);
}

static void pause_stops_and_resume_goes_on(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 4 * MB);
    rig_start(rig, "");
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "3M"));
    rig_wait_ready(rig, film.hash, film.piece_count / 4);
    rig_order(rig, "Pause", film.hash);
    assert_int_equal(rig_state(rig, film.hash), SHARESTREAM__TORRENT__STATE__PAUSED);
    char code[32];
    Sharestream__Torrent__DiagnoseRequest last = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;
    last.info_hash = film.hash;
    last.position = film.total - 1;
    Sharestream__Torrent__Diagnosis *why = rig_ask(rig, "Diagnose", &last);
    if (!why->is_head_ready)
        assert_string_equal(why->code, "paused");
    rig_free(why);
    assert_true(rig_check_ready(rig, &film, NULL) < film.piece_count);
    rig_order(rig, "Resume", film.hash);
    rig_add_film(rig, &film,
                 rig_seed_with_aria2(rig, &film, "0")); /* sooner than the first again */
    wait_finished(rig, &film);
    rig_diagnose(rig, film.hash, 0, code);
    assert_string_equal(code, "ok");
    film_free(&film);
}

static void removal_takes_the_data_along_or_leaves_it(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 2 * MB);
    rig_start(rig, "");
    uint16_t port = rig_seed_with_aria2(rig, &film, "0");
    rig_add_film(rig, &film, port);
    wait_finished(rig, &film);
    char *folder = xasprintf("%s/torrents/%s", rig->data_dir, film.hash);
    char *file = xasprintf("%s/%s", folder, film.name);
    char *map = xasprintf("%s/torrents/%s.map", rig->run_dir, film.hash);
    rig_remove(rig, film.hash, true);
    assert_int_not_equal(access(map, F_OK), 0);
    assert_true(film_is_at(&film, 0, file));
    /* What was left is found again, without any peer. */
    rig_add_torrent(rig, &film);
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    assert_int_equal(rig_check_ready(rig, &film, NULL), film.piece_count);
    rig_remove(rig, film.hash, false);
    rig_wait_gone(rig, folder);
    assert_int_equal(rig_metric(rig, "torrents"), 0);
    /* And once more from the beginning. */
    rig_add_film(rig, &film, port);
    wait_finished(rig, &film);
    free(folder);
    free(file);
    free(map);
    film_free(&film);
}

static void recheck_finds_damage_and_mends_it(void **state)
{
    static const uint8_t noise[10] = {1, 2, 3};
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 2 * MB);
    rig_start(rig, "");
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    wait_finished(rig, &film);
    char *path = xasprintf("%s/torrents/%s/%s", rig->data_dir, film.hash, film.name);
    FILE *file = fopen(path, "r+e");
    fseek(file, 5 * FILM_PIECE + 3, SEEK_SET);
    fwrite(noise, 1, sizeof(noise), file);
    fclose(file);
    rig_order(rig, "Recheck", film.hash);
    rig_wait_said(rig, "changed=1");
    /* Another seeder: the first one is not tried again at once. */
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    wait_finished(rig, &film);
    free(path);
    film_free(&film);
}

static void wait_for_code(struct rig *rig, const char *hash, const char *code)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;
    char got[32];

    for (;;) {
        rig_diagnose(rig, hash, 0, got);
        if (strcmp(got, code) == 0)
            return;
        process_look_again(&rig->service, until_ms, code);
    }
}

static void people_are_told_why_it_does_not_play(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 4 * MB);
    rig_start(rig, "  background: false\n");
    rig_add_torrent(rig, &film);
    wait_for_code(rig, film.hash, "no_peers");
    char *magnet = film_magnet(&film, 1); /* nobody is there */
    rig_add(rig, magnet);
    free(magnet);
    wait_for_code(rig, film.hash, "connecting");
    rig_order(rig, "Pause", film.hash);
    wait_for_code(rig, film.hash, "paused");
    rig_order(rig, "Resume", film.hash);
    rig_limit(rig, film.hash, 40000, 0);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    rig_read(rig, film.hash, READER, 0, 0, film.total);
    wait_for_code(rig, film.hash, "downloading");
    rig_limit(rig, film.hash, 0, 0);
    wait_for_code(rig, film.hash, "ok");

    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    rig_free(rig_ask(rig, "Add", &request));
    wait_for_code(rig, request.source, "no_peers");
    film_free(&film);
}

/* A call that waits is answered when the service stops, not left to its deadline. */
static void waiting_calls_are_answered_at_the_end(void **state)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;

    rig_start(rig, "");
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    request.wait_ms = 14000; /* less than rig_ask() waits */
    uint64_t began_ms = clock_ms();
    /* Another process, so that this one can ask: it ends the service once the torrent is there. */
    pid_t pid = fork();
    if (pid == 0) {
        while (!process_said(&rig->service, "torrent added"))
            process_look_again(&rig->service, began_ms + PROCESS_DEADLINE_MS, "not added");
        kill(rig->service.pid, SIGTERM);
        _exit(0);
    }
    Sharestream__Torrent__AddReply *reply = rig_ask(rig, "Add", &request);
    assert_false(reply->info->has_metadata);
    assert_true(clock_ms() - began_ms < 14000);
    rig_free(reply);
    assert_int_equal(process_end(&rig->service, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(several_torrents_and_files_come_at_once),
        STORY(transmission_seeds),
        STORY(reading_makes_the_order_and_a_seek_changes_it),
        STORY(pause_stops_and_resume_goes_on),
        STORY(removal_takes_the_data_along_or_leaves_it),
        STORY(recheck_finds_damage_and_mends_it),
        STORY(people_are_told_why_it_does_not_play),
        STORY(waiting_calls_are_answered_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
