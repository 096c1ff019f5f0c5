/* SPDX-License-Identifier: MIT
 *
 * Rooms as bytes. That a room goes on after it as before is shown in test_histories.c; here is what
 * is refused, and what a restart may change.
 */
#include <proto/room.pb-c.h>

#include "room.h"
#include "room_rig.h"

typedef Sharestream__Room__Snapshot PbSnapshot;

static struct rig rig;

static int set_up(void **state)
{
    uint64_t number;

    (void)state;
    memset(&rig, 0, sizeof(rig));
    rig_begin(&rig, &rig_rules);
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_joins(&rig, "cid");
    room_leave(rig.room, room_find(rig.room, "cid"), rig.now_ms);
    room_set_password(rig.room, NULL, "open", rig.now_ms);
    for (int i = 0; i < 2; i++) {
        struct room_item item = {.kind = ROOM_SOURCE_URL, .source = "http://x/y", .name = "Film"};

        room_queue_add(rig.room, NULL, &item, rig.now_ms, &number);
        room_say(rig.room, NULL, "hello", NULL, rig.now_ms, &number);
    }
    room_announce(rig.room, NULL, ROOM_MOVIE_LOADED, bytes_of_text("{}"), NULL, rig.now_ms);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct text save(unsigned parts)
{
    struct text all = {0};

    for (enum room_part part = 0; part < ROOM_PARTS; part++) {
        size_t len;
        uint8_t *saved;

        if ((parts & 1u << part) == 0)
            continue;
        saved = room_save(rig.room, part, &len);
        text_add_bytes(&all, bytes_of(saved, len));
        free(saved);
    }
    return all;
}

static enum err restore(struct bytes saved, int64_t now_ms, struct room **room_out)
{
    struct room_outside outside = rig_outside(&rig);
    struct error error;

    return room_restore(saved, &rig_rules, &outside, now_ms, room_out, &error);
}

static void what_is_to_be_fetched_is_remembered_until_it_was(void **state)
{
    const struct room_item item = {
        .kind = ROOM_SOURCE_TORRENT, .source = "a film", .is_to_fetch = true};

    (void)state;
    for (int fetched = 0; fetched < 2; fetched++) {
        struct room_item *const *queue;
        struct text saved;
        struct room *room;
        uint64_t number;
        size_t count;

        room_queue_add(rig.room, NULL, &item, rig.now_ms, &number);
        if (fetched)
            room_fetched(rig.room, number);
        room_fetched(rig.room, number + 1); /* there is none */
        saved = save(7);
        assert_int_equal(restore(bytes_of(saved.data, saved.len), rig.now_ms, &room), ERR_NONE);
        queue = room_queue(room, &count);
        assert_int_equal(queue[count - 1]->is_to_fetch, !fetched);
        assert_false(queue[0]->is_to_fetch);
        room_free(&room);
        text_fini(&saved);
    }
}

static void chat_and_media_may_be_missing(void **state)
{
    static const struct {
        unsigned parts;
        enum err error;
    } cases[] = {{7, ERR_NONE},    {1, ERR_NONE},    {3, ERR_NONE},   {5, ERR_NONE},
                 {0, ERR_INVALID}, {2, ERR_INVALID}, {6, ERR_INVALID}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text saved = save(cases[i].parts);
        struct room *room;

        assert_int_equal(restore(bytes_of(saved.data, saved.len), rig.now_ms, &room),
                         cases[i].error);
        if (room != NULL) {
            assert_int_equal(room_line(room, 0) != NULL, (cases[i].parts & 4) != 0);
            assert_int_equal(room_blob(room, ROOM_MOVIE_LOADED).len > 0, (cases[i].parts & 2) != 0);
        }
        room_free(&room);
        text_fini(&saved);
    }
}

static void versions_tell_which_part_has_changed(void **state)
{
    uint64_t before[ROOM_PARTS], number;
    struct room_member *ann = room_find(rig.room, "ann");

    (void)state;
    for (enum room_part part = 0; part < ROOM_PARTS; part++)
        before[part] = room_version(rig.room, part);
    room_say(rig.room, ann, "hello", NULL, rig.now_ms, &number);
    assert_int_equal(room_version(rig.room, ROOM_PART_STATE), before[ROOM_PART_STATE]);
    assert_true(room_version(rig.room, ROOM_PART_CHAT) > before[ROOM_PART_CHAT]);
    room_command(rig.room, ann, &(struct room_command){.kind = ROOM_PLAY}, rig.now_ms);
    assert_true(room_version(rig.room, ROOM_PART_STATE) > before[ROOM_PART_STATE]);
    assert_int_equal(room_version(rig.room, ROOM_PART_MEDIA), before[ROOM_PART_MEDIA]);
    /* What comes every second is not worth a write. */
    before[ROOM_PART_STATE] = room_version(rig.room, ROOM_PART_STATE);
    room_report(rig.room, ann, &(struct clock_report){.position_ms = 1}, rig.now_ms);
    room_tick(rig.room, rig.now_ms + 1000);
    assert_int_equal(room_version(rig.room, ROOM_PART_STATE), before[ROOM_PART_STATE]);
}

/* As they are stored: a part is written when it has changed. */
struct stored {
    uint64_t versions[ROOM_PARTS];
    struct text parts[ROOM_PARTS];
};

/* How many. */
static unsigned store(struct stored *stored)
{
    unsigned written = 0;

    for (enum room_part part = 0; part < ROOM_PARTS; part++) {
        size_t len;
        uint8_t *saved;

        if (room_version(rig.room, part) == stored->versions[part])
            continue;
        stored->versions[part] = room_version(rig.room, part);
        saved = room_save(rig.room, part, &len);
        text_clear(&stored->parts[part]);
        text_add_bytes(&stored->parts[part], bytes_of(saved, len));
        free(saved);
        written++;
    }
    return written;
}

/* What is stored of the oldest page has lines that are forgotten. */
static void expect_last_lines(const struct stored *stored, uint64_t newest)
{
    struct text all = {0};
    struct room *room;

    for (enum room_part part = 0; part < ROOM_PARTS; part++)
        text_add_bytes(&all, bytes_of(stored->parts[part].data, stored->parts[part].len));
    assert_int_equal(restore(bytes_of(all.data, all.len), rig.now_ms, &room), ERR_NONE);
    for (size_t at = 0; at < ROOM_TAIL_MAX; at++)
        assert_int_equal(room_line(room, at)->number, newest - ROOM_TAIL_MAX + 1 + at);
    assert_null(room_line(room, ROOM_TAIL_MAX));
    room_free(&room);
    text_fini(&all);
}

static void line_of_chat_writes_few_others(void **state)
{
    struct stored stored = {0};

    (void)state;
    store(&stored);
    for (unsigned i = 0; i < 3 * ROOM_TAIL_MAX; i++) {
        uint64_t number;

        assert_int_equal(room_say(rig.room, NULL, "hello", NULL, rig.now_ms, &number), ROOM_OK);
        assert_int_equal(store(&stored), 1);
        if (number >= ROOM_TAIL_MAX)
            expect_last_lines(&stored, number);
    }
    for (enum room_part part = 0; part < ROOM_PARTS; part++)
        text_fini(&stored.parts[part]);
}

static void every_cut_is_refused_or_is_a_room(void **state)
{
    struct text saved = save(7);
    size_t refused = 0;

    (void)state;
    for (size_t len = 0; len < saved.len; len++) {
        struct room *room;

        refused += restore(bytes_of(saved.data, len), rig.now_ms, &room) != ERR_NONE;
        room_free(&room);
    }
    assert_true(refused > saved.len - 10);
    text_fini(&saved);
}

/* ---- one thing is wrong */

typedef void spoil_fn(Sharestream__Room__State *state);

static void spoil_code(Sharestream__Room__State *state)
{
    state->code[0] = 'a';
}
static void spoil_two_hosts(Sharestream__Room__State *state)
{
    state->members[1]->role = ROOM_HOST;
}
static void spoil_no_host(Sharestream__Room__State *state)
{
    state->members[0]->role = ROOM_VIEWER;
}
static void spoil_host_who_has_gone(Sharestream__Room__State *state)
{
    state->members[2]->role = ROOM_HOST;
}
static void spoil_role(Sharestream__Room__State *state)
{
    state->members[1]->role = 7;
}
static void spoil_presence(Sharestream__Room__State *state)
{
    state->members[2]->presence = 9;
}
static void spoil_same_id(Sharestream__Room__State *state)
{
    strcpy(state->members[1]->id, "ann");
}
static void spoil_same_name(Sharestream__Room__State *state)
{
    strcpy(state->members[1]->name, "ANN");
}
static void spoil_same_number(Sharestream__Room__State *state)
{
    state->members[1]->number = state->members[0]->number;
}
static void spoil_number_to_come(Sharestream__Room__State *state)
{
    state->members[1]->number = state->last_member + 1;
}
static void spoil_utf8(Sharestream__Room__State *state)
{
    state->members[1]->name[0] = '\377';
}
static void spoil_no_connection(Sharestream__Room__State *state)
{
    state->members[1]->connection = 0;
}
static void spoil_gone_with_connection(Sharestream__Room__State *state)
{
    state->members[2]->connection = 5;
}
static void spoil_owner(Sharestream__Room__State *state)
{
    state->owner = 99;
}
static void spoil_rate(Sharestream__Room__State *state)
{
    state->clock->state->rate_permille = 1000000;
}
static void spoil_position(Sharestream__Room__State *state)
{
    state->clock->before->position_ms = -1;
}
static void spoil_time(Sharestream__Room__State *state)
{
    state->clock->state->at_ms = INT64_MIN;
}
static void spoil_wait(Sharestream__Room__State *state)
{
    state->clock->wait_until_ms = rig.now_ms + CLOCK_WAIT_MAX_MS + 1;
    state->clock->wait_since_ms = rig.now_ms;
}
static void spoil_policy(Sharestream__Room__State *state)
{
    state->choices->policy = 3;
}
static void spoil_permissions(Sharestream__Room__State *state)
{
    state->choices->n_may = 2;
}
static void spoil_permission(Sharestream__Room__State *state)
{
    state->choices->may[2] = 3;
}
static void spoil_salt(Sharestream__Room__State *state)
{
    state->password_salt.len = 3;
}
static void spoil_item(Sharestream__Room__State *state)
{
    state->queue[1]->number = state->queue[0]->number;
}
static void spoil_item_kind(Sharestream__Room__State *state)
{
    state->queue[1]->kind = 3;
}
static void spoil_emptiness(Sharestream__Room__State *state)
{
    state->empty_ms = 5;
}
static void spoil_nothing(Sharestream__Room__State *state)
{
    (void)state;
}

static void damaged_rooms_are_refused(void **state)
{
#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    static const struct {
        const char *name;
        spoil_fn *spoil;
    } cases[] = {
        CASE(spoil_nothing),
        CASE(spoil_code),
        CASE(spoil_two_hosts),
        CASE(spoil_no_host),
        CASE(spoil_host_who_has_gone),
        CASE(spoil_role),
        CASE(spoil_presence),
        CASE(spoil_same_id),
        CASE(spoil_same_name),
        CASE(spoil_same_number),
        CASE(spoil_number_to_come),
        CASE(spoil_utf8),
        CASE(spoil_no_connection),
        CASE(spoil_gone_with_connection),
        CASE(spoil_owner),
        CASE(spoil_rate),
        CASE(spoil_position),
        CASE(spoil_time),
        CASE(spoil_wait),
        CASE(spoil_policy),
        CASE(spoil_permissions),
        CASE(spoil_permission),
        CASE(spoil_salt),
        CASE(spoil_item),
        CASE(spoil_item_kind),
        CASE(spoil_emptiness),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text saved = save(7);
        PbSnapshot *snapshot =
            sharestream__room__snapshot__unpack(NULL, saved.len, (uint8_t *)saved.data);
        struct room *room;
        uint8_t *spoilt;
        size_t len;

        cases[i].spoil(snapshot->state);
        len = sharestream__room__snapshot__get_packed_size(snapshot);
        spoilt = xcalloc(1, len);
        sharestream__room__snapshot__pack(snapshot, spoilt);
        if ((restore(bytes_of(spoilt, len), rig.now_ms, &room) == ERR_NONE) != (i == 0))
            fail_msg("%s", cases[i].name);
        room_free(&room);
        free(spoilt);
        sharestream__room__snapshot__free_unpacked(snapshot, NULL);
        text_fini(&saved);
    }
}

static void smaller_server_takes_larger_rooms(void **state)
{
    struct room_outside outside = rig_outside(&rig);
    struct room_rules small = rig_rules;
    struct text saved = save(1);
    struct room *room;
    struct room_member *member;
    struct room_join join = {
        .id = "dan", .name = "Dan", .address = "", .password = "open", .connection = 99};

    (void)state;
    small.max_members = 1;
    assert_int_equal(
        room_restore(bytes_of(saved.data, saved.len), &small, &outside, rig.now_ms, &room, NULL),
        ERR_NONE);
    assert_int_equal(room_count(room, ROOM_HERE), 2);
    assert_int_equal(room_join(room, &join, rig.now_ms, &member), ROOM_FULL);
    room_free(&room);
    text_fini(&saved);
}

static void clock_that_was_ahead_holds_nobody(void **state)
{
    struct text saved;
    struct room *room;
    int64_t now_ms = rig.now_ms - 1000000;

    (void)state;
    room_command(rig.room, NULL, &(struct room_command){.kind = ROOM_PLAY}, rig.now_ms);
    room_lose(rig.room, room_find(rig.room, "bob"), rig.now_ms);
    saved = save(1);
    assert_int_equal(restore(bytes_of(saved.data, saved.len), now_ms, &room), ERR_NONE);
    room_tick(room, now_ms + rig_rules.member_grace_ms);
    assert_int_equal(room_find(room, "bob")->presence, ROOM_GONE);
    assert_true(clock_moves(room_clock(room), now_ms + 2000));
    room_free(&room);
    text_fini(&saved);
}

static void time_goes_on_while_nobody_keeps_it(void **state)
{
    struct text saved;
    struct room *room;

    (void)state;
    room_command(rig.room, NULL, &(struct room_command){.kind = ROOM_PLAY}, rig.now_ms);
    saved = save(1);
    assert_int_equal(restore(bytes_of(saved.data, saved.len), rig.now_ms + 5000, &room), ERR_NONE);
    /* Clients have played on; so has the room. */
    assert_in_range(clock_now(room_clock(room), rig.now_ms + 5000), 4000, 5000);
    rig_forget_log(&rig);
    room_renew(room, rig.now_ms + 5000);
    assert_log(&rig, "playback - hold\n");
    assert_true(room_clock(room)->state.epoch > room_clock(rig.room)->state.epoch);
    assert_in_range(clock_now(room_clock(room), rig.now_ms + 10000), 9000, 10000);
    room_free(&room);
    text_fini(&saved);
}

static void members_of_a_room_that_was_sent_away_are_there_and_on_the_way(void **state)
{
    struct room_member *ann;
    struct text saved;
    struct room *room;

    (void)state;
    rig_forget_log(&rig);
    room_send_away(rig.room);
    saved = save((1u << ROOM_PARTS) - 1);
    assert_int_equal(restore(bytes_of(saved.data, saved.len), rig.now_ms, &room), ERR_NONE);
    ann = room_find(room, "ann");
    assert_int_equal(ann->presence, ROOM_HERE);
    assert_true(room_is_on_the_way(ann));
    assert_true(ann->connection != room_find(room, "bob")->connection);
    assert_false(room_is_on_the_way(room_find(room, "cid"))); /* has left */
    room_arrive(room, ann, 77);
    assert_int_equal(ann->connection, 77);
    assert_false(room_is_on_the_way(ann));
    assert_log(&rig, ""); /* nobody noticed */
    room_free(&room);
    text_fini(&saved);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_to_be_fetched_is_remembered_until_it_was),
        TEST(chat_and_media_may_be_missing),
        TEST(versions_tell_which_part_has_changed),
        TEST(line_of_chat_writes_few_others),
        TEST(every_cut_is_refused_or_is_a_room),
        TEST(damaged_rooms_are_refused),
        TEST(smaller_server_takes_larger_rooms),
        TEST(clock_that_was_ahead_holds_nobody),
        TEST(time_goes_on_while_nobody_keeps_it),
        TEST(members_of_a_room_that_was_sent_away_are_there_and_on_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
