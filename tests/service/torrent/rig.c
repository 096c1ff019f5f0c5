/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

typedef Sharestream__Torrent__Empty Empty;

enum { ASK_MS = 15000 };

char *rig_path(const struct rig *rig, const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % COUNT_OF(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", rig->folder, name);
    return path;
}

int rig_setup(void **state)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));

    snprintf(rig->folder, sizeof(rig->folder), "/tmp/rig-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->data_dir, sizeof(rig->data_dir), "%s/data", rig->folder);
    snprintf(rig->originals, sizeof(rig->originals), "%s/originals", rig->folder);
    snprintf(rig->run_dir, sizeof(rig->run_dir), "%s/run", rig->folder);
    snprintf(rig->config, sizeof(rig->config), "%s/config.yaml", rig->folder);
    assert_int_equal(mkdir(rig->originals, 0755), 0);
    rig->bus = (struct bus_config){
        .self = "test.0", .run_dir = rig->run_dir, .listen = "", .peers = "", .secret = ""};
    *state = rig;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

int rig_teardown(void **state)
{
    struct rig *rig = *state;
    int code = 0;

    if (rig->service.pid != 0)
        code = rig_stop(rig);
    for (size_t i = 0; i < RIG_CLIENTS_MAX; i++)
        if (rig->clients[i].pid != 0)
            process_end(&rig->clients[i], SIGKILL);
    if (code != 0)
        process_fail(&rig->service, "torrent-svc did not stop cleanly");
    nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(rig);
    return 0;
}

static void write_config(const struct rig *rig, const char *settings)
{
    static const char *const quiet[][2] = {{"listen", "127.0.0.1:0"},
                                           {"dht", "false"},
                                           {"lsd", "false"},
                                           {"upnp", "false"},
                                           {"disk_floor", "0"}};
    char key[32];
    FILE *file = fopen(rig->config, "we");

    assert_non_null(file);
    fprintf(file, "common:\n  data_dir: %s\n  run_dir: %s\n  log_level: debug\n", rig->data_dir,
            rig->run_dir);
    fprintf(file, "torrent:\n%s", settings);
    for (size_t i = 0; i < COUNT_OF(quiet); i++) {
        snprintf(key, sizeof(key), "  %s:", quiet[i][0]);
        if (strstr(settings, key) == NULL)
            fprintf(file, "%s %s\n", key, quiet[i][1]);
    }
    fclose(file);
}

void rig_restart(struct rig *rig)
{
    const char *port;
    int code;

    if (!process_start_service(&rig->service, rig_path(rig, "log"), "torrent-svc", rig->config,
                               &code))
        process_fail(&rig->service, "torrent-svc does not start");
    port = strstr(rig->service.ready, "port=");
    assert_non_null(port);
    rig->port = (uint16_t)strtoul(port + strlen("port="), NULL, 10);
}

void rig_start(struct rig *rig, const char *settings)
{
    write_config(rig, settings);
    rig_restart(rig);
}

int rig_start_fails(struct rig *rig, const char *settings)
{
    int code = 0;

    write_config(rig, settings);
    assert_false(process_start_service(&rig->service, rig_path(rig, "log"), "torrent-svc",
                                       rig->config, &code));
    return code;
}

int rig_stop(struct rig *rig)
{
    return process_end(&rig->service, SIGTERM);
}

void rig_kill(struct rig *rig)
{
    assert_int_equal(process_end(&rig->service, SIGKILL), -SIGKILL);
}

enum err rig_try(struct rig *rig, const char *method, const void *request, void **reply_out,
                 struct error *error)
{
    struct ask where = {.config = &rig->bus,
                        .service = "torrent",
                        .deadline_ms = rig->ask_ms != 0 ? rig->ask_ms : ASK_MS};
    ProtobufCMessage *reply;
    enum err err =
        ask(&where, &sharestream__torrent__torrent__descriptor, method, request, &reply, error);

    *reply_out = reply;
    return err;
}

void rig_free(void *reply)
{
    protobuf_c_message_free_unpacked(reply, NULL);
}

void *rig_ask(struct rig *rig, const char *method, const void *request)
{
    struct error error;
    void *reply;
    char what[400];

    if (rig_try(rig, method, request, &reply, &error) == ERR_NONE)
        return reply;
    snprintf(what, sizeof(what), "%s: %s", method, error.text);
    process_fail(&rig->service, what);
}

const char *rig_refused(struct rig *rig, const char *method, const void *request, enum err code)
{
    static struct error error;
    char what[400];
    void *reply;

    enum err got = rig_try(rig, method, request, &reply, &error);
    if (got != code) {
        snprintf(what, sizeof(what), "%s: wanted to be refused with %s, got %s: %s", method,
                 err_word(code), err_word(got), got != ERR_NONE ? error.text : "");
        process_fail(&rig->service, what);
    }
    assert_true(error.text[0] != '\0' && utf8_valid(bytes_of_text(error.text)));
    return error.text;
}

static const char *keep_hash(const char *hash)
{
    static char hashes[8][41];
    static unsigned next;
    char *out = hashes[next++ % COUNT_OF(hashes)];

    snprintf(out, sizeof(hashes[0]), "%s", hash);
    return out;
}

static const char *add(struct rig *rig, Sharestream__Torrent__AddRequest *request)
{
    request->wait_ms = 10000;
    Sharestream__Torrent__AddReply *reply = rig_ask(rig, "Add", request);
    const char *hash = keep_hash(reply->info_hash);

    if (!reply->info->has_metadata)
        process_fail(&rig->service, "the metadata does not come");
    rig_free(reply);
    return hash;
}

const char *rig_add(struct rig *rig, const char *source)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;

    request.source = rig_text(source);
    return add(rig, &request);
}

const char *rig_add_torrent(struct rig *rig, const struct film *film)
{
    Sharestream__Torrent__AddRequest request = SHARESTREAM__TORRENT__ADD_REQUEST__INIT;

    request.metainfo.data = (uint8_t *)film->metainfo.data;
    request.metainfo.len = film->metainfo.len;
    return add(rig, &request);
}

const char *rig_add_film(struct rig *rig, const struct film *film, uint16_t peer_port)
{
    char *magnet = film_magnet(film, peer_port);
    const char *hash = rig_add(rig, magnet);

    assert_string_equal(hash, film->hash);
    free(magnet);
    return hash;
}

Info *rig_get(struct rig *rig, const char *hash)
{
    Sharestream__Torrent__GetRequest request = SHARESTREAM__TORRENT__GET_REQUEST__INIT;

    request.info_hash = rig_text(hash);
    return rig_ask(rig, "Get", &request);
}

State rig_state(struct rig *rig, const char *hash)
{
    Info *info = rig_get(rig, hash);
    State state = info->state;

    rig_free(info);
    return state;
}

void rig_order(struct rig *rig, const char *method, const char *hash)
{
    Sharestream__Torrent__Name name = SHARESTREAM__TORRENT__NAME__INIT;

    name.info_hash = rig_text(hash);
    rig_free(rig_ask(rig, method, &name));
}

void rig_remove(struct rig *rig, const char *hash, bool keeps_data)
{
    Sharestream__Torrent__RemoveRequest request = SHARESTREAM__TORRENT__REMOVE_REQUEST__INIT;

    request.info_hash = rig_text(hash);
    request.keeps_data = keeps_data;
    rig_free(rig_ask(rig, "Remove", &request));
}

void rig_limit(struct rig *rig, const char *hash, uint64_t download, uint64_t upload)
{
    Sharestream__Torrent__LimitsRequest request = SHARESTREAM__TORRENT__LIMITS_REQUEST__INIT;
    Sharestream__Torrent__Limits limits = SHARESTREAM__TORRENT__LIMITS__INIT;

    request.info_hash = rig_text(hash);
    request.limits = &limits;
    limits.download = download;
    limits.upload = upload;
    rig_free(rig_ask(rig, "SetLimits", &request));
}

void rig_read(struct rig *rig, const char *hash, uint64_t reader, uint32_t file, uint64_t position,
              uint64_t end)
{
    Sharestream__Torrent__ReadRequest request = SHARESTREAM__TORRENT__READ_REQUEST__INIT;

    request.info_hash = rig_text(hash);
    request.reader = reader;
    request.file = file;
    request.position = position;
    request.end = end;
    request.is_waiting = true;
    rig_free(rig_ask(rig, "Read", &request));
}

void rig_diagnose(struct rig *rig, const char *hash, uint32_t file, char code_out[32])
{
    Sharestream__Torrent__DiagnoseRequest request = SHARESTREAM__TORRENT__DIAGNOSE_REQUEST__INIT;

    request.info_hash = rig_text(hash);
    request.file = file;
    Sharestream__Torrent__Diagnosis *reply = rig_ask(rig, "Diagnose", &request);
    snprintf(code_out, 32, "%s", reply->code);
    assert_true(reply->summary[0] != '\0');
    rig_free(reply);
}

uint64_t rig_metric(struct rig *rig, const char *name)
{
    struct ask where = {.config = &rig->bus, .service = "torrent", .deadline_ms = ASK_MS};
    Sharestream__Svc__MetricsRequest request = SHARESTREAM__SVC__METRICS_REQUEST__INIT;
    ProtobufCMessage *reply;
    struct error error;
    char line[128];

    assert_int_equal(
        ask(&where, &sharestream__svc__svc__descriptor, "Metrics", &request.base, &reply, &error),
        ERR_NONE);
    snprintf(line, sizeof(line), "\nsharestream_torrent_%s ", name);
    const char *text = ((Sharestream__Svc__MetricsReply *)reply)->text;
    const char *at = strstr(text, line);
    assert_non_null(at);
    uint64_t value = strtoull(at + strlen(line), NULL, 10);
    rig_free(reply);
    return value;
}

static uint64_t deadline(void)
{
    return clock_ms() + PROCESS_DEADLINE_MS;
}

void rig_wait_state(struct rig *rig, const char *hash, State state)
{
    uint64_t until_ms = deadline();
    char what[64];

    snprintf(what, sizeof(what), "it does not come into state %d", (int)state);
    while (rig_state(rig, hash) != state)
        process_look_again(&rig->service, until_ms, what);
}

static uint32_t ready_pieces(struct rig *rig, const char *hash)
{
    Info *info = rig_get(rig, hash);
    uint32_t count = info->pieces_ready;

    rig_free(info);
    return count;
}

void rig_wait_ready(struct rig *rig, const char *hash, uint32_t pieces)
{
    uint64_t until_ms = deadline();

    while (ready_pieces(rig, hash) < pieces)
        process_look_again(&rig->service, until_ms, "so many pieces do not come");
}

void rig_wait_gone(struct rig *rig, const char *path)
{
    uint64_t until_ms = deadline();

    while (access(path, F_OK) == 0)
        process_look_again(&rig->service, until_ms, "its data is not deleted");
}

void rig_wait_said(struct rig *rig, const char *text)
{
    uint64_t until_ms = deadline();

    while (!process_said(&rig->service, text))
        process_look_again(&rig->service, until_ms, text);
}

static struct ready_map *open_map(struct rig *rig, const struct film *film)
{
    struct infohash hash;
    struct ready_map *map;
    struct error error;

    assert_true(infohash_parse(bytes_of_text(film->hash), &hash));
    if (ready_map_open(rig->run_dir, &hash, &map, &error) != ERR_NONE)
        process_fail(&rig->service, error.text);
    return map;
}

/* What is in [offset, offset + len) of the torrent, over the borders of files. */
static bool is_right(const struct ready_map *map, const struct film *film, uint64_t offset,
                     uint64_t len)
{
    const struct ready_layout *layout = ready_map_layout(map);
    uint8_t *got = xcalloc(1, len);
    uint64_t read_bytes = 0;

    for (uint32_t i = 0; i < layout->file_count; i++) {
        const struct ready_file *file = &layout->files[i];
        uint64_t from = MAX(offset, file->offset),
                 to = MIN(offset + len, file->offset + file->size);

        if (from >= to)
            continue;
        int fd = open(file->disk_path, O_RDONLY | O_CLOEXEC);
        ssize_t n = pread(fd, got + (from - offset), to - from, (off_t)(from - file->offset));
        read_bytes += n > 0 ? (uint64_t)n : 0;
        close(fd);
    }
    bool is_same = read_bytes == len && memcmp(got, film->data + offset, len) == 0;
    free(got);
    return is_same;
}

uint32_t rig_check_ready(struct rig *rig, const struct film *film, uint8_t *have_out)
{
    struct ready_map *map = open_map(rig, film);
    uint32_t count = 0;

    assert_int_equal(ready_map_layout(map)->piece_count, film->piece_count);
    for (uint32_t piece = 0; piece < film->piece_count; piece++) {
        uint64_t offset = (uint64_t)piece * FILM_PIECE;
        bool has = ready_map_has(map, piece);

        if (have_out != NULL)
            have_out[piece] = has;
        count += has;
        if (has && !is_right(map, film, offset, MIN(film->total - offset, (uint64_t)FILM_PIECE)))
            process_fail(&rig->service, "a piece is called ready and is wrong");
    }
    ready_map_close(&map);
    return count;
}

void rig_check_files(struct rig *rig, const struct film *film)
{
    struct ready_map *map = open_map(rig, film);
    const struct ready_layout *layout = ready_map_layout(map);

    assert_int_equal(layout->file_count, film->file_count);
    for (uint32_t i = 0; i < layout->file_count; i++) {
        assert_string_equal(layout->files[i].path, film->paths[i]);
        if (!film_is_at(film, i, layout->files[i].disk_path))
            process_fail(&rig->service, "a file is not the same as the original");
    }
    ready_map_close(&map);
}

struct process *rig_new_client(struct rig *rig)
{
    for (size_t i = 0; i < RIG_CLIENTS_MAX; i++)
        if (rig->clients[i].pid == 0)
            return &rig->clients[i];
    fail_msg("too many clients");
    return NULL;
}

/* aria2 with everything switched off that leaves the machine. */
static void start_aria2(struct rig *rig, struct process *client, uint16_t port, const char *folder,
                        const char *limit, const char *source)
{
    char *dir = xasprintf("--dir=%s", folder), *listen = xasprintf("--listen-port=%u", port);
    char *log = rig_path(rig, "aria2.log");
    char *limits = xasprintf("--max-upload-limit=%s", limit);
    char *tracker = xasprintf("--bt-tracker=%s", rig->tracker);
    const char *const argv[] = {"aria2c",
                                dir,
                                listen,
                                limits,
                                tracker,
                                "--no-conf",
                                "--interface=127.0.0.1",
                                "--disable-ipv6=true",
                                "--enable-dht=false",
                                "--enable-dht6=false",
                                "--bt-enable-lpd=false",
                                "--enable-peer-exchange=false",
                                "--bt-seed-unverified=true",
                                "--allow-overwrite=true",
                                "--seed-ratio=0.0",
                                "--file-allocation=none",
                                "--follow-torrent=mem",
                                source,
                                NULL};

    process_start(client, log, argv);
    free(dir);
    free(listen);
    free(limits);
    free(tracker);
}

uint16_t rig_seed_with_aria2(struct rig *rig, const struct film *film, const char *upload_limit)
{
    struct process *client = rig_new_client(rig);
    uint16_t port = process_free_port();

    start_aria2(rig, client, port, film->folder, upload_limit,
                film_write_torrent(film, rig->folder));
    process_wait_port(client, port);
    return port;
}

uint16_t rig_fetch_with_aria2(struct rig *rig, const char *source, const char *folder)
{
    struct process *client = rig_new_client(rig);
    uint16_t port = process_free_port();

    start_aria2(rig, client, port, folder, "0", source);
    process_wait_port(client, port);
    return port;
}
