/* SPDX-License-Identifier: MIT
 *
 * Everything a torrent can come from, and everything that is refused.
 */
#include "rig.h"

#include <dirent.h>
#include <sys/stat.h>

#include "web.h"

typedef Sharestream__Torrent__AddRequest AddRequest;

enum { FILM_BYTES = 700000 };

static void is_downloaded(struct rig *rig, const struct film *film)
{
    rig_wait_state(rig, film->hash, SHARESTREAM__TORRENT__STATE__SEEDING);
    rig_check_files(rig, film);
}

static const char *base32(const char *hex)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    static char out[33];
    uint8_t hash[20];

    assert_true(hex_decode(bytes_of_text(hex), hash, sizeof(hash)));
    for (size_t i = 0; i < 32; i++) {
        unsigned value = 0;

        for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
            value = value * 2 + ((hash[bit / 8] >> (7 - bit % 8)) & 1);
        out[i] = letters[value];
    }
    return out;
}

static void magnets_in_hex_and_base32_are_the_same(void **state)
{
    struct rig *rig = *state;
    struct film film;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    rig_start(rig, "");
    uint16_t port = rig_seed_with_aria2(rig, &film, "0");
    char *magnet = xasprintf("  magnet:?xt=urn:btih:%s&dn=A%%20film&x.pe=127.0.0.1:%u\n",
                             base32(film.hash), port);
    assert_string_equal(rig_add(rig, magnet), film.hash);
    is_downloaded(rig, &film);
    assert_string_equal(rig_add_film(rig, &film, port), film.hash);
    assert_int_equal(rig_metric(rig, "torrents"), 1);
    free(magnet);
    film_free(&film);
}

/* Debian's opentracker serves only hashes it is told of, and never as root. */
static uint16_t start_tracker(struct rig *rig, const struct film *film)
{
    struct process *tracker = rig_new_client(rig);
    uint16_t port = process_free_port();
    char *number = xasprintf("%u", port);
    const char *const argv[] = {"opentracker", "-i",   "127.0.0.1",  "-p",        number,
                                "-P",          number, "-d",         rig->folder, "-u",
                                "nobody",      "-w",   "/whitelist", NULL};
    FILE *list = fopen(rig_path(rig, "whitelist"), "we");

    fprintf(list, "%s\n", film->hash);
    fclose(list);
    assert_int_equal(chmod(rig->folder, 0755), 0);
    process_start(tracker, rig_path(rig, "tracker.log"), argv);
    process_wait_port(tracker, port);
    snprintf(rig->tracker, sizeof(rig->tracker), "http://127.0.0.1:%u/announce", port);
    free(number);
    return port;
}

static void wait_for_seed(struct rig *rig, uint16_t tracker, const struct film *film)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;
    struct text path = {0};
    uint8_t hash[20];

    assert_true(hex_decode(bytes_of_text(film->hash), hash, sizeof(hash)));
    text_add(&path, "/scrape?info_hash=");
    text_add_percent(&path, bytes_of(hash, sizeof(hash)), "");
    while (!web_says(tracker, text_str(&path), "completei1e"))
        process_look_again(&rig->service, until_ms, "the tracker does not know the seed");
    text_fini(&path);
}

static void wait_until_announced(struct rig *rig, const struct film *film)
{
    uint64_t until_ms = clock_ms() + PROCESS_DEADLINE_MS;

    for (bool is_known = false; !is_known;) {
        Sharestream__Torrent__PeersRequest request = SHARESTREAM__TORRENT__PEERS_REQUEST__INIT;

        request.info_hash = rig_text(film->hash);
        Sharestream__Torrent__PeersReply *reply = rig_ask(rig, "Peers", &request);
        assert_int_equal(reply->n_trackers, 1);
        assert_string_equal(reply->trackers[0]->url, rig->tracker);
        is_known = reply->trackers[0]->is_working;
        rig_free(reply);
        if (!is_known)
            process_look_again(&rig->service, until_ms, "the tracker is not asked");
    }
}

static void bare_hash_finds_peers_through_default_trackers(void **state)
{
    struct rig *rig = *state;
    struct film film;

    if (geteuid() != 0)
        skip(); /* the tracker would look for its list elsewhere */
    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    uint16_t port = start_tracker(rig, &film);
    rig_seed_with_aria2(rig, &film, "0");
    wait_for_seed(rig, port, &film);
    snprintf(rig->tracker, sizeof(rig->tracker), "udp://127.0.0.1:%u/announce", port);
    char *settings = xasprintf("  allow_private_urls: true\n  trackers: [\"%s\"]\n", rig->tracker);
    rig_start(rig, settings);
    assert_string_equal(rig_add(rig, film.hash), film.hash);
    is_downloaded(rig, &film);
    wait_until_announced(rig, &film);
    free(settings);
    film_free(&film);
}

static void trackers_of_a_magnet_outlive_a_restart(void **state)
{
    Sharestream__Torrent__PeersRequest peers = SHARESTREAM__TORRENT__PEERS_REQUEST__INIT;
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    char *url = rig_text("udp://127.0.0.1:1/announce");
    char *more = rig_text("http://127.0.0.1:1/announce");

    rig_start(rig, "  allow_private_urls: true\n");
    request.source = peers.info_hash = rig_text("0123456789abcdef0123456789abcdef01234567");
    request.trackers = &url;
    request.n_trackers = 1;
    rig_free(rig_ask(rig, "Add", &request));
    request.trackers = &more;
    for (unsigned i = 0; i < 3; i++)
        rig_free(rig_ask(rig, "Add", &request)); /* once more changes nothing */
    rig_kill(rig);
    rig_restart(rig);
    Sharestream__Torrent__PeersReply *reply = rig_ask(rig, "Peers", &peers);
    assert_int_equal(reply->n_trackers, 2);
    rig_free(reply);
}

static void torrent_file_tells_its_files_at_once(void **state)
{
    static const char *const paths[] = {"1 film.mkv", "2 film.en.srt", "3 poster.jpg", "4 empty"};
    static const uint64_t sizes[] = {FILM_BYTES, 5000, 70000, 0};
    static const char *const kinds[] = {"video", "subtitle", "image", "other"};
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    struct film film;

    film_make(&film, rig->originals, "Film", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "");
    request.metainfo.data = (uint8_t *)film.metainfo.data;
    request.metainfo.len = film.metainfo.len;
    Sharestream__Torrent__AddReply *reply = rig_ask(rig, "Add", &request);
    assert_true(reply->is_new);
    assert_string_equal(reply->info->name, "Film");
    assert_int_equal(reply->info->file_count, 4);
    assert_int_equal(reply->info->n_files, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const Sharestream__Torrent__File *file = reply->info->files[i];

        assert_int_equal(file->id, i);
        assert_string_equal(file->path, paths[i]);
        assert_int_equal(file->size_bytes, sizes[i]);
        assert_string_equal(file->kind, kinds[i]);
        assert_true(file->is_wanted);
    }
    assert_true(reply->info->files[3]->progress == 1.0);
    rig_free(reply);
    reply = rig_ask(rig, "Add", &request);
    assert_false(reply->is_new);
    rig_free(reply);
    rig_add_film(rig, &film, rig_seed_with_aria2(rig, &film, "0"));
    is_downloaded(rig, &film);
    film_free(&film);
}

static char *url_of(const struct web *web, const char *path)
{
    static char urls[8][80];
    static unsigned next;
    char *url = urls[next++ % COUNT_OF(urls)];

    snprintf(url, sizeof(urls[0]), "http://127.0.0.1:%u%s", web->port, path);
    return url;
}

static void urls_of_torrent_files_are_fetched(void **state)
{
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    struct film film;
    struct web web;
    struct text large = {0};

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    for (unsigned i = 0; i < 17 << 10; i++)
        text_addf(&large, "%1024s", "");
    const struct web_page pages[] = {
        {.path = "/film.torrent",
         .status = 200,
         .body = bytes_of(film.metainfo.data, film.metainfo.len)},
        {.path = "/moved", .status = 302, .location = "/film.torrent"},
        {.path = "/elsewhere", .status = 302, .location = "file:///etc/passwd"},
        {.path = "/round", .status = 302, .location = "/round"},
        {.path = "/page", .status = 200, .body = bytes_of_text("<html>log in first</html>")},
        {.path = "/empty", .status = 200},
        {.path = "/large", .status = 200, .body = bytes_of(large.data, large.len)},
        {.path = "/broken", .status = 503},
        {.path = "/silent"},
        {0}};
    web_start(&web, pages);
    rig_start(rig, "  allow_private_urls: true\n");
    static const struct {
        const char *path;
        enum err code;
    } refused[] = {{"/page", ERR_INVALID},      {"/empty", ERR_INVALID},
                   {"/large", ERR_TOO_LARGE},   {"/broken", ERR_UNAVAILABLE},
                   {"/nothing", ERR_NOT_FOUND}, {"/elsewhere", ERR_UNAVAILABLE},
                   {"/round", ERR_UNAVAILABLE}};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        request.source = url_of(&web, refused[i].path);
        rig_refused(rig, "Add", &request, refused[i].code);
    }
    request.source = rig_text("http://127.0.0.1:1/closed");
    rig_refused(rig, "Add", &request, ERR_UNAVAILABLE);
    request.source = rig_text("http://");
    rig_refused(rig, "Add", &request, ERR_INVALID);
    char *padded = xasprintf(" \t%s \n", url_of(&web, "/moved"));
    assert_string_equal(rig_add(rig, padded), film.hash);
    free(padded);
    request.source = url_of(&web, "/silent");
    rig->ask_ms = 700;
    /* In time: else the sentence would be that nobody answered. */
    assert_non_null(strstr(rig_refused(rig, "Add", &request, ERR_TIMEOUT), "behind the URL"));
    rig->ask_ms = 0;
    assert_int_equal(rig_metric(rig, "torrents"), 1);
    web_stop(&web);
    text_fini(&large);
    film_free(&film);
}

static void private_urls_are_refused(void **state)
{
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;

    rig_start(rig, "");
    request.source = rig_text("http://localhost:1/film.torrent");
    assert_non_null(strstr(rig_refused(rig, "Add", &request, ERR_DENIED), "allow_private_urls"));
    request.source = rig_text("https://[::ffff:192.168.1.1]/film.torrent");
    rig_refused(rig, "Add", &request, ERR_DENIED);
}

static void metadata_comes_from_the_xs_of_a_magnet(void **state)
{
    struct rig *rig = *state;
    struct film film, other;
    struct web web;

    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    film_make_file(&other, rig->originals, "other.mkv", FILM_BYTES);
    const struct web_page pages[] = {
        {.path = "/film", .status = 200, .body = bytes_of(film.metainfo.data, film.metainfo.len)},
        {0}};
    web_start(&web, pages);
    rig_start(rig, "  allow_private_urls: true\n");
    char *magnet = xasprintf("magnet:?xt=urn:btih:%s&xs=%s", film.hash, url_of(&web, "/film"));
    assert_string_equal(rig_add(rig, magnet), film.hash);
    free(magnet);
    /* Another's metadata changes nothing, and adds nothing. */
    magnet = xasprintf("magnet:?xt=urn:btih:%s&xs=%s", other.hash, url_of(&web, "/film"));
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    request.source = magnet;
    rig_free(rig_ask(rig, "Add", &request));
    rig_wait_said(rig, "metadata from xs= not usable");
    Info *info = rig_get(rig, other.hash);
    assert_false(info->has_metadata);
    rig_free(info);
    assert_int_equal(rig_metric(rig, "torrents"), 2);
    free(magnet);
    web_stop(&web);
    film_free(&film);
    film_free(&other);
}

static void selection_of_a_magnet_is_all_that_is_fetched(void **state)
{
    static const char *const paths[] = {"a.mkv", "b.mkv", "c.mkv"};
    static const uint64_t sizes[] = {25ul * FILM_PIECE, 3ul * FILM_PIECE, 25ul * FILM_PIECE};
    struct rig *rig = *state;
    struct film film;

    film_make(&film, rig->originals, "Films", COUNT_OF(paths), paths, sizes);
    rig_start(rig, "");
    /* Slow, because a piece or two may come before the selection is made. */
    char *peer = film_magnet(&film, rig_seed_with_aria2(rig, &film, "2M"));
    char *magnet = xasprintf("%s&so=1", peer);
    rig_add(rig, magnet);
    rig_wait_state(rig, film.hash, SHARESTREAM__TORRENT__STATE__FINISHED);
    Info *info = rig_get(rig, film.hash);
    assert_false(info->files[0]->is_wanted);
    assert_true(info->files[1]->is_wanted);
    assert_int_equal(info->files[1]->ready_bytes, sizes[1]);
    assert_true(info->files[0]->ready_bytes < sizes[0]);
    assert_true(info->files[2]->ready_bytes < sizes[2]);
    assert_true(info->progress == 1.0);
    rig_free(info);
    rig_check_ready(rig, &film, NULL);
    /* All of it after all. */
    Sharestream__Torrent__SelectRequest select = SHARESTREAM__TORRENT__SELECT_REQUEST__INIT;
    select.info_hash = film.hash;
    rig_free(rig_ask(rig, "Select", &select));
    is_downloaded(rig, &film);
    free(peer);
    free(magnet);
    film_free(&film);
}

static void garbage_is_refused_with_a_sentence(void **state)
{
    /* Is cut in the answer, and at an odd place. */
    static const char long_text[] =
        "x\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9";
    static const char *const sources[] = {
        "",
        "   ",
        "film",
        "magnet:",
        "magnet:?",
        "magnet:?dn=film",
        "magnet:?xt=urn:btih:xyz",
        "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef0123456",
        "magnet:?xt=urn:btmh:1220abcd",
        "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&so=x",
        "0123456789abcdef0123456789abcdef0123456",
        "0123456789abcdef0123456789abcdef0123456g",
        "ftp://example.com/film.torrent",
        "httpx://example.com/film.torrent",
        "/etc/passwd",
        "\xff\xfe\xfd",
        long_text,
    };
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    char *bad_tracker = rig_text("gopher://tracker");

    rig_start(rig, "");
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        request.source = rig_text(sources[i]);
        rig_refused(rig, "Add", &request, ERR_INVALID);
    }
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    request.trackers = &bad_tracker;
    request.n_trackers = 1;
    rig_refused(rig, "Add", &request, ERR_INVALID);
    assert_int_equal(rig_metric(rig, "torrents"), 0);
}

/* The inputs of the parser's fuzz target: refused, or harmless. */
static void hostile_torrent_files_do_no_harm(void **state)
{

    struct rig *rig = *state;
    struct dirent *entry;
    unsigned refused = 0;

    rig_start(rig, "");
    char *corpus = xasprintf("%s/metainfo", CORPUS_DIR);
    DIR *dir = opendir(corpus);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
        static uint8_t data[1 << 20];
        struct error error = {0};
        void *reply;

        char *path = xasprintf("%s/%s", corpus, entry->d_name);
        FILE *file = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        free(path);
        if (file == NULL)
            continue;
        request.metainfo.data = data;
        request.metainfo.len = fread(data, 1, sizeof(data), file);
        fclose(file);
        enum err err = rig_try(rig, "Add", &request, &reply, &error);
        if (err != ERR_NONE) {
            assert_true(err == ERR_INVALID || err == ERR_TOO_LARGE || err == ERR_DENIED);
            assert_true(error.text[0] != '\0');
            refused++;
        } else {
            rig_free(reply);
        }
    }
    closedir(dir);
    free(corpus);
    assert_true(refused >= 5);
    Sharestream__Torrent__ListRequest list = SHARESTREAM__TORRENT__LIST_REQUEST__INIT;
    Sharestream__Torrent__ListReply *all = rig_ask(rig, "List", &list);
    for (size_t i = 0; i < all->n_torrents; i++)
        assert_true(utf8_valid(bytes_of_text(all->torrents[i]->name)));
    rig_free(all);
}

static void add_entry(struct text *out, const char *name, unsigned number)
{
    text_addf(out, "d6:lengthi1e4:pathl%zu:%s8:%08uee", strlen(name), name, number);
}

static void long_lists_of_files_come_in_parts(void **state)
{
    enum { FILES = 100000 };
    char name[101] = "";
    Sharestream__Torrent__GetRequest get = SHARESTREAM__TORRENT__GET_REQUEST__INIT;
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    struct text metainfo = {0};

    memset(name, 'x', sizeof(name) - 1);
    text_add(&metainfo, "d4:infod5:filesl");
    for (unsigned i = 0; i < FILES; i++)
        add_entry(&metainfo, name, i);
    text_addf(&metainfo, "e4:name4:many12:piece lengthi65536e6:pieces40:%40see", "");
    rig_start(rig, "");
    request.metainfo.data = (uint8_t *)metainfo.data;
    request.metainfo.len = metainfo.len;
    Sharestream__Torrent__AddReply *reply = rig_ask(rig, "Add", &request);
    assert_int_equal(reply->info->file_count, FILES);
    assert_in_range(reply->info->n_files, 10000, FILES - 1);
    get.info_hash = xstrdup(reply->info_hash);
    get.first_file = (uint32_t)reply->info->n_files;
    rig_free(reply);
    while (get.first_file < FILES) {
        Info *info = rig_ask(rig, "Get", &get);

        assert_true(info->n_files > 0);
        assert_int_equal(info->files[0]->id, get.first_file);
        get.first_file += (uint32_t)info->n_files;
        rig_free(info);
    }
    Info *info = rig_ask(rig, "Get", &get);
    assert_int_equal(info->n_files, 0);
    rig_free(info);
    free(get.info_hash);
    text_fini(&metainfo);
}

static void names_are_always_text(void **state)
{
    static const char bad[] = "d7:comment3:\xff\xff\xff"
                              "4:infod5:filesld6:lengthi5e4:pathl4:\xff.\x01.eed"
                              "6:lengthi5e4:pathl2:ok8:a\n\"\\b.mkee"
                              "e4:name6:caf\xe9\x80.12:piece lengthi65536e6:pieces20:"
                              "aaaaaaaaaaaaaaaaaaaaee";
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;

    rig_start(rig, "");
    request.metainfo.data = (uint8_t *)(uintptr_t)bad;
    request.metainfo.len = sizeof(bad) - 1;
    Sharestream__Torrent__AddReply *reply = rig_ask(rig, "Add", &request);
    assert_true(utf8_valid(bytes_of_text(reply->info->name)));
    assert_true(utf8_valid(bytes_of_text(reply->info->comment)));
    assert_int_equal(reply->info->n_files, 2);
    for (size_t i = 0; i < reply->info->n_files; i++)
        assert_true(utf8_valid(bytes_of_text(reply->info->files[i]->path)));
    rig_free(reply);
}

/* A call is answered ANSWER_MARGIN_MS before its asker gives up, which is too late for once on a
 * busy machine. *began_ms: when it was asked. */
static void *ask_until_answered(struct rig *rig, const char *method, const void *request,
                                uint64_t *began_ms)
{
    enum err err = ERR_TIMEOUT;
    struct error error;
    void *reply;

    for (int i = 0; i < 20 && err == ERR_TIMEOUT; i++) {
        *began_ms = clock_ms();
        err = rig_try(rig, method, request, &reply, &error);
    }
    assert_int_equal(err, ERR_NONE);
    return reply;
}

static void missing_metadata_is_answered_in_time(void **state)
{
    AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;
    struct rig *rig = *state;
    uint64_t took_ms;

    rig_start(rig, "  metadata_timeout: 1s\n");
    request.source = rig_text("0123456789abcdef0123456789abcdef01234567");
    static const struct {
        uint32_t wait_ms, ask_ms, least_ms;
    } cases[] = {{0, 0, 0}, {500, 0, 450}, {60000, 0, 950}, {60000, 600, 300}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        request.wait_ms = cases[i].wait_ms;
        rig->ask_ms = cases[i].ask_ms;
        uint64_t began_ms;
        Sharestream__Torrent__AddReply *reply = ask_until_answered(rig, "Add", &request, &began_ms);
        took_ms = clock_ms() - began_ms;
        assert_false(reply->info->has_metadata);
        assert_int_equal(reply->info->state, SHARESTREAM__TORRENT__STATE__METADATA);
        assert_in_range(took_ms, cases[i].least_ms, 12000);
        rig_free(reply);
    }
}

static void who_is_unknown_is_not_found(void **state)
{
    static const char *const methods[] = {"Get",     "Remove", "Pause",   "Resume",
                                          "Recheck", "Select", "Peers",   "Metainfo",
                                          "Read",    "Close",  "Diagnose"};
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;
    Sharestream__Torrent__SelectRequest select = SHARESTREAM__TORRENT__SELECT_REQUEST__INIT;
    Sharestream__Torrent__ReadRequest read = SHARESTREAM__TORRENT__READ_REQUEST__INIT;
    Sharestream__Torrent__DiagnoseRequest diagnose = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;
    struct rig *rig = *state;
    struct film film;

    rig_start(rig, "");
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        /* All of these requests have the hash as their first field. */
        name.info_hash = rig_text("0123456789abcdef0123456789abcdef01234567");
        rig_refused(rig, methods[i], &name, ERR_NOT_FOUND);
        name.info_hash = rig_text("0123\xff");
        rig_refused(rig, methods[i], &name, ERR_INVALID);
    }
    film_make_file(&film, rig->originals, "film.mkv", FILM_BYTES);
    rig_add_torrent(rig, &film);
    select.info_hash = read.info_hash = diagnose.info_hash = film.hash;
    select.files = (uint32_t[]){0, 1};
    select.n_files = 2;
    rig_refused(rig, "Select", &select, ERR_NOT_FOUND);
    read.file = diagnose.file = 1;
    rig_refused(rig, "Read", &read, ERR_INVALID);
    rig_refused(rig, "Diagnose", &diagnose, ERR_NOT_FOUND);
    read.file = 0;
    read.position = FILM_BYTES + 1;
    rig_refused(rig, "Read", &read, ERR_INVALID);
    read.position = FILM_BYTES;
    rig_free(rig_ask(rig, "Read", &read));
    film_free(&film);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(magnets_in_hex_and_base32_are_the_same),
        STORY(bare_hash_finds_peers_through_default_trackers),
        STORY(trackers_of_a_magnet_outlive_a_restart),
        STORY(torrent_file_tells_its_files_at_once),
        STORY(urls_of_torrent_files_are_fetched),
        STORY(private_urls_are_refused),
        STORY(metadata_comes_from_the_xs_of_a_magnet),
        STORY(selection_of_a_magnet_is_all_that_is_fetched),
        STORY(garbage_is_refused_with_a_sentence),
        STORY(hostile_torrent_files_do_no_harm),
        STORY(long_lists_of_files_come_in_parts),
        STORY(names_are_always_text),
        STORY(missing_metadata_is_answered_in_time),
        STORY(who_is_unknown_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
