/* SPDX-License-Identifier: MIT */
#include "room.h"

#include "room_rig.h"

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    rig_begin(&rig, &rig_rules);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct room_member *who(const char *id)
{
    struct room_member *member = room_find(rig.room, id);

    assert_non_null(member);
    return member;
}

static enum room_error joins(const char *id, struct room_join join)
{
    return rig_tries(&rig, id, join, false);
}

static enum room_error knocks(const char *id, struct room_join join)
{
    return rig_tries(&rig, id, join, true);
}

static void configure(void (*change)(struct room_choices *choices))
{
    struct room_choices choices = *room_choices(rig.room);

    change(&choices);
    assert_int_equal(room_configure(rig.room, NULL, &choices, rig.now_ms), ROOM_OK);
    rig_forget_log(&rig);
}

static const struct room_join plain = {.name = NULL};

/* ---- coming and going */

static void first_to_come_is_host(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    assert_log(&rig, "joined ann\nhost ann\n");
    rig_joins(&rig, "bob");
    assert_log(&rig, "joined bob\n");
    assert_ptr_equal(room_host(rig.room), who("ann"));
    assert_ptr_equal(room_owner(rig.room), who("ann"));
}

static void names_are_made_unique(void **state)
{
    static const struct {
        const char *id, *wanted, *got;
    } cases[] = {
        {"a", "Ann", "Ann"},
        {"b", "ann", "ann 2"},
        {"c", "Ann", "Ann 3"},
        {"d", "", "Guest"},
        {"e", "  ", "Guest 2"},
        {"f", "Ann 2", "Ann 2 2"},
        {"g", "0123456789012345678901234567890123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"h",
         "012345678901234567890123456789012345678901234567890123456789\303\266\303\266\303\266",
         "012345678901234567890123456789012345678901234567890123456789\303\266\303\266"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(joins(cases[i].id, (struct room_join){.name = cases[i].wanted}), ROOM_OK);
        assert_string_equal(who(cases[i].id)->name, cases[i].got);
    }
}

static void who_comes_back_is_the_same(void **state)
{
    struct room_member *bob;
    uint32_t number;

    (void)state;
    rig_joins(&rig, "ann");
    bob = rig_joins(&rig, "bob");
    number = bob->number;
    rig_forget_log(&rig);
    room_lose(rig.room, bob, rig.now_ms);
    assert_log(&rig, "lost bob\n");
    rig_passes(&rig, 50000);
    rig_forget_log(&rig);
    assert_int_equal(joins("bob", (struct room_join){.name = "Reconnecting"}), ROOM_OK);
    assert_log(&rig, "back bob\n");
    assert_string_equal(who("bob")->name, "bob");
    assert_int_equal(who("bob")->number, number);
    room_lose(rig.room, who("bob"), rig.now_ms);
    rig_passes(&rig, 61000);
    assert_int_equal(who("bob")->presence, ROOM_GONE);
}

static void who_is_found_again_passes_no_door(void **state)
{
    struct room_member *bob;
    uint64_t connection;

    (void)state;
    rig_joins(&rig, "ann");
    bob = rig_joins(&rig, "bob");
    connection = bob->connection;
    assert_int_equal(room_set_password(rig.room, who("ann"), "secret", rig.now_ms), ROOM_OK);
    room_lose(rig.room, bob, rig.now_ms);
    rig_forget_log(&rig);
    room_find_again(rig.room, bob, connection, rig.now_ms);
    assert_log(&rig, "back bob\n");
    assert_true(bob->presence == ROOM_HERE && bob->connection == connection);
    /* One who is here by another connection, or has gone, is not touched. */
    room_find_again(rig.room, bob, connection + 1, rig.now_ms);
    assert_int_equal(bob->connection, connection);
    room_leave(rig.room, bob, rig.now_ms);
    room_find_again(rig.room, bob, connection, rig.now_ms);
    assert_int_equal(bob->presence, ROOM_GONE);
}

static void second_connection_replaces_the_first(void **state)
{
    uint64_t first;

    (void)state;
    rig_joins(&rig, "ann");
    first = rig.connections;
    rig_forget_log(&rig);
    rig_joins(&rig, "ann");
    assert_log(&rig, "[ann] expelled ann replaced\nback ann\n");
    assert_int_equal(rig.expelled, first);
    /* The old one closes afterwards: that says nothing about who is here now. */
    assert_int_equal(who("ann")->connection, rig.connections);
}

static void joining_twice_by_one_connection_is_no_event(void **state)
{
    (void)state;
    assert_int_equal(joins("ann", (struct room_join){.connection = 7}), ROOM_OK);
    rig_forget_log(&rig);
    assert_int_equal(joins("ann", (struct room_join){.connection = 7}), ROOM_OK);
    assert_log(&rig, "");
}

static void nobody_takes_over_somebody_else(void **state)
{
    (void)state;
    assert_int_equal(joins("ann", (struct room_join){.secret = "s1"}), ROOM_OK);
    assert_int_equal(joins("bob", plain), ROOM_OK);
    /* With a secret it is what counts, here or lost, and from wherever. */
    assert_int_equal(joins("ann", plain), ROOM_NOT_YOU);
    assert_int_equal(joins("ann", (struct room_join){.secret = "s2"}), ROOM_NOT_YOU);
    assert_int_equal(joins("ann", (struct room_join){.secret = "s1", .address = "elsewhere"}),
                     ROOM_OK);
    /* Without, the address counts while somebody is here. */
    assert_int_equal(joins("bob", (struct room_join){.address = "elsewhere"}), ROOM_NOT_YOU);
    room_lose(rig.room, who("bob"), rig.now_ms);
    assert_int_equal(joins("bob", (struct room_join){.address = "elsewhere"}), ROOM_OK);
}

static void old_identity_from_elsewhere_has_no_power(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    assert_int_equal(room_set_role(rig.room, NULL, "bob", ROOM_MODERATOR, rig.now_ms), ROOM_OK);
    room_lose(rig.room, who("ann"), rig.now_ms);
    room_lose(rig.room, who("bob"), rig.now_ms);
    rig_joins(&rig, "cid");
    rig_passes(&rig, 70000);
    assert_ptr_equal(room_host(rig.room), who("cid"));
    assert_int_equal(joins("ann", (struct room_join){.address = "elsewhere"}), ROOM_OK);
    assert_int_equal(joins("bob", (struct room_join){.address = "elsewhere"}), ROOM_OK);
    assert_int_equal(who("ann")->role, ROOM_VIEWER);
    assert_int_equal(who("bob")->role, ROOM_VIEWER);
    assert_ptr_equal(room_owner(rig.room), who("cid"));
}

static void full_room_takes_back_who_is_lost_only(void **state)
{
    char id[32];

    (void)state;
    for (int i = 0; i < 8; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        rig_joins(&rig, id);
    }
    assert_int_equal(joins("more", plain), ROOM_FULL);
    room_lose(rig.room, who("m3"), rig.now_ms);
    assert_int_equal(joins("more", plain), ROOM_FULL);
    assert_int_equal(joins("m3", plain), ROOM_OK);
    room_leave(rig.room, who("m3"), rig.now_ms);
    assert_int_equal(joins("more", plain), ROOM_OK);
}

static void texts_are_bounded(void **state)
{
    char longer[5000];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(joins(longer, plain), ROOM_TOO_LONG);
    assert_int_equal(joins("", plain), ROOM_INVALID);
    assert_int_equal(joins("a", (struct room_join){.address = longer}), ROOM_TOO_LONG);
    assert_int_equal(joins("a", (struct room_join){.secret = longer}), ROOM_TOO_LONG);
    assert_int_equal(joins("a", (struct room_join){.password = longer}), ROOM_TOO_LONG);
    assert_int_equal(joins("a", (struct room_join){.capabilities = longer}), ROOM_TOO_LONG);
    assert_int_equal(knocks(longer, plain), ROOM_TOO_LONG);
    rig_joins(&rig, "ann");
    assert_int_equal(room_set_capabilities(rig.room, who("ann"), longer, rig.now_ms),
                     ROOM_TOO_LONG);
    assert_int_equal(room_set_password(rig.room, who("ann"), longer, rig.now_ms), ROOM_TOO_LONG);
    assert_int_equal(room_count(rig.room, ROOM_HERE), 1);
}

static void addresses_cannot_try_for_ever(void **state)
{
    enum room_error error = ROOM_OK;
    int tries = 0;

    (void)state;
    assert_int_equal(room_set_password(rig.room, NULL, "open", rig.now_ms), ROOM_OK);
    for (; tries < 1000 && error != ROOM_TOO_FAST; tries++)
        error = joins("eve", (struct room_join){.password = "guess", .address = "bad"});
    assert_in_range(tries, 5, 20);
    assert_int_equal(joins("eve", (struct room_join){.password = "open", .address = "bad"}),
                     ROOM_TOO_FAST);
    assert_int_equal(joins("ann", (struct room_join){.password = "open", .address = "good"}),
                     ROOM_OK);
    rig.now_ms += 60000;
    assert_int_equal(joins("eve", (struct room_join){.password = "open", .address = "bad"}),
                     ROOM_OK);
}

/* ---- host */

static void host_who_comes_back_in_time_is_host(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    room_lose(rig.room, who("ann"), rig.now_ms);
    rig_passes(&rig, 29000);
    assert_ptr_equal(room_host(rig.room), who("ann"));
    rig_joins(&rig, "ann");
    assert_ptr_equal(room_host(rig.room), who("ann"));
}

static void somebody_stands_in_until_the_owner_is_back(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_joins(&rig, "cid");
    assert_int_equal(room_set_role(rig.room, who("ann"), "cid", ROOM_MODERATOR, rig.now_ms),
                     ROOM_OK);
    room_lose(rig.room, who("ann"), rig.now_ms);
    rig_forget_log(&rig);
    rig_passes(&rig, 31000);
    assert_ptr_equal(room_host(rig.room), who("cid")); /* moderators first */
    assert_ptr_equal(room_owner(rig.room), who("ann"));
    /* Who stands in cannot keep the owner out. */
    assert_int_equal(room_ban(rig.room, who("cid"), "ann", false, rig.now_ms), ROOM_NOT_ALLOWED);
    rig_passes(&rig, 3600000);
    assert_int_equal(who("ann")->presence, ROOM_GONE);
    rig_forget_log(&rig);
    rig_joins(&rig, "ann");
    assert_log(&rig, "joined ann\nhost ann\n");
    assert_int_equal(who("cid")->role, ROOM_MODERATOR);
}

static void host_who_leaves_gives_the_room_away(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig.now_ms++;
    rig_joins(&rig, "bob");
    rig.now_ms++;
    rig_joins(&rig, "cid");
    rig_forget_log(&rig);
    room_leave(rig.room, who("ann"), rig.now_ms);
    assert_log(&rig, "left ann left\nhost bob\n");
    rig_joins(&rig, "ann");
    assert_ptr_equal(room_host(rig.room), who("bob"));
    assert_ptr_equal(room_owner(rig.room), who("bob"));
}

static void lost_host_alone_stays_host(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    room_lose(rig.room, who("ann"), rig.now_ms);
    rig_passes(&rig, 40000);
    assert_ptr_equal(room_host(rig.room), who("ann"));
    rig_passes(&rig, 40000);
    assert_null(room_host(rig.room));
    assert_false(room_is_busy(rig.room));
    assert_int_not_equal(room_empty_since_ms(rig.room), 0);
    rig_joins(&rig, "ann");
    assert_ptr_equal(room_host(rig.room), who("ann"));
    assert_int_equal(room_empty_since_ms(rig.room), 0);
}

static void host_can_hand_over(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    assert_int_equal(room_set_role(rig.room, who("bob"), "bob", ROOM_HOST, rig.now_ms),
                     ROOM_NOT_ALLOWED);
    assert_int_equal(room_set_role(rig.room, who("ann"), "bob", ROOM_HOST, rig.now_ms), ROOM_OK);
    assert_ptr_equal(room_host(rig.room), who("bob"));
    assert_int_equal(who("ann")->role, ROOM_MODERATOR);
    /* For good: bob is the owner now. */
    room_lose(rig.room, who("bob"), rig.now_ms);
    rig_passes(&rig, 31000);
    assert_ptr_equal(room_host(rig.room), who("ann"));
    rig_joins(&rig, "bob");
    assert_ptr_equal(room_host(rig.room), who("bob"));
    assert_int_equal(room_set_role(rig.room, who("bob"), "bob", ROOM_VIEWER, rig.now_ms),
                     ROOM_INVALID);
}

/* ---- the door */

static void needs_approval(struct room_choices *choices)
{
    choices->needs_approval = true;
}

static void needs_no_approval(struct room_choices *choices)
{
    choices->needs_approval = false;
}

static void somebody_has_to_let_in(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    configure(needs_approval);
    assert_int_equal(joins("bob", plain), ROOM_APPROVAL_NEEDED);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_log(&rig, "[moderators] knock bob\n");
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_int_equal(joins("bob", plain), ROOM_APPROVAL_NEEDED);
    rig_forget_log(&rig);
    assert_int_equal(room_answer(rig.room, who("bob"), "bob", true, rig.now_ms), ROOM_NOT_ALLOWED);
    assert_int_equal(room_answer(rig.room, who("ann"), "bob", true, rig.now_ms), ROOM_OK);
    assert_log(&rig, "[bob] answered bob yes\n[moderators] knock over bob\n");
    /* By another connection than the one it knocked by, as some clients do. */
    room_lose(rig.room, who("bob"), rig.now_ms);
    assert_int_equal(joins("bob", plain), ROOM_OK);
    assert_log(&rig, "joined bob\n");
    /* Once in, always in. */
    room_leave(rig.room, who("bob"), rig.now_ms);
    rig_forget_log(&rig);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_log(&rig, "[bob] answered bob yes\n");
    assert_int_equal(joins("bob", plain), ROOM_OK);
}

static void who_is_turned_away_stays_out(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    configure(needs_approval);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    rig_forget_log(&rig);
    assert_int_equal(room_answer(rig.room, who("ann"), "bob", false, rig.now_ms), ROOM_OK);
    assert_log(&rig,
               "[bob] answered bob\n[bob] expelled bob kicked\n[moderators] knock over bob\n");
    assert_int_equal(joins("bob", plain), ROOM_APPROVAL_NEEDED);
}

static void knocks_end(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    configure(needs_approval);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_int_equal(knocks("cid", plain), ROOM_OK);
    room_lose(rig.room, who("cid"), rig.now_ms);
    assert_int_equal(who("cid")->presence, ROOM_GONE);
    rig_passes(&rig, 119000);
    assert_int_equal(who("bob")->presence, ROOM_KNOCKING);
    rig_passes(&rig, 2000);
    assert_int_equal(who("bob")->presence, ROOM_GONE);
    assert_int_equal(who("bob")->connection, 0);
}

static void opening_the_door_lets_all_in(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    configure(needs_approval);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_int_equal(knocks("cid", plain), ROOM_OK);
    configure(needs_no_approval);
    assert_int_equal(who("bob")->presence, ROOM_ADMITTED);
    assert_int_equal(who("cid")->presence, ROOM_ADMITTED);
    rig_passes(&rig, 121000); /* neither came */
    assert_int_equal(room_count(rig.room, ROOM_ADMITTED), 0);
}

static void open_room_answers_a_knock_at_once(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_forget_log(&rig);
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_log(&rig, "[bob] answered bob yes\n");
    assert_int_equal(joins("bob", plain), ROOM_OK);
    assert_log(&rig, "joined bob\n");
}

static void creator_passes_its_own_door(void **state)
{
    struct room_rules rules = rig_rules;

    (void)state;
    rules.needs_approval = true;
    rig_end(&rig);
    rig_begin(&rig, &rules);
    assert_int_equal(room_set_password(rig.room, NULL, "open", rig.now_ms), ROOM_OK);
    assert_int_equal(joins("bob", plain), ROOM_PASSWORD_NEEDED);
    assert_int_equal(joins("ann", (struct room_join){.is_creator = true}), ROOM_OK);
    /* Only of a room that nobody has been in. */
    assert_int_equal(joins("bob", (struct room_join){.is_creator = true}), ROOM_PASSWORD_NEEDED);
    assert_int_equal(joins("bob", (struct room_join){.password = "open", .is_creator = true}),
                     ROOM_APPROVAL_NEEDED);
}

static void first_visitor_of_a_room_has_nobody_to_ask(void **state)
{
    struct room_rules rules = rig_rules;

    (void)state;
    rules.needs_approval = true;
    rig_end(&rig);
    rig_begin(&rig, &rules);
    assert_int_equal(knocks("ann", plain), ROOM_OK);
    assert_log(&rig, "[ann] answered ann yes\n");
    assert_int_equal(knocks("bob", plain), ROOM_OK);
    assert_log(&rig, "[moderators] knock bob\n");
    assert_int_equal(joins("ann", plain), ROOM_OK);
    assert_int_equal(joins("bob", plain), ROOM_APPROVAL_NEEDED);
}

static void password_is_asked_of_strangers(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "cid");
    room_leave(rig.room, who("cid"), rig.now_ms);
    assert_int_equal(room_set_password(rig.room, who("ann"), "open", rig.now_ms), ROOM_OK);
    assert_true(room_has_password(rig.room));
    assert_int_equal(joins("bob", plain), ROOM_PASSWORD_NEEDED);
    assert_int_equal(knocks("bob", plain), ROOM_PASSWORD_NEEDED);
    assert_int_equal(joins("bob", (struct room_join){.password = ""}), ROOM_PASSWORD_WRONG);
    assert_int_equal(joins("bob", (struct room_join){.password = "opem"}), ROOM_PASSWORD_WRONG);
    assert_int_equal(joins("bob", (struct room_join){.password = "open"}), ROOM_OK);
    /* Who had gone before it was set is a stranger again; who is lost is not. */
    assert_int_equal(joins("cid", plain), ROOM_PASSWORD_NEEDED);
    room_lose(rig.room, who("bob"), rig.now_ms);
    assert_int_equal(joins("bob", plain), ROOM_OK);
    assert_int_equal(room_set_password(rig.room, who("ann"), NULL, rig.now_ms), ROOM_OK);
    assert_int_equal(joins("cid", plain), ROOM_OK);
}

/* ---- order */

static void power_is_over_those_below(void **state)
{
    enum { HOST, MOD, MOD2, VIEWER, OUTSIDE, OPERATOR };
    static const char *const ids[] = {"host", "mod", "mod2", "viewer", "gone", NULL};
    static const struct {
        int by, whom;
        bool may;
    } cases[] = {
        {HOST, MOD, true},       {HOST, VIEWER, true},     {HOST, HOST, false},
        {MOD, VIEWER, true},     {MOD, MOD2, false},       {MOD, HOST, false},
        {MOD, MOD, false},       {VIEWER, MOD, false},     {VIEWER, HOST, false},
        {VIEWER, VIEWER, false}, {OUTSIDE, VIEWER, false}, {OPERATOR, HOST, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct room_member *by;
        enum room_error expected = cases[i].may ? ROOM_OK : ROOM_NOT_ALLOWED;
        const char *whom = ids[cases[i].whom];

        tear_down(NULL);
        set_up(NULL);
        for (int m = HOST; m <= OUTSIDE; m++)
            rig_joins(&rig, ids[m]);
        room_set_role(rig.room, NULL, "mod", ROOM_MODERATOR, rig.now_ms);
        room_set_role(rig.room, NULL, "mod2", ROOM_MODERATOR, rig.now_ms);
        room_leave(rig.room, who("gone"), rig.now_ms);
        by = cases[i].by == OPERATOR ? NULL : who(ids[cases[i].by]);
        assert_int_equal(room_mute(rig.room, by, whom, true, rig.now_ms), expected);
        assert_int_equal(who(whom)->is_muted, cases[i].may);
        assert_int_equal(room_kick(rig.room, by, whom, rig.now_ms), expected);
        assert_int_equal(who(whom)->presence == ROOM_GONE, cases[i].may);
        assert_int_equal(room_ban(rig.room, by, whom, true, rig.now_ms), expected);
        assert_int_equal(who(whom)->is_banned, cases[i].may);
    }
}

static void kicked_member_hears_it_and_has_to_knock_again(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    configure(needs_approval);
    assert_int_equal(room_kick(rig.room, who("ann"), "bob", rig.now_ms), ROOM_OK);
    assert_log(&rig, "[bob] expelled bob kicked\nleft bob kicked\n");
    assert_int_equal(rig.expelled, 2);
    assert_int_equal(joins("bob", plain), ROOM_APPROVAL_NEEDED);
}

static void bans_hold_for_identity_and_address(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    assert_int_equal(joins("bob", (struct room_join){.address = "evil"}), ROOM_OK);
    assert_int_equal(room_ban(rig.room, who("ann"), "bob", true, rig.now_ms), ROOM_OK);
    assert_int_equal(joins("bob", (struct room_join){.address = "other"}), ROOM_BANNED);
    assert_int_equal(joins("bob2", (struct room_join){.address = "evil"}), ROOM_BANNED);
    assert_int_equal(knocks("bob2", (struct room_join){.address = "evil"}), ROOM_BANNED);
    assert_string_equal(room_banned_address(rig.room, 0), "evil");
    assert_int_equal(room_unban(rig.room, who("ann"), "bob", rig.now_ms), ROOM_OK);
    assert_null(room_banned_address(rig.room, 0));
    assert_int_equal(joins("bob", (struct room_join){.address = "evil"}), ROOM_OK);
}

static void bans_are_never_forgotten_for_a_crowd(void **state)
{
    char id[32];

    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    assert_int_equal(room_ban(rig.room, who("ann"), "bob", false, rig.now_ms), ROOM_OK);
    for (int i = 0; i < 2000; i++) {
        rig.now_ms += 10;
        snprintf(id, sizeof(id), "m%d", i);
        rig_joins(&rig, id);
        room_leave(rig.room, who(id), rig.now_ms);
    }
    assert_int_equal(room_count(rig.room, ROOM_GONE), ROOM_REMEMBERED_MAX);
    assert_int_equal(joins("bob", plain), ROOM_BANNED);
}

/* ---- playing */

static void only_host_plays(struct room_choices *choices)
{
    choices->may[ROOM_MAY_PLAY] = ROOM_HOST;
    choices->may[ROOM_MAY_SEEK] = ROOM_MODERATOR;
}

static enum room_error commands(const char *id, enum room_command_kind kind, int64_t position_ms)
{
    return room_command(
        rig.room, who(id),
        &(struct room_command){
            .kind = kind, .position_ms = position_ms, .rate_permille = 1500, .key = "k1"},
        rig.now_ms);
}

static uint64_t adds(const char *source, int64_t duration_ms)
{
    uint64_t number;
    struct room_item item = {
        .kind = ROOM_SOURCE_TORRENT, .source = source, .duration_ms = duration_ms};

    assert_int_equal(room_queue_add(rig.room, NULL, &item, rig.now_ms, &number), ROOM_OK);
    return number;
}

static void room_chooses_who_plays_and_who_seeks(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_joins(&rig, "cid");
    room_set_role(rig.room, NULL, "bob", ROOM_MODERATOR, rig.now_ms);
    rig_forget_log(&rig);
    assert_int_equal(commands("cid", ROOM_PLAY, -1), ROOM_OK);
    assert_log(&rig, "playback cid play k1\n");
    configure(only_host_plays);
    assert_int_equal(commands("cid", ROOM_PAUSE, -1), ROOM_NOT_ALLOWED);
    assert_int_equal(commands("cid", ROOM_SEEK, 1000), ROOM_NOT_ALLOWED);
    assert_int_equal(commands("cid", ROOM_RATE, -1), ROOM_NOT_ALLOWED);
    assert_int_equal(commands("bob", ROOM_PAUSE, -1), ROOM_NOT_ALLOWED);
    assert_int_equal(commands("bob", ROOM_SEEK, 100000), ROOM_OK);
    assert_int_equal(commands("ann", ROOM_PAUSE, -1), ROOM_OK);
    assert_int_equal(commands("bob", ROOM_UNDO_SEEK, -1), ROOM_OK);
    assert_true(clock_now(room_clock(rig.room), rig.now_ms + 2000) < 10000);
}

static void who_plays_elsewhere_means_that_place(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    assert_int_equal(commands("ann", ROOM_PLAY, 50000), ROOM_OK);
    rig_passes(&rig, 1000);
    assert_in_range(clock_now(room_clock(rig.room), rig.now_ms), 50000, 51000);
    /* A second off is only how clients are. */
    assert_int_equal(commands("ann", ROOM_PAUSE, 49000), ROOM_OK);
    rig_passes(&rig, 1000);
    assert_in_range(clock_now(room_clock(rig.room), rig.now_ms), 50000, 52000);
    configure(only_host_plays);
}

static void exact_client_takes_the_room_along_when_it_plays_or_stops(void **state)
{
    struct room_command command = {.kind = ROOM_PLAY, .position_ms = 1500, .is_exact = true};
    struct room_member *ann = rig_joins(&rig, "ann");

    (void)state;
    assert_int_equal(room_command(rig.room, ann, &command, rig.now_ms), ROOM_OK);
    assert_int_equal(room_clock(rig.room)->state.position_ms, 1500);
    rig_passes(&rig, 10000);
    rig_forget_log(&rig);
    /* It plays already: this is only how exact clients are. */
    command.position_ms = 11000;
    assert_int_equal(room_command(rig.room, ann, &command, rig.now_ms), ROOM_OK);
    assert_log(&rig, "");
    command.kind = ROOM_PAUSE;
    assert_int_equal(room_command(rig.room, ann, &command, rig.now_ms), ROOM_OK);
    assert_int_equal(room_clock(rig.room)->state.position_ms, 11000);
}

static void nobody_commands_too_fast(void **state)
{
    enum room_error error = ROOM_OK;
    int count = 0;

    (void)state;
    rig_joins(&rig, "ann");
    for (; count < 100 && error == ROOM_OK; count++)
        error = commands("ann", ROOM_SEEK, 1000 * count);
    assert_int_equal(error, ROOM_TOO_FAST);
    assert_in_range(count, 5, 20);
}

static void absurd_numbers_do_no_harm(void **state)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1LL << 53, INT64_MAX};

    (void)state;
    rig_joins(&rig, "ann");
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (enum room_command_kind kind = ROOM_PLAY; kind <= ROOM_UNDO_SEEK; kind++) {
            rig.now_ms += 5000;
            room_command(rig.room, who("ann"),
                         &(struct room_command){.kind = kind,
                                                .position_ms = values[i],
                                                .rate_permille = (uint32_t)values[i]},
                         rig.now_ms);
            room_check(rig.room, who("ann"), values[i], false, rig.now_ms);
            room_tick(rig.room, rig.now_ms);
            assert_in_range(clock_now(room_clock(rig.room), rig.now_ms), 0, CLOCK_POSITION_MAX_MS);
        }
        assert_int_equal(room_describe(rig.room, NULL, "x", values[i], rig.now_ms), ROOM_NO_ITEM);
    }
    adds("a", 0);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        room_describe(rig.room, NULL, "x", values[i], rig.now_ms);
        assert_in_range(room_clock(rig.room)->duration_ms, 0, CLOCK_POSITION_MAX_MS);
    }
}

static void clients_without_epochs_are_corrected(void **state)
{
    static const struct {
        const char *what;
        int64_t position_ms;
        bool says_playing, is_wrong;
    } cases[] = {
        {"in place", 100000, true, false},
        {"a little off", 98500, true, false},
        {"far behind", 90000, true, true},
        {"far ahead", 110000, true, true},
        {"the report of a client that reports nothing", 0, true, false},
        {"really at the beginning", 0, false, true},
    };

    (void)state;
    rig_joins(&rig, "ann");
    assert_int_equal(commands("ann", ROOM_SEEK, 100000), ROOM_OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig.now_ms += 20000;
        rig_forget_log(&rig);
        assert_int_equal(room_check(rig.room, who("ann"), cases[i].position_ms,
                                    cases[i].says_playing, rig.now_ms),
                         ROOM_OK);
        if ((rig.log.len > 0) != cases[i].is_wrong)
            fail_msg("%s", cases[i].what);
    }
}

static void all_are_asked_where_they_are(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    rig_passes(&rig, 15000);
    assert_log(&rig, "sync check -\n");
    /* Every client asks for it, each 15 s: that is one check, not many. */
    assert_int_equal(room_ask_check(rig.room, who("ann"), rig.now_ms + 100), ROOM_OK);
    assert_int_equal(room_ask_check(rig.room, who("bob"), rig.now_ms + 200), ROOM_OK);
    assert_log(&rig, "");
    assert_int_equal(room_ask_check(rig.room, who("bob"), rig.now_ms + 6000), ROOM_OK);
    assert_log(&rig, "sync check -\n");
}

static void ready_members_are_counted_until_it_starts(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    assert_int_equal(room_set_ready(rig.room, who("bob"), rig.now_ms), ROOM_OK);
    assert_int_equal(room_set_ready(rig.room, who("bob"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "ready bob 1/2\nready bob 1/2\n");
    assert_int_equal(room_start(rig.room, who("bob"), rig.now_ms), ROOM_NOT_ALLOWED);
    assert_int_equal(room_start(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "started ann\nplayback ann play\n");
    assert_false(who("bob")->is_ready);
}

static void empty_room_does_not_play_on(void **state)
{
    int64_t position_ms;

    (void)state;
    rig_joins(&rig, "ann");
    assert_int_equal(commands("ann", ROOM_PLAY, -1), ROOM_OK);
    rig_passes(&rig, 10000);
    room_leave(rig.room, who("ann"), rig.now_ms);
    rig.now_ms += 1000;
    position_ms = clock_now(room_clock(rig.room), rig.now_ms);
    rig_passes(&rig, 100000);
    assert_int_equal(clock_now(room_clock(rig.room), rig.now_ms), position_ms);
    assert_in_range(position_ms, 9000, 11000);
}

/* ---- the queue */

static void assert_queue(const char *expected)
{
    struct text text = {0};
    size_t count;
    struct room_item *const *queue = room_queue(rig.room, &count);

    for (size_t i = 0; i < count; i++)
        text_addf(&text, "%s%s", i > 0 ? " " : "", queue[i]->source);
    assert_string_equal(text_str(&text), expected);
    text_fini(&text);
}

static void head_of_the_queue_is_what_plays(void **state)
{
    uint64_t b, c;

    (void)state;
    rig_joins(&rig, "ann");
    rig_forget_log(&rig);
    adds("a", 60000);
    assert_log(&rig, "queued -\nplayback - load\n");
    b = adds("b", 60000);
    c = adds("c", 0);
    assert_log(&rig, "queued -\nqueued -\n");
    assert_int_equal(commands("ann", ROOM_SEEK, 30000), ROOM_OK);
    assert_int_equal(room_queue_move(rig.room, who("ann"), c, 1, rig.now_ms), ROOM_OK);
    assert_queue("a c b");
    rig.now_ms += 1000;
    assert_int_equal(clock_now(room_clock(rig.room), rig.now_ms), 30000);
    assert_int_equal(room_queue_move(rig.room, who("ann"), b, 0, rig.now_ms), ROOM_OK);
    assert_queue("b a c");
    rig.now_ms += 1000;
    assert_int_equal(clock_now(room_clock(rig.room), rig.now_ms), 0);
    assert_int_equal(room_queue_move(rig.room, who("ann"), b, 2, rig.now_ms), ROOM_OK);
    assert_queue("a c b");
    assert_int_equal(room_queue_move(rig.room, who("ann"), b, 3, rig.now_ms), ROOM_INVALID);
    assert_int_equal(room_queue_remove(rig.room, who("ann"), c, rig.now_ms), ROOM_OK);
    assert_int_equal(room_queue_next(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    assert_queue("b");
    assert_int_equal(room_queue_remove(rig.room, who("ann"), c, rig.now_ms), ROOM_NO_ITEM);
    assert_int_equal(room_queue_next(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    assert_queue("");
    assert_int_equal(room_queue_next(rig.room, who("ann"), rig.now_ms), ROOM_NO_ITEM);
}

static void next_film_plays_when_one_ends(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    adds("a", 10000);
    adds("b", 10000);
    assert_int_equal(commands("ann", ROOM_PLAY, -1), ROOM_OK);
    rig_passes(&rig, 12000);
    assert_queue("b");
    assert_true(clock_moves(room_clock(rig.room), rig.now_ms));
    rig_forget_log(&rig);
    rig_passes(&rig, 12000);
    assert_queue("b"); /* the last one stays */
    assert_non_null(strstr(text_str(&rig.log), "playback - end\n"));
    assert_int_equal(clock_now(room_clock(rig.room), rig.now_ms), 10000);
    /* Play after the end begins anew. */
    assert_int_equal(commands("ann", ROOM_PLAY, -1), ROOM_OK);
    rig_passes(&rig, 1000);
    assert_in_range(clock_now(room_clock(rig.room), rig.now_ms), 0, 1000);
}

static void half_of_them_skip_a_film(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        rig_joins(&rig, (const char *[]){"ann", "bob", "cid", "dan"}[i]);
    adds("a", 0);
    adds("b", 0);
    rig_forget_log(&rig);
    assert_int_equal(room_vote_skip(rig.room, who("bob"), true, rig.now_ms), ROOM_OK);
    assert_log(&rig, "voted bob 1/2\n");
    assert_int_equal(room_vote_skip(rig.room, who("bob"), false, rig.now_ms), ROOM_OK);
    assert_int_equal(room_vote_skip(rig.room, who("bob"), true, rig.now_ms), ROOM_OK);
    assert_queue("a b");
    /* One fewer is here: the vote that is there is half of three, rounded up, no more. */
    room_leave(rig.room, who("dan"), rig.now_ms);
    assert_queue("a b");
    room_leave(rig.room, who("cid"), rig.now_ms);
    assert_queue("b");
    assert_false(who("bob")->votes_to_skip);
}

static void late_joiners_get_what_was_told_of_the_film(void **state)
{
    struct room_item magnet = {.kind = ROOM_SOURCE_TORRENT, .source = "magnet:x", .name = "Film"};
    struct room_item film = {.name = "Film", .duration_ms = 60000};
    size_t count;

    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    for (int order = 0; order < 2; order++) {
        enum room_blob first = order == 0 ? ROOM_MOVIE_LOADED : ROOM_TORRENT_MAGNET;
        enum room_blob second = order == 0 ? ROOM_TORRENT_MAGNET : ROOM_MOVIE_LOADED;

        magnet.source = order == 0 ? "magnet:x" : "magnet:y";
        assert_int_equal(room_announce(rig.room, who("ann"), first, bytes_of_text("1"),
                                       order == 0 ? &film : &magnet, rig.now_ms),
                         ROOM_OK);
        assert_int_equal(room_announce(rig.room, who("ann"), second, bytes_of_text("2"),
                                       order == 0 ? &magnet : &film, rig.now_ms),
                         ROOM_OK);
        assert_queue(magnet.source);
        assert_int_equal(room_queue(rig.room, &count)[0]->duration_ms, 60000);
        assert_true(bytes_equal_text(room_blob(rig.room, first), "1"));
        assert_true(bytes_equal_text(room_blob(rig.room, second), "2"));
    }
    /* Again the same is nothing new: nobody is thrown back to the beginning. */
    assert_int_equal(commands("ann", ROOM_SEEK, 30000), ROOM_OK);
    assert_int_equal(room_announce(rig.room, who("ann"), ROOM_TORRENT_MAGNET, bytes_of_text("3"),
                                   &magnet, rig.now_ms),
                     ROOM_OK);
    assert_int_equal(clock_now(room_clock(rig.room), rig.now_ms + 2000), 30000);
    assert_int_equal(room_announce(rig.room, who("bob"), ROOM_TORRENT_MAGNET, bytes_of_text("4"),
                                   NULL, rig.now_ms),
                     ROOM_NOT_ALLOWED);
    adds("other", 0);
    assert_int_equal(room_queue_next(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    for (enum room_blob blob = 0; blob < ROOM_BLOBS; blob++)
        assert_int_equal(room_blob(rig.room, blob).len, 0);
}

/* ---- talking */

static void chat_keeps_a_tail(void **state)
{
    uint64_t number;
    char text[32];

    (void)state;
    rig_joins(&rig, "ann");
    for (int i = 1; i <= ROOM_TAIL_MAX + 5; i++) {
        rig.now_ms += 1000;
        snprintf(text, sizeof(text), "line %d", i);
        assert_int_equal(room_say(rig.room, who("ann"), text, text, rig.now_ms, &number), ROOM_OK);
        assert_int_equal(number, i);
    }
    assert_int_equal(room_line(rig.room, 0)->number, 6);
    assert_string_equal(room_line(rig.room, 0)->text, "line 6");
    assert_null(room_line(rig.room, ROOM_TAIL_MAX));
    room_leave(rig.room, who("ann"), rig.now_ms);
    assert_string_equal(room_line(rig.room, 0)->name, "ann");
}

static void what_is_said_again_is_one_line(void **state)
{
    uint64_t number;

    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    assert_int_equal(room_say(rig.room, who("ann"), "one", "k", rig.now_ms, &number), ROOM_OK);
    assert_int_equal(room_say(rig.room, who("ann"), "one", "k", rig.now_ms, &number), ROOM_OK);
    assert_int_equal(number, 1);
    assert_null(room_line(rig.room, 1));
    /* Another one's key is its own; without one, lines are what they are. */
    assert_int_equal(room_say(rig.room, who("bob"), "one", "k", rig.now_ms, &number), ROOM_OK);
    assert_int_equal(number, 2);
    assert_int_equal(room_say(rig.room, who("bob"), "hm", "", rig.now_ms, &number), ROOM_OK);
    assert_int_equal(room_say(rig.room, who("bob"), "hm", NULL, rig.now_ms, &number), ROOM_OK);
    assert_int_equal(number, 4);
}

static void who_may_not_talk_does_not(void **state)
{
    char longer[ROOM_SAY_MAX + 2];
    enum room_error error = ROOM_OK;
    uint64_t number;

    (void)state;
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    assert_int_equal(room_say(rig.room, who("bob"), longer, NULL, rig.now_ms, &number),
                     ROOM_TOO_LONG);
    assert_int_equal(room_say(rig.room, who("bob"), " \n", NULL, rig.now_ms, &number),
                     ROOM_INVALID);
    assert_int_equal(room_mute(rig.room, who("ann"), "bob", true, rig.now_ms), ROOM_OK);
    assert_int_equal(room_say(rig.room, who("bob"), "x", NULL, rig.now_ms, &number), ROOM_MUTED);
    assert_int_equal(room_react(rig.room, who("bob"), 0, "x", rig.now_ms), ROOM_MUTED);
    assert_int_equal(room_type(rig.room, who("bob"), true, rig.now_ms), ROOM_MUTED);
    /* Coming back does not help. */
    room_leave(rig.room, who("bob"), rig.now_ms);
    rig_joins(&rig, "bob");
    rig.now_ms += 5000;
    assert_int_equal(room_say(rig.room, who("bob"), "x", NULL, rig.now_ms, &number), ROOM_MUTED);
    for (int i = 0; i < 20; i++)
        error = room_say(rig.room, who("ann"), "x", NULL, rig.now_ms, &number);
    assert_int_equal(error, ROOM_TOO_FAST);
}

static void reactions_are_given_and_taken_back(void **state)
{
    uint64_t number;

    (void)state;
    rig_joins(&rig, "ann");
    assert_int_equal(room_say(rig.room, who("ann"), "hello", NULL, rig.now_ms, &number), ROOM_OK);
    rig_forget_log(&rig);
    assert_int_equal(room_react(rig.room, who("ann"), number, "+", rig.now_ms), ROOM_OK);
    assert_log(&rig, "reacted ann yes #1 +\n");
    assert_int_equal(room_line(rig.room, 0)->reaction_count, 1);
    assert_int_equal(room_react(rig.room, who("ann"), number, "+", rig.now_ms), ROOM_OK);
    assert_log(&rig, "reacted ann #1 +\n");
    assert_int_equal(room_line(rig.room, 0)->reaction_count, 0);
    assert_int_equal(room_react(rig.room, who("ann"), 99, "+", rig.now_ms), ROOM_NO_LINE);
    assert_int_equal(room_react(rig.room, who("ann"), 0, "+", rig.now_ms), ROOM_OK);
    assert_log(&rig, "reacted ann yes +\n");
}

static void browsers_are_introduced_once_each_way(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_joins(&rig, "cid");
    rig_forget_log(&rig);
    assert_int_equal(room_want_rtc(rig.room, who("bob"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "");
    assert_int_equal(room_want_rtc(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "[ann] rtc bob yes\n[bob] rtc ann\n");
}

static void who_talks_is_known_until_it_leaves(void **state)
{
    char longer[ROOM_CALL_MAX + 2];

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    assert_int_equal(room_set_call(rig.room, who("ann"), longer, rig.now_ms), ROOM_TOO_LONG);
    assert_int_equal(room_set_call(rig.room, NULL, "1", rig.now_ms), ROOM_INVALID);
    assert_int_equal(room_set_call(rig.room, who("ann"), "1", rig.now_ms), ROOM_OK);
    assert_log(&rig, "member ann\n");
    assert_string_equal(who("ann")->call, "1");
    /* The browsers are connected to each other, whatever becomes of the connection to us. */
    room_lose(rig.room, who("ann"), rig.now_ms);
    assert_string_equal(who("ann")->call, "1");
    room_find_again(rig.room, who("ann"), 77, rig.now_ms);
    assert_string_equal(who("ann")->call, "1");
    /* Its page was loaded anew, and knows of nothing. */
    room_lose(rig.room, who("ann"), rig.now_ms);
    rig_joins(&rig, "ann");
    assert_string_equal(who("ann")->call, "");
    room_lose(rig.room, who("ann"), rig.now_ms);
    assert_int_equal(joins("ann", (struct room_join){.call = "2"}), ROOM_OK);
    assert_string_equal(who("ann")->call, "2");
    assert_int_equal(joins("ann", (struct room_join){.call = longer}), ROOM_TOO_LONG);
    assert_int_equal(room_set_call(rig.room, who("ann"), "", rig.now_ms), ROOM_OK);
    assert_string_equal(who("ann")->call, "");
    assert_int_equal(room_set_call(rig.room, who("ann"), "3", rig.now_ms), ROOM_OK);
    room_leave(rig.room, who("ann"), rig.now_ms);
    rig_joins(&rig, "ann");
    assert_string_equal(who("ann")->call, "");
}

static void only_so_many_talk(void **state)
{
    struct room_rules rules = rig_rules;
    char id[16];

    (void)state;
    rig_end(&rig);
    memset(&rig, 0, sizeof(rig));
    rules.max_members = ROOM_CALLERS_MAX + 1;
    rig_begin(&rig, &rules);
    for (unsigned i = 0; i < ROOM_CALLERS_MAX; i++) {
        snprintf(id, sizeof(id), "p%u", i);
        rig_joins(&rig, id);
        assert_int_equal(room_set_call(rig.room, who(id), id, rig.now_ms), ROOM_OK);
    }
    rig_joins(&rig, "last");
    assert_int_equal(room_set_call(rig.room, who("last"), "x", rig.now_ms), ROOM_CALL_FULL);
    assert_int_equal(room_set_call(rig.room, who("p1"), "again", rig.now_ms), ROOM_OK);
    /* One that comes back finds its place taken. */
    room_lose(rig.room, who("last"), rig.now_ms);
    assert_int_equal(joins("last", (struct room_join){.call = "x"}), ROOM_OK);
    assert_string_equal(who("last")->call, "");
    assert_int_equal(room_set_call(rig.room, who("p1"), "", rig.now_ms), ROOM_OK);
    assert_int_equal(room_set_call(rig.room, who("last"), "x", rig.now_ms), ROOM_OK);
}

static void relays_stay_in_the_room(void **state)
{
    struct bytes data = bytes_of_text("sdp");

    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    assert_int_equal(room_relay(rig.room, who("ann"), "bob", ROOM_OFFER, data, rig.now_ms),
                     ROOM_OK);
    assert_log(&rig, "[bob] relayed ann 3 bytes\n");
    assert_int_equal(room_relay(rig.room, who("ann"), NULL, ROOM_OFFER, data, rig.now_ms), ROOM_OK);
    assert_log(&rig, "[bob] relayed ann 3 bytes\n");
    assert_int_equal(room_relay(rig.room, who("ann"), ROOM_SERVER_ID, ROOM_OFFER, data, rig.now_ms),
                     ROOM_OK);
    assert_log(&rig, "for-server ann 3 bytes\n");
    assert_int_equal(room_relay_back(rig.room, "ann", ROOM_ANSWER, data), ROOM_OK);
    assert_log(&rig, "[ann] relayed - 3 bytes\n");
    assert_int_equal(room_relay_back(rig.room, "eve", ROOM_ANSWER, data), ROOM_NO_MEMBER);
    rig_joins(&rig, "cid");
    assert_int_equal(room_relay(rig.room, who("ann"), NULL, ROOM_OFFER, data, rig.now_ms),
                     ROOM_NO_MEMBER);
    assert_int_equal(room_relay(rig.room, who("ann"), "eve", ROOM_OFFER, data, rig.now_ms),
                     ROOM_NO_MEMBER);
    room_leave(rig.room, who("bob"), rig.now_ms);
    assert_int_equal(room_relay(rig.room, who("bob"), "ann", ROOM_OFFER, data, rig.now_ms),
                     ROOM_NOT_ALLOWED);
    data.len = ROOM_RELAY_MAX + 1;
    assert_int_equal(room_relay(rig.room, who("ann"), "cid", ROOM_OFFER, data, rig.now_ms),
                     ROOM_TOO_LONG);
}

static void caps_hold(void **state)
{
    struct room_item item = {.kind = ROOM_SOURCE_URL, .source = "http://x"};
    static uint8_t big[ROOM_SUBTITLES_MAX + 1];
    unsigned count = 0;
    char id[32];
    uint64_t number;

    (void)state;
    rig_joins(&rig, "ann");
    while (room_queue_add(rig.room, NULL, &item, rig.now_ms, &number) == ROOM_OK)
        count++;
    assert_int_equal(count, ROOM_QUEUE_MAX);
    assert_int_equal(room_queue_add(rig.room, NULL, &item, rig.now_ms, &number), ROOM_QUEUE_FULL);
    assert_int_equal(room_announce(rig.room, NULL, ROOM_SUBTITLE_DATA, bytes_of(big, sizeof(big)),
                                   NULL, rig.now_ms),
                     ROOM_TOO_LONG);
    assert_int_equal(room_announce(rig.room, NULL, ROOM_SUBTITLE_DATA,
                                   bytes_of(big, ROOM_SUBTITLES_MAX), NULL, rig.now_ms),
                     ROOM_OK);
    assert_int_equal(room_announce(rig.room, NULL, ROOM_MOVIE_LOADED,
                                   bytes_of(big, ROOM_BLOB_MAX + 1), NULL, rig.now_ms),
                     ROOM_TOO_LONG);
    configure(needs_approval);
    for (count = 0; count < ROOM_KNOCKS_MAX; count++) {
        snprintf(id, sizeof(id), "k%u", count);
        assert_int_equal(knocks(id, plain), ROOM_OK);
    }
    assert_int_equal(knocks("more", plain), ROOM_FULL);
    configure(needs_no_approval);
    assert_int_equal(knocks("more", plain), ROOM_FULL);
    for (count = 0; count < ROOM_BANS_MAX; count++) {
        snprintf(id, sizeof(id), "b%u", count);
        rig_joins(&rig, id);
        assert_int_equal(room_ban(rig.room, NULL, id, true, rig.now_ms), ROOM_OK);
    }
    rig_joins(&rig, "bob");
    assert_int_equal(room_ban(rig.room, NULL, "bob", true, rig.now_ms), ROOM_BANS_FULL);
}

static void messages_of_a_dialect_are_passed_on(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_forget_log(&rig);
    assert_int_equal(room_pass_on(rig.room, who("ann"), bytes_of_text("{}"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "relayed ann 2 bytes\n");
    room_leave(rig.room, who("ann"), rig.now_ms);
    assert_int_equal(room_pass_on(rig.room, who("ann"), bytes_of_text("{}"), rig.now_ms),
                     ROOM_NOT_ALLOWED);
}

static void closing_expels_all(void **state)
{
    (void)state;
    rig_joins(&rig, "ann");
    rig_joins(&rig, "bob");
    rig_forget_log(&rig);
    assert_int_equal(room_close(rig.room, who("bob"), rig.now_ms), ROOM_NOT_ALLOWED);
    assert_int_equal(room_close(rig.room, who("ann"), rig.now_ms), ROOM_OK);
    assert_log(&rig, "[ann] expelled ann closed\n[bob] expelled bob closed\nhost -\nclosed ann\n");
}

static void errors_have_words_and_sentences(void **state)
{
    (void)state;
    for (enum room_error error = ROOM_OK; error <= ROOM_TOO_FAST; error++) {
        assert_non_null(room_error_word(error));
        assert_true(strlen(room_error_sentence(error)) > 3);
        assert_int_equal(room_error_code(error) == ERR_NONE, error == ROOM_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_to_come_is_host),
        TEST(names_are_made_unique),
        TEST(who_comes_back_is_the_same),
        TEST(who_is_found_again_passes_no_door),
        TEST(second_connection_replaces_the_first),
        TEST(joining_twice_by_one_connection_is_no_event),
        TEST(nobody_takes_over_somebody_else),
        TEST(old_identity_from_elsewhere_has_no_power),
        TEST(full_room_takes_back_who_is_lost_only),
        TEST(texts_are_bounded),
        TEST(addresses_cannot_try_for_ever),
        TEST(host_who_comes_back_in_time_is_host),
        TEST(somebody_stands_in_until_the_owner_is_back),
        TEST(host_who_leaves_gives_the_room_away),
        TEST(lost_host_alone_stays_host),
        TEST(host_can_hand_over),
        TEST(somebody_has_to_let_in),
        TEST(who_is_turned_away_stays_out),
        TEST(knocks_end),
        TEST(opening_the_door_lets_all_in),
        TEST(open_room_answers_a_knock_at_once),
        TEST(creator_passes_its_own_door),
        TEST(first_visitor_of_a_room_has_nobody_to_ask),
        TEST(password_is_asked_of_strangers),
        TEST(power_is_over_those_below),
        TEST(kicked_member_hears_it_and_has_to_knock_again),
        TEST(bans_hold_for_identity_and_address),
        TEST(bans_are_never_forgotten_for_a_crowd),
        TEST(room_chooses_who_plays_and_who_seeks),
        TEST(who_plays_elsewhere_means_that_place),
        TEST(exact_client_takes_the_room_along_when_it_plays_or_stops),
        TEST(nobody_commands_too_fast),
        TEST(absurd_numbers_do_no_harm),
        TEST(clients_without_epochs_are_corrected),
        TEST(all_are_asked_where_they_are),
        TEST(ready_members_are_counted_until_it_starts),
        TEST(empty_room_does_not_play_on),
        TEST(head_of_the_queue_is_what_plays),
        TEST(next_film_plays_when_one_ends),
        TEST(half_of_them_skip_a_film),
        TEST(late_joiners_get_what_was_told_of_the_film),
        TEST(chat_keeps_a_tail),
        TEST(what_is_said_again_is_one_line),
        TEST(who_may_not_talk_does_not),
        TEST(reactions_are_given_and_taken_back),
        TEST(browsers_are_introduced_once_each_way),
        TEST(who_talks_is_known_until_it_leaves),
        TEST(only_so_many_talk),
        TEST(relays_stay_in_the_room),
        TEST(caps_hold),
        TEST(messages_of_a_dialect_are_passed_on),
        TEST(closing_expels_all),
        TEST(errors_have_words_and_sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
