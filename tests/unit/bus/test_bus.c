/* SPDX-License-Identifier: MIT
 *
 * Two real buses over real sockets in one thread, driven by hand; no sleeps, every wait has a
 * deadline.
 */
#include "bus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <proto/http.pb-c.h>
#include <proto/svc.pb-c.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/must.h"
#include "bus/ask.h"

typedef Sharestream__Http__Http_Service Http;

/* A service with one honest method (Stats), and Link in several moods chosen by request.file. */
enum mood { MOOD_ANSWER, MOOD_FAIL, MOOD_SILENT, MOOD_LATER, MOOD_WATCHED };

struct callee {
    struct bus *bus;
    Http service;
    unsigned calls, cancels, hellos;
    Sharestream__Http__LinkReply_Closure later;
    void *later_data;
};

struct caller {
    struct bus *bus;
    struct bus_remote *remote;
    unsigned replies, failures, ups, downs, events, gaps;
    enum err code;
    char text[256];
};

struct fixture {
    char dir[64];
    struct callee callee;
    struct caller caller;
};

static void answer_link(Sharestream__Http__LinkReply_Closure closure, void *data)
{
    Sharestream__Http__LinkReply reply = SHARESTREAM__HTTP__LINK_REPLY__INIT;

    reply.url = (char *)(uintptr_t) "http://here/";
    closure(&reply, data);
}

static void count_cancel(void *arg)
{
    ((struct callee *)arg)->cancels++;
}

static void on_link(Http *service, const Sharestream__Http__LinkRequest *request,
                    Sharestream__Http__LinkReply_Closure closure, void *data)
{
    struct callee *callee = bus_state(data);

    (void)service;
    callee->calls++;
    switch ((enum mood)request->file) {
    case MOOD_ANSWER:
        answer_link(closure, data);
        break;
    case MOOD_FAIL:
        bus_fail(data, ERR_NOT_FOUND, "no torrent %s", request->info_hash);
        break;
    case MOOD_WATCHED:
        bus_on_cancel(data, count_cancel, callee);
        /* fall through */
    case MOOD_LATER:
        callee->later = closure;
        callee->later_data = data;
        break;
    case MOOD_SILENT:
        break;
    }
}

static void on_grant(Http *service, const Sharestream__Http__GrantRequest *request,
                     Sharestream__Http__GrantReply_Closure closure, void *data)
{
    (void)service;
    (void)request;
    (void)closure;
    bus_fail(data, ERR_INTERNAL, "not asked here");
}

static void on_stats(Http *service, const Sharestream__Http__StatsRequest *request,
                     Sharestream__Http__StatsReply_Closure closure, void *data)
{
    Sharestream__Http__StatsReply reply = SHARESTREAM__HTTP__STATS_REPLY__INIT;

    (void)service;
    (void)request;
    reply.requests = 7;
    closure(&reply, data);
}

static void on_hello(Sharestream__Svc__Svc_Service *service,
                     const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;
    struct callee *callee = bus_state(data);

    (void)service;
    callee->hellos++;
    reply.name = (char *)(uintptr_t) "http.0";
    reply.fingerprint = bus_served_fingerprint(callee->bus, request->service);
    reply.generation = (uint64_t)(uintptr_t)callee->bus;
    closure(&reply, data);
}

static Sharestream__Svc__Svc_Service greeter;

static void start_callee(struct fixture *fixture, const struct bus_config *base)
{
    struct callee *callee = &fixture->callee;
    struct bus_config config = *base;
    struct error error;

    config.self = "http.0";
    callee->bus = bus_new(&config, &error);
    assert_non_null(callee->bus);
    callee->service = (Http)SHARESTREAM__HTTP__HTTP__INIT(on_);
    greeter =
        (Sharestream__Svc__Svc_Service){.base = {.descriptor = &sharestream__svc__svc__descriptor,
                                                 .invoke = protobuf_c_service_invoke_internal},
                                        .hello = on_hello};
    assert_int_equal(bus_serve(callee->bus, &callee->service.base, callee, &error), ERR_NONE);
    assert_int_equal(bus_serve(callee->bus, &greeter.base, callee, &error), ERR_NONE);
}

static void count_up(void *arg, unsigned instance)
{
    (void)instance;
    ((struct caller *)arg)->ups++;
}

static void count_down(void *arg, unsigned instance)
{
    (void)instance;
    ((struct caller *)arg)->downs++;
}

static void count_event(void *arg, unsigned instance, const ProtobufCMessage *event)
{
    (void)instance;
    (void)event;
    ((struct caller *)arg)->events++;
}

static void count_gap(void *arg, unsigned instance)
{
    (void)instance;
    ((struct caller *)arg)->gaps++;
}

static void start_caller(struct fixture *fixture, const struct bus_config *base)
{
    struct caller *caller = &fixture->caller;
    struct bus_config config = *base;
    struct error error;
    const struct bus_watch watch = {.event = &sharestream__http__stats_reply__descriptor,
                                    .on_event = count_event,
                                    .on_up = count_up,
                                    .on_down = count_down,
                                    .on_gap = count_gap,
                                    .arg = caller};

    config.self = "test.0";
    config.listen = "";
    caller->bus = bus_new(&config, &error);
    assert_non_null(caller->bus);
    caller->remote = bus_remote(caller->bus, "http", &sharestream__http__http__descriptor);
    bus_watch(caller->remote, &watch);
}

/* Turns these buses, which may be NULL, until the counter reaches `wanted`. */
static void turn_these_until(struct bus *one, struct bus *other, const unsigned *counter,
                             unsigned wanted)
{
    uint64_t until_ms = clock_ms() + 30000, tick_ms = 0;
    struct bus *buses[] = {one, other};

    while (*counter < wanted && clock_ms() < until_ms) {
        struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
        bool is_due = clock_ms() - tick_ms >= BUS_TICK_MS;

        for (size_t i = 0; i < COUNT_OF(buses); i++)
            if (buses[i] != NULL)
                fds[i].fd = bus_fd(buses[i]);
        poll(fds, 2, BUS_TICK_MS);
        for (size_t i = 0; i < COUNT_OF(buses); i++) {
            if (buses[i] != NULL)
                bus_dispatch(buses[i]);
            if (buses[i] != NULL && is_due)
                bus_tick(buses[i]);
        }
        if (is_due)
            tick_ms = clock_ms();
    }
    assert_int_equal(*counter, wanted);
}

static void turn_until(struct fixture *fixture, const unsigned *counter, unsigned wanted)
{
    turn_these_until(fixture->caller.bus, fixture->callee.bus, counter, wanted);
}

static void on_link_reply(const Sharestream__Http__LinkReply *reply, void *arg)
{
    struct caller *caller = arg;

    if (reply != NULL) {
        caller->replies++;
        assert_string_equal(reply->url, "http://here/");
        return;
    }
    const struct error *error = bus_error(caller->remote);
    caller->code = error->code;
    snprintf(caller->text, sizeof(caller->text), "%s", error->text);
    caller->failures++;
}

static uint64_t call_link(struct caller *caller, enum mood mood, uint32_t deadline_ms)
{
    Sharestream__Http__LinkRequest request = SHARESTREAM__HTTP__LINK_REQUEST__INIT;
    uint64_t id;

    request.info_hash = (char *)(uintptr_t) "abc";
    request.file = mood;
    sharestream__http__http__link(bus_to(caller->remote, deadline_ms, bytes_of(NULL, 0), &id),
                                  &request, on_link_reply, caller);
    return id;
}

static struct bus_config ipc_config(struct fixture *fixture)
{
    return (struct bus_config){
        .generation = 1, .run_dir = fixture->dir, .listen = "", .peers = "", .secret = ""};
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct bus_config config;

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/bus-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    config = ipc_config(fixture);
    start_callee(fixture, &config);
    start_caller(fixture, &config);
    turn_until(fixture, &fixture->caller.ups, 1);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    bus_free(&fixture->caller.bus);
    bus_free(&fixture->callee.bus);
    snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void call_gets_its_typed_reply(void **state)
{
    struct fixture *fixture = *state;

    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 1);
    assert_int_equal(bus_is_up(fixture->caller.remote), true);
}

static void many_calls_in_one_burst_all_come_back(void **state)
{
    struct fixture *fixture = *state;

    /* Not the whole queue: a greeting may stand in it too. */
    for (unsigned i = 0; i < BUS_QUEUE_MAX - 10; i++)
        call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, BUS_QUEUE_MAX - 10);
    assert_int_equal(fixture->caller.failures, 0);
}

static void error_reply_carries_code_and_sentence(void **state)
{
    struct fixture *fixture = *state;

    call_link(&fixture->caller, MOOD_FAIL, 5000);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->caller.code, ERR_NOT_FOUND);
    assert_string_equal(fixture->caller.text, "no torrent abc");
}

static void silent_callee_ends_in_timeout(void **state)
{
    struct fixture *fixture = *state;

    call_link(&fixture->caller, MOOD_SILENT, 150);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->caller.code, ERR_TIMEOUT);
}

static void deadlines_end_in_their_order_whatever_the_order_of_calls(void **state)
{
    struct fixture *fixture = *state;

    call_link(&fixture->caller, MOOD_SILENT, 60000);
    call_link(&fixture->caller, MOOD_SILENT, 100);
    call_link(&fixture->caller, MOOD_SILENT, 30000);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->caller.code, ERR_TIMEOUT);
}

static void cancelled_call_never_calls_back(void **state)
{
    struct fixture *fixture = *state;
    uint64_t late = bus_metrics()->replies_late_total;
    uint64_t id = call_link(&fixture->caller, MOOD_ANSWER, 5000);

    bus_cancel(fixture->caller.bus, id);
    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 1);
    assert_int_equal(bus_metrics()->replies_late_total, late + 1);
}

static void handler_may_answer_later(void **state)
{
    struct fixture *fixture = *state;

    call_link(&fixture->caller, MOOD_LATER, 5000);
    turn_until(fixture, &fixture->callee.calls, 1);
    assert_int_equal(fixture->caller.replies, 0);
    answer_link(fixture->callee.later, fixture->callee.later_data);
    turn_until(fixture, &fixture->caller.replies, 1);
}

static void service_hears_that_a_call_was_given_up_and_may_still_answer(void **state)
{
    struct fixture *fixture = *state;
    struct callee *callee = &fixture->callee;
    uint64_t late = bus_metrics()->replies_late_total;
    uint64_t id = call_link(&fixture->caller, MOOD_WATCHED, 60000);

    turn_until(fixture, &callee->calls, 1);
    bus_cancel(fixture->caller.bus, id);
    turn_until(fixture, &callee->cancels, 1);
    answer_link(callee->later, callee->later_data);
    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 1);
    assert_int_equal(bus_metrics()->replies_late_total, late);
    assert_int_equal(callee->cancels, 1);
}

static void one_of_many_calls_is_given_up_alone(void **state)
{
    struct fixture *fixture = *state;
    struct callee *callee = &fixture->callee;
    uint64_t ids[3];

    for (size_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = call_link(&fixture->caller, MOOD_WATCHED, 60000 - 10000 * (uint32_t)i);
    turn_until(fixture, &callee->calls, 3);
    answer_link(callee->later, callee->later_data); /* the last */
    turn_until(fixture, &fixture->caller.replies, 1);
    for (size_t i = COUNT_OF(ids); i-- > 1;)
        bus_cancel(fixture->caller.bus, ids[i]);
    turn_until(fixture, &callee->cancels, 1);
    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 2);
    assert_int_equal(callee->cancels, 1);
}

static void service_hears_of_a_deadline_though_the_caller_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct callee *callee = &fixture->callee;

    call_link(&fixture->caller, MOOD_WATCHED, 60000);
    call_link(&fixture->caller, MOOD_WATCHED, 2000);
    turn_until(fixture, &callee->calls, 2);
    turn_these_until(NULL, callee->bus, &callee->cancels, 1);
}

static void new_life_of_a_caller_gives_up_what_the_former_asked(void **state)
{
    struct fixture *fixture = *state;
    struct caller former = fixture->caller;
    struct bus_config config = ipc_config(fixture);

    call_link(&former, MOOD_WATCHED, 60000);
    call_link(&former, MOOD_WATCHED, 60000);
    turn_until(fixture, &fixture->callee.calls, 2);
    config.generation = 2;
    fixture->caller = (struct caller){0};
    start_caller(fixture, &config);
    turn_until(fixture, &fixture->callee.cancels, 2);
    bus_watch(former.remote, &(struct bus_watch){0});
    bus_free(&former.bus);
}

static void request_is_not_worked_on_after_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct bus_config config = ipc_config(fixture);
    struct caller *caller = &fixture->caller;
    uint64_t late = bus_metrics()->requests_late_total;

    /* It reads nothing for a while, and then is away. */
    call_link(caller, MOOD_ANSWER, 100);
    turn_these_until(caller->bus, NULL, &caller->failures, 1);
    call_link(caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &caller->replies, 1);
    assert_int_equal(fixture->callee.calls, 1);
    bus_free(&fixture->callee.bus);
    turn_until(fixture, &caller->downs, 1);
    call_link(caller, MOOD_ANSWER, 100);
    turn_until(fixture, &caller->failures, 2);
    call_link(caller, MOOD_ANSWER, 10000);
    start_callee(fixture, &config);
    turn_until(fixture, &caller->replies, 2);
    assert_int_equal(fixture->callee.calls, 2);
    assert_true(bus_metrics()->requests_late_total >= late + 2);
}

static void death_of_the_callee_ends_its_calls_at_once_and_the_next_life_answers(void **state)
{
    struct fixture *fixture = *state;
    struct bus_config config = ipc_config(fixture);

    call_link(&fixture->caller, MOOD_SILENT, 60000);
    turn_until(fixture, &fixture->callee.calls, 1);
    bus_free(&fixture->callee.bus);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->caller.code, ERR_UNAVAILABLE);
    turn_until(fixture, &fixture->caller.downs, 1);
    /* A call to somebody who is away waits for him. */
    call_link(&fixture->caller, MOOD_ANSWER, 10000);
    start_callee(fixture, &config);
    turn_until(fixture, &fixture->caller.replies, 1);
    turn_until(fixture, &fixture->caller.ups, 2);
}

static void full_queue_is_an_error_now(void **state)
{
    struct fixture *fixture = *state;

    bus_free(&fixture->callee.bus);
    turn_until(fixture, &fixture->caller.downs, 1);
    for (unsigned i = 0; i < 3 * BUS_QUEUE_MAX; i++)
        call_link(&fixture->caller, MOOD_ANSWER, 60000);
    bus_dispatch(fixture->caller.bus);
    assert_true(fixture->caller.failures >= BUS_QUEUE_MAX);
    assert_int_equal(fixture->caller.code, ERR_BUSY);
}

static void events_arrive_and_a_lost_one_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    Sharestream__Http__StatsReply event = SHARESTREAM__HTTP__STATS_REPLY__INIT;
    uint64_t until_ms = clock_ms() + 30000;

    /* The subscription travels too; publish until the first one is heard. */
    while (fixture->caller.events == 0 && clock_ms() < until_ms) {
        bus_publish(fixture->callee.bus, &event.base);
        struct pollfd fd = {.fd = bus_fd(fixture->caller.bus), .events = POLLIN};
        poll(&fd, 1, 10);
        bus_dispatch(fixture->callee.bus);
        bus_dispatch(fixture->caller.bus);
    }
    assert_true(fixture->caller.events > 0);
    assert_int_equal(fixture->caller.gaps, 0);
    /* Nobody reads while far more than the queues hold is published. */
    for (unsigned i = 0; i < 20 * BUS_QUEUE_MAX; i++)
        bus_publish(fixture->callee.bus, &event.base);
    until_ms = clock_ms() + 30000;
    while (fixture->caller.gaps == 0 && clock_ms() < until_ms) {
        bus_publish(fixture->callee.bus, &event.base);
        bus_dispatch(fixture->callee.bus);
        bus_dispatch(fixture->caller.bus);
    }
    assert_true(fixture->caller.gaps > 0);
}

/* A busy loop is what a forgotten edge of a ZMQ_FD looks like from outside. */
static void bus_with_nothing_to_do_is_quiet(void **state)
{
    struct fixture *fixture = *state;
    struct bus *buses[] = {fixture->caller.bus, fixture->callee.bus};

    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 1);
    for (size_t i = 0; i < COUNT_OF(buses); i++) {
        struct pollfd fd = {.fd = bus_fd(buses[i]), .events = POLLIN};
        unsigned rounds = 0;

        while (poll(&fd, 1, 100) > 0 && rounds++ < 100)
            bus_dispatch(buses[i]);
        assert_true(rounds < 100);
    }
}

static void service_that_is_not_served_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bus_config config = ipc_config(fixture);
    Sharestream__Http__LinkRequest request = SHARESTREAM__HTTP__LINK_REQUEST__INIT;
    struct error error;

    bus_free(&fixture->callee.bus);
    turn_until(fixture, &fixture->caller.downs, 1);
    config.self = "http.0";
    fixture->callee.bus = bus_new(&config, &error);
    assert_int_equal(bus_serve(fixture->callee.bus, &greeter.base, &fixture->callee, &error),
                     ERR_NONE);
    sharestream__http__http__link(bus_to(fixture->caller.remote, 5000, bytes_of(NULL, 0), NULL),
                                  &request, on_link_reply, &fixture->caller);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->caller.code, ERR_UNAVAILABLE);
}

static void who_stands_by_is_up_when_it_serves_it(void **state)
{
    struct fixture *fixture = *state;
    struct bus_config config = ipc_config(fixture);
    struct callee *callee = &fixture->callee;
    struct error error;

    bus_free(&callee->bus);
    turn_until(fixture, &fixture->caller.downs, 1);
    config.self = "http.0";
    callee->bus = bus_new(&config, &error);
    assert_int_equal(bus_serve(callee->bus, &greeter.base, callee, &error), ERR_NONE);
    callee->hellos = 0;
    turn_until(fixture, &callee->hellos, 2); /* it is asked again soon */
    assert_int_equal(fixture->caller.ups, 1);
    assert_int_equal(bus_serve(callee->bus, &callee->service.base, callee, &error), ERR_NONE);
    turn_until(fixture, &fixture->caller.ups, 2);
}

/* ---- plain REQ sockets
 * --------------------------------------------------------------------------------------------- */

struct asking {
    struct ask where;
    const char *method;
    const ProtobufCMessage *request;
    enum err result;
    struct error error;
    uint64_t requests;
    unsigned done;
};

static void *ask_in_thread(void *arg)
{
    struct asking *asking = arg;
    ProtobufCMessage *reply = NULL;

    asking->result = ask(&asking->where, &sharestream__http__http__descriptor, asking->method,
                         asking->request, &reply, &asking->error);
    if (reply != NULL) {
        if (reply->descriptor == &sharestream__http__stats_reply__descriptor)
            asking->requests = ((Sharestream__Http__StatsReply *)reply)->requests;
        protobuf_c_message_free_unpacked(reply, NULL);
    }
    __atomic_store_n(&asking->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void run_ask(struct fixture *fixture, struct asking *asking, const struct bus_config *config)
{
    pthread_t thread;

    asking->where = (struct ask){.config = config, .service = "http", .deadline_ms = 5000};
    assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, asking), 0);
    turn_until(fixture, &asking->done, 1);
    pthread_join(thread, NULL);
}

static void plain_req_socket_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct bus_config config = ipc_config(fixture);
    Sharestream__Http__StatsRequest stats = SHARESTREAM__HTTP__STATS_REQUEST__INIT;
    Sharestream__Http__LinkRequest link = SHARESTREAM__HTTP__LINK_REQUEST__INIT;
    struct asking good = {.method = "Stats", .request = &stats.base};
    struct asking bad = {.method = "Link", .request = &link.base};

    config.self = "cli.0";
    run_ask(fixture, &good, &config);
    assert_int_equal(good.result, ERR_NONE);
    assert_int_equal(good.requests, 7);
    link.file = MOOD_FAIL;
    run_ask(fixture, &bad, &config);
    assert_int_equal(bad.result, ERR_NOT_FOUND);
}

/* ---- tcp
 * ------------------------------------------------------------------------------------------------------------
 */

static struct bus_config tcp_config(struct fixture *fixture, const char *secret, char *peers,
                                    size_t cap)
{
    /* Any free pair of ports: derived from the process id, tried by bind itself. */
    unsigned port = 20000 + (unsigned)getpid() % 20000;

    snprintf(peers, cap, "http=tcp://127.0.0.1:%u", port);
    return (struct bus_config){.generation = 1,
                               .run_dir = fixture->dir,
                               .listen = peers + 5,
                               .peers = peers,
                               .secret = secret};
}

static void restart_on_tcp(struct fixture *fixture, const char *callee_secret,
                           const char *caller_secret)
{
    static char peers[64];
    struct bus_config config = tcp_config(fixture, callee_secret, peers, sizeof(peers));

    bus_free(&fixture->caller.bus);
    bus_free(&fixture->callee.bus);
    fixture->caller = (struct caller){0};
    start_callee(fixture, &config);
    config.secret = caller_secret;
    config.allows_plaintext = caller_secret[0] == '\0';
    start_caller(fixture, &config);
}

static void tcp_with_the_shared_secret_works(void **state)
{
    struct fixture *fixture = *state;

    restart_on_tcp(fixture, "a secret of many words", "a secret of many words");
    call_link(&fixture->caller, MOOD_ANSWER, 5000);
    turn_until(fixture, &fixture->caller.replies, 1);
}

static void tcp_with_another_secret_gets_no_answer(void **state)
{
    struct fixture *fixture = *state;

    restart_on_tcp(fixture, "a secret of many words", "another secret of words");
    call_link(&fixture->caller, MOOD_ANSWER, 500);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->callee.calls, 0);
}

static void tcp_in_plain_text_gets_no_answer(void **state)
{
    struct fixture *fixture = *state;

    restart_on_tcp(fixture, "a secret of many words", "");
    call_link(&fixture->caller, MOOD_ANSWER, 500);
    turn_until(fixture, &fixture->caller.failures, 1);
    assert_int_equal(fixture->callee.calls, 0);
}

static void tcp_without_secret_is_refused_unless_plaintext_is_said(void **state)
{
    struct fixture *fixture = *state;
    char peers[64];
    struct bus_config config = tcp_config(fixture, "", peers, sizeof(peers));
    struct error error;

    config.self = "x.0";
    assert_null(bus_new(&config, &error));
    assert_int_equal(error.code, ERR_CONFIG);
    config.allows_plaintext = true;
    struct bus *bus = bus_new(&config, &error);
    assert_non_null(bus);
    bus_free(&bus);
}

static void too_long_run_dir_is_a_clear_error(void **state)
{
    char dir[200];
    struct bus_config config = {.self = "http.0", .run_dir = dir};
    struct error error;

    (void)state;
    memset(dir, 'x', sizeof(dir) - 1);
    dir[0] = '/';
    dir[sizeof(dir) - 1] = '\0';
    struct bus *bus = bus_new(&config, &error);
    Http service = SHARESTREAM__HTTP__HTTP__INIT(on_);
    assert_int_equal(bus_serve(bus, &service.base, NULL, &error), ERR_CONFIG);
    bus_free(&bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        T(call_gets_its_typed_reply),
        T(many_calls_in_one_burst_all_come_back),
        T(error_reply_carries_code_and_sentence),
        T(silent_callee_ends_in_timeout),
        T(deadlines_end_in_their_order_whatever_the_order_of_calls),
        T(cancelled_call_never_calls_back),
        T(handler_may_answer_later),
        T(service_hears_that_a_call_was_given_up_and_may_still_answer),
        T(one_of_many_calls_is_given_up_alone),
        T(service_hears_of_a_deadline_though_the_caller_says_nothing),
        T(new_life_of_a_caller_gives_up_what_the_former_asked),
        T(request_is_not_worked_on_after_its_deadline),
        T(death_of_the_callee_ends_its_calls_at_once_and_the_next_life_answers),
        T(full_queue_is_an_error_now),
        T(events_arrive_and_a_lost_one_is_noticed),
        T(bus_with_nothing_to_do_is_quiet),
        T(service_that_is_not_served_is_refused),
        T(who_stands_by_is_up_when_it_serves_it),
        T(plain_req_socket_is_answered),
        T(tcp_with_the_shared_secret_works),
        T(tcp_with_another_secret_gets_no_answer),
        T(tcp_in_plain_text_gets_no_answer),
        T(tcp_without_secret_is_refused_unless_plaintext_is_said),
        cmocka_unit_test(too_long_run_dir_is_a_clear_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
