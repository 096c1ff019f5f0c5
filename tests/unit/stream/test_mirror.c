/* SPDX-License-Identifier: MIT
 *
 * A torrent of another machine, read as if it were here: over a real bus, from a torrent-svc that
 * makes up its bytes. Both sides turn in one thread; no sleeps, every wait has a deadline.
 */
#include "stream/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "base/clock.h"
#include "base/must.h"
#include "stream/lease.h"

typedef Sharestream__Torrent__Torrent_Service Torrent;

enum { WAIT_MS = 30000, FILES = 3, LARGE = 2 };

static const uint64_t sizes[FILES] = {700001, 0, (20 << 20) + 5};
static const struct infohash hash = {{0xaa, 1}};

static struct {
    char dir[64], folder[96];
    struct bus *far, *bus;
    struct bus_remote *torrent;
    struct lease_set *set;
    uint64_t ready; /* bytes of each file that the other side has */
    unsigned fetches, wakes;
} at;

/* ---- the other side */

static uint8_t byte_at(uint32_t file, uint64_t position)
{
    return (uint8_t)(position * 7 + position / 251 + position / 65536 + file);
}

static void on_fetch(Torrent *service, const Sharestream__Torrent__FetchRequest *request,
                     Sharestream__Torrent__FetchReply_Closure closure, void *data)
{
    Sharestream__Torrent__FetchReply reply = SHARESTREAM__TORRENT__FETCH_REPLY__INIT;
    uint64_t end =
        MIN(MIN(request->position + request->size_bytes, sizes[request->file]), at.ready);

    (void)service;
    at.fetches++;
    assert_in_range(request->size_bytes, 1, MIRROR_FETCH_BYTES);
    reply.data.data = xcalloc(1, MIRROR_FETCH_BYTES);
    for (uint64_t i = request->position; i < end; i++)
        reply.data.data[reply.data.len++] = byte_at(request->file, i);
    closure(&reply, data);
    free(reply.data.data);
}

static void on_read(Torrent *service, const Sharestream__Torrent__ReadRequest *request,
                    Sharestream__Torrent__ReadReply_Closure closure, void *data)
{
    Sharestream__Torrent__ReadReply reply = SHARESTREAM__TORRENT__READ_REPLY__INIT;

    (void)service;
    (void)request;
    closure(&reply, data);
}

static void on_close(Torrent *service, const Sharestream__Torrent__CloseRequest *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;

    (void)service;
    (void)request;
    closure(&reply, data);
}

static void on_hello(Sharestream__Svc__Svc_Service *service,
                     const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;

    (void)service;
    reply.name = (char *)(uintptr_t) "torrent.0";
    reply.generation = 1;
    reply.fingerprint = bus_served_fingerprint(at.far, request->service);
    closure(&reply, data);
}

static Torrent torrent_service = {
    .base = {.descriptor = &sharestream__torrent__torrent__descriptor,
             .invoke = protobuf_c_service_invoke_internal},
    .read = on_read,
    .close = on_close,
    .fetch = on_fetch,
};
static Sharestream__Svc__Svc_Service greeter = {
    .base = {.descriptor = &sharestream__svc__svc__descriptor,
             .invoke = protobuf_c_service_invoke_internal},
    .hello = on_hello,
};

static void publish(bool is_gone)
{
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Changed changed = SHARESTREAM__TORRENT__CHANGED__INIT;
    char text[INFOHASH_TEXT];

    changed.info_hash = infohash_text(&hash, text);
    changed.is_gone = is_gone;
    event.kind_case = SHARESTREAM__TORRENT__EVENT__KIND_CHANGED;
    event.changed = &changed;
    bus_publish(at.far, &event.base);
}

/* ---- turning */

static void turn(void)
{
    struct pollfd fds[2] = {{.fd = bus_fd(at.bus), .events = POLLIN},
                            {.fd = bus_fd(at.far), .events = POLLIN}};

    poll(fds, 2, 20);
    bus_dispatch(at.bus);
    bus_dispatch(at.far);
    bus_tick(at.bus);
    bus_tick(at.far);
    lease_set_tick(at.set, clock_ms());
}

#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (uint64_t until_ms = clock_ms() + WAIT_MS; !(condition); turn())                       \
            if (clock_ms() > until_ms)                                                             \
                fail_msg("waited in vain for %s", #condition);                                     \
    } while (0)

static struct bus *make_bus(const char *self)
{
    const struct bus_config config = {.self = self, .generation = 1, .run_dir = at.dir};
    struct error error;
    struct bus *bus = bus_new(&config, &error);

    assert_non_null(bus);
    return bus;
}

static void begin(uint64_t max_bytes, bool may_forget)
{
    const struct mirror_config config = {
        .folder = at.folder, .max_bytes = max_bytes, .may_forget = may_forget};
    struct error error;

    at.ready = UINT64_MAX;
    at.fetches = at.wakes = 0;
    at.far = make_bus("torrent.0");
    assert_int_equal(bus_serve(at.far, &torrent_service.base, NULL, &error), ERR_NONE);
    assert_int_equal(bus_serve(at.far, &greeter.base, NULL, &error), ERR_NONE);
    at.bus = make_bus("http.0");
    at.torrent = bus_remote(at.bus, "torrent", &sharestream__torrent__torrent__descriptor);
    at.set = lease_set_new(at.bus, at.torrent);
    assert_int_equal(lease_set_mirror(at.set, &config, &error), ERR_NONE);
    TURN_UNTIL(bus_is_up(at.torrent));
}

static int end(void **state)
{
    (void)state;
    lease_set_free(&at.set);
    bus_free(&at.bus);
    bus_free(&at.far);
    assert_int_not_equal(access(at.folder, F_OK), 0);
    return 0;
}

/* ---- reading */

/* In two messages, as a long list comes. */
static struct ready_map *open_map(void)
{
    struct mirror_draft *draft = mirror_draft_new(&hash);
    struct error error = {0};
    struct ready_map *map;

    for (uint32_t first = 0, next; first < FILES; first = next) {
        Sharestream__Torrent__TorrentInfo info = SHARESTREAM__TORRENT__TORRENT_INFO__INIT;
        Sharestream__Torrent__File file = SHARESTREAM__TORRENT__FILE__INIT, *list[] = {&file};

        info.name = (char *)(uintptr_t) "films";
        info.file_count = FILES;
        file.id = first;
        file.path = (char *)(uintptr_t) "../../etc/film"; /* only a name for people */
        file.size_bytes = sizes[first];
        info.files = list;
        info.n_files = 1;
        assert_int_equal(mirror_draft_add(draft, &info, &next), first + 1 == FILES);
        assert_int_equal(next, first + 1);
    }
    assert_int_equal(lease_set_add_mirror(at.set, draft, &error), ERR_NONE);
    assert_int_equal(lease_set_add_mirror(at.set, draft, &error), ERR_NONE); /* it is there */
    mirror_draft_free(&draft);
    assert_int_equal(lease_set_open_map(at.set, at.dir, &hash, &map, &error), ERR_NONE);
    return map;
}

static void count_wake(void *arg)
{
    (void)arg;
    at.wakes++;
}

/* As stream_body.c does; returns the file's bytes that lie on disk at most meanwhile. */
static uint64_t read_all(struct ready_map *map, uint32_t file, uint64_t from, uint64_t until)
{
    struct lease *lease = lease_open(at.set, &hash, file, from, until, count_wake, NULL);
    uint8_t *buffer = xcalloc(1, MIRROR_BLOCK_BYTES);
    const char *path = ready_map_layout(map)->files[file].disk_path;
    uint64_t most = 0;

    while (from < until) {
        uint64_t run =
            ready_map_run(map, file, from, MIN(until - from, (uint64_t)MIRROR_BLOCK_BYTES));
        struct stat st;
        int fd;

        lease_move(lease, from);
        if (run == 0) {
            lease_wait(lease);
            TURN_UNTIL(ready_map_run(map, file, from, 1) > 0);
            lease_resume(lease);
            continue;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, buffer, run, (off_t)from), run);
        assert_int_equal(fstat(fd, &st), 0);
        close(fd);
        most = MAX(most, (uint64_t)st.st_blocks * 512);
        for (uint64_t i = 0; i < run; i++)
            if (buffer[i] != byte_at(file, from + i))
                fail_msg("wrong byte at %lu", (unsigned long)(from + i));
        from += run;
        turn();
    }
    lease_close(&lease);
    free(buffer);
    return most;
}

static void every_byte_is_right_wherever_one_begins(void **state)
{
    struct ready_map *map;

    (void)state;
    begin(1 << 30, false);
    map = open_map();
    assert_int_equal(ready_map_count(map), 0);
    read_all(map, 0, 0, sizes[0]);
    read_all(map, LARGE, sizes[LARGE] - 3, sizes[LARGE]);
    read_all(map, LARGE, 1234567, 7654321);
    unsigned fetches = at.fetches;
    read_all(map, LARGE, 2345678, 6543210);
    assert_int_equal(at.fetches, fetches); /* it is here */
    ready_map_close(&map);
}

static void what_was_read_is_forgotten_and_comes_again(void **state)
{
    struct ready_map *map;
    uint64_t most;

    (void)state;
    begin(1 << 20, true);
    map = open_map();
    most = read_all(map, LARGE, 0, sizes[LARGE]);
    assert_in_range(most, 1, (1 << 20) + 2 * MIRROR_AHEAD_BYTES);
    assert_int_equal(ready_map_run(map, LARGE, 0, 1), 0);
    read_all(map, LARGE, 0, 5 << 20);
    ready_map_close(&map);
}

static void a_reader_waits_until_the_other_side_has_it(void **state)
{
    struct ready_map *map;
    struct lease *lease;

    (void)state;
    begin(1 << 30, true);
    at.ready = 1 << 20;
    map = open_map();
    read_all(map, LARGE, 0, 1 << 20);
    lease = lease_open(at.set, &hash, LARGE, 1 << 20, sizes[LARGE], count_wake, NULL);
    unsigned fetches = at.fetches;
    lease_wait(lease);
    TURN_UNTIL(at.fetches > fetches);
    assert_int_equal(ready_map_run(map, LARGE, 1 << 20, 1), 0);
    at.ready = 2 << 20;
    TURN_UNTIL((publish(false), ready_map_run(map, LARGE, 1 << 20, 1) > 0));
    assert_true(at.wakes > 0);
    lease_close(&lease);
    ready_map_close(&map);
}

static void without_room_the_reader_is_told(void **state)
{
    struct ready_map *map;
    struct lease *lease;

    (void)state;
    begin(3 << 20, false);
    map = open_map();
    lease = lease_open(at.set, &hash, LARGE, 0, sizes[LARGE], count_wake, NULL);
    for (uint64_t position = 0; lease_error(lease) == NULL; position += MIRROR_BLOCK_BYTES) {
        lease_move(lease, position);
        lease_wait(lease);
        TURN_UNTIL(ready_map_run(map, LARGE, position, 1) > 0 || lease_error(lease) != NULL);
    }
    assert_int_equal(lease_error(lease)->code, ERR_NO_SPACE);
    lease_close(&lease);
    ready_map_close(&map);
}

static void a_removed_torrent_is_gone_here_too(void **state)
{
    struct ready_map *map, *again;
    struct error error;

    (void)state;
    begin(1 << 30, false);
    map = open_map();
    read_all(map, 0, 0, sizes[0]);
    TURN_UNTIL((publish(true), ready_map_is_gone(map)));
    assert_int_equal(lease_set_open_map(at.set, at.dir, &hash, &again, &error), ERR_NOT_FOUND);
    ready_map_close(&map);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(at.dir, sizeof(at.dir), "/tmp/ss-mirror-XXXXXX");
    assert_non_null(mkdtemp(at.dir));
    snprintf(at.folder, sizeof(at.folder), "%s/mirror", at.dir);
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"torrent.0.rpc", "torrent.0.evt"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", at.dir, names[i]);
        unlink(path);
    }
    return rmdir(at.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_byte_is_right_wherever_one_begins, end),
        cmocka_unit_test_teardown(what_was_read_is_forgotten_and_comes_again, end),
        cmocka_unit_test_teardown(a_reader_waits_until_the_other_side_has_it, end),
        cmocka_unit_test_teardown(without_room_the_reader_is_told, end),
        cmocka_unit_test_teardown(a_removed_torrent_is_gone_here_too, end),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
