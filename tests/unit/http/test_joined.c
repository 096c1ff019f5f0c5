/* SPDX-License-Identifier: MIT
 *
 * Deadlines of those who wait for one answer: two real buses in one thread, driven by hand. The
 * rest is seen from outside, by tests/service/http/test_hls_joined.mjs.
 */
#include "joined.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <proto/svc.pb-c.h>

#include "base/clock.h"
#include "base/must.h"

typedef Sharestream__Transcode__Transcode_Service Transcode;
typedef Sharestream__Transcode__GetReply GetReply;

enum { LONG_MS = 60000, SHORT_MS = 200, PENDING_MAX = 8 };

struct pending {
    Sharestream__Transcode__GetReply_Closure closure;
    void *data;
};

struct fixture {
    char dir[64];
    struct bus *here, *there;
    struct bus_remote *remote;
    struct joined *joined;
    struct http_metrics metrics;
    Transcode transcode;
    Sharestream__Svc__Svc_Service greeter;
    unsigned calls, cancels, is_up;
    struct pending pending[PENDING_MAX]; /* what was not answered yet */
    size_t pending_count;
    bool is_answering; /* from now on */
};

struct viewer {
    struct joined_asker asker;
    unsigned replies, failures;
    enum err code;
};

static void count_cancel(void *arg)
{
    ((struct fixture *)arg)->cancels++;
}

static void answer_all(struct fixture *fixture)
{
    GetReply reply = SHARESTREAM__TRANSCODE__GET_REPLY__INIT;

    fixture->is_answering = true;
    while (fixture->pending_count > 0) {
        struct pending *pending = &fixture->pending[--fixture->pending_count];

        pending->closure(&reply, pending->data);
    }
}

static void on_get(Transcode *service, const Sharestream__Transcode__GetRequest *request,
                   Sharestream__Transcode__GetReply_Closure closure, void *data)
{
    struct fixture *fixture = bus_state(data);

    (void)service;
    (void)request;
    fixture->calls++;
    bus_on_cancel(data, count_cancel, fixture);
    assert_true(fixture->pending_count < PENDING_MAX);
    fixture->pending[fixture->pending_count++] = (struct pending){closure, data};
    if (fixture->is_answering)
        answer_all(fixture);
}

static void on_hello(Sharestream__Svc__Svc_Service *service,
                     const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;
    struct fixture *fixture = bus_state(data);

    (void)service;
    reply.fingerprint = bus_served_fingerprint(fixture->there, request->service);
    reply.generation = 1;
    closure(&reply, data);
}

static void note_up(void *arg, unsigned instance)
{
    (void)instance;
    ((struct fixture *)arg)->is_up = 1;
}

static void turn_until(struct fixture *fixture, const unsigned *counter, unsigned wanted)
{
    uint64_t until_ms = clock_ms() + 30000, tick_ms = 0;
    struct bus *buses[] = {fixture->here, fixture->there};

    while (*counter < wanted && clock_ms() < until_ms) {
        struct pollfd fds[] = {{.fd = bus_fd(fixture->here), .events = POLLIN},
                               {.fd = bus_fd(fixture->there), .events = POLLIN}};
        bool is_due = clock_ms() - tick_ms >= BUS_TICK_MS;

        poll(fds, COUNT_OF(fds), BUS_TICK_MS);
        for (size_t i = 0; i < COUNT_OF(buses); i++) {
            bus_dispatch(buses[i]);
            if (is_due)
                bus_tick(buses[i]);
        }
        if (is_due)
            tick_ms = clock_ms();
    }
    assert_int_equal(*counter, wanted);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct bus_config config = {.self = "transcode.0", .generation = 1, .run_dir = fixture->dir};
    const struct bus_watch watch = {.on_up = note_up, .arg = fixture};
    struct error error;

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/joined-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    fixture->transcode =
        (Transcode){.base = {.descriptor = &sharestream__transcode__transcode__descriptor,
                             .invoke = protobuf_c_service_invoke_internal},
                    .get = on_get};
    fixture->greeter =
        (Sharestream__Svc__Svc_Service){.base = {.descriptor = &sharestream__svc__svc__descriptor,
                                                 .invoke = protobuf_c_service_invoke_internal},
                                        .hello = on_hello};
    fixture->there = bus_new(&config, &error);
    config.self = "http.0";
    fixture->here = bus_new(&config, &error);
    assert_int_equal(bus_serve(fixture->there, &fixture->transcode.base, fixture, &error),
                     ERR_NONE);
    assert_int_equal(bus_serve(fixture->there, &fixture->greeter.base, fixture, &error), ERR_NONE);
    fixture->remote =
        bus_remote(fixture->here, "transcode", &sharestream__transcode__transcode__descriptor);
    bus_watch(fixture->remote, &watch);
    turn_until(fixture, &fixture->is_up, 1);
    fixture->joined = joined_new(fixture->here, fixture->remote, &fixture->metrics);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    joined_free(&fixture->joined);
    bus_free(&fixture->here);
    bus_free(&fixture->there);
    snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void on_got(void *arg, const GetReply *reply, const struct error *error)
{
    struct viewer *viewer = arg;

    viewer->replies += reply != NULL;
    viewer->failures += reply == NULL;
    viewer->code = reply == NULL ? error->code : ERR_NONE;
}

static void ask(struct fixture *fixture, struct viewer *viewer, uint32_t deadline_ms)
{
    Sharestream__Transcode__GetRequest request = SHARESTREAM__TRANSCODE__GET_REQUEST__INIT;

    joined_get(fixture->joined, &request, &viewer->asker, deadline_ms, on_got, viewer);
}

static void who_came_later_waits_on_when_the_first_is_late(void **state)
{
    struct fixture *fixture = *state;
    struct viewer first = {.replies = 0}, second = {.replies = 0};

    ask(fixture, &first, SHORT_MS);
    ask(fixture, &second, LONG_MS);
    turn_until(fixture, &first.failures, 1);
    assert_int_equal(first.code, ERR_TIMEOUT);
    assert_int_equal(second.failures, 0);
    ask(fixture, &first, LONG_MS);
    answer_all(fixture);
    turn_until(fixture, &second.replies, 1);
    turn_until(fixture, &first.replies, 1);
    assert_int_equal(second.failures, 0);
}

static void alone_and_late_is_the_end_of_it(void **state)
{
    struct fixture *fixture = *state;
    struct viewer viewer = {.replies = 0}, next = {.replies = 0};

    ask(fixture, &viewer, SHORT_MS);
    turn_until(fixture, &viewer.failures, 1);
    ask(fixture, &next, LONG_MS);
    joined_leave(&viewer.asker); /* which does not wait */
    answer_all(fixture);
    turn_until(fixture, &next.replies, 1);
}

static void first_one_leaves_and_the_last_gives_it_up(void **state)
{
    struct fixture *fixture = *state;
    struct viewer first = {.replies = 0}, second = {.replies = 0};

    ask(fixture, &first, LONG_MS);
    ask(fixture, &second, LONG_MS);
    turn_until(fixture, &fixture->calls, 1);
    joined_leave(&first.asker);
    assert_int_equal(fixture->cancels, 0);
    joined_leave(&second.asker);
    turn_until(fixture, &fixture->cancels, 1);
    assert_int_equal(fixture->metrics.hls_joined_total, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        T(who_came_later_waits_on_when_the_first_is_late),
        T(alone_and_late_is_the_end_of_it),
        T(first_one_leaves_and_the_last_gives_it_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
