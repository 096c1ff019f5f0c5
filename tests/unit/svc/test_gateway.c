/* SPDX-License-Identifier: MIT
 *
 * An actor's side of the gateway, over two real buses in one thread: one is the actor's, the other
 * plays two gateways. What the actor does is what the clients say.
 */
#include "base/must.h"
#include "base/text.h"
#include "bus_pair.h"

typedef Sharestream__Gateway__Event Event;

struct fixture {
    struct bus_pair pair;
    struct gateways *gateways;
    struct text said; /* the actions of the last reply, a line each */
    unsigned replies, closed;
    uint64_t last_opened;
};

struct client {
    struct fixture *fixture;
    uint64_t id;
};

/* ---- the actor */

static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    struct fixture *fixture = arg;
    struct client *state;

    fixture->last_opened = connection;
    if (bytes_equal_text(client->target, "/nobody"))
        return NULL;
    state = xcalloc(1, sizeof(*state));
    *state = (struct client){.fixture = fixture, .id = connection};
    if (client->tag.len > 0)
        assert_true(gateway_join(fixture->gateways, connection, "of the tag"));
    return state;
}

/* "join G", "leave G", "many N" (groups), "all G", "others G". */
static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    struct fixture *fixture = arg;
    struct client *client = state;
    char text[512], *rest = text, *verb;

    snprintf(text, sizeof(text), "%.*s", (int)payload.len, (const char *)payload.data);
    verb = strtok_r(rest, " ", &rest);
    if (strcmp(verb, "join") == 0) {
        gateway_join(fixture->gateways, client->id, rest);
    } else if (strcmp(verb, "leave") == 0) {
        gateway_leave(fixture->gateways, client->id, rest);
    } else if (strcmp(verb, "many") == 0) {
        for (int i = 0; i < atoi(rest); i++) {
            char name[32];

            snprintf(name, sizeof(name), "g%d", i);
            assert_int_equal(gateway_join(fixture->gateways, client->id, name),
                             i < GATEWAY_GROUPS_MAX);
        }
    } else {
        gateway_send_group(fixture->gateways, rest, &client->id, verb[0] == 'o',
                           bytes_of_text(verb), is_binary);
    }
}

static void on_closed(void *arg, void *state)
{
    struct fixture *fixture = arg;

    fixture->closed++;
    free(state);
}

/* ---- the gateways */

static void note(struct text *said, const Sharestream__Gateway__Action *action)
{
    const Sharestream__Gateway__Send *send = action->send;

    switch (action->what_case) {
    case SHARESTREAM__GATEWAY__ACTION__WHAT_SEND:
        text_addf(said, "%.*s to %s", (int)send->payload.len, (const char *)send->payload.data,
                  send->group);
        for (size_t i = 0; i < send->n_to; i++)
            text_addf(said, " but %d", (int)send->to[i]);
        text_add(said, send->is_binary ? " binary\n" : "\n");
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_MOVE:
        text_addf(said, "move %d to %u\n", (int)action->move->number, action->move->seat);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_RETURNED:
        text_addf(said, "return %d %.*s\n", (int)action->returned->number,
                  (int)action->returned->payload.len, (const char *)action->returned->payload.data);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_JOIN:
        text_addf(said, "join %d %s\n", (int)action->join->number, action->join->group);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_LEAVE:
        text_addf(said, "leave %d %s\n", (int)action->leave->number, action->leave->group);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_CLOSE:
        text_addf(said, "close %d\n", (int)action->close->number);
        break;
    case SHARESTREAM__GATEWAY__ACTION__WHAT_TAG:
    case SHARESTREAM__GATEWAY__ACTION__WHAT_ANSWER:
    case SHARESTREAM__GATEWAY__ACTION__WHAT__NOT_SET:
    case _SHARESTREAM__GATEWAY__ACTION__WHAT__CASE_IS_INT_SIZE:
        fail();
    }
}

static void on_actions(const Sharestream__Gateway__Actions *actions, void *arg)
{
    struct fixture *fixture = arg;

    assert_non_null(actions);
    assert_false(actions->needs_first);
    for (size_t i = 0; i < actions->n_actions; i++)
        note(&fixture->said, actions->actions[i]);
    fixture->replies++;
}

/* One Delivery of at most one event; what came back is said by the lines `expected`. */
static void deliver(struct fixture *fixture, const char *gateway, Event *event, bool is_first,
                    const char *expected)
{
    Sharestream__Gateway__Delivery delivery = SHARESTREAM__GATEWAY__DELIVERY__INIT;
    Sharestream__Gateway__Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;

    origin.name = (char *)(uintptr_t)gateway;
    origin.generation = 7;
    origin.loops = 1;
    delivery.from = &origin;
    delivery.is_first = is_first;
    delivery.n_events = event != NULL;
    delivery.events = &event;
    text_clear(&fixture->said);
    sharestream__gateway__gateway__deliver(
        bus_to(fixture->pair.remote, 10000, bytes_of(NULL, 0), NULL), &delivery, on_actions,
        fixture);
    bus_pair_turn_until(&fixture->pair, &fixture->replies, fixture->replies + 1);
    assert_string_equal(text_str(&fixture->said), expected);
}

static void open_client(struct fixture *fixture, const char *gateway, uint64_t number,
                        const char *target, const char *tag, const char *expected)
{
    Sharestream__Gateway__Opened opened = SHARESTREAM__GATEWAY__OPENED__INIT;
    Event event = SHARESTREAM__GATEWAY__EVENT__INIT;

    opened.target =
        (ProtobufCBinaryData){.len = strlen(target), .data = (uint8_t *)(uintptr_t)target};
    opened.tag = (ProtobufCBinaryData){.len = strlen(tag), .data = (uint8_t *)(uintptr_t)tag};
    event.number = number;
    event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED;
    event.opened = &opened;
    deliver(fixture, gateway, &event, false, expected);
}

static void say(struct fixture *fixture, const char *gateway, uint64_t number, const char *what,
                const char *expected)
{
    Sharestream__Gateway__Received received = SHARESTREAM__GATEWAY__RECEIVED__INIT;
    Event event = SHARESTREAM__GATEWAY__EVENT__INIT;

    received.payload =
        (ProtobufCBinaryData){.len = strlen(what), .data = (uint8_t *)(uintptr_t)what};
    event.number = number;
    event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_RECEIVED;
    event.received = &received;
    deliver(fixture, gateway, &event, false, expected);
}

static void close_client(struct fixture *fixture, const char *gateway, uint64_t number)
{
    Sharestream__Gateway__Closed closed = SHARESTREAM__GATEWAY__CLOSED__INIT;
    Event event = SHARESTREAM__GATEWAY__EVENT__INIT;

    event.number = number;
    event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_CLOSED;
    event.closed = &closed;
    deliver(fixture, gateway, &event, false, "");
}

/* ---- tests */

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    const struct gateway_actor actor = {
        .on_opened = on_opened, .on_received = on_received, .on_closed = on_closed, .arg = fixture};

    bus_pair_init(&fixture->pair);
    fixture->gateways = gateways_new(&actor);
    bus_pair_serve(&fixture->pair, fixture->gateways);
    deliver(fixture, "one", NULL, true, "");
    deliver(fixture, "two", NULL, true, "");
    for (uint64_t number = 1; number <= 3; number++) {
        open_client(fixture, "one", number, "/", "", "");
        open_client(fixture, "two", number, "/", "", "");
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    bus_free(&fixture->pair.actor);
    gateways_free(&fixture->gateways);
    bus_pair_fini(&fixture->pair);
    text_fini(&fixture->said);
    free(fixture);
    return 0;
}

static void a_group_costs_a_message_to_each_gateway_with_members(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, "one", 1, "join room", "join 1 room\n");
    say(fixture, "one", 2, "join room", "join 2 room\n");
    say(fixture, "one", 3, "all room", "all to room\n");
    deliver(fixture, "two", NULL, false, ""); /* has nobody in it */
    say(fixture, "two", 1, "join room", "join 1 room\n");
    say(fixture, "two", 2, "join room", "join 2 room\n");
    say(fixture, "one", 3, "all room", "all to room\n");
    deliver(fixture, "two", NULL, false, "all to room\n");
    say(fixture, "one", 1, "all nobody's", "");
}

static void who_is_spared_is_named_to_its_own_gateway(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, "one", 1, "join room", "join 1 room\n");
    say(fixture, "two", 1, "join room", "join 1 room\n");
    say(fixture, "one", 1, "others room", "others to room but 1\n");
    deliver(fixture, "two", NULL, false, "others to room\n");
    say(fixture, "two", 3, "others room", "others to room but 3\n");
    deliver(fixture, "one", NULL, false, "others to room\n");
}

static void joining_twice_is_once_and_the_last_to_leave_ends_it(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, "one", 1, "join room", "join 1 room\n");
    say(fixture, "one", 1, "join room", "");
    say(fixture, "one", 2, "join room", "join 2 room\n");
    say(fixture, "one", 1, "leave room", "leave 1 room\n");
    say(fixture, "one", 1, "leave room", "");
    say(fixture, "one", 1, "all room", "all to room\n");
    say(fixture, "one", 2, "leave room", "leave 2 room\n");
    say(fixture, "one", 1, "all room", "");
}

static void who_is_gone_has_left(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, "one", 1, "join room", "join 1 room\n");
    say(fixture, "two", 1, "join room", "join 1 room\n");
    close_client(fixture, "one", 1);
    say(fixture, "one", 2, "all room", "");
    deliver(fixture, "two", NULL, false, "all to room\n");
    deliver(fixture, "two", NULL, true, ""); /* its connections are said anew: there are none */
    say(fixture, "one", 2, "all room", "");
    deliver(fixture, "two", NULL, false, "");
    assert_int_equal(fixture->closed, 4);
}

static void groups_of_one_connection_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct text joins = {0};
    char name[GATEWAY_GROUP_NAME_MAX + 8];

    for (int i = 0; i < GATEWAY_GROUPS_MAX; i++)
        text_addf(&joins, "join 1 g%d\n", i);
    say(fixture, "one", 1, "many 70", text_str(&joins));
    text_fini(&joins);
    snprintf(name, sizeof(name), "join %0*d", GATEWAY_GROUP_NAME_MAX + 1, 7);
    say(fixture, "one", 2, name, "");
}

static void a_connection_may_join_while_it_is_opened(void **state)
{
    struct fixture *fixture = *state;

    open_client(fixture, "one", 9, "/", "tag", "join 9 of the tag\n");
    say(fixture, "one", 1, "all of the tag", "all to of the tag\n");
    open_client(fixture, "one", 10, "/nobody", "", "close 10\n");
    assert_int_equal(gateways_connections(fixture->gateways), 7);
    assert_int_equal(fixture->closed, 0);
}

/* What the actor still believes of those would be taken for the new ones. */
static void another_process_has_no_numbers_of_connections_that_a_life_before_knew(void **state)
{
    enum { PLACE = 2, NUMBER_BITS = 48 };
    struct fixture *fixture = *state;
    Sharestream__Gateway__Memory memory = SHARESTREAM__GATEWAY__MEMORY__INIT;
    Sharestream__Gateway__Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;
    uint8_t row[64];

    origin.name = (char *)(uintptr_t) "three";
    origin.generation = 6;
    origin.loops = 1;
    memory.gateway = &origin;
    assert_true(gateways_recall(
        fixture->gateways,
        &(struct gateway_memory){
            .place = PLACE,
            .bytes = bytes_of(row, sharestream__gateway__memory__pack(&memory, row))}));
    deliver(fixture, "three", NULL, true, "");
    open_client(fixture, "three", 1, "/", "", "");
    assert_int_not_equal(fixture->last_opened >> NUMBER_BITS, PLACE);
    assert_true(gateways_are_settled(fixture->gateways));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_group_costs_a_message_to_each_gateway_with_members,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_spared_is_named_to_its_own_gateway, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(joining_twice_is_once_and_the_last_to_leave_ends_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_gone_has_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_of_one_connection_have_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_may_join_while_it_is_opened, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            another_process_has_no_numbers_of_connections_that_a_life_before_knew, set_up,
            tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
