/* SPDX-License-Identifier: MIT */
#include "rooms.h"

#include "room_rig.h"

static const struct rooms_rules rules = {
    .room = {.max_members = 8,
             .host_grace_ms = 30000,
             .member_grace_ms = 60000,
             .knock_ms = 120000,
             .sync_check_ms = 15000},
    .max_rooms = 40,
    .empty_ms = 600000,
};

static struct rig rig;
static struct rooms *rooms;

static int set_up(void **state)
{
    struct room_outside outside = rig_outside(&rig);

    (void)state;
    memset(&rig, 0, sizeof(rig));
    rig.now_ms = RIG_BEGIN_MS;
    rooms = rooms_new(&rules, &outside);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rooms_free(&rooms);
    text_fini(&rig.log);
    return 0;
}

static struct room *creates(const char *code, const char *id)
{
    struct room *room;

    assert_int_equal(rooms_create(rooms, code, id, "", rig.now_ms, &room), ROOM_OK);
    return room;
}

static void enters(struct room *room, const char *id)
{
    rig.room = room;
    assert_int_equal(rig_tries(&rig, id, (struct room_join){.is_creator = true}, false), ROOM_OK);
}

static void codes_are_read_as_people_type_them(void **state)
{
    static const struct {
        const char *typed, *code;
    } cases[] = {
        {"ABCDEF", "ABCDEF"}, {" abcdef ", "ABCDEF"}, {"a_b-c1", "A_B-C1"}, {"my room", "MY ROOM"},
        {"", NULL},           {"   ", NULL},          {"a/b", NULL},        {"a#b", NULL},
        {"a?b", NULL},        {"a%b", NULL},          {"a\nb", NULL},       {"\303\266", NULL},
        {"<script>", NULL},
    };
    char longest[CODE_MAX + 2], code[CODE_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_good = code_read(cases[i].typed, code);

        if (is_good != (cases[i].code != NULL))
            fail_msg("'%s'", cases[i].typed);
        if (is_good)
            assert_string_equal(code, cases[i].code);
    }
    memset(longest, 'A', sizeof(longest));
    longest[CODE_MAX + 1] = '\0';
    assert_false(code_read(longest, code));
    longest[CODE_MAX] = '\0';
    assert_true(code_read(longest, code));
}

static void codes_that_are_made_are_six_letters(void **state)
{
    unsigned seen[256] = {0};

    (void)state;
    for (int i = 0; i < 2000; i++) {
        char code[CODE_MAX + 1];

        code_make(rig_random, &rig, code);
        assert_int_equal(strlen(code), CODE_LETTERS);
        for (const char *c = code; *c != '\0'; c++)
            seen[(uint8_t)*c]++;
    }
    /* Each letter about as often as any other: 500 of 12,000. */
    for (unsigned c = 0; c < 256; c++) {
        bool is_used = c >= 'A' && c <= 'Z' && c != 'I' && c != 'O';

        assert_in_range(seen[c], is_used ? 350 : 0, is_used ? 650 : 0);
    }
}

/* Rooms are stored by their seats: these stay, in every build. */
static void code_has_its_seat_for_good(void **state)
{
    static const struct {
        const char *code;
        unsigned of_2, of_3, of_4;
    } cases[] = {
        {"ABCDEF", 1, 2, 2},      {"QWERTZ", 1, 1, 1},
        {"MOVIE-NIGHT", 1, 2, 2}, {"NAME-0123456789ABCDEF", 0, 2, 3},
        {"A", 0, 2, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(code_seat(cases[i].code, 1), 0);
        assert_int_equal(code_seat(cases[i].code, 2), cases[i].of_2);
        assert_int_equal(code_seat(cases[i].code, 3), cases[i].of_3);
        assert_int_equal(code_seat(cases[i].code, 4), cases[i].of_4);
    }
}

static void another_seat_takes_its_part_from_each(void **state)
{
    enum { CODES = 4000 };
    unsigned of_4[4] = {0}, moved = 0;

    (void)state;
    for (unsigned i = 0; i < CODES; i++) {
        char code[CODE_MAX + 1];
        unsigned before, after;

        code_make(rig_random, &rig, code);
        before = code_seat(code, 3);
        after = code_seat(code, 4);
        of_4[after]++;
        moved += after != before;
        assert_true(after == before || after == 3);
    }
    assert_int_equal(moved, of_4[3]);
    for (unsigned seat = 0; seat < 4; seat++)
        assert_in_range(of_4[seat], CODES / 4 * 9 / 10, CODES / 4 * 11 / 10);
}

static void codes_that_are_made_are_of_the_own_seat(void **state)
{
    struct room *room;

    (void)state;
    for (unsigned seat = 0; seat < CODE_SEATS_MAX; seat += 9) {
        rooms_set_seat(rooms, seat, CODE_SEATS_MAX);
        assert_int_equal(rooms_create(rooms, NULL, NULL, "", rig.now_ms, &room), ROOM_OK);
        assert_int_equal(code_seat(room_code(room), CODE_SEATS_MAX), seat);
    }
}

static void room_is_found_however_its_code_is_typed(void **state)
{
    struct room *room = creates("abc123", "ann");

    (void)state;
    assert_ptr_equal(rooms_find(rooms, "ABC123"), room);
    assert_ptr_equal(rooms_find(rooms, " abc123 "), room);
    assert_null(rooms_find(rooms, "ABC124"));
    assert_null(rooms_find(rooms, "#"));
}

static void taken_code_gives_another(void **state)
{
    struct room *room = creates("ABCDEF", "ann"), *other, *again;

    (void)state;
    enters(room, "ann");
    other = creates("abcdef", "bob");
    assert_ptr_not_equal(other, room);
    assert_int_equal(strlen(room_code(other)), CODE_LETTERS);
    assert_string_not_equal(room_code(other), "ABCDEF");
    /* Whose room it is gets that one, as a host who comes back. */
    again = creates("abcdef", "ann");
    assert_ptr_equal(again, room);
    assert_int_equal(rooms_create(rooms, "a/b", "ann", "", rig.now_ms, &again), ROOM_BAD_CODE);
}

static void server_has_so_many_rooms_and_no_more(void **state)
{
    struct room *room;
    unsigned made = 0;

    (void)state;
    while (rooms_create(rooms, NULL, "ann", "", rig.now_ms, &room) == ROOM_OK)
        made++;
    assert_int_equal(made, rules.max_rooms);
    assert_int_equal(rooms_count(rooms), rules.max_rooms);
    assert_int_equal(rooms_create(rooms, NULL, "ann", "", rig.now_ms, &room), ROOM_TOO_MANY);
}

static void one_address_does_not_make_rooms_for_ever(void **state)
{
    struct room *room;
    unsigned made = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        if (rooms_create(rooms, NULL, "eve", "bad", rig.now_ms, &room) != ROOM_OK)
            continue;
        made++;
        rooms_remove(rooms, room);
    }
    assert_in_range(made, 10, 100);
    assert_int_equal(rooms_create(rooms, NULL, "ann", "good", rig.now_ms, &room), ROOM_OK);
}

static void empty_rooms_go_after_a_while(void **state)
{
    struct room *room = creates("ABCDEF", "ann");

    (void)state;
    enters(room, "ann");
    rig.now_ms += 2 * rules.empty_ms;
    rooms_tick(rooms, rig.now_ms);
    assert_int_equal(rooms_count(rooms), 1);
    room_leave(room, room_find(room, "ann"), rig.now_ms);
    rig.now_ms += rules.empty_ms - 1000;
    rooms_tick(rooms, rig.now_ms);
    assert_int_equal(rooms_count(rooms), 1);
    rig_forget_log(&rig);
    rig.now_ms += 1000;
    rooms_tick(rooms, rig.now_ms);
    assert_int_equal(rooms_count(rooms), 0);
    assert_log(&rig, "closed -\n");
    /* Nobody ever came: the same. */
    creates(NULL, NULL);
    rig.now_ms += rules.empty_ms;
    rooms_tick(rooms, rig.now_ms);
    assert_int_equal(rooms_count(rooms), 0);
}

static void all_rooms_are_listed(void **state)
{
    unsigned count = 0;

    (void)state;
    for (int i = 0; i < 7; i++)
        creates(NULL, NULL);
    for (struct room *room = rooms_next(rooms, NULL); room != NULL; room = rooms_next(rooms, room))
        count++;
    assert_int_equal(count, 7);
}

static void restored_room_takes_its_place(void **state)
{
    struct room_outside outside = rig_outside(&rig);
    struct room *room = room_new("KEPT", &rules.room, &outside, rig.now_ms), *kept = room;

    (void)state;
    assert_int_equal(rooms_take(rooms, &room), ROOM_OK);
    assert_null(room);
    assert_ptr_equal(rooms_find(rooms, "kept"), kept);
    room = room_new("KEPT", &rules.room, &outside, rig.now_ms);
    assert_int_equal(rooms_take(rooms, &room), ROOM_BAD_CODE);
    room_free(&room);
}

static void bucket_gives_a_burst_and_then_a_rate(void **state)
{
    static const struct bucket_rule rule = {.burst = 3, .per_1000s = 500};
    struct bucket bucket = {0, 0};
    int64_t now_ms = RIG_BEGIN_MS;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(bucket_take(&bucket, &rule, 1, now_ms));
    assert_false(bucket_take(&bucket, &rule, 1, now_ms));
    assert_false(bucket_take(&bucket, &rule, 1, now_ms + 1999));
    assert_true(bucket_take(&bucket, &rule, 1, now_ms + 2000));
    assert_false(bucket_take(&bucket, &rule, 1, now_ms + 2000));
    /* A clock that goes back gives nothing, and takes nothing for ever. */
    assert_false(bucket_take(&bucket, &rule, 1, now_ms - 1000000));
    assert_true(bucket_take(&bucket, &rule, 1, now_ms - 998000));
    assert_false(bucket_take(&bucket, &rule, 4, now_ms + 1000000));
}

static void passwords_are_salted(void **state)
{
    struct password a = {.is_set = false}, b = {.is_set = false};
    uint8_t salt[PASSWORD_SALT_BYTES] = {1};

    (void)state;
    password_set(&a, "open", salt);
    salt[0] = 2;
    password_set(&b, "open", salt);
    assert_memory_not_equal(a.hash, b.hash, sizeof(a.hash));
    assert_true(password_is(&a, "open") && password_is(&b, "open"));
    assert_false(password_is(&a, "Open"));
    assert_false(password_is(&a, ""));
}

static void host_closes_the_room_and_a_viewer_does_not(void **state)
{
    struct room *room = creates("closing", "ann");

    (void)state;
    enters(room, "ann");
    enters(room, "bob");
    assert_int_equal(rooms_close(rooms, room, room_find(room, "bob"), rig.now_ms),
                     ROOM_NOT_ALLOWED);
    assert_ptr_equal(rooms_find(rooms, "closing"), room);
    assert_int_equal(rooms_close(rooms, room, room_find(room, "ann"), rig.now_ms), ROOM_OK);
    assert_null(rooms_find(rooms, "closing"));
    assert_int_equal(rooms_count(rooms), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(codes_are_read_as_people_type_them),
        TEST(codes_that_are_made_are_six_letters),
        TEST(code_has_its_seat_for_good),
        TEST(another_seat_takes_its_part_from_each),
        TEST(codes_that_are_made_are_of_the_own_seat),
        TEST(room_is_found_however_its_code_is_typed),
        TEST(taken_code_gives_another),
        TEST(server_has_so_many_rooms_and_no_more),
        TEST(one_address_does_not_make_rooms_for_ever),
        TEST(empty_rooms_go_after_a_while),
        TEST(all_rooms_are_listed),
        TEST(restored_room_takes_its_place),
        TEST(bucket_gives_a_burst_and_then_a_rate),
        TEST(passwords_are_salted),
        TEST(host_closes_the_room_and_a_viewer_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
