/* SPDX-License-Identifier: MIT
 *
 * Random histories of rooms: people come, go, fall silent, lie about where they are, try what they
 * may not. After each step the room must be one that can be; what was refused must have changed
 * nothing; and a room that was stored and read again half-way goes on as the one that was not.
 * Everything follows from a number, which a failure names.
 */
#include "room.h"
#include "room_rig.h"

enum {
    HISTORIES = 10000,
    STEPS = 100,
    PEOPLE = 14,
    WAIT_SLACK_MS = 1000,
};

/* The same history befalls a room and, from some step on, its copy. */
struct history {
    uint64_t number, random;
    struct rig rig, copy;
    unsigned copied_at;
    int64_t waiting_since_ms; /* 0: it does not wait */
    int64_t waited_ms, began_ms;
    unsigned waits;
};

static struct history history;

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("history %" PRIu64 ": %s", history.number, #condition);                       \
    } while (0)

static unsigned dice(unsigned sides)
{
    history.random = history.random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((history.random >> 33) % sides);
}

static const char *somebody(void)
{
    static const char *const ids[PEOPLE] = {"ann", "bob", "cid", "dan", "eve", "fay", "gus",
                                            "hal", "ida", "jim", "kim", "leo", "mia", "ned"};
    return ids[dice(PEOPLE)];
}

/* ---- what must be true of any room */

static void check_members(const struct room *room)
{
    size_t count;
    struct room_member *const *members = room_members(room, &count);
    unsigned present = 0, hosts = 0, knocking = 0, gone = 0;

    for (size_t i = 0; i < count; i++) {
        const struct room_member *a = members[i];

        present += room_is_present(a);
        hosts += a->role == ROOM_HOST;
        knocking += a->presence == ROOM_KNOCKING || a->presence == ROOM_ADMITTED;
        gone += a->presence == ROOM_GONE;
        check(a->role != ROOM_HOST || room_is_present(a));
        check(a->presence != ROOM_HERE || a->connection != 0);
        check((a->presence != ROOM_GONE && a->presence != ROOM_LOST) || a->connection == 0);
        check(!a->is_banned || a->presence == ROOM_GONE);
        for (size_t j = 0; j < i; j++) {
            const struct room_member *b = members[j];

            check(strcmp(a->id, b->id) != 0 && a->number != b->number);
            check(a->connection == 0 || a->connection != b->connection);
            check(a->presence == ROOM_GONE || b->presence == ROOM_GONE ||
                  strcasecmp(a->name, b->name) != 0);
        }
    }
    check(hosts == (present > 0));
    check(present <= rig_rules.max_members);
    check(knocking <= ROOM_KNOCKS_MAX && gone <= ROOM_REMEMBERED_MAX);
    check((room_empty_since_ms(room) == 0) == (present > 0));
}

static void check_clock(const struct clock *clock)
{
    check(clock->state.rate_permille <= CLOCK_RATE_MAX);
    check(clock->state.position_ms >= 0 && clock->state.position_ms <= CLOCK_POSITION_MAX_MS);
    check(clock->state.at_ms - history.rig.now_ms <= CLOCK_LEAD_MAX_MS);
    check(clock->wait_until_ms == 0 || clock->wants_play);
    check(clock->wait_until_ms == 0 || !clock->state.is_playing);
    check(clock->wait_until_ms - clock->wait_since_ms <= clock->wait_ms);
}

/* Sums up how long it waited; to be called at each tick. */
static void follow_waits(void)
{
    const struct clock *clock = room_clock(history.rig.room);

    if (history.waiting_since_ms != 0 && history.waiting_since_ms != clock->wait_since_ms) {
        history.waited_ms += history.rig.now_ms - history.waiting_since_ms;
        history.waits++;
    }
    history.waiting_since_ms = clock->wait_since_ms;
    check(clock->wait_until_ms == 0 ||
          history.rig.now_ms <= clock->wait_until_ms + CLOCK_LEAD_MAX_MS + CLOCK_TICK_MS);
}

static void pass(struct rig *rig, int64_t ms)
{
    for (int64_t end_ms = rig->now_ms + ms; rig->now_ms < end_ms;) {
        rig_passes(rig, MIN(CLOCK_TICK_MS, end_ms - rig->now_ms));
        follow_waits();
    }
}

/* ---- what must not have changed when something was refused */

struct picture {
    uint64_t epoch, hash, versions[ROOM_PARTS];
};

static struct picture look(const struct rig *rig)
{
    struct picture picture = {.epoch = room_clock(rig->room)->state.epoch, .hash = rig->hash};

    for (enum room_part part = 0; part < ROOM_PARTS; part++)
        picture.versions[part] = room_version(rig->room, part);
    return picture;
}

/* ---- steps: each with all its choices made, so that the copy does the same */

enum deed {
    JOIN,
    KNOCK,
    LEAVE,
    LOSE,
    PASS,
    LONG_PASS,
    ANSWER,
    KICK,
    BAN,
    UNBAN,
    MUTE,
    ROLE,
    CONFIGURE,
    COMMAND,
    REPORT,
    CHECK,
    DELAY,
    ADD,
    REMOVE,
    MOVE,
    NEXT,
    VOTE,
    DESCRIBE,
    ANNOUNCE,
    SAY,
    REACT,
    TYPE,
    READY,
    START,
    RELAY,
    RTC,
    RENAME,
    CALL,
    DEEDS
};

/* How often each happens. */
static const uint8_t weights[DEEDS] = {
    [JOIN] = 14,     [KNOCK] = 4,    [LEAVE] = 3,   [LOSE] = 5,  [PASS] = 20,    [LONG_PASS] = 2,
    [ANSWER] = 4,    [KICK] = 1,     [BAN] = 1,     [UNBAN] = 1, [MUTE] = 1,     [ROLE] = 2,
    [CONFIGURE] = 3, [COMMAND] = 12, [REPORT] = 20, [CHECK] = 2, [DELAY] = 2,    [ADD] = 3,
    [REMOVE] = 1,    [MOVE] = 1,     [NEXT] = 1,    [VOTE] = 2,  [DESCRIBE] = 1, [ANNOUNCE] = 2,
    [SAY] = 3,       [REACT] = 2,    [TYPE] = 1,    [READY] = 1, [START] = 1,    [RELAY] = 1,
    [RTC] = 1,       [RENAME] = 1,   [CALL] = 2,
};

struct step {
    enum deed deed;
    const char *by, *whom, *address;
    bool is_operator, is_on;
    unsigned a, b, c;
    int64_t position_ms;
    uint64_t connection;
};

static enum deed choose_deed(void)
{
    unsigned sum = 0, at;

    for (unsigned deed = 0; deed < DEEDS; deed++)
        sum += weights[deed];
    at = dice(sum);
    for (enum deed deed = 0;; deed++) {
        if (at < weights[deed])
            return deed;
        at -= weights[deed];
    }
}

static struct step choose(void)
{
    struct step step = {
        .deed = choose_deed(),
        .by = somebody(),
        .whom = somebody(),
        .address = dice(10) == 0 ? "elsewhere" : "home",
        .is_operator = dice(20) == 0,
        .is_on = dice(2) == 0,
        .a = dice(1000),
        .b = dice(1000),
        .c = dice(1000),
        .position_ms = (int64_t)dice(100000) - 1000,
    };

    if (step.deed == JOIN || step.deed == KNOCK)
        step.connection = ++history.rig.connections;
    return step;
}

static enum room_error join(struct rig *rig, const struct step *step)
{
    return rig_tries(
        rig, step->by,
        (struct room_join){
            .name = (const char *[]){"Ann", "ann", "Bob", "", "Guest", "Zo\303\253"}[step->a % 6],
            .address = step->address,
            .secret = step->by[0] < 'e' ? "secret" : NULL,
            .connection = step->connection,
        },
        step->deed == KNOCK);
}

static enum room_error configure(struct rig *rig, struct room_member *by, const struct step *step)
{
    struct room_choices choices = *room_choices(rig->room);

    choices.needs_approval = step->a % 4 == 0;
    choices.may[step->b % ROOM_ACTIONS] = (enum room_role)(step->c % 3);
    choices.policy = (enum clock_policy)(step->a % CLOCK_POLICIES);
    choices.wait_ms = 1000 + step->b * 9;
    choices.skip_percent = 1 + step->c % 100;
    return room_configure(rig->room, by, &choices, rig->now_ms);
}

static enum room_error report(struct rig *rig, struct room_member *by, const struct step *step)
{
    const struct clock *clock = room_clock(rig->room);
    int64_t position_ms = clock_now(clock, rig->now_ms);

    /* In place, behind, standing still, or anything. */
    if (step->a % 4 == 1)
        position_ms -= step->b * 5;
    else if (step->a % 4 == 2)
        position_ms = by != NULL ? by->viewer.reported_position_ms : 0;
    else if (step->a % 4 == 3)
        position_ms = step->position_ms;
    return room_report(rig->room, by,
                       &(struct clock_report){
                           .epoch = clock->state.epoch - (step->c % 8 == 0),
                           .at_ms = step->c % 3 == 0 ? 0 : rig->now_ms - step->c,
                           .position_ms = position_ms,
                           .buffered_ms = step->b % 3 == 0 ? -1 : (int64_t)step->b * 4,
                       },
                       rig->now_ms);
}

static uint64_t some_item(const struct rig *rig, const struct step *step)
{
    size_t count;
    struct room_item *const *queue = room_queue(rig->room, &count);

    return count > 0 ? queue[step->a % count]->number : 1;
}

static struct room_item item_of(const struct step *step)
{
    static const char *const sources[] = {"magnet:a", "magnet:b", NULL};
    static const char *const names[] = {"A", "B", NULL};

    return (struct room_item){
        .kind = ROOM_SOURCE_TORRENT,
        .source = sources[step->a % 3],
        .name = names[step->b % 3],
        .duration_ms = step->c % 3 == 0 ? 0 : (int64_t)step->c * 100,
    };
}

static enum room_error perform(struct rig *rig, struct room_member *by, const struct step *step)
{
    struct room *room = rig->room;
    int64_t now = rig->now_ms;
    struct room_item item = item_of(step);
    struct bytes data = bytes_of("0123456789", step->a % 10);
    uint64_t number;

    switch (step->deed) {
    case JOIN:
    case KNOCK:
        return join(rig, step);
    case LEAVE:
    case LOSE:
        if (by != NULL)
            (step->deed == LEAVE ? room_leave : room_lose)(room, by, now);
        return ROOM_OK;
    case PASS:
        pass(rig, step->a * 2);
        return ROOM_OK;
    case LONG_PASS:
        pass(rig, step->a * 100);
        return ROOM_OK;
    case ANSWER:
        return room_answer(room, by, step->whom, step->is_on, now);
    case KICK:
        return room_kick(room, by, step->whom, now);
    case BAN:
        return room_ban(room, by, step->whom, step->a % 8 == 0, now);
    case UNBAN:
        return room_unban(room, by, step->whom, now);
    case MUTE:
        return room_mute(room, by, step->whom, step->is_on, now);
    case ROLE:
        return room_set_role(room, by, step->whom, (enum room_role)(step->a % 3), now);
    case CONFIGURE:
        return configure(rig, by, step);
    case COMMAND:
        return room_command(room, by,
                            &(struct room_command){
                                .kind = (enum room_command_kind)(step->a % 5),
                                .position_ms = step->position_ms,
                                .rate_permille = step->b * 5,
                            },
                            now);
    case REPORT:
        return report(rig, by, step);
    case CHECK:
        return room_check(room, by, step->position_ms, step->is_on, now);
    case DELAY:
        return room_delay(room, by, step->a * 2.5, now);
    case ADD:
        return room_queue_add(room, by, &item, now, &number);
    case REMOVE:
        return room_queue_remove(room, by, some_item(rig, step), now);
    case MOVE:
        return room_queue_move(room, by, some_item(rig, step), step->b % 4, now);
    case NEXT:
        return room_queue_next(room, by, now);
    case VOTE:
        return room_vote_skip(room, by, step->is_on, now);
    case DESCRIBE:
        return room_describe(room, by, item.name, item.duration_ms, now);
    case ANNOUNCE:
        return room_announce(room, by, (enum room_blob)(step->a % ROOM_BLOBS), data,
                             step->is_on ? &item : NULL, now);
    case SAY:
        return room_say(room, by, "hello", "key", now, &number);
    case REACT:
        return room_react(room, by, step->a % 4, step->is_on ? "+" : "-", now);
    case TYPE:
        return room_type(room, by, step->is_on, now);
    case READY:
        return room_set_ready(room, by, now);
    case START:
        return room_start(room, by, now);
    case RELAY:
        return room_relay(room, by, step->whom, ROOM_OFFER, data, now);
    case RTC:
        return room_want_rtc(room, by, now);
    case RENAME:
        return room_rename(room, by, step->whom, now);
    case CALL:
        return room_set_call(room, by, step->is_on ? step->whom : "", now);
    case DEEDS:
        break;
    }
    return ROOM_INVALID;
}

/* Reckoned anew from the choices, not asked of the room. */
static bool may(const struct room *room, const struct room_member *by, const struct step *step)
{
    const enum room_role *least = room_choices(room)->may;
    unsigned command = step->a % 5;

    if (step->is_operator)
        return true;
    if (by == NULL || by->presence != ROOM_HERE)
        return false;
    switch ((int)step->deed) {
    case ANSWER:
    case KICK:
    case BAN:
    case UNBAN:
    case MUTE: {
        const struct room_member *whom = room_find(room, step->whom);

        return by->role >= ROOM_MODERATOR && (whom == NULL || by->role > whom->role);
    }
    case START:
        return by->role >= ROOM_MODERATOR;
    case ROLE:
    case CONFIGURE:
        return by->role == ROOM_HOST;
    case COMMAND:
        return by->role >=
               least[command == ROOM_PLAY || command == ROOM_PAUSE ? ROOM_MAY_PLAY : ROOM_MAY_SEEK];
    case ADD:
    case REMOVE:
    case MOVE:
    case NEXT:
    case DESCRIBE:
    case ANNOUNCE:
        return by->role >= least[ROOM_MAY_QUEUE];
    case SAY:
    case REACT:
    case TYPE:
        return by->role >= least[ROOM_MAY_CHAT] && !by->is_muted;
    default:
        return true;
    }
}

static bool is_deed_of_a_member(enum deed deed)
{
    return deed >= ANSWER;
}

static enum room_error take(struct rig *rig, const struct step *step)
{
    struct room_member *by = step->is_operator ? NULL : room_find(rig->room, step->by);
    struct picture before = look(rig);
    enum room_error error;
    bool is_allowed = !is_deed_of_a_member(step->deed) || may(rig->room, by, step);

    /* Who is not known cannot be passed on; NULL would be the operator. */
    if (is_deed_of_a_member(step->deed) && by == NULL && !step->is_operator)
        return ROOM_NO_MEMBER;
    error = perform(rig, by, step);
    check(is_allowed || error != ROOM_OK);
    if (error != ROOM_OK) {
        struct picture after = look(rig);

        /* A knock that is repeated by another connection may be refused after the old one went. */
        check(memcmp(&before, &after, sizeof(before)) == 0);
    }
    check(room_clock(rig->room)->state.epoch >= before.epoch);
    return error;
}

/* ---- the copy */

static void copy_room(void)
{
    struct room_outside outside = rig_outside(&history.copy);
    struct text all = {0};
    struct error error;

    for (unsigned i = 0; i < ROOM_PARTS; i++) {
        /* In any order. */
        enum room_part part = (enum room_part)((i + history.number) % ROOM_PARTS);
        size_t len;
        uint8_t *saved = room_save(history.rig.room, part, &len);

        text_add_bytes(&all, bytes_of(saved, len));
        free(saved);
    }
    history.copy.now_ms = history.rig.now_ms;
    history.copy.hash = history.rig.hash;
    history.copy.random = history.rig.random;
    if (room_restore(bytes_of(all.data, all.len), &rig_rules, &outside, history.rig.now_ms,
                     &history.copy.room, &error) != ERR_NONE)
        fail_msg("history %" PRIu64 ": not restored: %s", history.number, error.text);
    text_fini(&all);
}

static void check_copy(void)
{
    for (enum room_part part = 0; part < ROOM_PARTS; part++) {
        size_t len, copy_len;
        uint8_t *saved = room_save(history.rig.room, part, &len);
        uint8_t *copy = room_save(history.copy.room, part, &copy_len);

        check(len == copy_len && memcmp(saved, copy, len) == 0);
        free(saved);
        free(copy);
    }
}

/* ---- */

/* A few are there and watch, in half of the rooms one that waits for stragglers. */
static void begin(void)
{
    struct room_choices choices;

    rig_begin(&history.rig, &rig_rules);
    choices = *room_choices(history.rig.room);
    choices.policy = (enum clock_policy)MIN(dice(4), (unsigned)CLOCK_SLOW);
    if (dice(4) == 0)
        choices.policy = CLOCK_WAIT;
    room_configure(history.rig.room, NULL, &choices, history.rig.now_ms);
    for (unsigned i = 0; i < 4; i++)
        rig_tries(&history.rig, somebody(), (struct room_join){.address = "home"}, false);
    room_command(history.rig.room, NULL, &(struct room_command){.kind = ROOM_PLAY},
                 history.rig.now_ms);
}

static void live(uint64_t number)
{
    memset(&history, 0, sizeof(history));
    history.number = number;
    history.random = number * 0x9e3779b97f4a7c15;
    history.copied_at = dice(STEPS);
    begin();
    history.began_ms = history.rig.now_ms;
    for (unsigned i = 0; i < STEPS; i++) {
        struct step step;
        enum room_error error;

        if (i == history.copied_at)
            copy_room();
        step = choose();
        error = take(&history.rig, &step);
        if (history.copy.room != NULL) {
            check(take(&history.copy, &step) == error);
            check(history.copy.hash == history.rig.hash);
        }
        check_members(history.rig.room);
        check_clock(room_clock(history.rig.room));
        follow_waits();
    }
    check_copy();
}

/* Everybody says again and again that it is not there yet: the room goes on all the same. */
static void check_that_waits_end(void)
{
    struct room *room = history.rig.room;
    const struct clock *clock = room_clock(room);
    int64_t end_ms = history.rig.now_ms + CLOCK_WAIT_MAX_MS + WAIT_SLACK_MS;
    bool has_not_waited = false;
    size_t count;

    while (history.rig.now_ms < end_ms) {
        struct room_member *const *members = room_members(room, &count);

        for (size_t i = 0; i < count; i++)
            if (members[i]->presence == ROOM_HERE)
                room_report(room, members[i],
                            &(struct clock_report){.epoch = clock->state.epoch,
                                                   .position_ms = CLOCK_POSITION_MAX_MS},
                            history.rig.now_ms);
        pass(&history.rig, CLOCK_TICK_MS);
        has_not_waited |= clock->wait_until_ms == 0;
    }
    check(has_not_waited);
    /* Each is seen to end a tick late at most. */
    check(history.waited_ms <=
          CLOCK_BUDGET_MS + history.waits * CLOCK_TICK_MS +
              (history.rig.now_ms - history.began_ms) * CLOCK_BUDGET_EARN / 1000);
    rig_passes(&history.rig, rig_rules.knock_ms + WAIT_SLACK_MS);
    check(room_count(history.rig.room, ROOM_KNOCKING) == 0);
    check(room_count(history.rig.room, ROOM_ADMITTED) == 0);
    check(room_count(history.rig.room, ROOM_LOST) == 0);
}

static void rooms_are_sound_whatever_happens(void **state)
{
    unsigned waits = 0, played = 0;

    (void)state;
    for (uint64_t number = 1; number <= HISTORIES; number++) {
        live(number);
        waits += history.waits;
        played += history.rig.played;
        check_that_waits_end();
        rig_end(&history.rig);
        rig_end(&history.copy);
    }
    /* These histories do tell something. */
    assert_true(waits > HISTORIES / 20);
    assert_true(played > HISTORIES);
    print_message("%d histories, %u waits, %u changes of the clock\n", HISTORIES, waits, played);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rooms_are_sound_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
