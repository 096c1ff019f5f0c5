/* SPDX-License-Identifier: MIT
 *
 * Sharing the user's own files: they are hashed, fetched by real clients, and never written,
 * deleted or evicted.
 */
#include "rig.h"

#include <fcntl.h>
#include <pthread.h>

typedef Sharestream__Torrent__SeedRequest SeedRequest;
typedef Sharestream__Torrent__SeedReply SeedReply;

static SeedReply *seed(struct rig *rig, const char *path, bool is_hybrid)
{
    SeedRequest request = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;

    request.path = rig_text(path);
    request.is_hybrid = is_hybrid;
    request.wait_ms = 10000;
    return rig_ask(rig, "Seed", &request);
}

static void wait_for_file(struct rig *rig, const struct film *film, uint32_t file, const char *path)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    while (!film_is_at(film, file, path))
        process_look_again(&rig->service, until_ms, "aria2 does not get the file");
}

/* aria2 knows no x.pe, so it gets the .torrent and we connect to it. */
static void fetch(struct rig *rig, const char *hash, const char *folder)
{
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;
    char *path = xasprintf("%s/%s.torrent", rig->folder, hash);

    name.info_hash = rig_text(hash);
    Sharestream__Torrent__MetainfoReply *reply = rig_ask(rig, "Metainfo", &name);
    assert_true(reply->metainfo.len > 0);
    assert_non_null(strstr(reply->magnet, "magnet:?xt=urn:bt"));
    FILE *file = fopen(path, "we");
    fwrite(reply->metainfo.data, 1, reply->metainfo.len, file);
    fclose(file);
    rig_free(reply);
    uint16_t port = rig_fetch_with_aria2(rig, path, folder);
    char *peer = xasprintf("magnet:?xt=urn:btih:%s&x.pe=127.0.0.1:%u", hash, port);
    rig_add(rig, peer);
    free(peer);
    free(path);
}

static void file_is_seeded_to_aria2(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 3 * MB + 5);
    rig_start(rig, "");
    char *path = xasprintf("%s/%s", rig->originals, film.name);
    SeedReply *reply = seed(rig, path, false);
    char *hash = xstrdup(reply->info_hash);
    rig_free(reply);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    Info *info = rig_get(rig, hash);
    assert_true(info->is_seed);
    assert_int_equal(info->ready_bytes, film.total);
    assert_string_equal(info->name, film.name);
    rig_free(info);
    fetch(rig, hash, rig_path(rig, "fetched"));
    wait_for_file(rig, &film, 0, rig_path(rig, "fetched/film.mkv"));
    /* Adding it once more finds the one that is there. */
    reply = seed(rig, path, false);
    assert_string_equal(reply->info_hash, hash);
    rig_free(reply);
    assert_int_equal(rig_metric(rig, "torrents"), 1);
    free(path);
    free(hash);
    film_free(&film);
}

static const char *const paths[] = {"a.mkv", "b c.srt", "z.bin"};
static const uint64_t sizes[] = {2 * MB + 3, 999, 70000};

static void folder_is_seeded_to_aria2(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make(&film, rig->originals, "Films", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "");
    char *path = xasprintf("%s/%s/", rig->originals, film.name);
    SeedReply *reply = seed(rig, path, false);
    fetch(rig, reply->info_hash, rig_path(rig, "fetched"));
    rig_free(reply);
    for (uint32_t i = 0; i < COUNT_OF(paths); i++) {
        char *file = xasprintf("%s/fetched/Films/%s", rig->folder, paths[i]);
        wait_for_file(rig, &film, i, file);
        free(file);
    }
    free(path);
    film_free(&film);
}

/* To libtorrent only: aria2 1.36 and transmission 3.00 cannot read a hybrid .torrent. */
static void hybrid_folder_is_seeded_by_its_v2_hash_too(void **state)
{
    struct rig *rig = *state, *other;
    struct film film;

    film_make(&film, rig->originals, "Films", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "");
    char *path = xasprintf("%s/%s", rig->originals, film.name);
    SeedReply *reply = seed(rig, path, true);
    char *hash = xstrdup(reply->info_hash);
    rig_free(reply);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    Info *info = rig_get(rig, hash);
    assert_int_equal(info->file_count, 3); /* pad files are hidden */
    assert_int_equal(strlen(info->info_hash_v2), 64);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(info->files[i]->path, paths[i]);
        assert_int_equal(info->files[i]->size_bytes, sizes[i]);
    }
    /* Another service gets it by the v2 hash alone. */
    rig_setup((void **)&other);
    rig_start(other, "");
    char *magnet =
        xasprintf("magnet:?xt=urn:btmh:1220%s&x.pe=127.0.0.1:%u", info->info_hash_v2, rig->port);
    const char *key = rig_add(other, magnet);
    assert_memory_equal(key, info->info_hash_v2, 40);
    rig_wait_state(other, key, SHARESTREAM__TORRENT__STATE__SEEDING);
    for (uint32_t i = 0; i < 3; i++) {
        char *file = xasprintf("%s/torrents/%s/Films/%s", other->data_dir, key, paths[i]);
        assert_true(film_is_at(&film, i, file));
        free(file);
    }
    assert_string_equal(rig_add(other, info->info_hash_v2), key); /* bare v2 hash */
    assert_string_equal(rig_add(other, hash), key);               /* and its v1 hash */
    assert_int_equal(rig_metric(other, "torrents"), 1);
    rig_teardown((void **)&other);
    rig_free(info);
    free(magnet);
    free(path);
    free(hash);
    film_free(&film);
}

struct heard {
    unsigned progress;
    bool is_over, has_hash;
};

static bool on_event(void *arg, struct bytes payload)
{
    struct heard *heard = arg;
    Sharestream__Torrent__Event *event =
        sharestream__torrent__event__unpack(NULL, payload.len, payload.data);

    assert_non_null(event);
    if (event->kind_case == SHARESTREAM__TORRENT__EVENT__KIND_HASH) {
        heard->progress += event->hash->total > 0;
        assert_true(event->hash->done <= event->hash->total);
        heard->has_hash = strlen(event->hash->info_hash) == 40;
        heard->is_over = heard->has_hash || event->hash->error[0] != '\0';
    }
    sharestream__torrent__event__free_unpacked(event, NULL);
    return !heard->is_over;
}

static void *seed_long(void *arg)
{
    SeedRequest request = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    struct rig *rig = arg;
    char *path = xasprintf("%s/long.mkv", rig->originals);
    struct error error;
    void *reply;

    request.path = path;
    rig_try(rig, "Seed", &request, &reply, &error);
    rig_free(reply);
    free(path);
    return NULL;
}

static void hashing_tells_its_progress(void **state)
{
    struct ask where = {.service = "torrent", .deadline_ms = PROCESS_DEADLINE_MS};
    struct rig *rig = *state;
    struct heard heard = {0};
    struct error error;
    pthread_t thread;

    rig_start(rig, "");
    where.config = &rig->bus;
    /* Long enough to hear of it half-way; holes take no disk. */
    int fd = open(rig_path(rig, "originals/long.mkv"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(fd, (off_t)(700 * MB)), 0);
    close(fd);
    assert_int_equal(pthread_create(&thread, NULL, seed_long, rig), 0);
    assert_int_equal(ask_listen(&where, "event", on_event, &heard, &error), ERR_NONE);
    assert_true(heard.is_over && heard.has_hash);
    assert_true(heard.progress >= 1);
    pthread_join(thread, NULL);
}

/* The command line asks again and again: an event may be missed. */
static void asking_again_finds_the_same_hashing(void **state)
{
    SeedRequest request = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    struct rig *rig = *state;
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;
    bool has_hash = false;
    uint32_t job = 0, jobs = 0;

    rig_start(rig, "");
    request.path = xasprintf("%s/large.bin", rig->originals);
    request.wait_ms = 1;
    int fd = open(request.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)1024 * MB) == 0);
    close(fd);
    while (!has_hash) {
        SeedReply *reply = rig_ask(rig, "Seed", &request);

        jobs += reply->job != job;
        job = reply->job;
        has_hash = reply->info_hash[0] != '\0';
        rig_free(reply);
        assert_true(clock_ms() < until_ms);
    }
    assert_in_range(jobs, 1, 2); /* one more if it ended between two questions */
    assert_int_equal(rig_metric(rig, "torrents"), 1);
    free(request.path);
}

static void what_cannot_be_seeded_is_refused(void **state)
{
    SeedRequest request = SHARESTREAM__TORRENT__SEED_REQUEST__INIT;
    struct rig *rig = *state;

    rig_start(rig, "");
    static const struct {
        const char *path;
        enum err code;
    } cases[] = {{"", ERR_INVALID},
                 {"film.mkv", ERR_INVALID},
                 {"/", ERR_INVALID},
                 {"///", ERR_INVALID},
                 {"/tmp/../etc", ERR_INVALID},
                 {"/tmp/.", ERR_INVALID},
                 {"/nowhere/film.mkv", ERR_NOT_FOUND},
                 {"/tmp/\xff", ERR_INVALID},
                 {"/dev/null", ERR_INVALID}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        request.path = rig_text(cases[i].path);
        request.wait_ms = 5000;
        rig_refused(rig, "Seed", &request, cases[i].code);
    }
    request.path = rig_path(rig, "originals"); /* empty */
    rig_refused(rig, "Seed", &request, ERR_INVALID);
}

static void seeds_are_never_written_nor_deleted(void **state)
{
    static const uint8_t noise[] = {9, 9, 9};
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", 2 * MB);
    rig_start(rig, "  max_torrents: 1\n  cleanup_interval: 1s\n  disk_floor: 100TiB\n");
    char *path = xasprintf("%s/%s", rig->originals, film.name);
    SeedReply *reply = seed(rig, path, false);
    char *hash = xstrdup(reply->info_hash);
    rig_free(reply);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    /* The user changes his file: it is not mended from the swarm. */
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, noise, sizeof(noise), MB), sizeof(noise));
    close(fd);
    rig_order(rig, "Recheck", hash);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__FAILED);
    Info *info = rig_get(rig, hash);
    assert_non_null(strstr(info->error, "gone or changed"));
    assert_int_equal(info->pieces_ready, info->piece_count - 1);
    rig_free(info);
    /* He puts it back. */
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, film.data + MB, sizeof(noise), MB), sizeof(noise));
    close(fd);
    rig_order(rig, "Resume", hash);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    /* It goes while we are away. */
    assert_int_equal(rig_stop(rig), 0);
    char *elsewhere = xasprintf("%s.away", path);
    assert_int_equal(rename(path, elsewhere), 0);
    rig_restart(rig);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__FAILED);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(rename(elsewhere, path), 0);
    rig_order(rig, "Resume", hash);
    rig_wait_state(rig, hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_remove(rig, hash, false);
    assert_int_equal(rig_metric(rig, "torrents"), 0);
    assert_int_equal(rig_stop(rig), 0);
    assert_true(film_is_at(&film, 0, path));
    free(elsewhere);
    free(path);
    free(hash);
    film_free(&film);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(file_is_seeded_to_aria2),
        STORY(folder_is_seeded_to_aria2),
        STORY(hybrid_folder_is_seeded_by_its_v2_hash_too),
        STORY(hashing_tells_its_progress),
        STORY(asking_again_finds_the_same_hashing),
        STORY(what_cannot_be_seeded_is_refused),
        STORY(seeds_are_never_written_nor_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
