/* SPDX-License-Identifier: MIT
 *
 * Leases over a real bus, with a torrent-svc that only writes down what it is told. Both sides turn
 * in one thread; no sleeps, every wait has a deadline. The clock of lease_set_tick() is ours.
 */
#include "stream/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <proto/svc.pb-c.h>
#include <proto/torrent.pb-c.h>

#include "base/clock.h"
#include "base/must.h"

typedef Sharestream__Torrent__Torrent_Service Torrent;

enum { WAIT_MS = 30000, READS_MAX = 64 };

/* What Read is answered with. */
enum mood { MOOD_ANSWER, MOOD_READY, MOOD_REFUSE, MOOD_BUSY, MOOD_LATER };

struct read {
    char info_hash[INFOHASH_TEXT];
    uint64_t reader, position, end;
    uint32_t file;
    bool is_waiting;
};

struct fake {
    struct bus *bus;
    uint64_t generation;
    enum mood mood;
    unsigned reads, closes;
    struct read read[READS_MAX]; /* the first so many, oldest first */
    uint64_t closed_reader;
    Sharestream__Torrent__ReadReply_Closure later;
    void *later_data;
};

struct reader {
    struct lease *lease;
    unsigned wakes;
    struct reader *closes; /* when woken */
    bool reopens;
};

static struct {
    char dir[64];
    struct fake fake;
    struct bus *bus;
    struct bus_remote *torrent;
    struct lease_set *set;
    uint64_t now_ms; /* of ticks */
    unsigned barriers;
} at;

static const struct infohash film = {{0xaa, 1}}, song = {{0xbb, 2}};

/* ---- the other side */

static void answer(Sharestream__Torrent__ReadReply_Closure closure, void *data, uint64_t ready)
{
    Sharestream__Torrent__ReadReply reply = SHARESTREAM__TORRENT__READ_REPLY__INIT;

    reply.lease_ms = 10000;
    reply.ready_bytes = ready;
    closure(&reply, data);
}

static void on_read(Torrent *service, const Sharestream__Torrent__ReadRequest *request,
                    Sharestream__Torrent__ReadReply_Closure closure, void *data)
{
    struct fake *fake = bus_state(data);

    (void)service;
    if (fake->reads < READS_MAX) {
        struct read *read = &fake->read[fake->reads];

        *read = (struct read){
            .reader = request->reader,
            .position = request->position,
            .end = request->end,
            .file = request->file,
            .is_waiting = request->is_waiting,
        };
        snprintf(read->info_hash, sizeof(read->info_hash), "%s", request->info_hash);
    }
    fake->reads++;
    switch (fake->mood) {
    case MOOD_ANSWER:
    case MOOD_READY:
        answer(closure, data, fake->mood == MOOD_READY);
        break;
    case MOOD_REFUSE:
        bus_fail(data, ERR_NOT_FOUND, "no torrent %s", request->info_hash);
        break;
    case MOOD_BUSY:
        bus_fail(data, ERR_BUSY, "too many readers");
        break;
    case MOOD_LATER:
        assert_null(fake->later_data);
        fake->later = closure;
        fake->later_data = data;
        break;
    }
}

static void answer_later(void)
{
    void *data = at.fake.later_data;

    assert_non_null(data);
    at.fake.later_data = NULL;
    answer(at.fake.later, data, 0);
}

static void on_close(Torrent *service, const Sharestream__Torrent__CloseRequest *request,
                     Sharestream__Torrent__Empty_Closure closure, void *data)
{
    Sharestream__Torrent__Empty reply = SHARESTREAM__TORRENT__EMPTY__INIT;
    struct fake *fake = bus_state(data);

    (void)service;
    fake->closes++;
    fake->closed_reader = request->reader;
    closure(&reply, data);
}

static void on_stats(Torrent *service, const Sharestream__Torrent__StatsRequest *request,
                     Sharestream__Torrent__StatsReply_Closure closure, void *data)
{
    Sharestream__Torrent__StatsReply reply = SHARESTREAM__TORRENT__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    closure(&reply, data);
}

static void on_hello(Sharestream__Svc__Svc_Service *service,
                     const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;
    struct fake *fake = bus_state(data);

    (void)service;
    reply.name = (char *)(uintptr_t) "torrent.0";
    reply.fingerprint = bus_served_fingerprint(fake->bus, request->service);
    reply.generation = fake->generation;
    closure(&reply, data);
}

static Torrent torrent_service = {
    .base = {.descriptor = &sharestream__torrent__torrent__descriptor,
             .invoke = protobuf_c_service_invoke_internal},
    .read = on_read,
    .close = on_close,
    .stats = on_stats,
};
static Sharestream__Svc__Svc_Service greeter = {
    .base = {.descriptor = &sharestream__svc__svc__descriptor,
             .invoke = protobuf_c_service_invoke_internal},
    .hello = on_hello,
};

static void start_fake(void)
{
    const struct bus_config config = {.self = "torrent.0",
                                      .generation = ++at.fake.generation,
                                      .run_dir = at.dir,
                                      .listen = "",
                                      .peers = "",
                                      .secret = ""};
    struct error error;

    at.fake.bus = bus_new(&config, &error);
    assert_non_null(at.fake.bus);
    assert_int_equal(bus_serve(at.fake.bus, &torrent_service.base, &at.fake, &error), ERR_NONE);
    assert_int_equal(bus_serve(at.fake.bus, &greeter.base, &at.fake, &error), ERR_NONE);
}

static void stop_fake(void)
{
    bus_free(&at.fake.bus);
    at.fake.later_data = NULL;
}

/* ---- turning */

static void turn(void)
{
    static uint64_t tick_ms;
    struct pollfd fds[2] = {{.fd = bus_fd(at.bus), .events = POLLIN}, {.fd = -1, .events = POLLIN}};

    if (at.fake.bus != NULL)
        fds[1].fd = bus_fd(at.fake.bus);
    poll(fds, 2, BUS_TICK_MS);
    bus_dispatch(at.bus);
    if (at.fake.bus != NULL)
        bus_dispatch(at.fake.bus);
    if (clock_ms() - tick_ms < BUS_TICK_MS)
        return;
    tick_ms = clock_ms();
    bus_tick(at.bus);
    if (at.fake.bus != NULL)
        bus_tick(at.fake.bus);
}

#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (uint64_t until_ms = clock_ms() + WAIT_MS; !(condition); turn())                       \
            if (clock_ms() > until_ms)                                                             \
                fail_msg("waited in vain for %s", #condition);                                     \
    } while (0)

static void on_barrier(const Sharestream__Torrent__StatsReply *reply, void *arg)
{
    (void)arg;
    assert_non_null(reply);
    at.barriers++;
}

/* A call and its answer: whatever was on its way before, either way, has arrived. */
static void settle(void)
{
    Sharestream__Torrent__StatsRequest request = SHARESTREAM__TORRENT__STATS_REQUEST__INIT;
    unsigned wanted = at.barriers + 1;

    sharestream__torrent__torrent__stats(bus_to(at.torrent, WAIT_MS, bytes_of(NULL, 0), NULL),
                                         &request, on_barrier, NULL);
    TURN_UNTIL(at.barriers == wanted);
}

static void tick(uint64_t passed_ms)
{
    at.now_ms += passed_ms;
    lease_set_tick(at.set, at.now_ms);
}

static void publish_ready(const struct infohash *hash)
{
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Ready ready = SHARESTREAM__TORRENT__READY__INIT;
    char text[INFOHASH_TEXT];
    uint32_t piece = 3;

    ready.info_hash = infohash_text(hash, text);
    ready.n_pieces = 1;
    ready.pieces = &piece;
    event.kind_case = SHARESTREAM__TORRENT__EVENT__KIND_READY;
    event.ready = &ready;
    bus_publish(at.fake.bus, &event.base);
}

static void publish_changed(const struct infohash *hash, bool is_gone)
{
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Changed changed = SHARESTREAM__TORRENT__CHANGED__INIT;
    char text[INFOHASH_TEXT];

    changed.info_hash = infohash_text(hash, text);
    changed.is_gone = is_gone;
    event.kind_case = SHARESTREAM__TORRENT__EVENT__KIND_CHANGED;
    event.changed = &changed;
    bus_publish(at.fake.bus, &event.base);
}

/* ---- readers */

static void on_wake(void *arg)
{
    struct reader *reader = arg;

    reader->wakes++;
    if (reader->closes != NULL) {
        lease_close(&reader->closes->lease);
        reader->closes->closes = NULL;
    }
    if (reader->reopens) {
        reader->lease = lease_open(at.set, &film, 1, 0, 100, on_wake, reader);
        lease_wait(reader->lease);
    }
}

static void open_at(struct reader *reader, const struct infohash *hash, uint64_t position)
{
    reader->lease = lease_open(at.set, hash, 2, position, 1000000, on_wake, reader);
}

/* Waits, and torrent-svc knows. */
static void open_and_wait(struct reader *reader, const struct infohash *hash, uint64_t position)
{
    unsigned before = at.fake.reads;

    open_at(reader, hash, position);
    lease_wait(reader->lease);
    TURN_UNTIL(at.fake.reads == before + 1);
    settle();
}

/* Subscriptions travel too: publishes until a reader of no torrent of the test has heard it. */
static void listen_to_events(void)
{
    static const struct infohash other = {{0xcc}};
    struct reader reader = {0};

    open_and_wait(&reader, &other, 0);
    TURN_UNTIL((publish_ready(&other), reader.wakes > 0));
    lease_close(&reader.lease);
    TURN_UNTIL(at.fake.closes == 1);
    settle();
    at.fake.closes = 0;
    at.fake.reads = 0;
}

static int set_up(void **state)
{
    const struct bus_config config = {.self = "http.0",
                                      .generation = 1,
                                      .run_dir = at.dir,
                                      .listen = "",
                                      .peers = "",
                                      .secret = ""};
    struct error error;

    (void)state;
    memset(&at, 0, sizeof(at));
    at.now_ms = 1000000;
    snprintf(at.dir, sizeof(at.dir), "/tmp/lease-test-XXXXXX");
    assert_non_null(mkdtemp(at.dir));
    start_fake();
    at.bus = bus_new(&config, &error);
    assert_non_null(at.bus);
    at.torrent = bus_remote(at.bus, "torrent", &sharestream__torrent__torrent__descriptor);
    at.set = lease_set_new(at.bus, at.torrent);
    TURN_UNTIL(bus_is_up(at.torrent));
    settle(); /* also a second greeting that crossed the first */
    tick(0);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    lease_set_free(&at.set);
    lease_set_free(&at.set);
    bus_free(&at.bus);
    stop_fake();
    snprintf(command, sizeof(command), "rm -rf %s", at.dir);
    return system(command);
}

/* ---- telling */

static void reader_of_ready_bytes_says_nothing(void **state)
{
    struct reader reader = {0};

    (void)state;
    open_at(&reader, &film, 0);
    lease_move(reader.lease, 500);
    tick(60000);
    tick(60000);
    lease_close(&reader.lease);
    settle();
    assert_int_equal(at.fake.reads, 0);
    assert_int_equal(at.fake.closes, 0);
}

static void waiting_reader_is_told_at_once(void **state)
{
    struct reader reader = {0};

    (void)state;
    open_at(&reader, &film, 7);
    lease_move(reader.lease, 5000000000);
    lease_wait(reader.lease);
    settle();
    assert_int_equal(at.fake.reads, 1);
    assert_string_equal(at.fake.read[0].info_hash, "aa01000000000000000000000000000000000000");
    assert_int_equal(at.fake.read[0].file, 2);
    assert_true(at.fake.read[0].position == 5000000000);
    assert_int_equal(at.fake.read[0].end, 1000000);
    assert_true(at.fake.read[0].is_waiting);
    assert_int_equal(reader.wakes, 0);
    assert_null(lease_error(reader.lease));
    lease_close(&reader.lease);
    assert_null(reader.lease);
    lease_close(&reader.lease);
}

static void who_knows_is_not_told_again(void **state)
{
    struct reader reader = {0};

    (void)state;
    open_and_wait(&reader, &film, 7);
    lease_wait(reader.lease);
    lease_resume(reader.lease);
    lease_wait(reader.lease);
    settle();
    assert_int_equal(at.fake.reads, 1);
    lease_move(reader.lease, 8);
    lease_wait(reader.lease);
    settle();
    assert_int_equal(at.fake.reads, 2);
    assert_int_equal(at.fake.read[1].reader, at.fake.read[0].reader);
    lease_close(&reader.lease);
}

static void one_read_is_on_its_way_and_the_next_carries_the_newest_position(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_LATER;
    open_at(&reader, &film, 0);
    lease_wait(reader.lease);
    for (uint64_t position = 1; position <= 20; position++) {
        lease_move(reader.lease, position);
        lease_wait(reader.lease);
        tick(LEASE_RENEW_MS);
    }
    settle();
    assert_int_equal(at.fake.reads, 1);
    answer_later();
    TURN_UNTIL(at.fake.reads == 2);
    assert_int_equal(at.fake.read[1].position, 20);
    answer_later();
    settle();
    assert_int_equal(at.fake.reads, 2);
    lease_close(&reader.lease);
}

static void lease_is_renewed_with_the_newest_position(void **state)
{
    struct reader reader = {0};

    (void)state;
    open_and_wait(&reader, &film, 7);
    lease_resume(reader.lease);
    tick(10); /* renewals are counted from the first tick after a Read */
    for (unsigned i = 1; i <= 5; i++) {
        lease_move(reader.lease, 100 * i);
        tick(LEASE_RENEW_MS - 1);
        settle();
        assert_int_equal(at.fake.reads, i);
        tick(1);
        settle();
        assert_int_equal(at.fake.reads, i + 1);
        assert_int_equal(at.fake.read[i].position, 100 * i);
        assert_false(at.fake.read[i].is_waiting);
        tick(0);
    }
    lease_close(&reader.lease);
}

static void closing_is_told_at_once(void **state)
{
    struct reader reader = {0};

    (void)state;
    open_and_wait(&reader, &film, 7);
    lease_close(&reader.lease);
    settle();
    assert_int_equal(at.fake.closes, 1);
    assert_int_equal(at.fake.closed_reader, at.fake.read[0].reader);
    tick(60000);
    tick(60000);
    settle();
    assert_int_equal(at.fake.reads, 1);
}

static void closing_before_the_answer_is_safe(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_LATER;
    open_at(&reader, &film, 0);
    lease_wait(reader.lease);
    TURN_UNTIL(at.fake.reads == 1);
    lease_close(&reader.lease);
    answer_later();
    settle();
    assert_int_equal(at.fake.closes, 1);
    assert_int_equal(reader.wakes, 0);
}

static void leases_have_ids_of_their_own(void **state)
{
    struct reader a = {0}, b = {0};

    (void)state;
    open_and_wait(&a, &film, 0);
    open_and_wait(&b, &film, 0);
    assert_true(at.fake.read[0].reader != at.fake.read[1].reader);
    lease_close(&a.lease);
    lease_close(&b.lease);
}

/* ---- waking */

static void ready_pieces_wake_who_waits_for_that_torrent(void **state)
{
    struct reader waits = {0}, reads = {0}, other = {0};

    (void)state;
    listen_to_events();
    open_and_wait(&waits, &film, 0);
    open_and_wait(&reads, &film, 0);
    open_and_wait(&other, &song, 0);
    lease_resume(reads.lease);
    publish_ready(&film);
    TURN_UNTIL(waits.wakes == 1);
    publish_changed(&film, false);
    TURN_UNTIL(waits.wakes == 2);
    assert_int_equal(reads.wakes, 0);
    assert_int_equal(other.wakes, 0);
    assert_null(lease_error(waits.lease));
    publish_ready(&song);
    TURN_UNTIL(other.wakes == 1);
    assert_int_equal(waits.wakes, 2);
    lease_close(&waits.lease);
    lease_close(&reads.lease);
    lease_close(&other.lease);
}

static void event_of_a_broken_hash_is_nothing(void **state)
{
    struct reader reader = {0};
    Sharestream__Torrent__Event event = SHARESTREAM__TORRENT__EVENT__INIT;
    Sharestream__Torrent__Ready ready = SHARESTREAM__TORRENT__READY__INIT;

    (void)state;
    listen_to_events();
    open_and_wait(&reader, &film, 0);
    bus_publish(at.fake.bus, &event.base);
    ready.info_hash = (char *)(uintptr_t) "aa";
    event.kind_case = SHARESTREAM__TORRENT__EVENT__KIND_READY;
    event.ready = &ready;
    bus_publish(at.fake.bus, &event.base);
    publish_ready(&film);
    TURN_UNTIL(reader.wakes == 1);
    lease_close(&reader.lease);
}

static void ready_bytes_in_the_answer_wake_too(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_READY;
    open_at(&reader, &film, 0);
    lease_wait(reader.lease);
    assert_int_equal(reader.wakes, 0);
    TURN_UNTIL(reader.wakes == 1);
    lease_resume(reader.lease);
    tick(0);
    tick(LEASE_RENEW_MS);
    settle();
    assert_int_equal(at.fake.reads, 2);
    assert_int_equal(reader.wakes, 1);
    lease_close(&reader.lease);
}

static void lost_events_wake_everybody(void **state)
{
    struct reader reader = {0};

    (void)state;
    listen_to_events();
    open_and_wait(&reader, &film, 0);
    /* Far more than the queues hold, about another torrent, while nobody listens. */
    for (unsigned i = 0; i < 20 * BUS_QUEUE_MAX; i++)
        publish_ready(&song);
    TURN_UNTIL((publish_ready(&song), reader.wakes > 0));
    /* Until one of the last has come: libzmq 4.3.4 may abort when a socket closes over a backlog of
     * messages of several frames (libzmq issue 3442). */
    TURN_UNTIL((publish_changed(&film, true), lease_error(reader.lease) != NULL));
    settle();
    lease_close(&reader.lease);
}

static void woken_reader_may_close_itself_or_another(void **state)
{
    struct reader readers[4] = {{0}};

    (void)state;
    listen_to_events();
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        open_and_wait(&readers[i], &film, i);
    readers[0].closes = &readers[0]; /* itself */
    readers[1].closes = &readers[2]; /* the next, not called yet */
    readers[3].closes = &readers[1]; /* one that was called, and with itself the last but one */
    publish_ready(&film);
    TURN_UNTIL(readers[3].wakes == 1);
    assert_int_equal(readers[0].wakes, 1);
    assert_int_equal(readers[1].wakes, 1);
    assert_int_equal(readers[2].wakes, 0);
    assert_null(readers[0].lease);
    assert_null(readers[1].lease);
    assert_null(readers[2].lease);
    readers[3].closes = &readers[3];
    publish_ready(&film);
    TURN_UNTIL(readers[3].wakes == 2);
    assert_null(readers[3].lease);
    settle();
    assert_int_equal(at.fake.closes, 4);
}

static void lease_opened_while_waking_is_not_woken_in_the_same_round(void **state)
{
    struct reader reader = {.reopens = true};

    (void)state;
    listen_to_events();
    open_and_wait(&reader, &film, 0);
    reader.closes = &reader;
    publish_ready(&film);
    TURN_UNTIL(reader.wakes == 1);
    settle();
    assert_int_equal(reader.wakes, 1);
    assert_non_null(reader.lease);
    lease_close(&reader.lease);
}

/* ---- what goes wrong */

static void refusal_wakes_and_tells_why(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_REFUSE;
    open_at(&reader, &film, 0);
    lease_wait(reader.lease);
    TURN_UNTIL(reader.wakes == 1);
    assert_non_null(lease_error(reader.lease));
    assert_int_equal(lease_error(reader.lease)->code, ERR_NOT_FOUND);
    assert_string_equal(lease_error(reader.lease)->text,
                        "no torrent aa01000000000000000000000000000000000000");
    tick(60000);
    tick(60000);
    settle();
    assert_int_equal(at.fake.reads, 1);
    at.fake.mood = MOOD_ANSWER;
    lease_wait(reader.lease);
    assert_null(lease_error(reader.lease));
    settle();
    assert_int_equal(at.fake.reads, 2);
    assert_null(lease_error(reader.lease));
    lease_close(&reader.lease);
}

static void removed_torrent_wakes_and_tells_why(void **state)
{
    struct reader reader = {0};

    (void)state;
    listen_to_events();
    open_and_wait(&reader, &film, 0);
    publish_changed(&film, true);
    TURN_UNTIL(reader.wakes == 1);
    assert_non_null(lease_error(reader.lease));
    assert_int_equal(lease_error(reader.lease)->code, ERR_NOT_FOUND);
    lease_wait(reader.lease); /* asks again, though the position is the same */
    settle();
    assert_int_equal(at.fake.reads, 2);
    lease_close(&reader.lease);
}

static void busy_answer_is_no_error_and_is_tried_again(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_BUSY;
    open_and_wait(&reader, &film, 0);
    assert_null(lease_error(reader.lease));
    assert_int_equal(reader.wakes, 0);
    at.fake.mood = MOOD_ANSWER;
    tick(0);
    tick(LEASE_RENEW_MS);
    settle();
    assert_int_equal(at.fake.reads, 2);
    lease_close(&reader.lease);
}

static void next_life_is_told_all_leases(void **state)
{
    struct reader waits = {0}, reads = {0}, silent = {0};

    (void)state;
    open_and_wait(&waits, &film, 10);
    open_and_wait(&reads, &song, 20);
    open_at(&silent, &song, 30);
    lease_resume(reads.lease);
    lease_move(reads.lease, 21);
    stop_fake();
    TURN_UNTIL(!bus_is_up(at.torrent));
    assert_null(lease_error(waits.lease));
    at.fake.reads = 0;
    start_fake();
    TURN_UNTIL(at.fake.reads == 2);
    settle();
    assert_int_equal(at.fake.reads, 2);
    for (unsigned i = 0; i < 2; i++) {
        bool is_film = at.fake.read[i].info_hash[0] == 'a';

        assert_int_equal(at.fake.read[i].position, is_film ? 10 : 21);
        assert_int_equal(at.fake.read[i].is_waiting, is_film);
    }
    assert_true(waits.wakes > 0);
    assert_int_equal(reads.wakes, 0);
    lease_close(&waits.lease);
    lease_close(&reads.lease);
    lease_close(&silent.lease);
}

static void nothing_piles_up_while_torrent_svc_is_away(void **state)
{
    struct reader stays = {0}, goes = {0};

    (void)state;
    stop_fake();
    TURN_UNTIL(!bus_is_up(at.torrent));
    at.fake.reads = 0;
    open_at(&stays, &film, 0);
    open_at(&goes, &film, 0);
    lease_wait(goes.lease);
    for (uint64_t position = 1; position <= 50; position++) {
        lease_move(stays.lease, position);
        lease_wait(stays.lease);
        tick(LEASE_RENEW_MS);
        bus_dispatch(at.bus);
    }
    assert_int_equal(stays.wakes, 0);
    assert_null(lease_error(stays.lease));
    lease_close(&goes.lease);
    start_fake();
    TURN_UNTIL(at.fake.reads > 0);
    settle();
    assert_int_equal(at.fake.reads, 1);
    assert_int_equal(at.fake.closes, 0);
    assert_int_equal(at.fake.read[0].position, 50);
    lease_close(&stays.lease);
}

static void bus_that_ends_with_a_read_on_its_way_is_no_trouble(void **state)
{
    struct reader reader = {0};

    (void)state;
    at.fake.mood = MOOD_LATER;
    open_at(&reader, &film, 0);
    lease_wait(reader.lease);
    TURN_UNTIL(at.fake.reads == 1);
    lease_close(&reader.lease);
    /* tear_down() frees set and bus, the Close still unanswered */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reader_of_ready_bytes_says_nothing),
        TEST(waiting_reader_is_told_at_once),
        TEST(who_knows_is_not_told_again),
        TEST(one_read_is_on_its_way_and_the_next_carries_the_newest_position),
        TEST(lease_is_renewed_with_the_newest_position),
        TEST(closing_is_told_at_once),
        TEST(closing_before_the_answer_is_safe),
        TEST(leases_have_ids_of_their_own),
        TEST(ready_pieces_wake_who_waits_for_that_torrent),
        TEST(event_of_a_broken_hash_is_nothing),
        TEST(ready_bytes_in_the_answer_wake_too),
        TEST(lost_events_wake_everybody),
        TEST(woken_reader_may_close_itself_or_another),
        TEST(lease_opened_while_waking_is_not_woken_in_the_same_round),
        TEST(refusal_wakes_and_tells_why),
        TEST(removed_torrent_wakes_and_tells_why),
        TEST(busy_answer_is_no_error_and_is_tried_again),
        TEST(next_life_is_told_all_leases),
        TEST(nothing_piles_up_while_torrent_svc_is_away),
        TEST(bus_that_ends_with_a_read_on_its_way_is_no_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
