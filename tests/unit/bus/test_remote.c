/* SPDX-License-Identifier: MIT
 *
 * Instances behind one name that stands for several addresses, over real sockets; only the looking
 * up of the name is ours. They come, go, and find what one of them has.
 */
#include "bus/bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <proto/http.pb-c.h>
#include <proto/svc.pb-c.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/text.h"

typedef Sharestream__Http__Http_Service Http;

enum { INSTANCES = 3, WAIT_MS = 30000, CALL_MS = 20000, KEYS = 300, MAKE = 1 };

struct instance {
    struct bus *bus;
    Http service;
    Sharestream__Svc__Svc_Service greeter;
    char name[32];
    bool has, dislikes;
    unsigned asked, made;
};

static struct {
    struct instance instances[INSTANCES];
    struct bus *bus;
    struct bus_remote *remote;
    uint16_t port;
    unsigned ups, downs, replies, failures;
    enum err code;
    char url[64];
} at;

/* ---- the name "many": as many addresses, from 127.0.0.1 on; 0: it cannot be looked up */

static atomic_uint from, until;

static struct addrinfo *make_address(in_addr_t ip, struct addrinfo *next)
{
    struct addrinfo *one = xcalloc(1, sizeof(*one) + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(one + 1);

    address->sin_family = AF_INET;
    address->sin_addr.s_addr = ip;
    *one = (struct addrinfo){.ai_family = AF_INET,
                             .ai_addr = (struct sockaddr *)address,
                             .ai_addrlen = sizeof(*address),
                             .ai_next = next};
    return one;
}

/* ZeroMQ asks for what is an address already. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    struct in_addr literal;

    (void)service;
    (void)hints;
    *out = NULL;
    if (inet_pton(AF_INET, host, &literal) == 1)
        *out = make_address(literal.s_addr, NULL);
    else if (strcmp(host, "many") == 0)
        for (unsigned i = until; i-- > from;)
            *out = make_address(htonl(INADDR_LOOPBACK + i), *out);
    return *out != NULL ? 0 : EAI_AGAIN;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list);
        list = next;
    }
}

/* ---- the instances */

static void on_link(Http *service, const Sharestream__Http__LinkRequest *request,
                    Sharestream__Http__LinkReply_Closure closure, void *data)
{
    Sharestream__Http__LinkReply reply = SHARESTREAM__HTTP__LINK_REPLY__INIT;
    struct instance *instance = bus_state(data);

    (void)service;
    instance->asked++;
    if (instance->dislikes) {
        bus_fail(data, ERR_DENIED, "not by me");
        return;
    }
    if (!instance->has && (request->file != MAKE || bus_may_be_elsewhere(data))) {
        bus_fail(data, ERR_NOT_FOUND, "not here");
        return;
    }
    if (!instance->has)
        instance->made++;
    instance->has = true;
    reply.url = instance->name;
    closure(&reply, data);
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
    (void)service;
    (void)request;
    (void)closure;
    bus_fail(data, ERR_INTERNAL, "not asked here");
}

static void on_hello(Sharestream__Svc__Svc_Service *service,
                     const Sharestream__Svc__HelloRequest *request,
                     Sharestream__Svc__HelloReply_Closure closure, void *data)
{
    Sharestream__Svc__HelloReply reply = SHARESTREAM__SVC__HELLO_REPLY__INIT;
    struct instance *instance = bus_state(data);

    (void)service;
    reply.name = instance->name;
    reply.fingerprint = bus_served_fingerprint(instance->bus, request->service);
    reply.generation = (uint64_t)(uintptr_t)instance->bus;
    closure(&reply, data);
}

/* False: another program has the port. */
static bool start(unsigned number)
{
    struct instance *instance = &at.instances[number];
    char listen[64];
    const struct bus_config config = {
        .self = instance->name, .generation = 1, .listen = listen, .allows_plaintext = true};
    struct error error;

    snprintf(instance->name, sizeof(instance->name), "http.0@node-%u", number);
    snprintf(listen, sizeof(listen), "tcp://127.0.0.%u:%u", number + 1, at.port);
    instance->service = (Http)SHARESTREAM__HTTP__HTTP__INIT(on_);
    instance->greeter =
        (Sharestream__Svc__Svc_Service){.base = {.descriptor = &sharestream__svc__svc__descriptor,
                                                 .invoke = protobuf_c_service_invoke_internal},
                                        .hello = on_hello};
    instance->bus = bus_new(&config, &error);
    assert_non_null(instance->bus);
    if (bus_serve(instance->bus, &instance->service.base, instance, &error) == ERR_NONE &&
        bus_serve(instance->bus, &instance->greeter.base, instance, &error) == ERR_NONE)
        return true;
    bus_free(&instance->bus);
    return false;
}

static void stop(unsigned number)
{
    bus_free(&at.instances[number].bus);
}

static bool start_all(void)
{
    bool is_good = true;

    for (unsigned i = 0; i < INSTANCES; i++)
        is_good &= start(i);
    for (unsigned i = 0; !is_good && i < INSTANCES; i++)
        stop(i);
    return is_good;
}

/* ---- who calls them */

static void count_up(void *arg, unsigned instance)
{
    (void)arg;
    (void)instance;
    at.ups++;
}

static void count_down(void *arg, unsigned instance)
{
    (void)arg;
    (void)instance;
    at.downs++;
}

static void turn(void)
{
    struct bus *buses[INSTANCES + 1] = {at.bus};
    struct pollfd fds[INSTANCES + 1];

    for (unsigned i = 0; i < INSTANCES; i++)
        buses[i + 1] = at.instances[i].bus;
    for (unsigned i = 0; i <= INSTANCES; i++)
        fds[i] = (struct pollfd){.fd = buses[i] != NULL ? bus_fd(buses[i]) : -1, .events = POLLIN};
    poll(fds, INSTANCES + 1, 10);
    for (unsigned i = 0; i <= INSTANCES; i++) {
        if (buses[i] == NULL)
            continue;
        bus_dispatch(buses[i]);
        bus_tick(buses[i]);
    }
}

static size_t up_now(void)
{
    unsigned numbers[BUS_INSTANCES_MAX];

    return bus_instances(at.remote, numbers);
}

static void wait_for_up(size_t wanted)
{
    uint64_t end_ms = clock_ms() + WAIT_MS;

    while (up_now() != wanted && clock_ms() < end_ms)
        turn();
    assert_int_equal(up_now(), wanted);
}

static void on_linked(const Sharestream__Http__LinkReply *reply, void *arg)
{
    (void)arg;
    at.replies += reply != NULL;
    at.failures += reply == NULL;
    at.code = bus_error(at.remote)->code;
    snprintf(at.url, sizeof(at.url), "%s", reply != NULL ? reply->url : "");
}

static void ask(const char *key, unsigned file)
{
    Sharestream__Http__LinkRequest request = SHARESTREAM__HTTP__LINK_REQUEST__INIT;
    unsigned before = at.replies + at.failures;
    uint64_t end_ms = clock_ms() + WAIT_MS;

    request.info_hash = (char *)(uintptr_t)key;
    request.file = file;
    sharestream__http__http__link(bus_to_holder(at.remote, CALL_MS, bytes_of_text(key), NULL),
                                  &request, on_linked, NULL);
    while (at.replies + at.failures == before && clock_ms() < end_ms)
        turn();
    assert_int_equal(at.replies + at.failures, before + 1);
}

/* Number of the instance that has the key; by its name, for numbers of the remote are its own. */
static unsigned owner(unsigned key)
{
    unsigned instance;
    const char *name;

    assert_true(bus_owner(at.remote, bytes_of(&key, sizeof(key)), &instance));
    name = bus_instance_name(at.remote, instance);
    assert_true(strncmp(name, "http.0@node-", 12) == 0);
    return (unsigned)(name[12] - '0');
}

static unsigned asked_of_all(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < INSTANCES; i++)
        sum += at.instances[i].asked;
    return sum;
}

static int begin(void **state)
{
    const struct bus_watch watch = {.on_up = count_up, .on_down = count_down};
    char peers[64];
    const struct bus_config config = {
        .self = "test.0", .generation = 1, .peers = peers, .allows_plaintext = true};
    struct error error;

    (void)state;
    memset(&at, 0, sizeof(at));
    at.port = (uint16_t)(20000 + clock_us() % 20000);
    for (unsigned tries = 0; !start_all(); tries++) {
        assert_in_range(tries, 0, 200);
        at.port += 2;
    }
    from = 0;
    until = INSTANCES;
    snprintf(peers, sizeof(peers), "http=tcp://many:%u", at.port);
    at.bus = bus_new(&config, &error);
    assert_non_null(at.bus);
    at.remote = bus_remote(at.bus, "http", &sharestream__http__http__descriptor);
    bus_watch(at.remote, &watch);
    wait_for_up(INSTANCES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bus_free(&at.bus);
    for (unsigned i = 0; i < INSTANCES; i++)
        stop(i);
    return 0;
}

static void every_address_of_a_name_is_an_instance(void **state)
{
    unsigned count[INSTANCES] = {0};

    (void)state;
    assert_int_equal(at.ups, INSTANCES);
    for (unsigned key = 0; key < KEYS; key++)
        count[owner(key)]++;
    for (unsigned i = 0; i < INSTANCES; i++)
        assert_in_range(count[i], KEYS / INSTANCES / 2, KEYS);
}

static void only_the_keys_of_who_leaves_move_and_they_come_back(void **state)
{
    unsigned before[KEYS];

    (void)state;
    for (unsigned key = 0; key < KEYS; key++)
        before[key] = owner(key);
    from = 1; /* node-0 is no longer named, but answers: nothing changes */
    for (unsigned i = 0; i < 300; i++)
        turn();
    assert_int_equal(up_now(), INSTANCES);
    stop(0);
    wait_for_up(INSTANCES - 1);
    turn();
    turn();
    for (unsigned key = 0; key < KEYS; key++)
        assert_true(before[key] == 0 ? owner(key) != 0 : owner(key) == before[key]);
    assert_true(start(0));
    from = 0;
    wait_for_up(INSTANCES);
    for (unsigned key = 0; key < KEYS; key++)
        assert_int_equal(owner(key), before[key]);
}

static void one_that_is_down_for_a_moment_keeps_its_keys(void **state)
{
    unsigned key = 0;

    (void)state;
    while (owner(key) != 1)
        key++;
    stop(1);
    wait_for_up(INSTANCES - 1);
    assert_int_equal(owner(key), 1);
    assert_true(start(1));
    wait_for_up(INSTANCES);
    assert_int_equal(owner(key), 1);
}

static void a_name_that_cannot_be_looked_up_takes_nobody_away(void **state)
{
    (void)state;
    until = 0;
    stop(2);
    wait_for_up(INSTANCES - 1);
    assert_true(start(2));
    wait_for_up(INSTANCES);
}

static void what_one_has_is_found_and_remembered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INSTANCES; i++) {
        char key[32];

        for (unsigned j = 0; j < INSTANCES; j++)
            at.instances[j].has = j == i;
        snprintf(key, sizeof(key), "held by %u", i);
        ask(key, 0);
        assert_string_equal(at.url, at.instances[i].name);
        unsigned asked = asked_of_all();
        ask(key, 0);
        assert_string_equal(at.url, at.instances[i].name);
        assert_int_equal(asked_of_all(), asked + 1);
    }
}

static void what_nobody_has_is_not_found_or_made_once_by_its_owner(void **state)
{
    unsigned made = 0;

    (void)state;
    ask("nowhere", 0);
    assert_int_equal(at.code, ERR_NOT_FOUND);
    ask("nowhere", MAKE);
    for (unsigned i = 0; i < INSTANCES; i++)
        made += at.instances[i].made;
    assert_int_equal(made, 1);
    ask("nowhere", MAKE);
    assert_int_equal(at.replies, 2);
    for (unsigned i = 0; i < INSTANCES; i++)
        assert_true(at.instances[i].made == (at.instances[i].has ? 1 : 0));
}

static void what_nobody_has_may_be_with_one_who_is_away(void **state)
{
    uint64_t end_ms = clock_ms() + WAIT_MS;
    unsigned owners[BUS_INSTANCES_MAX];

    (void)state;
    stop(1);
    while (bus_owners(at.remote, owners) == INSTANCES && clock_ms() < end_ms) /* it is waited for */
        turn();
    ask("nowhere", 0);
    assert_int_equal(at.code, ERR_UNAVAILABLE);
    assert_true(start(1));
    wait_for_up(INSTANCES);
    ask("nowhere", 0);
    assert_int_equal(at.code, ERR_NOT_FOUND);
}

static void another_refusal_is_the_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < INSTANCES; i++)
        at.instances[i].dislikes = true;
    ask("mine", 0);
    assert_int_equal(at.code, ERR_DENIED);
    assert_int_equal(asked_of_all(), 1);
}

/* More sockets than libzmq allows a process by itself. */
static void a_process_may_know_hundreds(void **state)
{
    enum { NAMES = 7, EACH = BUS_INSTANCES_MAX };
    struct text peers = {0};
    struct bus_config config = {.self = "caller.1", .generation = 1, .allows_plaintext = true};
    struct rlimit limit;
    struct error error;
    struct bus *bus;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 8192)
        skip();
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 0; i < NAMES * EACH; i++)
        text_addf(&peers, "%sservice%u=tcp://127.0.1.%u:%u", i > 0 ? "," : "", i / EACH,
                  i % EACH + 1, at.port);
    config.peers = peers.data;
    bus = bus_new(&config, &error);
    assert_non_null(bus);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];

        snprintf(name, sizeof(name), "service%u", i);
        bus_remote(bus, name, &sharestream__http__http__descriptor);
    }
    wait_for_up(INSTANCES);
    ask("mine", MAKE);
    assert_int_equal(at.replies, 1);
    bus_free(&bus);
    text_fini(&peers);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(every_address_of_a_name_is_an_instance),
        CASE(only_the_keys_of_who_leaves_move_and_they_come_back),
        CASE(one_that_is_down_for_a_moment_keeps_its_keys),
        CASE(a_name_that_cannot_be_looked_up_takes_nobody_away),
        CASE(what_one_has_is_found_and_remembered),
        CASE(what_nobody_has_is_not_found_or_made_once_by_its_owner),
        CASE(what_nobody_has_may_be_with_one_who_is_away),
        CASE(another_refusal_is_the_answer),
        CASE(a_process_may_know_hundreds),
    };
#undef CASE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
