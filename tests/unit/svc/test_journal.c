/* SPDX-License-Identifier: MIT
 *
 * An actor that keeps a journal, over two real buses in one thread: one is the actor's, of which
 * there are several lives, the other plays a gateway.
 */
#include "base/must.h"
#include "base/text.h"
#include "bus_pair.h"

typedef Sharestream__Gateway__Event Event;

struct fixture {
    struct bus_pair pair;
    struct gateways *gateways;
    /* The storage: a row of one gateway. */
    uint8_t *row;
    size_t row_len;
    unsigned commits, heard;
    /* The last reply: batches as "#number: payload, ...". */
    struct text said;
    unsigned replies, ups;
    bool needs_first;
    uint64_t done;
};

/* ---- the actor: says what it is told to the one who tells it, but for "hush"; who says "go" goes
 * to seat 3 */

static void *on_opened(void *arg, uint64_t connection, const struct gateway_client *client)
{
    uint64_t *state = xcalloc(1, sizeof(*state));

    (void)arg;
    (void)client;
    *state = connection;
    return state;
}

static void on_received(void *arg, void *state, struct bytes payload, bool is_binary)
{
    struct fixture *fixture = arg;
    const uint64_t *connection = state;

    (void)is_binary;
    fixture->heard++;
    if (bytes_equal_text(payload, "go"))
        gateway_move(fixture->gateways, *connection, 3);
    else if (!bytes_equal_text(payload, "hush"))
        gateway_send(fixture->gateways, *connection, payload, false);
}

static void on_closed(void *arg, void *state)
{
    (void)arg;
    free(state);
}

static bool has_changed(void *arg)
{
    (void)arg;
    return false;
}

static bool commit(void *arg, const struct gateway_memory *rows, size_t count)
{
    struct fixture *fixture = arg;

    assert_int_equal(count, 1);
    fixture->commits++;
    free(fixture->row);
    fixture->row = xcalloc(1, rows[0].bytes.len);
    fixture->row_len = rows[0].bytes.len;
    memcpy(fixture->row, rows[0].bytes.data, rows[0].bytes.len);
    return true;
}

static void begin_life(struct fixture *fixture)
{
    const struct gateway_actor actor = {
        .on_opened = on_opened, .on_received = on_received, .on_closed = on_closed, .arg = fixture};
    const struct gateway_journal journal = {
        .has_changed = has_changed, .commit = commit, .arg = fixture};

    fixture->gateways = gateways_new(&actor);
    gateways_remember(fixture->gateways, &journal);
    if (fixture->row != NULL)
        assert_true(gateways_recall(
            fixture->gateways,
            &(struct gateway_memory){.bytes = bytes_of(fixture->row, fixture->row_len)}));
    bus_pair_serve(&fixture->pair, fixture->gateways);
}

static void end_life(struct fixture *fixture)
{
    bus_free(&fixture->pair.actor);
    gateways_free(&fixture->gateways);
}

/* ---- the gateway */

static void note_action(struct text *said, const Sharestream__Gateway__Action *action)
{
    if (action->what_case == SHARESTREAM__GATEWAY__ACTION__WHAT_MOVE)
        text_addf(said, " (%d to seat %u)", (int)action->move->number, action->move->seat);
    else if (action->what_case == SHARESTREAM__GATEWAY__ACTION__WHAT_RETURNED)
        text_addf(said, " (of %d: %.*s)", (int)action->returned->number,
                  (int)action->returned->payload.len, (const char *)action->returned->payload.data);
    else
        text_addf(said, " %.*s", (int)action->send->payload.len,
                  (const char *)action->send->payload.data);
}

static void note_batch(struct fixture *fixture, const Sharestream__Gateway__Batch *batch)
{
    Sharestream__Gateway__Actions *actions =
        sharestream__gateway__actions__unpack(NULL, batch->actions.len, batch->actions.data);

    assert_non_null(actions);
    text_addf(&fixture->said, "#%d:", (int)batch->number);
    for (size_t i = 0; i < actions->n_actions; i++)
        note_action(&fixture->said, actions->actions[i]);
    text_add(&fixture->said, "\n");
    sharestream__gateway__actions__free_unpacked(actions, NULL);
}

static void on_actions(const Sharestream__Gateway__Actions *actions, void *arg)
{
    struct fixture *fixture = arg;

    assert_non_null(actions);
    assert_true(actions->remembers);
    assert_int_equal(actions->n_actions, 0);
    fixture->needs_first = actions->needs_first;
    fixture->done = actions->done;
    for (size_t i = 0; i < actions->n_batches; i++)
        note_batch(fixture, actions->batches[i]);
    fixture->replies++;
}

static void on_up(void *arg, unsigned instance)
{
    struct fixture *fixture = arg;

    (void)instance;
    fixture->ups++;
}

static void on_down(void *arg, unsigned instance)
{
    (void)arg;
    (void)instance;
}

static void live_again(struct fixture *fixture)
{
    end_life(fixture);
    begin_life(fixture);
    bus_pair_turn_until(&fixture->pair, &fixture->ups, fixture->ups + 1);
}

struct told {
    const char *what; /* NULL: no event */
    uint64_t number, carried;
    bool is_first, again;
};

static void deliver(struct fixture *fixture, struct told told, const char *expected)
{
    Sharestream__Gateway__Delivery delivery = SHARESTREAM__GATEWAY__DELIVERY__INIT;
    Sharestream__Gateway__Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;
    Sharestream__Gateway__Received received = SHARESTREAM__GATEWAY__RECEIVED__INIT;
    Sharestream__Gateway__Opened opened = SHARESTREAM__GATEWAY__OPENED__INIT;
    Event event = SHARESTREAM__GATEWAY__EVENT__INIT, *events = &event;

    origin.name = (char *)(uintptr_t) "http.0";
    origin.generation = 7;
    origin.loops = 1;
    origin.carried = told.carried;
    event.number = 1;
    if (told.is_first) {
        event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_OPENED;
        event.opened = &opened;
    } else if (told.what != NULL) {
        event.what_case = SHARESTREAM__GATEWAY__EVENT__WHAT_RECEIVED;
        event.received = &received;
        received.payload.data = (uint8_t *)(uintptr_t)told.what;
        received.payload.len = strlen(told.what);
    }
    delivery.from = &origin;
    delivery.is_first = told.is_first;
    delivery.number = told.number;
    delivery.again = told.again;
    delivery.n_events = told.is_first || told.what != NULL;
    delivery.events = &events;
    text_clear(&fixture->said);
    sharestream__gateway__gateway__deliver(
        bus_to(fixture->pair.remote, 10000, bytes_of(NULL, 0), NULL), &delivery, on_actions,
        fixture);
    bus_pair_turn_until(&fixture->pair, &fixture->replies, fixture->replies + 1);
    assert_string_equal(text_str(&fixture->said), expected);
}

/* ---- tests */

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    bus_pair_init(&fixture->pair);
    begin_life(fixture);
    bus_watch(fixture->pair.remote,
              &(struct bus_watch){.on_up = on_up, .on_down = on_down, .arg = fixture});
    bus_pair_turn_until(&fixture->pair, &fixture->ups, 1);
    deliver(fixture, (struct told){.is_first = true}, "");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    end_life(fixture);
    bus_pair_fini(&fixture->pair);
    text_fini(&fixture->said);
    free(fixture->row);
    free(fixture);
    return 0;
}

static void what_is_said_has_numbers_without_gaps(void **state)
{
    struct fixture *fixture = *state;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    deliver(fixture, (struct told){"hush", .number = 2, .carried = 1}, "");
    deliver(fixture, (struct told){"b", .number = 3, .carried = 1}, "#2: b\n");
}

static void what_was_done_is_not_done_again(void **state)
{
    struct fixture *fixture = *state;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    deliver(fixture, (struct told){"a", .number = 1, .again = true}, "#1: a\n");
    assert_int_equal(fixture->heard, 1);
    deliver(fixture, (struct told){"b", .number = 2, .again = true}, "#1: a\n#2: b\n");
    deliver(fixture, (struct told){"c", .number = 3, .carried = 2, .again = true}, "#3: c\n");
}

static void nothing_is_written_when_nothing_is_said(void **state)
{
    struct fixture *fixture = *state;
    unsigned before = fixture->commits;

    deliver(fixture, (struct told){"hush", .number = 1}, "");
    assert_int_equal(fixture->commits, before);
    deliver(fixture, (struct told){"a", .number = 2}, "#1: a\n");
    assert_int_equal(fixture->commits, before + 1);
}

static void the_next_life_knows_what_is_done_and_what_was_said(void **state)
{
    struct fixture *fixture = *state;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    deliver(fixture, (struct told){"b", .number = 2, .carried = 1}, "#2: b\n");
    live_again(fixture);
    assert_false(gateways_are_settled(fixture->gateways));
    /* The answer to the second never came: it is told once more. */
    deliver(fixture, (struct told){"b", .number = 2, .carried = 1, .again = true}, "#2: b\n");
    assert_true(fixture->needs_first);
    assert_int_equal(fixture->done, 2);
    deliver(fixture, (struct told){.is_first = true, .carried = 2}, "");
    assert_false(fixture->needs_first);
    assert_true(gateways_are_settled(fixture->gateways));
    deliver(fixture, (struct told){"c", .number = 3, .carried = 2}, "#3: c\n");
    assert_int_equal(fixture->heard, 3);
}

static void what_the_life_before_did_not_do_is_said_to_be_undone(void **state)
{
    struct fixture *fixture = *state;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    live_again(fixture);
    deliver(fixture, (struct told){"b", .number = 2, .carried = 1, .again = true}, "");
    assert_true(fixture->needs_first);
    assert_int_equal(fixture->done, 1);
    assert_int_equal(fixture->heard, 1);
}

static void what_one_says_who_goes_elsewhere_is_given_back(void **state)
{
    struct fixture *fixture = *state;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    deliver(fixture, (struct told){"go", .number = 2, .carried = 1},
            "#2: (1 to seat 3) (of 1: go)\n");
    assert_int_equal(gateways_connections(fixture->gateways), 0);
    /* What was on its way as well, also if that life ends before it comes. */
    deliver(fixture, (struct told){"b", .number = 3, .carried = 2}, "#3: (of 1: b)\n");
    live_again(fixture);
    deliver(fixture, (struct told){"c", .number = 4, .again = true, .carried = 2},
            "#3: (of 1: b)\n");
    assert_true(fixture->needs_first);
    assert_int_equal(fixture->done, 3);
}

static void on_refused(const Sharestream__Gateway__Actions *actions, void *arg)
{
    struct fixture *fixture = arg;

    assert_null(actions);
    fixture->replies++;
}

static void what_is_for_another_seat_is_not_heard(void **state)
{
    struct fixture *fixture = *state;
    Sharestream__Gateway__AwaitRequest request = SHARESTREAM__GATEWAY__AWAIT_REQUEST__INIT;
    Sharestream__Gateway__Delivery delivery = SHARESTREAM__GATEWAY__DELIVERY__INIT;
    Sharestream__Gateway__Origin origin = SHARESTREAM__GATEWAY__ORIGIN__INIT;

    origin.name = (char *)(uintptr_t) "http.0";
    origin.generation = 7;
    origin.loops = 1;
    origin.carried = 9;
    origin.seat = 2;
    delivery.from = request.from = &origin;
    delivery.number = 5;
    sharestream__gateway__gateway__deliver(
        bus_to(fixture->pair.remote, 10000, bytes_of(NULL, 0), NULL), &delivery, on_refused,
        fixture);
    bus_pair_turn_until(&fixture->pair, &fixture->replies, fixture->replies + 1);
    sharestream__gateway__gateway__await(
        bus_to(fixture->pair.remote, 10000, bytes_of(NULL, 0), NULL), &request, on_refused,
        fixture);
    bus_pair_turn_until(&fixture->pair, &fixture->replies, fixture->replies + 1);
    /* It was not taken for done, nor anything for carried out. */
    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
}

static void rows_that_make_no_sense_are_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct gateway_memory row;

    deliver(fixture, (struct told){"a", .number = 1}, "#1: a\n");
    row.place = 0;
    row.bytes = bytes_of(fixture->row, fixture->row_len);
    assert_false(gateways_recall(fixture->gateways, &row)); /* its place is taken */
    row.place = 1;
    row.bytes.len /= 2;
    assert_false(gateways_recall(fixture->gateways, &row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_said_has_numbers_without_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_done_is_not_done_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_written_when_nothing_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_life_knows_what_is_done_and_what_was_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_life_before_did_not_do_is_said_to_be_undone,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_one_says_who_goes_elsewhere_is_given_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_for_another_seat_is_not_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_make_no_sense_are_not_taken, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
