/* SPDX-License-Identifier: MIT
 *
 * Players against a small model of libtorrent's picker: deadlines first, soonest first; then the
 * lowest index of priority > 0 when sequential, else any. One piece is fetched at a time, with
 * fixed bandwidth. Everything follows from a seed, which a failure names.
 */
#include "sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PIECES_MAX = 1024,
    FILES_MAX = 4,
    PLAYERS_MAX = 12,
    TICK_MS = 50,
    RENEW_MS = 1000,
    NONE = UINT32_MAX,
};
#define HOUR_MS 3600000ULL

struct model_deadline {
    uint32_t piece;
    uint64_t at_ms;
};

struct player {
    bool is_open;
    uint64_t id, position, end;
    uint32_t file;
    uint64_t bytes_per_s;
    bool is_waiting, has_started;
    uint64_t renewed_ms, paused_until_ms;
    uint32_t pieces_at_wait; /* world.done when it began to wait for its head */
    uint32_t stalls, longest_wait;
};

struct world {
    uint64_t seed, random, now_ms;
    struct sched *sched;
    struct sched_layout layout;
    struct sched_file files[FILES_MAX];

    /* libtorrent */
    uint8_t have[PIECES_MAX], priorities[PIECES_MAX];
    uint32_t got[PIECES_MAX]; /* bytes of unfinished pieces are kept */
    bool is_sequential;
    size_t deadline_count;
    struct model_deadline deadlines[PIECES_MAX];
    uint32_t fetching;
    uint64_t bytes_per_tick;

    uint32_t done, plans;
    uint64_t next_id;
    struct player players[PLAYERS_MAX];
};

#define check(world, cond)                                                                         \
    do {                                                                                           \
        if (!(cond))                                                                               \
            fail_msg("seed %llu at %llu ms: %s", (unsigned long long)(world)->seed,                \
                     (unsigned long long)(world)->now_ms, #cond);                                  \
    } while (0)

/* xorshift64*: the same on every machine. */
static uint64_t roll(struct world *world, uint64_t below)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return (world->random * 2685821657736338717ULL >> 16) % below;
}

static uint64_t roll_between(struct world *world, uint64_t low, uint64_t high)
{
    return low + roll(world, high - low + 1);
}

static void seed_world(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->random = seed * 0x9E3779B97F4A7C15ULL + 1;
    world->fetching = NONE;
}

/* Piece sizes of real torrents: 64 KiB to 4 MiB. */
static void open_world(struct world *world, size_t file_count)
{
    uint32_t piece_bytes = 1U << roll_between(world, 16, 22);
    uint64_t offset = 0;

    for (size_t i = 0; i < file_count; i++) {
        uint64_t pieces = roll_between(world, 20, 120);

        world->files[i] = (struct sched_file){
            .offset = offset,
            .size = pieces * piece_bytes - roll(world, piece_bytes),
            .is_wanted = roll(world, 4) != 0,
            .is_media = roll(world, 4) != 0,
        };
        offset += world->files[i].size;
    }
    world->layout = (struct sched_layout){
        .piece_count = (uint32_t)((offset + piece_bytes - 1) / piece_bytes),
        .piece_bytes = piece_bytes,
        .total_bytes = offset,
        .file_count = file_count,
        .files = world->files,
    };
    check(world, world->layout.piece_count <= PIECES_MAX);
    world->sched = sched_new(&world->layout, NULL);
    check(world, world->sched != NULL);
}

static void drop_deadline(struct world *world, size_t i)
{
    world->deadlines[i] = world->deadlines[--world->deadline_count];
}

static void set_deadline(struct world *world, struct sched_deadline deadline)
{
    size_t i = 0;

    check(world, !world->have[deadline.piece]);
    if (world->deadline_count == 0)
        world->fetching = NONE; /* cancel_non_critical() */
    for (; i < world->deadline_count && world->deadlines[i].piece != deadline.piece; i++)
        ;
    world->deadlines[i] = (struct model_deadline){deadline.piece, world->now_ms + deadline.in_ms};
    if (i == world->deadline_count)
        world->deadline_count++;
}

static void apply(struct world *world, const struct sched_plan *plan)
{
    check(world, plan->deadline_count <= SCHED_DEADLINES_MAX);
    if (plan->clears_deadlines) {
        check(world, plan->has_new_priorities);
        world->deadline_count = 0;
    }
    if (!plan->has_new_priorities)
        check(world, memcmp(world->priorities, plan->priorities, world->layout.piece_count) == 0);
    for (uint32_t i = 0; i < world->layout.piece_count; i++)
        check(world, plan->priorities[i] == 0 || plan->priorities[i] == SCHED_WANTED ||
                         plan->priorities[i] == SCHED_FIRST);
    memcpy(world->priorities, plan->priorities, world->layout.piece_count);
    for (size_t i = world->deadline_count; i-- > 0;)
        if (world->priorities[world->deadlines[i].piece] == 0)
            drop_deadline(world, i);
    world->is_sequential = plan->is_sequential;
    for (size_t i = 0; i < plan->deadline_count; i++) {
        check(world, plan->priorities[plan->deadlines[i].piece] > 0);
        set_deadline(world, plan->deadlines[i]);
    }
    /* What the scheduler believes to stand is what stands. */
    check(world, world->deadline_count == plan->deadline_count);
    if (world->fetching != NONE && world->priorities[world->fetching] == 0)
        world->fetching = NONE;
    world->plans++;
}

static void replan(struct world *world)
{
    struct sched_plan plan;

    while (sched_plan(world->sched, world->now_ms, &plan)) {
        apply(world, &plan);
        check(world, !sched_plan(world->sched, world->now_ms, &plan));
    }
}

static bool is_fetchable(const struct world *world, uint32_t piece)
{
    return !world->have[piece] && world->priorities[piece] > 0;
}

/* The next of that priority at least, from `start` on and round. */
static uint32_t next_fetchable(const struct world *world, uint32_t start, uint8_t priority)
{
    uint32_t count = world->layout.piece_count;

    for (uint32_t i = 0; i < count; i++)
        if (is_fetchable(world, (start + i) % count) &&
            world->priorities[(start + i) % count] >= priority)
            return (start + i) % count;
    return NONE;
}

static uint32_t pick(struct world *world)
{
    uint32_t piece, anywhere = (uint32_t)roll(world, world->layout.piece_count);
    size_t soonest = 0;

    for (size_t i = 1; i < world->deadline_count; i++)
        if (world->deadlines[i].at_ms < world->deadlines[soonest].at_ms)
            soonest = i;
    if (world->deadline_count > 0)
        return world->deadlines[soonest].piece;
    piece = next_fetchable(world, anywhere, SCHED_FIRST);
    if (piece != NONE)
        return piece;
    return next_fetchable(world, world->is_sequential ? 0 : anywhere, SCHED_WANTED);
}

/* The piece lies ahead of somebody who plays a file that lacks more, there or elsewhere. */
static bool needs_more(const struct world *world, uint32_t piece)
{
    uint32_t piece_bytes = world->layout.piece_bytes;

    for (size_t i = 0; i < PLAYERS_MAX; i++) {
        const struct player *player = &world->players[i];
        const struct sched_file *file = &world->files[player->file];
        uint64_t first = file->offset / piece_bytes;
        uint64_t last = (file->offset + file->size - 1) / piece_bytes;

        if (!player->is_open || player->end < file->size || piece > last ||
            piece < (file->offset + player->position) / piece_bytes)
            continue;
        if (memchr(world->have + first, 0, last - first + 1) != NULL)
            return true;
    }
    return false;
}

static void finish_piece(struct world *world, uint32_t piece)
{
    world->have[piece] = 1;
    world->done++;
    for (size_t i = world->deadline_count; i-- > 0;)
        if (world->deadlines[i].piece == piece)
            drop_deadline(world, i);
    sched_piece_ready(world->sched, piece);
    /* What is wanted has not run out, whatever the scheduler says next. */
    check(world, !needs_more(world, piece) || next_fetchable(world, 0, SCHED_WANTED) != NONE);
    replan(world);
}

static uint64_t piece_size(const struct world *world, uint32_t piece)
{
    uint64_t from = (uint64_t)piece * world->layout.piece_bytes;
    uint64_t left = world->layout.total_bytes - from;

    return left < world->layout.piece_bytes ? left : world->layout.piece_bytes;
}

static void fetch(struct world *world)
{
    uint64_t budget = world->bytes_per_tick;

    while (budget > 0) {
        if (world->fetching == NONE)
            world->fetching = pick(world);
        if (world->fetching == NONE)
            return;

        uint32_t piece = world->fetching;
        uint64_t left = piece_size(world, piece) - world->got[piece];
        uint64_t take = left < budget ? left : budget;

        world->got[piece] += (uint32_t)take;
        budget -= take;
        if (take == left) {
            world->fetching = NONE;
            finish_piece(world, piece);
        }
    }
}

static void report(struct world *world, struct player *player)
{
    struct sched_reader reader = {
        .id = player->id,
        .file = player->file,
        .position = player->position,
        .end = player->end,
        .is_waiting = player->is_waiting,
    };

    check(world, sched_read(world->sched, &reader, world->now_ms));
    player->renewed_ms = world->now_ms;
    replan(world);
}

static void wait_from_now(struct world *world, struct player *player)
{
    uint64_t ready = sched_buffered(world->sched, player->file, player->position);

    player->is_waiting = ready == 0 && player->position < player->end;
    player->pieces_at_wait = world->done;
}

static void seek(struct world *world, struct player *player, uint64_t position, uint64_t end)
{
    player->position = position;
    player->end = end;
    player->has_started = false;
    wait_from_now(world, player);
    report(world, player);
}

static struct player *open_player(struct world *world, struct player *player, uint32_t file,
                                  uint64_t bytes_per_s, uint64_t position)
{
    *player = (struct player){
        .is_open = true,
        .id = ++world->next_id,
        .file = file,
        .bytes_per_s = bytes_per_s,
    };
    sched_describe(world->sched, file, roll(world, 2) != 0 ? bytes_per_s : 0);
    seek(world, player, position, world->files[file].size);
    return player;
}

static void close_player(struct world *world, struct player *player)
{
    player->is_open = false;
    sched_close(world->sched, player->id);
    replan(world);
}

/* Starts after two seconds of media and two pieces, or whatever is left. */
static bool may_start(const struct world *world, const struct player *player, uint64_t ready)
{
    uint64_t prebuffer = 2 * player->bytes_per_s + 2ULL * world->layout.piece_bytes;
    uint64_t left = player->end - player->position;

    return ready >= prebuffer || ready >= left;
}

static void play(struct world *world, struct player *player)
{
    bool was_waiting = player->is_waiting;
    uint64_t ready = sched_buffered(world->sched, player->file, player->position);
    uint64_t left = player->end - player->position;
    uint64_t step = player->bytes_per_s * TICK_MS / 1000;

    if (ready > 0 && player->is_waiting) {
        uint32_t waited = world->done - player->pieces_at_wait;

        player->longest_wait = waited > player->longest_wait ? waited : player->longest_wait;
        player->is_waiting = false;
    }
    if (world->now_ms < player->paused_until_ms)
        step = 0;
    step = step < left ? step : left;
    player->has_started |= may_start(world, player, ready);
    if (player->has_started && step <= ready) {
        player->position += step;
    } else if (player->has_started && step > ready) {
        player->position += ready;
        player->stalls++;
        player->has_started = false;
    }
    if (!player->is_waiting)
        wait_from_now(world, player);
    if (player->is_waiting != was_waiting || world->now_ms >= player->renewed_ms + RENEW_MS)
        report(world, player);
}

static void tick(struct world *world)
{
    world->now_ms += TICK_MS;
    fetch(world);
    for (size_t i = 0; i < PLAYERS_MAX; i++)
        if (world->players[i].is_open)
            play(world, &world->players[i]);
    replan(world);
}

static bool is_through(const struct player *player)
{
    return player->position == player->end;
}

static uint64_t random_position(struct world *world, uint32_t file)
{
    return roll(world, world->files[file].size);
}

static void one_reader_with_bandwidth_to_spare_never_stalls(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        seed_world(&world, seed);
        open_world(&world, 1 + seed % FILES_MAX);
        uint32_t file = (uint32_t)roll(&world, world.layout.file_count);
        uint64_t bytes_per_s = roll_between(&world, 200000, 4000000);
        struct player *player = &world.players[0];
        unsigned seeks = 4;

        world.bytes_per_tick = bytes_per_s * roll_between(&world, 155, 400) / 100 * TICK_MS / 1000;
        open_player(&world, player, file, bytes_per_s, 0);
        while (!is_through(player) || seeks > 0) {
            tick(&world);
            check(&world, world.now_ms < HOUR_MS);
            check(&world, player->stalls == 0);
            if (seeks > 0 && (is_through(player) || roll(&world, 400) == 0)) {
                seek(&world, player, random_position(&world, file), world.files[file].size);
                seeks--;
            }
        }
        sched_free(&world.sched);
    }
}

static void seek_of_one_reader_is_served_by_the_next_piece(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        seed_world(&world, seed);
        open_world(&world, FILES_MAX);
        uint32_t file = (uint32_t)roll(&world, FILES_MAX);
        struct player *player = &world.players[0];

        world.bytes_per_tick = roll_between(&world, 1000, 200000);
        open_player(&world, player, file, 1000000, 0);
        for (unsigned i = 0; i < 20; i++) {
            uint32_t ticks = (uint32_t)roll(&world, 200);

            while (ticks-- > 0)
                tick(&world);
            if (roll(&world, 2)) { /* as browsers do: another request instead */
                close_player(&world, player);
                open_player(&world, player, file, 1000000, random_position(&world, file));
            } else {
                seek(&world, player, random_position(&world, file), world.files[file].size);
            }
            if (!player->is_waiting)
                continue;
            while (player->is_waiting)
                tick(&world);
            /* Within one tick the next pieces may already have come. */
            check(&world,
                  player->longest_wait <= 1 + world.bytes_per_tick / world.layout.piece_bytes + 1);
        }
        sched_free(&world.sched);
    }
}

/* Once what lies between them is fetched, the same pieces serve all: bandwidth for one is enough.
 */
static void players_of_one_room_share_what_is_fetched(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        seed_world(&world, seed);
        open_world(&world, 1);
        uint64_t bytes_per_s = roll_between(&world, 200000, 4000000), furthest = 0;
        size_t count = roll_between(&world, 2, 6), through = 0;
        bool is_shared = false;

        world.bytes_per_tick = bytes_per_s * 16 / 10 * TICK_MS / 1000;
        for (size_t i = 0; i < count; i++) {
            uint64_t position = roll(&world, bytes_per_s * 20) % (world.files[0].size / 2);

            furthest = position > furthest ? position : furthest;
            open_player(&world, &world.players[i], 0, bytes_per_s, i == 0 ? 0 : position);
        }
        while (through < count) {
            tick(&world);
            check(&world, world.now_ms < HOUR_MS);
            bool was_shared = is_shared;

            is_shared = sched_buffered(world.sched, 0, 0) >= furthest;
            through = 0;
            for (size_t i = 0; i < count; i++) {
                struct player *player = &world.players[i];

                if (!was_shared && is_shared)
                    player->has_started = false; /* prebuffers once more */
                if (!was_shared)
                    player->stalls = 0;
                check(&world, player->stalls == 0);
                through += is_through(player);
            }
        }
        sched_free(&world.sched);
    }
}

static void two_far_readers_with_bandwidth_to_spare_never_stall(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        seed_world(&world, seed);
        open_world(&world, 2 + seed % 2);
        uint64_t bytes_per_s = roll_between(&world, 200000, 2000000);
        struct player *a = &world.players[0], *b = &world.players[1];

        world.bytes_per_tick = bytes_per_s * 2 * 2 * TICK_MS / 1000;
        open_player(&world, a, (uint32_t)roll(&world, 2), bytes_per_s, 0);
        for (unsigned i = 0; i < 100; i++)
            tick(&world);
        uint32_t file = (uint32_t)roll(&world, world.layout.file_count);

        open_player(&world, b, file, bytes_per_s, random_position(&world, file));
        while (!is_through(a) || !is_through(b)) {
            tick(&world);
            check(&world, world.now_ms < HOUR_MS);
            check(&world, b->stalls == 0);
        }
        sched_free(&world.sched);
    }
}

/* Anything a player or a person may do, at random. */
static void disturb(struct world *world, struct player *player)
{
    uint64_t size = world->files[player->file].size;
    uint64_t position = random_position(world, player->file);

    switch (roll(world, 9)) {
    case 0:
    case 1:
        seek(world, player, position, size);
        break;
    case 2: /* another request */
        close_player(world, player);
        open_player(world, player, player->file, player->bytes_per_s, position);
        break;
    case 3: /* the old request was never closed: its lease runs out */
        if (sched_readers(world->sched, NULL, 0) < SCHED_READERS_MAX / 2)
            player->id = ++world->next_id;
        seek(world, player, position, size);
        break;
    case 4: /* a probe */
        seek(world, player, position, position + 1 + roll(world, size - position));
        break;
    case 5:
        player->paused_until_ms = world->now_ms + roll(world, 30000);
        break;
    case 6:
        sched_set_background(world->sched, roll(world, 2));
        break;
    case 7:
        sched_set_wanted(world->sched, (uint32_t)roll(world, world->layout.file_count),
                         roll(world, 2), roll(world, 2));
        break;
    default: { /* a recheck finds a bad piece */
        uint32_t piece = (uint32_t)roll(world, world->layout.piece_count);

        world->got[piece] = world->have[piece] ? 0 : world->got[piece];
        world->have[piece] = 0;
        sched_piece_lost(world->sched, piece);
    }
    }
    replan(world);
}

static void nobody_starves_whatever_happens(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        seed_world(&world, seed);
        open_world(&world, roll_between(&world, 1, FILES_MAX));
        size_t count = roll_between(&world, 1, PLAYERS_MAX), through = 0;
        unsigned disturbances = 60;
        uint64_t sum = 0;

        for (size_t i = 0; i < count; i++) {
            uint32_t file = (uint32_t)roll(&world, world.layout.file_count);
            uint64_t bytes_per_s = roll_between(&world, 100000, 2000000);

            sum += bytes_per_s;
            open_player(&world, &world.players[i], file, bytes_per_s,
                        random_position(&world, file));
        }
        /* From far too little to plenty. */
        world.bytes_per_tick = sum * roll_between(&world, 20, 300) / 100 * TICK_MS / 1000;
        while (through < count || disturbances > 0) {
            tick(&world);
            check(&world, world.now_ms < 24 * HOUR_MS);
            if (disturbances > 0 && roll(&world, 50) == 0) {
                disturb(&world, &world.players[roll(&world, count)]);
                disturbances--;
            }
            through = 0;
            for (size_t i = 0; i < count; i++) {
                const struct player *player = &world.players[i];
                uint32_t waited = player->is_waiting ? world.done - player->pieces_at_wait : 0;
                uint32_t per_tick = (uint32_t)(world.bytes_per_tick / world.layout.piece_bytes);

                check(&world, waited <= 4 * PLAYERS_MAX + per_tick);
                through += is_through(player);
            }
        }
        for (size_t i = 0; i < count; i++)
            close_player(&world, &world.players[i]);
        sched_free(&world.sched);
    }
}

static void background_alone_completes_what_is_wanted(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        seed_world(&world, seed);
        open_world(&world, FILES_MAX);
        world.bytes_per_tick = world.layout.piece_bytes;
        replan(&world);
        for (unsigned i = 0; i < PIECES_MAX; i++)
            tick(&world);
        for (uint32_t i = 0; i < FILES_MAX; i++)
            if (world.files[i].is_wanted)
                check(&world, sched_buffered(world.sched, i, 0) == world.files[i].size);
        check(&world, world.plans <= 2);
        sched_free(&world.sched);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_reader_with_bandwidth_to_spare_never_stalls),
        cmocka_unit_test(seek_of_one_reader_is_served_by_the_next_piece),
        cmocka_unit_test(players_of_one_room_share_what_is_fetched),
        cmocka_unit_test(two_far_readers_with_bandwidth_to_spare_never_stall),
        cmocka_unit_test(nobody_starves_whatever_happens),
        cmocka_unit_test(background_alone_completes_what_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
