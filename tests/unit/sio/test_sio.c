/* SPDX-License-Identifier: MIT
 *
 * Socket.IO without a bus: the transport is played here, and the program says what the server did
 * from which the transcripts were recorded (socket.io 4.8.4).
 */
#include "sio/sio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/must.h"

enum { CLIENTS_MAX = 1200, JOINS_MAX = 6000, FIRST = 1 };

struct client {
    struct sio_connection *connection;
    struct text heard; /* a line for each message */
    struct text tag;
    bool is_closed;
};

struct fixture {
    struct sio *sio;
    struct sio_namespace *root, *adm, *safe;
    struct client clients[CLIENTS_MAX];
    struct join {
        uint64_t connection;
        char group[208];
    } joins[JOINS_MAX];
    size_t join_count, join_max;
    unsigned sends; /* calls of the transport */
    uint64_t now_ms;
    uint32_t random;
    const char *target; /* of clients that come */
    struct text events; /* what the program heard */
};

/* ---- the transport */

static void hear(struct client *client, struct bytes payload, bool is_binary)
{
    char hex[128];

    if (client->is_closed)
        return;
    if (is_binary && payload.len < 60)
        text_addf(&client->heard, "<%s>\n", hex_encode(payload, hex));
    else
        text_addf(&client->heard, "%.*s\n", (int)payload.len, (const char *)payload.data);
}

static void send_one(void *arg, uint64_t connection, struct bytes payload, bool is_binary)
{
    struct fixture *fixture = arg;

    fixture->sends++;
    hear(&fixture->clients[connection], payload, is_binary);
}

static void send_group(void *arg, const char *group, const uint64_t *except, size_t except_count,
                       struct bytes payload, bool is_binary)
{
    struct fixture *fixture = arg;

    fixture->sends++;
    for (size_t i = 0; i < fixture->join_count; i++) {
        bool is_spared = false;

        for (size_t k = 0; k < except_count; k++)
            is_spared |= except[k] == fixture->joins[i].connection;
        if (!is_spared && strcmp(fixture->joins[i].group, group) == 0)
            hear(&fixture->clients[fixture->joins[i].connection], payload, is_binary);
    }
}

static bool join(void *arg, uint64_t connection, const char *group)
{
    struct fixture *fixture = arg;
    struct join *made = &fixture->joins[fixture->join_count];

    must(strlen(group) < sizeof(made->group));
    if (fixture->join_count == fixture->join_max)
        return false;
    fixture->join_count++;
    made->connection = connection;
    snprintf(made->group, sizeof(made->group), "%s", group);
    return true;
}

static void leave(void *arg, uint64_t connection, const char *group)
{
    struct fixture *fixture = arg;

    for (size_t i = 0; i < fixture->join_count; i++)
        if (fixture->joins[i].connection == connection &&
            strcmp(fixture->joins[i].group, group) == 0)
            fixture->joins[i--] = fixture->joins[--fixture->join_count];
}

static void tag(void *arg, uint64_t connection, struct bytes bytes)
{
    struct fixture *fixture = arg;

    text_clear(&fixture->clients[connection].tag);
    text_add_bytes(&fixture->clients[connection].tag, bytes);
}

static void close_one(void *arg, uint64_t connection)
{
    struct fixture *fixture = arg;

    text_add(&fixture->clients[connection].heard, "closed\n");
    fixture->clients[connection].is_closed = true;
}

static uint64_t now_ms(void *arg)
{
    return ((struct fixture *)arg)->now_ms;
}

static void random_bytes(void *arg, void *out, size_t len)
{
    struct fixture *fixture = arg;

    memset(out, (int)(fixture->random & 255), len);
    *(uint8_t *)out ^= (uint8_t)(fixture->random++ >> 8);
}

/* ---- the program */

static bool accepts(void *arg, const struct sio_handshake *handshake, struct sio_refusal *refusal)
{
    (void)arg;
    if (bytes_equal_text(handshake->auth, "{\"token\":\"good\"}"))
        return true;
    snprintf(refusal->message, sizeof(refusal->message), "not authorized");
    text_add(&refusal->data, "{\"code\":42}");
    return false;
}

static void on_connect(void *arg, struct sio_socket *socket, const struct sio_handshake *handshake)
{
    static const char *const words[] = {
        [SIO_NEW] = "new", [SIO_RECOVERED] = "recovered", [SIO_RESUMED] = "resumed"};
    struct fixture *fixture = arg;

    text_addf(&fixture->events, "%s %.*s kept=%.*s\n", words[handshake->how],
              (int)handshake->auth.len, (const char *)handshake->auth.data,
              (int)handshake->kept.len, (const char *)handshake->kept.data);
    sio_keep(socket, handshake->kept);
    assert_ptr_equal(sio_find(sio_namespace(socket), sio_id(socket)), socket);
    assert_true(bytes_equal_text(handshake->client->target, fixture->target));
}

static void on_answer(void *arg, const struct sio_payload *answer)
{
    struct fixture *fixture = arg;

    if (answer == NULL)
        text_add(&fixture->events, "no answer\n");
    else
        text_addf(&fixture->events, "answer %.*s\n", (int)answer->args.len,
                  (const char *)answer->args.data);
}

static struct sio_payload args(const char *text)
{
    return (struct sio_payload){.args = bytes_of_text(text)};
}

static void on_echo(struct sio_socket *socket, const struct sio_event *event)
{
    struct text answer = {0};
    struct sio_payload payload = event->payload;

    sio_emit(socket, "echo-back", &payload);
    if (!event->wants_ack)
        return;
    text_addf(&answer, "%.*s,\"second\"", (int)payload.args.len, (const char *)payload.args.data);
    payload.args = bytes_of(answer.data, answer.len);
    sio_ack(socket, event->id, &payload);
    text_fini(&answer);
}

static void on_bin(struct sio_socket *socket, const struct sio_event *event)
{
    static const struct bytes answer = {(const uint8_t *)"\x09\x08", 2};
    struct sio_payload payload = event->payload;

    payload.args = bytes_of_text("{\"b\":{\"_placeholder\":true,\"num\":0},\"k\":1}");
    sio_emit(socket, "bin-back", &payload);
    payload.args = bytes_of_text("{\"_placeholder\":true,\"num\":0}");
    payload.attachments = &answer;
    if (event->wants_ack)
        sio_ack(socket, event->id, &payload);
}

/* Without its quotes. */
static const char *name_of(struct bytes args_text)
{
    static char name[128];

    snprintf(name, sizeof(name), "%.*s", (int)args_text.len - 2, (const char *)args_text.data + 1);
    return name;
}

static void on_event(void *arg, struct sio_socket *socket, const struct sio_event *event)
{
    struct fixture *fixture = arg;
    struct sio_namespace *nsp = sio_namespace(socket);
    struct sio_payload payload = event->payload;

    if (bytes_equal_text(event->name, "echo")) {
        on_echo(socket, event);
    } else if (bytes_equal_text(event->name, "noargs")) {
        payload = args("0");
        sio_emit(socket, "noargs-back", &payload);
    } else if (bytes_equal_text(event->name, "askme")) {
        payload = args("{\"a\":1}");
        sio_emit_with_ack(socket, "q", &payload, 5000, on_answer, fixture);
    } else if (bytes_equal_text(event->name, "bin")) {
        on_bin(socket, event);
    } else if (bytes_equal_text(event->name, "bye")) {
        sio_disconnect(socket, false);
    } else if (bytes_equal_text(event->name, "byeforce")) {
        sio_disconnect(socket, true);
    } else if (bytes_equal_text(event->name, "join")) {
        text_addf(&fixture->events, "join %d\n", sio_join(socket, name_of(payload.args)));
    } else if (bytes_equal_text(event->name, "leave")) {
        sio_leave(socket, name_of(payload.args));
    } else if (bytes_equal_text(event->name, "keep")) {
        sio_keep(socket, payload.args);
    } else if (bytes_equal_text(event->name, "all")) {
        sio_broadcast(nsp, &(struct sio_to){0}, "news", &payload);
    } else if (bytes_equal_text(event->name, "volatile")) {
        payload.is_volatile = true;
        sio_broadcast(nsp, &(struct sio_to){0}, "now", &payload);
    } else if (bytes_equal_text(event->name, "room")) {
        sio_broadcast(nsp, &(struct sio_to){.room = "r"}, "news", &payload);
    } else if (bytes_equal_text(event->name, "others")) {
        sio_broadcast(nsp, &(struct sio_to){.room = "r", .except = &socket, .except_count = 1},
                      "news", &payload);
    }
}

static void on_disconnect(void *arg, struct sio_socket *socket, const char *reason)
{
    struct fixture *fixture = arg;
    const struct sio_payload payload = args("1");

    text_addf(&fixture->events, "gone: %s\n", reason);
    sio_emit(socket, "too late", &payload);
    sio_emit_with_ack(socket, "too late", &payload, 1000, on_answer, fixture);
    assert_false(sio_join(socket, "r"));
    sio_broadcast(sio_namespace(socket), &(struct sio_to){.room = "r"}, "left", NULL);
}

/* ---- a fixture */

static void start(struct fixture *fixture)
{
    const struct sio_config config = {.transport = {.send = send_one,
                                                    .send_group = send_group,
                                                    .join = join,
                                                    .leave = leave,
                                                    .tag = tag,
                                                    .close = close_one,
                                                    .now_ms = now_ms,
                                                    .random = random_bytes,
                                                    .arg = fixture},
                                      .connect_timeout_ms = 45000,
                                      .max_attachments = 10,
                                      .max_packet_bytes = 4000,
                                      .recovery_ms = 120000,
                                      .recovery_events = 100,
                                      .recovery_bytes = 20000,
                                      .recovery_sessions = 3};
    struct sio_namespace_def def = {.name = "/",
                                    .on_connect = on_connect,
                                    .on_event = on_event,
                                    .on_disconnect = on_disconnect,
                                    .arg = fixture};

    fixture->sio = sio_new(&config);
    fixture->root = sio_add_namespace(fixture->sio, &def);
    def.name = "/adm";
    def.accepts = accepts;
    fixture->adm = sio_add_namespace(fixture->sio, &def);
    def.name = "/safe";
    def.accepts = NULL;
    def.recovers = true;
    fixture->safe = sio_add_namespace(fixture->sio, &def);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    fixture->join_max = JOINS_MAX;
    fixture->now_ms = 1000;
    fixture->target = "/socket.io/?EIO=4";
    start(fixture);
    *state = fixture;
    return 0;
}

static void drop(struct fixture *fixture, uint64_t id)
{
    sio_closed(fixture->clients[id].connection);
    fixture->clients[id].connection = NULL;
    for (size_t i = 0; i < fixture->join_count; i++)
        assert_int_not_equal(fixture->joins[i].connection, id);
    text_clear(&fixture->clients[id].heard);
    text_clear(&fixture->clients[id].tag);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t id = 0; id < CLIENTS_MAX; id++) {
        if (fixture->clients[id].connection != NULL)
            drop(fixture, id);
        text_fini(&fixture->clients[id].heard);
        text_fini(&fixture->clients[id].tag);
    }
    assert_int_equal(sio_metrics(fixture->sio)->sockets, 0);
    sio_free(&fixture->sio);
    text_fini(&fixture->events);
    free(fixture);
    return 0;
}

static void open_client(struct fixture *fixture, uint64_t id)
{
    const struct sio_client client = {.target = bytes_of_text(fixture->target)};
    struct client *opened = &fixture->clients[id];

    opened->is_closed = false;
    opened->connection =
        sio_opened(fixture->sio, id, &client, bytes_of(opened->tag.data, opened->tag.len));
}

/* A copy of exactly the size, so that a sanitizer sees who reads behind it. */
static void receive(struct fixture *fixture, uint64_t id, struct bytes payload, bool is_binary)
{
    uint8_t *copy = malloc(payload.len + (payload.len == 0));

    if (payload.len > 0)
        memcpy(copy, payload.data, payload.len);
    sio_received(fixture->clients[id].connection, bytes_of(copy, payload.len), is_binary);
    free(copy);
}

/* Text, or bytes as "<hex>". */
static void say(struct fixture *fixture, uint64_t id, const char *message)
{
    size_t len = strlen(message);
    uint8_t bytes[512];

    if (message[0] != '<') {
        receive(fixture, id, bytes_of_text(message), false);
        return;
    }
    must(hex_decode(bytes_of(message + 1, len - 2), bytes, (len - 2) / 2));
    receive(fixture, id, bytes_of(bytes, (len - 2) / 2), true);
}

/* Everything that it heard since the last time. */
static void assert_heard(struct fixture *fixture, uint64_t id, const char *expected)
{
    assert_string_equal(text_str(&fixture->clients[id].heard), expected);
    text_clear(&fixture->clients[id].heard);
}

static void assert_events(struct fixture *fixture, const char *expected)
{
    assert_string_equal(text_str(&fixture->events), expected);
    text_clear(&fixture->events);
}

static void enter(struct fixture *fixture, uint64_t id, const char *connect)
{
    open_client(fixture, id);
    say(fixture, id, connect);
    text_clear(&fixture->clients[id].heard);
    text_clear(&fixture->events);
}

/* The process dies and comes back: the connections stay, with their tags. */
static void restart(struct fixture *fixture)
{
    for (uint64_t id = 0; id < CLIENTS_MAX; id++)
        if (fixture->clients[id].connection != NULL) {
            sio_closed(fixture->clients[id].connection);
            text_clear(&fixture->clients[id].heard);
        }
    sio_free(&fixture->sio);
    text_clear(&fixture->events);
    fixture->join_count = 0;
    start(fixture);
    for (uint64_t id = 0; id < CLIENTS_MAX; id++)
        if (fixture->clients[id].connection != NULL)
            open_client(fixture, id);
}

/* ---- transcripts */

static void clients_are_served_as_recorded(void **state)
{
    struct fixture *fixture = *state;

    open_client(fixture, FIRST);
    say(fixture, FIRST, "0");
    assert_heard(fixture, FIRST, "0{\"sid\":\"AgICAgICAgICAgICAgIC\"}\n");
    assert_events(fixture, "new {} kept=\n");
    say(fixture, FIRST, "20[\"echo\",{\"a\":1.0}]");
    assert_heard(fixture, FIRST, "2[\"echo-back\",{\"a\":1.0}]\n30[{\"a\":1.0},\"second\"]\n");
    say(fixture, FIRST, "2[\"noargs\"]");
    assert_heard(fixture, FIRST, "2[\"noargs-back\",0]\n");
    say(fixture, FIRST, "2[\"unheard of\"]");
    say(fixture, FIRST, "2[7]");
    assert_heard(fixture, FIRST, "");
    say(fixture, FIRST, "1");
    assert_heard(fixture, FIRST, "");
    assert_events(fixture, "gone: client namespace disconnect\n");
    say(fixture, FIRST, "0{\"token\":\"t\"}"); /* and again: another socket */
    assert_heard(fixture, FIRST, "0{\"sid\":\"AwMDAwMDAwMDAwMDAwMD\"}\n");
    assert_events(fixture, "new {\"token\":\"t\"} kept=\n");
}

static void binary_goes_both_ways(void **state)
{
    struct fixture *fixture = *state;

    enter(fixture, FIRST, "0");
    say(fixture, FIRST, "51-[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    assert_heard(fixture, FIRST, "");
    say(fixture, FIRST, "<010203>");
    assert_heard(fixture, FIRST,
                 "51-[\"bin-back\",{\"b\":{\"_placeholder\":true,\"num\":0},\"k\":1}]\n<010203>\n");
    say(fixture, FIRST, "51-7[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    say(fixture, FIRST, "<010203>");
    assert_heard(fixture, FIRST,
                 "51-[\"bin-back\",{\"b\":{\"_placeholder\":true,\"num\":0},\"k\":1}]\n<010203>\n"
                 "61-7[{\"_placeholder\":true,\"num\":0}]\n<0908>\n");
    say(fixture, FIRST,
        "52-[\"echo\",{\"_placeholder\":true,\"num\":1},"
        "{\"_placeholder\":true,\"num\":0}]");
    say(fixture, FIRST, "<>");
    say(fixture, FIRST, "<ff>");
    assert_heard(fixture, FIRST,
                 "52-[\"echo-back\",{\"_placeholder\":true,\"num\":1},"
                 "{\"_placeholder\":true,\"num\":0}]\n<>\n<ff>\n");
}

static void what_breaks_the_protocol_ends_the_session_without_a_word(void **state)
{
    static const struct {
        const char *said[4];
    } cases[] = {
        {{"2[\"echo\",1]"}}, /* not in the namespace */
        {{"0", "0"}},        /* twice */
        {{"0", "2[\"echo\""}},
        {{"0", "2[\"connect\",1]"}},
        {{"0", "1", "1"}},
        {{"0", "1", "2[\"echo\",1]"}},
        {{"0", "2/adm,[\"echo\",1]"}},
        {{"0", "2/nope,[\"echo\",1]"}},
        {{"0", "4{\"message\":\"x\"}"}}, /* servers say that */
        {{"abc"}},
        {{""}},
        {{"0", "<00>"}},                     /* bytes of nothing */
        {{"0", "51-[\"bin\"]", "2[\"x\"]"}}, /* text while bytes are awaited */
        {{"0", "511-[\"bin\"]"}},
        {{"<00>"}}, /* binary, but no packet */
        {{"<83a47479706500a464617461d40000a36e7370a12f>", "2[\"echo\"]"}}, /* text, of msgpack */
        {{"<83a47479706502a46461746191a16ea36e7370a12f>"}},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct client *client = &fixture->clients[FIRST];

        open_client(fixture, FIRST);
        for (size_t k = 0; k < 4 && cases[i].said[k] != NULL; k++) {
            if (client->is_closed)
                fail_msg("%s", cases[i].said[k - 1]);
            text_clear(&fixture->clients[FIRST].heard);
            say(fixture, FIRST, cases[i].said[k]);
        }
        if (strcmp(text_str(&client->heard), "closed\n") != 0)
            fail_msg("%s: %s", cases[i].said[0], text_str(&client->heard));
        say(fixture, FIRST, "0"); /* is not heard any more */
        assert_int_equal(sio_metrics(fixture->sio)->sockets, 0);
        assert_int_equal(sio_metrics(fixture->sio)->broken_total, i + 1);
        drop(fixture, FIRST);
    }
}

static void a_packet_has_a_size(void **state)
{
    struct fixture *fixture = *state;
    char large[4096];

    memset(large, 'x', sizeof(large));
    enter(fixture, FIRST, "0");
    receive(fixture, FIRST, bytes_of(large, 4001), false);
    assert_heard(fixture, FIRST, "closed\n");
    enter(fixture, 2, "0");
    say(fixture, 2, "52-[\"bin\"]");
    receive(fixture, 2, bytes_of(large, 3000), true);
    assert_heard(fixture, 2, "");
    receive(fixture, 2, bytes_of(large, 1000), true);
    assert_heard(fixture, 2, "closed\n");
}

static void packets_that_wait_for_attachments_have_a_size_in_all(void **state)
{
    enum { WAITING = SIO_GATHERED_PACKETS + 1 };
    struct fixture *fixture = *state;
    char large[3900] = "";

    for (uint64_t id = 0; id < WAITING; id++) {
        enter(fixture, id, "0");
        say(fixture, id, "52-[\"bin\"]");
        assert_heard(fixture, 0, "");
        receive(fixture, id, bytes_of(large, sizeof(large)), true);
    }
    assert_heard(fixture, 0, "closed\n"); /* the oldest */
    for (uint64_t id = 1; id < WAITING; id++) {
        assert_heard(fixture, id, "");
        say(fixture, id, "<00>");
        assert_non_null(strstr(text_str(&fixture->clients[id].heard), "bin-back"));
    }
    enter(fixture, WAITING, "0");
    say(fixture, WAITING, "52-[\"bin\"]");
    receive(fixture, WAITING, bytes_of(large, sizeof(large)), true);
    assert_heard(fixture, WAITING, "");
    assert_int_equal(sio_metrics(fixture->sio)->broken_total, 1);
}

static void namespaces_are_apart_and_may_refuse(void **state)
{
    struct fixture *fixture = *state;

    open_client(fixture, FIRST);
    say(fixture, FIRST, "0/nope,");
    assert_heard(fixture, FIRST, "4/nope,{\"message\":\"Invalid namespace\"}\n");
    say(fixture, FIRST, "0/adm,{\"x\":1}");
    assert_heard(fixture, FIRST, "4/adm,{\"message\":\"not authorized\",\"data\":{\"code\":42}}\n");
    assert_events(fixture, "");
    assert_int_equal(sio_members(fixture->adm, NULL), 0);
    say(fixture, FIRST, "0/adm,{\"token\":\"good\"}");
    assert_heard(fixture, FIRST, "0/adm,{\"sid\":\"AgICAgICAgICAgICAgIC\"}\n");
    say(fixture, FIRST, "0");
    assert_heard(fixture, FIRST, "0{\"sid\":\"AwMDAwMDAwMDAwMDAwMD\"}\n");
    say(fixture, FIRST, "2/adm,9[\"echo\",1]");
    assert_heard(fixture, FIRST, "2/adm,[\"echo-back\",1]\n3/adm,9[1,\"second\"]\n");
    say(fixture, FIRST, "2/adm,[\"all\",\"for adm\"]");
    assert_heard(fixture, FIRST, "2/adm,[\"news\",\"for adm\"]\n");
    say(fixture, FIRST, "1/adm,");
    say(fixture, FIRST, "2[\"echo\",2]");
    assert_heard(fixture, FIRST, "2[\"echo-back\",2]\n");
}

/* Clients 2. */
static void revision_4_is_spoken_with_those_who_come_by_engineio_3(void **state)
{
    struct fixture *fixture = *state;

    fixture->target = "/socket.io/?transport=polling&EIO=3&b64=1";
    open_client(fixture, FIRST);
    assert_heard(fixture, FIRST, "0\n");
    assert_events(fixture, "new {} kept=\n");
    say(fixture, FIRST, "20[\"echo\",{\"a\":1.0}]");
    assert_heard(fixture, FIRST, "2[\"echo-back\",{\"a\":1.0}]\n30[{\"a\":1.0},\"second\"]\n");
    say(fixture, FIRST, "0/adm?token=bad,");
    assert_heard(fixture, FIRST, "4/adm,{\"code\":42}\n");
    say(fixture, FIRST, "0/nope?x,");
    assert_heard(fixture, FIRST, "4/nope,\"Invalid namespace\"\n");
    say(fixture, FIRST, "0/adm?token=good,");
    assert_heard(fixture, FIRST, "0/adm,\n");
    say(fixture, FIRST, "0/safe"); /* which recovers others */
    assert_heard(fixture, FIRST, "0/safe,\n");
    say(fixture, FIRST, "2/adm,[\"keep\",7]");
    text_clear(&fixture->events);
    restart(fixture);
    assert_heard(fixture, FIRST, "");
    say(fixture, FIRST, "2/adm,[\"echo\",2]");
    assert_heard(fixture, FIRST, "2/adm,[\"echo-back\",2]\n");
    say(fixture, FIRST, "0"); /* it is in already */
    assert_heard(fixture, FIRST, "closed\n");
}

static void the_server_may_end_it(void **state)
{
    struct fixture *fixture = *state;

    enter(fixture, FIRST, "0");
    say(fixture, FIRST, "2[\"bye\"]");
    assert_heard(fixture, FIRST, "1\n");
    assert_events(fixture, "gone: server namespace disconnect\n");
    say(fixture, FIRST, "2[\"echo\",1]"); /* was on its way */
    say(fixture, FIRST, "1");
    assert_heard(fixture, FIRST, "");
    say(fixture, FIRST, "0");
    assert_heard(fixture, FIRST, "0{\"sid\":\"AwMDAwMDAwMDAwMDAwMD\"}\n");
    text_clear(&fixture->events);
    say(fixture, FIRST, "2[\"byeforce\"]");
    assert_heard(fixture, FIRST, "1\nclosed\n");
    assert_events(fixture, "gone: server namespace disconnect\n");
}

static void who_enters_no_namespace_is_closed_after_a_while(void **state)
{
    struct fixture *fixture = *state;

    open_client(fixture, 1);
    fixture->now_ms += 1000;
    open_client(fixture, 2);
    open_client(fixture, 3);
    say(fixture, 2, "0");
    text_clear(&fixture->clients[2].heard);
    say(fixture, 3, "0/nope,");
    text_clear(&fixture->clients[3].heard);
    fixture->now_ms += 44000;
    sio_tick(fixture->sio);
    assert_heard(fixture, 1, "closed\n");
    assert_heard(fixture, 2, "");
    assert_heard(fixture, 3, "");
    fixture->now_ms += 1000;
    sio_tick(fixture->sio);
    assert_heard(fixture, 2, "");
    assert_heard(fixture, 3, "closed\n");
}

/* ---- acks */

static void answers_of_clients_come_once_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;

    enter(fixture, 1, "0");
    enter(fixture, 2, "0");
    say(fixture, 1, "2[\"askme\"]");
    assert_heard(fixture, 1, "20[\"q\",{\"a\":1}]\n");
    say(fixture, 2, "30[\"not mine\"]");
    say(fixture, 1, "37[\"of nothing\"]");
    assert_events(fixture, "");
    say(fixture, 1, "30[\"answer\",2]");
    assert_events(fixture, "answer \"answer\",2\n");
    say(fixture, 1, "30[\"again\"]");
    assert_events(fixture, "");
    say(fixture, 1, "2[\"askme\"]");
    assert_heard(fixture, 1, "21[\"q\",{\"a\":1}]\n");
    fixture->now_ms += 4999;
    sio_tick(fixture->sio);
    assert_events(fixture, "");
    fixture->now_ms += 1;
    sio_tick(fixture->sio);
    assert_events(fixture, "no answer\n");
    say(fixture, 1, "31[\"too late\"]");
    assert_events(fixture, "");
    say(fixture, 1, "2[\"askme\"]");
    drop(fixture, 1);
    assert_events(fixture, "no answer\ngone: transport close\n");
    sio_tick(fixture->sio);
    assert_events(fixture, "no answer\n"); /* to what was asked when it was gone */
}

static void not_too_many_answers_are_waited_for(void **state)
{
    struct fixture *fixture = *state;

    enter(fixture, FIRST, "0");
    for (int i = 0; i < SIO_ACKS_MAX + 1; i++)
        say(fixture, FIRST, "2[\"askme\"]");
    assert_int_equal(fixture->sends, SIO_ACKS_MAX + 1); /* one of them is the welcome */
    sio_tick(fixture->sio);
    assert_events(fixture, "no answer\n");
}

/* ---- rooms */

#define MSGPACK_CONNECT "<82a47479706500a36e7370a12f>"

static void rooms_hear_what_is_for_them(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t id = 1; id <= 4; id++)
        enter(fixture, id, id == 3 ? MSGPACK_CONNECT : "0");
    say(fixture, 1, "2[\"join\",\"r\"]");
    say(fixture, 1, "2[\"join\",\"r\"]");
    say(fixture, 2, "2[\"join\",\"r\"]");
    assert_int_equal(sio_members(fixture->root, "r"), 2);
    say(fixture, 4, "2[\"room\",12.0]");
    for (uint64_t id = 1; id <= 4; id++)
        assert_heard(fixture, id, id <= 2 ? "2[\"news\",12.0]\n" : "");
    say(fixture, 1, "2[\"others\",1]");
    for (uint64_t id = 1; id <= 4; id++)
        assert_heard(fixture, id, id == 2 ? "2[\"news\",1]\n" : "");
    /* Who has the other parser hears the same in his own way. */
    say(fixture, 3, "<83a47479706502a46461746192a46a6f696ea172a36e7370a12f>");
    say(fixture, 3, "<83a47479706502a46461746192a66f746865727301a36e7370a12f>");
    for (uint64_t id = 1; id <= 4; id++)
        assert_heard(fixture, id, id <= 2 ? "2[\"news\",1]\n" : "");
    say(fixture, 1, "51-[\"room\",{\"_placeholder\":true,\"num\":0}]");
    say(fixture, 1, "<0102>");
    assert_heard(fixture, 2, "51-[\"news\",{\"_placeholder\":true,\"num\":0}]\n<0102>\n");
    assert_heard(fixture, 3, "<83a47479706502a46461746192a46e657773c4020102a36e7370a12f>\n");
    text_clear(&fixture->clients[1].heard);
    say(fixture, 2, "2[\"leave\",\"r\"]");
    say(fixture, 2, "2[\"all\",[]]");
    for (uint64_t id = 1; id <= 4; id++)
        assert_heard(fixture, id,
                     id == 3 ? "<83a47479706502a46461746192a46e65777390a36e7370a12f>\n"
                             : "2[\"news\",[]]\n");
    say(fixture, 2, "2[\"room\",2]");
    assert_heard(fixture, 2, "");
    assert_heard(fixture, 1, "2[\"news\",2]\n");
    drop(fixture, 3); /* "left" is for those who are still there */
    assert_heard(fixture, 1, "2[\"left\"]\n");
    drop(fixture, 1);
    assert_int_equal(sio_members(fixture->root, "r"), 0);
}

static void a_broadcast_costs_the_same_for_a_thousand(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t id = 0; id < 1000; id++) {
        enter(fixture, id, "0");
        say(fixture, id, "2[\"join\",\"r\"]");
    }
    fixture->sends = 0;
    say(fixture, 0, "2[\"others\",1]");
    assert_int_equal(fixture->sends, 1);
    assert_heard(fixture, 0, "");
    assert_heard(fixture, 999, "2[\"news\",1]\n");
    say(fixture, 0, "2[\"leave\",\"r\"]");
    enter(fixture, 1000, MSGPACK_CONNECT);
    say(fixture, 1000, "<83a47479706502a46461746192a46a6f696ea172a36e7370a12f>");
    fixture->sends = 0;
    say(fixture, 0, "2[\"room\",1]");
    assert_int_equal(fixture->sends, 2);
}

static void rooms_have_names_and_limits(void **state)
{
    struct fixture *fixture = *state;
    char message[256];

    enter(fixture, FIRST, "0");
    say(fixture, FIRST, "2[\"join\",\"\"]");
    snprintf(message, sizeof(message), "2[\"join\",\"%096d\"]", 1);
    say(fixture, FIRST, message);
    snprintf(message, sizeof(message), "2[\"join\",\"%097d\"]", 1);
    say(fixture, FIRST, message);
    fixture->join_max = fixture->join_count;
    say(fixture, FIRST, "2[\"join\",\"one too many\"]");
    assert_events(fixture, "join 0\njoin 1\njoin 0\njoin 0\n");
    open_client(fixture, 2);
    say(fixture, 2, "0");
    assert_heard(fixture, 2, "closed\n");
}

/* ---- msgpack */

static void msgpack_clients_are_served_as_recorded(void **state)
{
    struct fixture *fixture = *state;

    open_client(fixture, FIRST);
    say(fixture, FIRST, "<83a47479706500a464617461d40000a36e7370a12f>");
    assert_heard(fixture, FIRST,
                 "<83a47479706500a46461746181a3736964b4416749434167494341674943416749434167494"
                 "3a36e7370a12f>\n");
    say(fixture, FIRST,
        "<85a47479706502a46461746192a46563686f81a16101a76f7074696f6e7381a8636f6d70"
        "72657373c3a2696400a36e7370a12f>");
    assert_heard(fixture, FIRST,
                 "<83a47479706502a46461746192a96563686f2d6261636b81a16101a36e7370a12f>\n"
                 "<84a47479706503a4646174619281a16101a67365636f6e64a2696400a36e7370a12f>\n");
}

/* ---- a new life */

static void connections_outlive_the_process(void **state)
{
    struct fixture *fixture = *state;

    enter(fixture, 1, "0");
    say(fixture, 1, "2[\"join\",\"r\"]");
    say(fixture, 1, "2[\"join\",\"s\"]");
    say(fixture, 1, "2[\"leave\",\"s\"]");
    say(fixture, 1, "2[\"keep\",\"Anna\"]");
    say(fixture, 1, "0/adm,{\"token\":\"good\"}");
    enter(fixture, 2, MSGPACK_CONNECT);
    say(fixture, 2, "<83a47479706502a46461746192a46a6f696ea172a36e7370a12f>");
    open_client(fixture, 3);
    say(fixture, 1, "51-[\"room\",{\"_placeholder\":true,\"num\":0}]");
    restart(fixture);
    assert_events(fixture, "resumed {} kept=\"Anna\"\nresumed {} kept=\nresumed {} kept=\n");
    say(fixture, 1, "<0102>"); /* of a packet that nobody knows any more */
    say(fixture, 3, "0");
    text_clear(&fixture->clients[3].heard);
    say(fixture, 3, "2[\"room\",1]");
    assert_heard(fixture, 1, "2[\"news\",1]\n");
    assert_heard(fixture, 2, "<83a47479706502a46461746192a46e65777301a36e7370a12f>\n");
    assert_heard(fixture, 3, "");
    say(fixture, 1, "2/adm,[\"echo\",1]");
    say(fixture, 1, "2[\"echo\",1]");
    assert_heard(fixture, 1, "2/adm,[\"echo-back\",1]\n2[\"echo-back\",1]\n");
    assert_non_null(sio_find(fixture->root, "AgICAgICAgICAgICAgIC"));
    say(fixture, 1, "<0102>"); /* by now it is a fault */
    assert_heard(fixture, 1, "closed\n");
    text_clear(&fixture->events);
}

static void tags_of_others_end_the_connection(void **state)
{
    static const char *const tags[] = {"x", "\1", "\1\3", "\1\1x", "\2\1", "\1\1\0\5/nope"};
    static const size_t lens[] = {1, 1, 2, 3, 2, 9};
    struct fixture *fixture = *state;
    struct text whole = {0};

    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        text_add_bytes(&fixture->clients[1].tag, bytes_of(tags[i], lens[i]));
        open_client(fixture, 1);
        assert_heard(fixture, 1, "closed\n");
        drop(fixture, 1);
    }
    enter(fixture, 1, "0/safe,");
    say(fixture, 1, "2/safe,[\"join\",\"r\"]");
    say(fixture, 1, "0");
    text_add_bytes(&whole, bytes_of(fixture->clients[1].tag.data, fixture->clients[1].tag.len));
    drop(fixture, 1);
    text_clear(&fixture->events);
    for (size_t len = 3; len < whole.len; len++) {
        text_add_bytes(&fixture->clients[1].tag, bytes_of(whole.data, len));
        open_client(fixture, 1);
        drop(fixture, 1);
    }
    text_fini(&whole);
}

/* ---- recovery */

#define SAFE "0/safe,"
/* The first ids of `safe` by this fixture's random numbers; its epoch is the second random number.
 */
#define EPOCH "AQEBAQEB"

static void connect_again(struct fixture *fixture, uint64_t id, const char *pid, const char *offset)
{
    char message[256];

    open_client(fixture, id);
    snprintf(message, sizeof(message),
             offset != NULL ? SAFE "{\"pid\":\"%s\",\"offset\":\"%s\"}" : SAFE "{\"pid\":\"%s\"}",
             pid, offset);
    say(fixture, id, message);
}

#define SID_1     "AgICAgICAgICAgICAgIC"
#define PID_1     "AwMDAwMDAwMDAwMDAwMD"
#define WELCOME_1 "0/safe,{\"sid\":\"" SID_1 "\",\"pid\":\"" PID_1 "\"}\n"

/* 1 is in the room, 2 is not. */
static void two_clients(struct fixture *fixture)
{
    open_client(fixture, 1);
    say(fixture, 1, SAFE);
    assert_heard(fixture, 1, WELCOME_1);
    say(fixture, 1, "2/safe,[\"join\",\"r\"]");
    say(fixture, 1, "2/safe,[\"keep\",\"Anna\"]");
    enter(fixture, 2, SAFE);
}

static void what_was_missed_is_sent_again(void **state)
{
    struct fixture *fixture = *state;

    two_clients(fixture);
    say(fixture, 2, "2/safe,[\"room\",0]");
    assert_heard(fixture, 1, "2/safe,[\"news\",0,\"" EPOCH ".0\"]\n");
    drop(fixture, 1);
    assert_events(fixture, "gone: transport close\n");
    say(fixture, 2, "2/safe,[\"all\",1]"); /* 1 and 2: "left" was .1 */
    say(fixture, 2, "2/safe,[\"room\",2.0]");
    say(fixture, 2, "2/safe,[\"join\",\"other\"]");
    say(fixture, 2, "2/safe,[\"echo\",\"for 2 only\"]");
    say(fixture, 2, "2/safe,[\"volatile\",\"now\"]");
    say(fixture, 2, "51-/safe,[\"room\",{\"_placeholder\":true,\"num\":0}]");
    say(fixture, 2, "<0102>");
    text_clear(&fixture->events);
    connect_again(fixture, 3, PID_1, EPOCH ".0");
    assert_heard(fixture, 3,
                 WELCOME_1 "2/safe,[\"left\",\"" EPOCH ".1\"]\n"
                           "2/safe,[\"news\",1,\"" EPOCH ".2\"]\n"
                           "2/safe,[\"news\",2.0,\"" EPOCH ".3\"]\n"
                           "51-/safe,[\"news\",{\"_placeholder\":true,\"num\":0},\"" EPOCH
                           ".5\"]\n<0102>\n");
    assert_events(fixture,
                  "recovered {\"pid\":\"" PID_1 "\",\"offset\":\"" EPOCH ".0\"} kept=\"Anna\"\n");
    assert_int_equal(sio_members(fixture->safe, "r"), 1);
    say(fixture, 2, "2/safe,[\"room\",3]");
    assert_heard(fixture, 3, "2/safe,[\"news\",3,\"" EPOCH ".6\"]\n");
    /* Nobody can take what was taken. */
    connect_again(fixture, 4, PID_1, EPOCH ".0");
    assert_null(strstr(text_str(&fixture->clients[4].heard), PID_1));
    assert_int_equal(sio_metrics(fixture->sio)->recovered_total, 1);
    assert_int_equal(sio_metrics(fixture->sio)->unrecovered_total, 1);
}

static void what_was_meant_for_others_is_not(void **state)
{
    struct fixture *fixture = *state;

    two_clients(fixture);
    say(fixture, 2, "2/safe,[\"room\",\"before it joined\"]");
    say(fixture, 2, "2/safe,[\"join\",\"r\"]");
    say(fixture, 2, "2/safe,[\"others\",\"not for itself\"]");
    say(fixture, 2, "2/safe,[\"echo\",\"for itself\"]");
    say(fixture, 1, "2/safe,[\"others\",\"for the others\"]");
    drop(fixture, 2);
    connect_again(fixture, 3, "BQUFBQUFBQUFBQUFBQUF", NULL); /* it says that it had nothing */
    assert_heard(fixture, 3,
                 "0/safe,{\"sid\":\"BAQEBAQEBAQEBAQEBAQE\",\"pid\":\"BQUFBQUFBQUFBQUFBQUF\"}\n"
                 "2/safe,[\"echo-back\",\"for itself\",\"" EPOCH ".2\"]\n"
                 "2/safe,[\"news\",\"for the others\",\"" EPOCH ".3\"]\n"
                 "2/safe,[\"left\",\"" EPOCH ".4\"]\n"); /* itself, but that was not said */
}

static void who_has_missed_too_much_is_new(void **state)
{
    static const char *const offsets[] = {
        EPOCH ".2",  EPOCH ".",    EPOCH, EPOCH ".x",
        EPOCH ".0x", "AAAAAAAA.0", "",    EPOCH ".99999999999999999999999",
        ".",
    };
    struct fixture *fixture = *state;
    char message[300];

    for (size_t i = 0; i < COUNT_OF(offsets) + 3; i++) {
        const char *offset = i < COUNT_OF(offsets) ? offsets[i] : EPOCH ".0";

        two_clients(fixture);
        say(fixture, 2, "2/safe,[\"room\",0]");
        drop(fixture, 1);
        /* The last ones: too late, too many events, too large ones. */
        if (i == COUNT_OF(offsets)) {
            fixture->now_ms += 120001;
        } else if (i > COUNT_OF(offsets)) {
            for (int k = 0; k < (i == COUNT_OF(offsets) + 1 ? 101 : 99); k++) {
                snprintf(message, sizeof(message), "2/safe,[\"all\",\"%0200d\"]", k);
                say(fixture, 2, message);
            }
        }
        /* "" is as if it had had none: that is good. 99 such events have too many bytes. */
        connect_again(fixture, 3, PID_1, offset);
        if ((strstr(text_str(&fixture->clients[3].heard), PID_1) != NULL) != (offset[0] == '\0'))
            fail_msg("%zu %s: %s", i, offset, text_str(&fixture->clients[3].heard));
        tear_down(state);
        set_up(state);
        fixture = *state;
    }
}

static void not_too_many_sessions_are_kept(void **state)
{
    struct fixture *fixture = *state;

    two_clients(fixture);
    for (uint64_t id = 3; id <= 5; id++)
        enter(fixture, id, SAFE);
    say(fixture, 2, "2/safe,[\"all\",0]");
    for (uint64_t id = 1; id <= 4; id++)
        drop(fixture, id); /* three are kept: 1 is not */
    assert_int_equal(sio_metrics(fixture->sio)->kept_sessions, 3);
    connect_again(fixture, 1, PID_1, EPOCH ".0");
    assert_null(strstr(text_str(&fixture->clients[1].heard), PID_1));
    connect_again(fixture, 2, "BQUFBQUFBQUFBQUFBQUF", EPOCH ".0");
    assert_non_null(strstr(text_str(&fixture->clients[2].heard), "BQUFBQUFBQUFBQUFBQUF"));
    assert_int_equal(sio_metrics(fixture->sio)->kept_sessions, 2);
    fixture->now_ms += 120001;
    sio_tick(fixture->sio);
    assert_int_equal(sio_metrics(fixture->sio)->kept_sessions, 0);
    assert_int_equal(sio_metrics(fixture->sio)->kept_events, 0);
    assert_int_equal(sio_metrics(fixture->sio)->kept_bytes, 0);
}

static void who_left_or_was_sent_out_does_not_recover(void **state)
{
    static const char *const ways[] = {"1/safe,", "2/safe,[\"bye\"]", "2/safe,[\"byeforce\"]", "x"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        two_clients(fixture);
        say(fixture, 2, "2/safe,[\"all\",0]");
        say(fixture, 1, ways[i]);
        drop(fixture, 1);
        connect_again(fixture, 3, PID_1, EPOCH ".0");
        assert_null(strstr(text_str(&fixture->clients[3].heard), PID_1));
        tear_down(state);
        set_up(state);
        fixture = *state;
    }
}

static void who_came_over_from_the_last_life_recovers_in_this_one(void **state)
{
    struct fixture *fixture = *state;
    const char *news;
    char offset[64];

    two_clients(fixture);
    say(fixture, 2, "2/safe,[\"room\",0]");
    restart(fixture);
    say(fixture, 2, "2/safe,[\"room\",1]");
    news = strrchr(text_str(&fixture->clients[1].heard), ',');
    snprintf(offset, sizeof(offset), "%.10s", news + 2);
    drop(fixture, 1);
    say(fixture, 2, "2/safe,[\"room\",2]");
    connect_again(fixture, 3, PID_1, offset);
    assert_non_null(strstr(text_str(&fixture->clients[3].heard), WELCOME_1));
    assert_non_null(strstr(text_str(&fixture->clients[3].heard), "[\"news\",2,"));
    assert_null(strstr(text_str(&fixture->clients[3].heard), "[\"news\",1,"));
    /* But not with what it had from the life before. */
    drop(fixture, 3);
    connect_again(fixture, 4, PID_1, EPOCH ".0");
    assert_null(strstr(text_str(&fixture->clients[4].heard), PID_1));
}

static void who_came_over_cannot_say_that_it_had_nothing(void **state)
{
    struct fixture *fixture = *state;

    two_clients(fixture);
    restart(fixture);
    drop(fixture, 1);
    connect_again(fixture, 3, PID_1, NULL);
    assert_null(strstr(text_str(&fixture->clients[3].heard), PID_1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(clients_are_served_as_recorded),
        TEST(binary_goes_both_ways),
        TEST(what_breaks_the_protocol_ends_the_session_without_a_word),
        TEST(a_packet_has_a_size),
        TEST(packets_that_wait_for_attachments_have_a_size_in_all),
        TEST(namespaces_are_apart_and_may_refuse),
        TEST(revision_4_is_spoken_with_those_who_come_by_engineio_3),
        TEST(the_server_may_end_it),
        TEST(who_enters_no_namespace_is_closed_after_a_while),
        TEST(answers_of_clients_come_once_or_not_at_all),
        TEST(not_too_many_answers_are_waited_for),
        TEST(rooms_hear_what_is_for_them),
        TEST(a_broadcast_costs_the_same_for_a_thousand),
        TEST(rooms_have_names_and_limits),
        TEST(msgpack_clients_are_served_as_recorded),
        TEST(connections_outlive_the_process),
        TEST(tags_of_others_end_the_connection),
        TEST(what_was_missed_is_sent_again),
        TEST(what_was_meant_for_others_is_not),
        TEST(who_has_missed_too_much_is_new),
        TEST(not_too_many_sessions_are_kept),
        TEST(who_left_or_was_sent_out_does_not_recover),
        TEST(who_came_over_from_the_last_life_recovers_in_this_one),
        TEST(who_came_over_cannot_say_that_it_had_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
