/* SPDX-License-Identifier: MIT */
#include "sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB (1ULL << 20)
enum { REST_MS = 3000 }; /* as in sched_plan.c */

/* Pieces of 1 MiB: a film of 400, a second film of 300 and a subtitle that shares piece 700 with
 * nobody. */
enum { FILM, SEQUEL, SUBTITLE, PIECES = 701 };

static const struct sched_file film_files[] = {
    [FILM] = {.offset = 0, .size = 400 * MIB, .is_wanted = true, .is_media = true},
    [SEQUEL] = {.offset = 400 * MIB, .size = 300 * MIB, .is_wanted = true, .is_media = true},
    [SUBTITLE] = {.offset = 700 * MIB, .size = 1000, .is_wanted = true},
};

struct stage {
    struct sched *sched;
    struct sched_plan plan;
    uint8_t have[PIECES];
};

static void open_stage(struct stage *stage)
{
    struct sched_layout layout = {.piece_count = PIECES,
                                  .piece_bytes = MIB,
                                  .total_bytes = 700 * MIB + 1000,
                                  .file_count = 3,
                                  .files = film_files};

    memset(stage, 0, sizeof(*stage));
    stage->sched = sched_new(&layout, NULL);
    assert_non_null(stage->sched);
}

static void close_stage(struct stage *stage)
{
    sched_free(&stage->sched);
    assert_null(stage->sched);
}

/* Asks for a plan and checks what must hold for every plan. */
static bool replan(struct stage *stage, uint64_t now_ms)
{
    if (!sched_plan(stage->sched, now_ms, &stage->plan))
        return false;
    assert_true(stage->plan.deadline_count <= SCHED_DEADLINES_MAX);
    for (size_t i = 0; i < stage->plan.deadline_count; i++) {
        uint32_t piece = stage->plan.deadlines[i].piece;

        assert_true(piece < PIECES);
        assert_false(stage->have[piece]);
        assert_int_not_equal(stage->plan.priorities[piece], 0);
        if (i > 0)
            assert_true(stage->plan.deadlines[i - 1].in_ms < stage->plan.deadlines[i].in_ms);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(stage->plan.deadlines[k].piece, piece);
    }
    for (uint32_t i = 0; i < PIECES; i++)
        assert_true(stage->plan.priorities[i] == 0 || stage->plan.priorities[i] == SCHED_WANTED ||
                    stage->plan.priorities[i] == SCHED_FIRST);
    if (stage->plan.clears_deadlines)
        assert_true(stage->plan.has_new_priorities);
    return true;
}

static void make_ready(struct stage *stage, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        stage->have[i] = 1;
        sched_piece_ready(stage->sched, i);
    }
}

/* A player that asks for the rest of the file. */
static struct sched_reader player(uint64_t id, uint32_t file, uint64_t position)
{
    return (struct sched_reader){
        .id = id, .file = file, .position = position, .end = film_files[file].size};
}

static void read_at(struct stage *stage, struct sched_reader reader, uint64_t now_ms)
{
    assert_true(sched_read(stage->sched, &reader, now_ms));
}

static const struct sched_deadline *deadline_of(const struct stage *stage, uint32_t piece)
{
    for (size_t i = 0; i < stage->plan.deadline_count; i++)
        if (stage->plan.deadlines[i].piece == piece)
            return &stage->plan.deadlines[i];
    return NULL;
}

static void expect_priorities(const struct stage *stage, uint32_t first, uint32_t last,
                              uint8_t priority)
{
    for (uint32_t i = first; i <= last; i++)
        if (stage->plan.priorities[i] != priority)
            fail_msg("piece %u has priority %u", i, stage->plan.priorities[i]);
}

static struct sched_view view_of(const struct stage *stage, uint64_t id)
{
    struct sched_view views[SCHED_READERS_MAX];
    size_t count = sched_readers(stage->sched, views, SCHED_READERS_MAX);

    for (size_t i = 0; i < count; i++)
        if (views[i].id == id)
            return views[i];
    fail_msg("no reader %llu", (unsigned long long)id);
    return views[0];
}

static void layouts_that_make_no_sense_are_refused(void **state)
{
    static const struct sched_file inside = {.offset = 0, .size = 10};
    static const struct sched_file outside = {.offset = 5, .size = 16};
    static const struct sched_file overflow = {.offset = 5, .size = UINT64_MAX};
    static const struct {
        const char *name;
        struct sched_layout layout;
        bool is_fine;
    } cases[] = {
        {"plain", {2, 16, 20, 1, &inside}, true},
        {"no files", {2, 16, 20, 0, NULL}, true},
        {"last piece full", {2, 16, 32, 1, &inside}, true},
        {"no pieces", {0, 16, 0, 0, NULL}, false},
        {"too many pieces", {(1 << 24) + 1, 16, (1 << 28) + 16, 0, NULL}, false},
        {"empty pieces", {2, 0, 0, 0, NULL}, false},
        {"too few bytes", {2, 16, 16, 1, &inside}, false},
        {"too many bytes", {2, 16, 33, 1, &inside}, false},
        {"file beyond the end", {2, 16, 20, 1, &outside}, false},
        {"file size overflows", {2, 16, 20, 1, &overflow}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sched *sched = sched_new(&cases[i].layout, NULL);

        if ((sched != NULL) != cases[i].is_fine)
            fail_msg("%s", cases[i].name);
        sched_free(&sched);
    }
}

static void without_readers_wanted_files_are_fetched_rarest_first(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    assert_true(replan(&stage, 0));
    assert_false(stage.plan.is_sequential);
    assert_true(stage.plan.has_new_priorities);
    expect_priorities(&stage, 0, PIECES - 1, 4);
    assert_false(replan(&stage, 10));
    assert_false(replan(&stage, 10000)); /* no watchdog without readers */

    sched_set_wanted(stage.sched, SEQUEL, false, false);
    assert_true(replan(&stage, 10000));
    expect_priorities(&stage, 0, 399, 4);
    expect_priorities(&stage, 400, 699, 0);
    expect_priorities(&stage, 700, 700, 4);
    sched_set_wanted(stage.sched, 99, true, false);
    assert_false(replan(&stage, 10000));
    close_stage(&stage);
}

static void files_that_come_first_come_before_the_others_until_somebody_reads(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    assert_true(replan(&stage, 0));
    sched_set_wanted(stage.sched, SEQUEL, true, true);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, 399, 4);
    expect_priorities(&stage, 400, 699, 7);
    expect_priorities(&stage, 700, 700, 4);
    sched_set_wanted(stage.sched, SEQUEL, true, true);
    assert_false(replan(&stage, 0));

    read_at(&stage, player(1, FILM, 0), 0);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, 399, 4);
    expect_priorities(&stage, 400, 699, 0);
    close_stage(&stage);
}

static void background_off_fetches_nothing(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    sched_set_background(stage.sched, false);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, PIECES - 1, 0);
    assert_int_equal(stage.plan.deadline_count, 0);
    sched_set_background(stage.sched, true);
    assert_true(replan(&stage, 10));
    expect_priorities(&stage, 0, PIECES - 1, 4);
    close_stage(&stage);
}

static void head_and_tail_of_media_come_early_once(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    assert_true(replan(&stage, 0));
    assert_int_equal(stage.plan.deadline_count, 4);
    assert_non_null(deadline_of(&stage, 0));
    assert_non_null(deadline_of(&stage, 399));
    assert_non_null(deadline_of(&stage, 400));
    assert_non_null(deadline_of(&stage, 699));

    make_ready(&stage, 0, 1);
    make_ready(&stage, 399, 2);
    make_ready(&stage, 699, 1);
    assert_false(replan(&stage, 100));
    sched_piece_lost(stage.sched, 0);
    stage.have[0] = 0;
    assert_false(replan(&stage, 200));
    close_stage(&stage);
}

static void head_and_tail_wait_until_nobody_reads(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 10 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_null(deadline_of(&stage, 0));
    assert_null(deadline_of(&stage, 399));
    sched_close(stage.sched, 1);
    assert_false(replan(&stage, 100));
    assert_true(replan(&stage, 100 + REST_MS));
    assert_non_null(deadline_of(&stage, 0));
    assert_non_null(deadline_of(&stage, 399));
    close_stage(&stage);
}

static void early_deadline_that_nobody_can_meet_is_let_go(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    assert_true(replan(&stage, 0));
    assert_false(replan(&stage, 14000));
    assert_true(replan(&stage, 15051));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadline_count, 0);
    assert_false(replan(&stage, 60000));
    close_stage(&stage);
}

static void early_deadlines_are_void_once_somebody_reads(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 10, 15); /* no seek: the head is there */
    assert_true(replan(&stage, 0));
    assert_int_equal(stage.plan.deadline_count, 4);
    read_at(&stage, player(1, FILM, 10 * MIB), 10);
    assert_true(replan(&stage, 10));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadline_count, 0);
    close_stage(&stage);
}

static void early_deadlines_of_many_files_are_bounded(void **state)
{
    struct sched_file songs[100];
    struct sched_layout layout = {.piece_count = 100,
                                  .piece_bytes = 1000,
                                  .total_bytes = 100000,
                                  .file_count = 100,
                                  .files = songs};
    struct sched_plan plan;

    (void)state;
    for (size_t i = 0; i < 100; i++)
        songs[i] = (struct sched_file){
            .offset = i * 1000, .size = 1000, .is_wanted = true, .is_media = true};
    struct sched *sched = sched_new(&layout, NULL);

    assert_true(sched_plan(sched, 0, &plan));
    assert_int_equal(plan.deadline_count, SCHED_DEADLINES_MAX);
    for (uint32_t i = 0; i < SCHED_DEADLINES_MAX; i++)
        sched_piece_ready(sched, i);
    assert_false(sched_plan(sched, 1000, &plan));
    sched_free(&sched);
}

static void reader_filters_all_before_its_head_and_all_other_files(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 0, 99, 0);
    expect_priorities(&stage, 100, 399, 4);
    expect_priorities(&stage, 400, PIECES - 1, 0);
    close_stage(&stage);
}

static void seek_to_a_missing_piece_clears_once_and_asks_for_two(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    replan(&stage, 0);
    read_at(&stage, player(1, FILM, 0), 0);
    assert_true(replan(&stage, 0));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadline_count, 2);
    assert_int_equal(stage.plan.deadlines[0].piece, 0);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 0);
    assert_int_equal(stage.plan.deadlines[1].piece, 1);
    assert_int_equal(stage.plan.deadlines[1].in_ms, 50);
    assert_false(replan(&stage, 10));

    make_ready(&stage, 0, 2);
    assert_false(replan(&stage, 20));
    read_at(&stage, player(1, FILM, 200 * MIB + 5), 30);
    assert_true(replan(&stage, 30));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadlines[0].piece, 200);
    assert_int_equal(stage.plan.deadlines[1].piece, 201);
    assert_int_equal(stage.plan.deadline_count, 2);
    expect_priorities(&stage, 2, 199, 0);

    read_at(&stage, player(1, FILM, 50 * MIB), 40); /* and back */
    assert_true(replan(&stage, 40));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadlines[0].piece, 50);
    expect_priorities(&stage, 50, 399, 4);
    close_stage(&stage);
}

static void seek_to_a_ready_piece_clears_nothing(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 100, 30);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_false(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadline_count, 0);
    close_stage(&stage);
}

static void plain_playback_changes_nothing(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 0), 0);
    assert_true(replan(&stage, 0));
    for (uint32_t i = 0; i < 40; i++) {
        make_ready(&stage, i, 1);
        read_at(&stage, player(1, FILM, (i + 1) * MIB), 100ULL * (i + 1));
        assert_false(replan(&stage, 100ULL * (i + 1)));
    }
    close_stage(&stage);
}

static void watchdog_repeats_everything_while_somebody_reads(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 0), 0);
    assert_true(replan(&stage, 0));
    assert_false(replan(&stage, SCHED_WATCHDOG_MS - 1));
    assert_true(replan(&stage, SCHED_WATCHDOG_MS));
    assert_true(stage.plan.has_new_priorities);
    assert_false(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadline_count, 2);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 0);
    assert_false(replan(&stage, SCHED_WATCHDOG_MS + 1));
    close_stage(&stage);
}

static void lease_runs_out_and_background_returns(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    replan(&stage, SCHED_LEASE_MS);
    assert_int_equal(sched_readers(stage.sched, NULL, 0), 1);
    replan(&stage, SCHED_LEASE_MS + 1);
    assert_int_equal(sched_readers(stage.sched, NULL, 0), 0);
    assert_true(replan(&stage, SCHED_LEASE_MS + 1 + REST_MS));
    assert_false(stage.plan.is_sequential);
    expect_priorities(&stage, 0, PIECES - 1, 4);
    close_stage(&stage);
}

/* What libtorrent would be asked for if this plan were all that it ever heard. */
static uint32_t count_wanted(const struct stage *stage)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < PIECES; i++)
        count += stage->plan.priorities[i] > 0 && !stage->have[i];
    return count;
}

static void windows_that_run_out_are_widened_before(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 388 * MIB), 0);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, 387, 0);
    expect_priorities(&stage, 388, 399, SCHED_WANTED);
    make_ready(&stage, 388, 4); /* 8 MiB are left */
    assert_true(replan(&stage, 10));
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 0, 387, SCHED_WANTED);
    expect_priorities(&stage, 392, 399, SCHED_FIRST);
    expect_priorities(&stage, 400, PIECES - 1, 0);
    assert_non_null(deadline_of(&stage, 392)); /* no sequence goes there any more */
    assert_non_null(deadline_of(&stage, 393));

    make_ready(&stage, 0, 388); /* nor is there anything else in the file */
    assert_true(replan(&stage, 20));
    expect_priorities(&stage, 392, 399, SCHED_FIRST);
    expect_priorities(&stage, 400, PIECES - 1, SCHED_WANTED);
    close_stage(&stage);
}

/* The first second tells how fast a swarm is. */
static void open_stage_with_speed(struct stage *stage, uint32_t per_second)
{
    open_stage(stage);
    read_at(stage, player(1, FILM, 0), 0);
    assert_true(replan(stage, 0));
    make_ready(stage, 0, per_second);
    replan(stage, 500);
    replan(stage, 1000);
}

/* Top priority knows no order, so it waits for the last two seconds of a window. */
static void order_ends_no_sooner_than_the_swarm_is_fast(void **state)
{
    static const struct {
        uint32_t per_second, ordered, widened; /* the last two: pieces that are missing */
    } cases[] = {{0, 9, 8}, {1, 3, 2}, {3, 7, 6}, {40, 9, 8}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        uint32_t first = 400 - cases[i].ordered;

        open_stage_with_speed(&stage, cases[i].per_second);
        read_at(&stage, player(1, FILM, first * MIB), 2000);
        assert_true(replan(&stage, 2000));
        assert_true(stage.plan.is_sequential);
        expect_priorities(&stage, 40, first - 1, 0); /* the old place */
        expect_priorities(&stage, first, 399, SCHED_WANTED);
        make_ready(&stage, first, cases[i].ordered - cases[i].widened);
        assert_true(replan(&stage, 2010));
        expect_priorities(&stage, 40, first - 1, SCHED_WANTED);
        expect_priorities(&stage, 400 - cases[i].widened, 399, SCHED_FIRST);
        close_stage(&stage);
    }
}

static void speed_is_remembered_while_nothing_comes(void **state)
{
    struct stage stage;

    (void)state;
    open_stage_with_speed(&stage, 1);
    replan(&stage, 3000);
    replan(&stage, 9000);
    read_at(&stage, player(1, FILM, 396 * MIB), 9500);
    assert_true(replan(&stage, 9500));
    expect_priorities(&stage, 0, 395, 0);
    expect_priorities(&stage, 396, 399, SCHED_WANTED);
    close_stage(&stage);
}

/* An index is read at the end of a film, then its beginning, by another connection. */
static void something_is_wanted_between_two_readers(void **state)
{
    for (int has_background = 0; has_background <= 1; has_background++) {
        struct stage stage;

        (void)state;
        open_stage(&stage);
        sched_set_background(stage.sched, has_background);
        read_at(&stage, player(1, FILM, 395 * MIB), 0);
        assert_true(replan(&stage, 0));
        make_ready(&stage, 395, 5);
        assert_true(count_wanted(&stage) > 0);
        replan(&stage, 10);
        assert_true(count_wanted(&stage) > 0);
        sched_close(stage.sched, 1);
        replan(&stage, 20);
        assert_true(stage.plan.is_sequential);
        expect_priorities(&stage, 0, 10, SCHED_WANTED); /* a good guess, too */
        read_at(&stage, player(2, FILM, 48), 30);
        assert_true(replan(&stage, 30));
        expect_priorities(&stage, 0, 394, SCHED_WANTED);
        close_stage(&stage);
    }
}

static void sequence_goes_on_for_a_moment_when_the_last_reader_leaves(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    sched_close(stage.sched, 1);
    assert_false(replan(&stage, 10)); /* just as it was */
    assert_false(replan(&stage, 9 + REST_MS));
    assert_true(replan(&stage, 10 + REST_MS));
    assert_false(stage.plan.is_sequential);
    expect_priorities(&stage, 0, PIECES - 1, SCHED_WANTED);
    close_stage(&stage);
}

static void rest_without_background_is_bounded_and_ends(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    sched_set_background(stage.sched, false);
    make_ready(&stage, 100, 5);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    sched_close(stage.sched, 1);
    assert_true(replan(&stage, 10));
    expect_priorities(&stage, 105, 120, SCHED_WANTED);
    expect_priorities(&stage, 121, 399, 0);
    make_ready(&stage, 105, 2);
    replan(&stage, 20);
    expect_priorities(&stage, 121, 399, 0); /* what arrives does not move it */
    assert_true(replan(&stage, 10 + REST_MS));
    assert_int_equal(count_wanted(&stage), 0);
    close_stage(&stage);
}

static void paused_reader_keeps_its_window(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    for (uint64_t now_ms = 0; now_ms < 60000; now_ms += 3000) {
        read_at(&stage, player(1, FILM, 100 * MIB), now_ms);
        replan(&stage, now_ms);
        assert_true(stage.plan.is_sequential);
        expect_priorities(&stage, 100, 399, 4);
    }
    close_stage(&stage);
}

static void what_is_read_to_the_end_gives_way_to_background(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 380, 20);
    read_at(&stage, player(1, FILM, 390 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_false(stage.plan.is_sequential);
    expect_priorities(&stage, 0, 379, 4);
    expect_priorities(&stage, 400, PIECES - 1, 4);

    read_at(&stage, player(1, FILM, 400 * MIB), 10); /* position == size */
    assert_false(replan(&stage, 10));
    assert_int_equal(view_of(&stage, 1).head_piece, 399);
    assert_int_equal(view_of(&stage, 1).buffered_bytes, 0);

    for (uint32_t i = 385; i < 400; i++) {
        sched_piece_lost(stage.sched, i);
        stage.have[i] = 0;
    }
    read_at(&stage, player(1, FILM, 384 * MIB), 20);
    assert_true(replan(&stage, 20));
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 0, 379, 0);
    expect_priorities(&stage, 385, 399, 4);
    close_stage(&stage);
}

static void straggler_within_64_mib_shares_the_window(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 100, 80);
    read_at(&stage, player(1, FILM, 160 * MIB), 0);
    read_at(&stage, player(2, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_true(stage.plan.is_sequential);
    assert_int_equal(stage.plan.deadline_count, 0);
    expect_priorities(&stage, 0, 99, 0);
    expect_priorities(&stage, 100, 399, 4);
    close_stage(&stage);
}

/* A plays from piece 100, B from 300; both have some. */
static void open_far_apart(struct stage *stage, uint32_t ready_a, uint32_t ready_b)
{
    open_stage(stage);
    make_ready(stage, 100, ready_a);
    make_ready(stage, 300, ready_b);

    struct sched_reader a = player(1, FILM, 100 * MIB), b = player(2, FILM, 300 * MIB);

    sched_describe(stage->sched, FILM, MIB);
    read_at(stage, a, 0);
    read_at(stage, b, 0);
    assert_true(replan(stage, 0));
}

static void hungry_far_reader_lives_on_deadlines(void **state)
{
    struct stage stage;

    (void)state;
    open_far_apart(&stage, 5, 9); /* both hungry, A more so: the sequence serves it */
    expect_priorities(&stage, 0, 99, 0);
    expect_priorities(&stage, 105, 399, 4);
    assert_int_equal(stage.plan.deadline_count, 4); /* A too, to compete */
    assert_int_equal(stage.plan.deadlines[0].piece, 105);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 5000);
    assert_int_equal(stage.plan.deadlines[1].piece, 106);
    assert_int_equal(stage.plan.deadlines[2].piece, 309);
    assert_int_equal(stage.plan.deadlines[2].in_ms, 9000);
    assert_int_equal(stage.plan.deadlines[3].piece, 310);
    close_stage(&stage);
}

static void fed_far_reader_needs_no_deadline(void **state)
{
    struct stage stage;

    (void)state;
    open_far_apart(&stage, 12, 12);
    assert_int_equal(stage.plan.deadline_count, 0);
    close_stage(&stage);
}

static void focus_keeps_the_sequence_until_it_is_rich(void **state)
{
    struct stage stage;

    (void)state;
    open_far_apart(&stage, 12, 15); /* both poor: the first in the file has it */
    expect_priorities(&stage, 112, 399, 4);
    make_ready(&stage, 112, 47); /* 59 s, far more than the other's 15 */
    assert_false(replan(&stage, 100));
    make_ready(&stage, 159, 1);
    assert_true(replan(&stage, 200));
    assert_true(stage.plan.is_sequential);
    assert_int_equal(stage.plan.deadline_count, 0);
    expect_priorities(&stage, 160, 299, 0);
    expect_priorities(&stage, 315, 399, 4);
    close_stage(&stage);
}

static void rich_focus_hands_the_sequence_to_the_hungriest(void **state)
{
    struct stage stage;

    (void)state;
    open_far_apart(&stage, 60, 15);
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 160, 299, 0);
    expect_priorities(&stage, 315, 399, 4);
    make_ready(&stage, 315, 44); /* 59 s: not rich yet */
    assert_false(replan(&stage, 100));
    make_ready(&stage, 359, 1); /* both rich: rarest first for both */
    assert_true(replan(&stage, 200));
    assert_false(stage.plan.is_sequential);
    expect_priorities(&stage, 100, 399, 4);
    close_stage(&stage);
}

static void reader_of_a_later_file_stays_wanted_after_the_focus(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 100, 30);
    make_ready(&stage, 500, 15);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    read_at(&stage, player(2, SEQUEL, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, 99, 0);
    expect_priorities(&stage, 130, 399, 4);
    expect_priorities(&stage, 400, 499, 0);
    expect_priorities(&stage, 515, 699, 4);
    expect_priorities(&stage, 700, 700, 0);
    close_stage(&stage);
}

static void reader_of_an_earlier_file_gets_only_its_deadlines(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, SEQUEL, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    read_at(&stage, player(2, FILM, 100 * MIB), 100);
    assert_true(replan(&stage, 100));
    assert_true(stage.plan.clears_deadlines);
    expect_priorities(&stage, 0, 99, 0);
    expect_priorities(&stage, 100, 101, 4);
    expect_priorities(&stage, 102, 499, 0);
    expect_priorities(&stage, 500, 699, 4);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 0);
    assert_non_null(deadline_of(&stage, 100));
    assert_non_null(deadline_of(&stage, 101));
    assert_non_null(deadline_of(&stage, 500)); /* the focus is hungry too and competes */

    sched_close(stage.sched, 2); /* its pieces drop to 0, and libtorrent their deadlines */
    assert_true(replan(&stage, 200));
    assert_true(stage.plan.has_new_priorities);
    expect_priorities(&stage, 100, 101, 0);
    assert_null(deadline_of(&stage, 100));
    close_stage(&stage);
}

static void small_range_does_not_move_the_head(void **state)
{
    struct stage stage;
    struct sched_reader probe = player(2, FILM, 300 * MIB + 100);

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 100, 15);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    probe.end = probe.position + SCHED_PROBE_BYTES;
    read_at(&stage, probe, 10);
    assert_true(replan(&stage, 10));
    assert_false(stage.plan.clears_deadlines);
    assert_false(stage.plan.has_new_priorities);
    assert_int_equal(stage.plan.deadline_count, 2);
    assert_int_equal(stage.plan.deadlines[0].piece, 300);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 0);
    assert_int_equal(stage.plan.deadlines[1].piece, 301);

    probe.position = 299 * MIB; /* before the head of nobody: its piece alone */
    probe.end = probe.position + 1;
    probe.id = 3;
    read_at(&stage, probe, 20);
    assert_true(replan(&stage, 20));
    assert_non_null(deadline_of(&stage, 299));
    expect_priorities(&stage, 0, 99, 0);
    close_stage(&stage);
}

static void lone_probe_comes_before_its_file(void **state)
{
    struct stage stage;
    struct sched_reader probe = player(1, FILM, 200 * MIB);

    (void)state;
    open_stage(&stage);
    probe.end = probe.position + 1000;
    read_at(&stage, probe, 0);
    assert_true(replan(&stage, 0));
    assert_true(stage.plan.is_sequential);
    assert_int_equal(stage.plan.deadline_count, 1);
    expect_priorities(&stage, 0, 199, SCHED_WANTED);
    expect_priorities(&stage, 200, 200, SCHED_FIRST);
    expect_priorities(&stage, 400, PIECES - 1, 0);
    sched_close(stage.sched, 1);
    replan(&stage, 10);
    assert_true(replan(&stage, 10 + REST_MS));
    assert_false(stage.plan.is_sequential);
    expect_priorities(&stage, 0, PIECES - 1, SCHED_WANTED);
    close_stage(&stage);
}

static void lone_probe_fetches_no_other_file(void **state)
{
    struct stage stage;
    struct sched_reader probe = player(1, SUBTITLE, 0);

    (void)state;
    open_stage(&stage);
    sched_set_background(stage.sched, false);
    read_at(&stage, probe, 0);
    assert_true(replan(&stage, 0));
    assert_int_equal(stage.plan.deadline_count, 1);
    expect_priorities(&stage, 0, 699, 0);
    expect_priorities(&stage, 700, 700, SCHED_FIRST);
    make_ready(&stage, 700, 1);
    replan(&stage, 10);
    expect_priorities(&stage, 0, 699, 0);
    assert_int_equal(count_wanted(&stage), 0);
    close_stage(&stage);
}

static void small_ranges_in_a_row_are_a_player(void **state)
{
    struct stage stage;
    struct sched_reader range = player(1, FILM, 10 * MIB);

    (void)state;
    open_stage(&stage);
    range.end = range.position + MIB / 2;
    read_at(&stage, range, 0);
    assert_true(replan(&stage, 0));
    expect_priorities(&stage, 0, 9, 4);
    sched_close(stage.sched, 1);
    range = player(2, FILM, 10 * MIB + MIB / 2);
    range.end = range.position + MIB / 2;
    read_at(&stage, range, 10);
    assert_true(replan(&stage, 10));
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 0, 9, 0);
    expect_priorities(&stage, 10, 399, 4);
    close_stage(&stage);
}

static void end_of_a_long_range_is_no_probe(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 390, 9);
    read_at(&stage, player(1, FILM, 390 * MIB), 0);
    read_at(&stage, player(1, FILM, 399 * MIB), 5000);
    assert_true(replan(&stage, 5000));
    assert_true(stage.plan.is_sequential);
    expect_priorities(&stage, 399, 399, SCHED_FIRST);
    assert_true(view_of(&stage, 1).bytes_per_s > 0); /* of a probe it would not be told */
    close_stage(&stage);
}

static void look_at_the_tail_does_not_move_the_head(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 100, 15);
    read_at(&stage, player(1, FILM, 100 * MIB), 0);
    assert_true(replan(&stage, 0));
    read_at(&stage, player(2, FILM, 390 * MIB), 10);
    assert_true(replan(&stage, 10));
    assert_false(stage.plan.clears_deadlines);
    assert_non_null(deadline_of(&stage, 390));
    assert_non_null(deadline_of(&stage, 391));
    expect_priorities(&stage, 115, 399, 4);

    sched_close(stage.sched, 1); /* alone, it is a player like any other */
    assert_true(replan(&stage, 20));
    expect_priorities(&stage, 100, 389, 0);
    expect_priorities(&stage, 390, 399, 4);
    close_stage(&stage);
}

static void bitrate_is_measured_from_movement(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 0, 400);
    read_at(&stage, player(1, FILM, 0), 0);
    assert_int_equal(view_of(&stage, 1).bytes_per_s, 0);
    for (uint64_t s = 1; s <= 40; s++) /* bursts: 4 MiB every 2 s */
        read_at(&stage, player(1, FILM, s / 2 * 4 * MIB), s * 1000);
    assert_in_range(view_of(&stage, 1).bytes_per_s, 19 * MIB / 10, 21 * MIB / 10);

    read_at(&stage, player(1, FILM, 390 * MIB), 41000); /* a jump inside ready data */
    assert_in_range(view_of(&stage, 1).bytes_per_s, 19 * MIB / 10, 21 * MIB / 10);
    read_at(&stage, player(1, FILM, 10 * MIB), 42000); /* and back */
    for (uint64_t s = 43; s <= 103; s += 3)            /* a pause */
        read_at(&stage, player(1, FILM, 10 * MIB), s * 1000);
    read_at(&stage, player(1, FILM, 12 * MIB), 104000);
    assert_in_range(view_of(&stage, 1).bytes_per_s, 10 * MIB / 10, 21 * MIB / 10);

    read_at(&stage, player(2, FILM, 50 * MIB), 105000); /* the next request inherits it */
    assert_int_equal(view_of(&stage, 2).bytes_per_s, view_of(&stage, 1).bytes_per_s);

    sched_describe(stage.sched, FILM, 123456); /* who knows ends all guessing */
    assert_int_equal(view_of(&stage, 2).bytes_per_s, 123456);
    for (uint64_t s = 106; s <= 116; s++)
        read_at(&stage, player(2, FILM, (s - 106 + 50) * MIB), s * 1000);
    assert_int_equal(view_of(&stage, 2).bytes_per_s, 123456);
    read_at(&stage, player(3, FILM, 0), 116000);
    assert_int_equal(view_of(&stage, 3).bytes_per_s, 123456);
    close_stage(&stage);
}

static void starved_reader_does_not_lower_the_bitrate(void **state)
{
    struct stage stage;
    struct sched_reader reader = player(1, FILM, 0);

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 0, 20);
    for (uint64_t s = 0; s <= 20; s++)
        read_at(&stage, player(1, FILM, s * MIB), s * 1000);
    for (uint32_t s = 21; s <= 60; s++) { /* a quarter of it, always waiting */
        reader.position = (20 + (s - 20) / 4) * MIB;
        reader.is_waiting = true;
        make_ready(&stage, 20 + (s - 20) / 4, 1);
        read_at(&stage, reader, s * 1000ULL);
    }
    assert_in_range(view_of(&stage, 1).bytes_per_s, 95 * MIB / 100, 105 * MIB / 100);
    close_stage(&stage);
}

static void probes_do_not_tell_the_bitrate(void **state)
{
    struct stage stage;
    struct sched_reader probe = player(1, FILM, 0);

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 0, 1);
    probe.end = 100000;
    read_at(&stage, probe, 0);
    probe.position = 100;
    read_at(&stage, probe, 5000);
    assert_int_equal(view_of(&stage, 1).bytes_per_s, 0);
    close_stage(&stage);
}

/* Ready pieces from the head on, step by step, and whether picking is then sequential. */
static void check_switch(uint64_t bytes_per_s, uint32_t rich, uint32_t poor)
{
    struct stage stage;
    struct sched_reader reader = player(1, FILM, 0);

    open_stage(&stage);
    sched_describe(stage.sched, FILM, bytes_per_s);
    read_at(&stage, reader, 0);
    replan(&stage, 0);
    make_ready(&stage, 0, rich - 1);
    replan(&stage, 0);
    assert_true(stage.plan.is_sequential);
    make_ready(&stage, rich - 1, 1);
    assert_true(replan(&stage, 0));
    assert_false(stage.plan.is_sequential);
    assert_false(stage.plan.has_new_priorities); /* still [head, end] */

    reader.position = (rich - poor) * MIB; /* consumed down to the lower bound */
    read_at(&stage, reader, 1);
    assert_false(replan(&stage, 1));
    reader.position++;
    read_at(&stage, reader, 2);
    assert_true(replan(&stage, 2));
    assert_true(stage.plan.is_sequential);
    make_ready(&stage, rich, poor); /* between the bounds: stays */
    assert_false(replan(&stage, 3));
    close_stage(&stage);
}

static void rich_buffer_returns_to_rarest_first_with_hysteresis(void **state)
{
    (void)state;
    check_switch(MIB, 60, 20);
    check_switch(MIB / 2, 30, 10);
    check_switch(0, 64, 20);
}

/* A minute of audio may be less than one piece; what is late comes by whole pieces. */
static void slow_media_in_large_pieces_needs_some_pieces_ahead(void **state)
{
    static const struct {
        uint32_t ready;
        bool is_sequential;
    } steps[] = {{5, true}, {6, false}};
    struct stage stage;
    struct sched_reader reader = player(1, FILM, 0);

    (void)state;
    open_stage(&stage);
    sched_describe(stage.sched, FILM, 1000);
    read_at(&stage, reader, 0);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        make_ready(&stage, 0, steps[i].ready);
        replan(&stage, 0);
        assert_int_equal(stage.plan.is_sequential, steps[i].is_sequential);
    }
    reader.position = 3 * MIB;
    read_at(&stage, reader, 100);
    assert_false(replan(&stage, 100));
    reader.position++;
    read_at(&stage, reader, 200);
    assert_true(replan(&stage, 200));
    assert_true(stage.plan.is_sequential);
    close_stage(&stage);
}

static void poorest_reader_decides_about_the_sequence(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 0, 150);
    read_at(&stage, player(1, FILM, 0), 0);
    assert_true(replan(&stage, 0));
    assert_false(stage.plan.is_sequential);
    read_at(&stage, player(2, FILM, 140 * MIB), 0);
    assert_true(replan(&stage, 0));
    assert_true(stage.plan.is_sequential);
    close_stage(&stage);
}

static void stuck_head_is_asked_for_again_once_a_second(void **state)
{
    struct stage stage;
    struct sched_reader reader = player(1, FILM, 10 * MIB);
    unsigned again = 0;

    (void)state;
    open_stage(&stage);
    make_ready(&stage, 10, 1);
    read_at(&stage, reader, 0);
    assert_true(replan(&stage, 0));
    assert_int_equal(stage.plan.deadline_count, 0);
    reader.position = 11 * MIB;
    reader.is_waiting = true;
    read_at(&stage, reader, 100);
    assert_false(replan(&stage, 100)); /* the sequence brings it */
    assert_false(replan(&stage, 1100));
    assert_true(replan(&stage, 1101));
    assert_false(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadlines[0].piece, 11);
    assert_int_equal(stage.plan.deadlines[0].in_ms, 0);
    for (uint64_t now_ms = 1101; now_ms <= 40000; now_ms += 50) {
        if (now_ms % 3000 < 50)
            read_at(&stage, reader, now_ms);
        if (replan(&stage, now_ms)) {
            again++;
            assert_false(stage.plan.clears_deadlines);
            assert_non_null(deadline_of(&stage, 11));
        }
    }
    assert_in_range(again, 36, 40);
    close_stage(&stage);
}

static void deadlines_stay_bounded_and_fair_with_many_far_readers(void **state)
{
    struct sched_layout layout = {.piece_count = 1 << 20,
                                  .piece_bytes = 1 << 20,
                                  .total_bytes = 1ULL << 40,
                                  .file_count = 1,
                                  .files = &(struct sched_file){.size = 1ULL << 40}};
    struct sched *sched = sched_new(&layout, NULL);
    struct sched_plan plan;

    (void)state;
    for (uint64_t i = 0; i < SCHED_READERS_MAX; i++) {
        struct sched_reader reader = {
            .id = i, .position = i << 33, .end = 1ULL << 40, .is_waiting = true};

        assert_true(sched_read(sched, &reader, i));
    }
    assert_true(sched_plan(sched, 100, &plan));
    assert_int_equal(plan.deadline_count, SCHED_DEADLINES_MAX);
    /* Each deadline met makes room for the next: in the end every head was served. */
    for (uint64_t round = 0; round < 4ULL * SCHED_READERS_MAX; round++) {
        sched_piece_ready(sched, plan.deadlines[0].piece);
        assert_true(sched_plan(sched, 200 + round, &plan));
        assert_true(plan.deadline_count <= SCHED_DEADLINES_MAX);
    }
    for (uint64_t i = 0; i < SCHED_READERS_MAX; i++)
        assert_true(sched_buffered(sched, 0, i << 33) > 0);
    sched_free(&sched);
}

static void hopeless_deadlines_make_room(void **state)
{
    struct sched_layout layout = {.piece_count = 1 << 20,
                                  .piece_bytes = 1 << 20,
                                  .total_bytes = 1ULL << 40,
                                  .file_count = 1,
                                  .files = &(struct sched_file){.size = 1ULL << 40}};
    struct sched *sched = sched_new(&layout, NULL);
    struct sched_plan plan;
    bool was_asked = false;

    (void)state;
    for (uint64_t now_ms = 0; now_ms < 60000; now_ms += 500) {
        for (uint64_t i = 0; i < 40; i++) {
            struct sched_reader reader = {
                .id = i, .position = i << 34, .end = 1ULL << 40, .is_waiting = true};

            /* The last one comes late and finds the table full of pieces that nobody has. */
            if ((i < 39 || now_ms > 3000) && now_ms % 3000 == 0)
                assert_true(sched_read(sched, &reader, now_ms));
        }
        if (!sched_plan(sched, now_ms, &plan))
            continue;
        for (size_t k = 0; k < plan.deadline_count; k++)
            was_asked |= plan.deadlines[k].piece == 39 << 14;
    }
    assert_true(was_asked);
    sched_free(&sched);
}

static void one_reader_too_many_is_refused_until_a_lease_runs_out(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    for (uint64_t id = 0; id < SCHED_READERS_MAX; id++)
        read_at(&stage, player(id, FILM, id * MIB), id == 7 ? 0 : 5000);
    struct sched_reader late = player(1000, FILM, 0);

    assert_false(sched_read(stage.sched, &late, 5000));
    read_at(&stage, player(8, FILM, 0), 5000); /* known ones always can */
    assert_true(sched_read(stage.sched, &late, SCHED_LEASE_MS + 1));
    assert_true(replan(&stage, SCHED_LEASE_MS + 1));
    close_stage(&stage);
}

static void readers_out_of_range_are_refused(void **state)
{
    struct stage stage;
    struct sched_reader reader = player(1, FILM, 400 * MIB + 1);

    (void)state;
    open_stage(&stage);
    assert_false(sched_read(stage.sched, &reader, 0));
    reader = player(1, FILM, 0);
    reader.file = 3;
    assert_false(sched_read(stage.sched, &reader, 0));
    reader = player(1, FILM, 10 * MIB);
    reader.end = UINT64_MAX; /* clamped */
    assert_true(sched_read(stage.sched, &reader, 0));
    reader.end = 0;
    assert_true(sched_read(stage.sched, &reader, 0));
    assert_true(replan(&stage, 0));
    assert_int_equal(sched_buffered(stage.sched, 3, 0), 0);
    assert_int_equal(sched_buffered(stage.sched, FILM, 400 * MIB + 1), 0);
    sched_close(stage.sched, 99);
    close_stage(&stage);
}

static void reader_may_move_to_another_file(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    read_at(&stage, player(1, FILM, 10 * MIB), 0);
    assert_true(replan(&stage, 0));
    read_at(&stage, player(1, SEQUEL, 10 * MIB), 10);
    assert_true(replan(&stage, 10));
    assert_true(stage.plan.clears_deadlines);
    assert_int_equal(stage.plan.deadlines[0].piece, 410);
    expect_priorities(&stage, 0, 409, 0);
    assert_int_equal(sched_readers(stage.sched, NULL, 0), 1);
    close_stage(&stage);
}

/* 10 bytes per piece, 45 bytes: a(0..12) b empty at 12, c(12..25), pad 25..30, d(30..45). */
static void odd_layouts_are_fine(void **state)
{
    static const struct sched_file files[] = {
        {.offset = 0, .size = 12, .is_wanted = true},
        {.offset = 12, .size = 0, .is_wanted = true, .is_media = true},
        {.offset = 12, .size = 13},
        {.offset = 30, .size = 15, .is_media = true},
        {.offset = 45, .size = 0, .is_wanted = true, .is_media = true},
    };
    struct sched_layout layout = {5, 10, 45, 5, files};
    struct sched *sched = sched_new(&layout, NULL);
    struct sched_plan plan;
    struct sched_reader empty = {.id = 1, .file = 4};

    (void)state;
    assert_true(sched_plan(sched, 0, &plan));
    assert_memory_equal(plan.priorities, "\4\4\0\0\0", 5);
    assert_int_equal(plan.deadline_count, 0);
    assert_true(sched_read(sched, &empty, 0));
    assert_false(sched_plan(sched, 0, &plan)); /* an empty file needs nothing */

    sched_set_background(sched, false);
    struct sched_reader c = {.id = 2, .file = 2, .position = 0, .end = 13};

    assert_true(sched_read(sched, &c, 0));
    assert_true(sched_plan(sched, 0, &plan));
    assert_memory_equal(plan.priorities, "\0\7\7\0\0", 5); /* piece 1 is shared with a */
    sched_piece_ready(sched, 1);
    assert_int_equal(sched_buffered(sched, 0, 0), 0);
    assert_int_equal(sched_buffered(sched, 0, 10), 2);
    assert_int_equal(sched_buffered(sched, 0, 12), 0);
    assert_int_equal(sched_buffered(sched, 1, 0), 0);
    assert_int_equal(sched_buffered(sched, 2, 0), 8);
    sched_piece_ready(sched, 2);
    assert_int_equal(sched_buffered(sched, 2, 0), 13); /* the pad is not counted */

    struct sched_reader d = {.id = 3, .file = 3, .position = 12, .end = 15};

    assert_true(sched_read(sched, &d, 0));
    assert_true(sched_plan(sched, 0, &plan));
    assert_memory_equal(plan.priorities + 3, "\4\7", 2);
    assert_int_equal(plan.deadlines[0].piece, 4);
    sched_piece_ready(sched, 4);
    assert_int_equal(sched_buffered(sched, 3, 12), 3); /* short last piece */
    sched_free(&sched);
}

static void single_piece_torrent_is_fine(void **state)
{
    struct sched_file file = {.offset = 0, .size = 7, .is_wanted = true, .is_media = true};
    struct sched_layout layout = {1, 16384, 7, 1, &file};
    struct sched *sched = sched_new(&layout, NULL);
    struct sched_reader reader = {.id = 1, .end = 7, .is_waiting = true};
    struct sched_plan plan;

    (void)state;
    assert_true(sched_plan(sched, 0, &plan));
    assert_int_equal(plan.deadline_count, 1);
    assert_true(sched_read(sched, &reader, 0));
    sched_plan(sched, 0, &plan);
    sched_piece_ready(sched, 0);
    assert_int_equal(sched_buffered(sched, 0, 3), 4);
    reader.position = 7;
    assert_true(sched_read(sched, &reader, 10));
    sched_plan(sched, 10, &plan);
    assert_true(sched_plan(sched, 10 + SCHED_WATCHDOG_MS, &plan));
    assert_int_equal(plan.deadline_count, 0);
    sched_free(&sched);
}

static void pieces_known_at_start_are_not_asked_for(void **state)
{
    uint8_t have[4] = {1, 0, 0, 1};
    struct sched_file file = {.offset = 0, .size = 40, .is_wanted = true, .is_media = true};
    struct sched_layout layout = {4, 10, 40, 1, &file};
    struct sched *sched = sched_new(&layout, have);
    struct sched_plan plan;

    (void)state;
    assert_true(sched_plan(sched, 0, &plan));
    assert_int_equal(plan.deadline_count, 0);
    assert_int_equal(sched_buffered(sched, 0, 0), 10);
    sched_free(&sched);
}

static void extreme_bitrates_do_not_overflow(void **state)
{
    static const struct {
        uint64_t bytes_per_s;
        uint32_t ready;
        bool is_sequential;
    } cases[] = {
        {1, 6, false},
        {1, 1, true},
        {1, 1 << 21, false},
        {1ULL << 40, 1, true},
        {1ULL << 40, 1 << 21, false},
        {UINT64_MAX, 1, true},
        {UINT64_MAX, 1 << 21, false},
    };
    struct sched_file file = {.offset = 0, .size = 1ULL << 53};
    struct sched_layout layout = {1 << 22, 1U << 31, 1ULL << 53, 1, &file};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sched *sched = sched_new(&layout, NULL);
        struct sched_reader reader = {.id = 1, .end = file.size};
        struct sched_plan plan;

        for (uint32_t piece = 0; piece < cases[i].ready; piece++)
            sched_piece_ready(sched, piece);
        sched_describe(sched, 0, cases[i].bytes_per_s);
        assert_true(sched_read(sched, &reader, 0));
        assert_true(sched_plan(sched, 0, &plan));
        assert_int_equal(plan.is_sequential, cases[i].is_sequential);
        sched_free(&sched);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_that_make_no_sense_are_refused),
        cmocka_unit_test(without_readers_wanted_files_are_fetched_rarest_first),
        cmocka_unit_test(files_that_come_first_come_before_the_others_until_somebody_reads),
        cmocka_unit_test(background_off_fetches_nothing),
        cmocka_unit_test(head_and_tail_of_media_come_early_once),
        cmocka_unit_test(head_and_tail_wait_until_nobody_reads),
        cmocka_unit_test(early_deadline_that_nobody_can_meet_is_let_go),
        cmocka_unit_test(early_deadlines_are_void_once_somebody_reads),
        cmocka_unit_test(early_deadlines_of_many_files_are_bounded),
        cmocka_unit_test(reader_filters_all_before_its_head_and_all_other_files),
        cmocka_unit_test(seek_to_a_missing_piece_clears_once_and_asks_for_two),
        cmocka_unit_test(seek_to_a_ready_piece_clears_nothing),
        cmocka_unit_test(plain_playback_changes_nothing),
        cmocka_unit_test(watchdog_repeats_everything_while_somebody_reads),
        cmocka_unit_test(lease_runs_out_and_background_returns),
        cmocka_unit_test(windows_that_run_out_are_widened_before),
        cmocka_unit_test(order_ends_no_sooner_than_the_swarm_is_fast),
        cmocka_unit_test(speed_is_remembered_while_nothing_comes),
        cmocka_unit_test(something_is_wanted_between_two_readers),
        cmocka_unit_test(sequence_goes_on_for_a_moment_when_the_last_reader_leaves),
        cmocka_unit_test(rest_without_background_is_bounded_and_ends),
        cmocka_unit_test(paused_reader_keeps_its_window),
        cmocka_unit_test(what_is_read_to_the_end_gives_way_to_background),
        cmocka_unit_test(straggler_within_64_mib_shares_the_window),
        cmocka_unit_test(hungry_far_reader_lives_on_deadlines),
        cmocka_unit_test(fed_far_reader_needs_no_deadline),
        cmocka_unit_test(focus_keeps_the_sequence_until_it_is_rich),
        cmocka_unit_test(rich_focus_hands_the_sequence_to_the_hungriest),
        cmocka_unit_test(reader_of_a_later_file_stays_wanted_after_the_focus),
        cmocka_unit_test(reader_of_an_earlier_file_gets_only_its_deadlines),
        cmocka_unit_test(small_range_does_not_move_the_head),
        cmocka_unit_test(lone_probe_comes_before_its_file),
        cmocka_unit_test(lone_probe_fetches_no_other_file),
        cmocka_unit_test(small_ranges_in_a_row_are_a_player),
        cmocka_unit_test(end_of_a_long_range_is_no_probe),
        cmocka_unit_test(look_at_the_tail_does_not_move_the_head),
        cmocka_unit_test(bitrate_is_measured_from_movement),
        cmocka_unit_test(starved_reader_does_not_lower_the_bitrate),
        cmocka_unit_test(probes_do_not_tell_the_bitrate),
        cmocka_unit_test(rich_buffer_returns_to_rarest_first_with_hysteresis),
        cmocka_unit_test(slow_media_in_large_pieces_needs_some_pieces_ahead),
        cmocka_unit_test(poorest_reader_decides_about_the_sequence),
        cmocka_unit_test(stuck_head_is_asked_for_again_once_a_second),
        cmocka_unit_test(deadlines_stay_bounded_and_fair_with_many_far_readers),
        cmocka_unit_test(hopeless_deadlines_make_room),
        cmocka_unit_test(one_reader_too_many_is_refused_until_a_lease_runs_out),
        cmocka_unit_test(readers_out_of_range_are_refused),
        cmocka_unit_test(reader_may_move_to_another_file),
        cmocka_unit_test(odd_layouts_are_fine),
        cmocka_unit_test(single_piece_torrent_is_fine),
        cmocka_unit_test(pieces_known_at_start_are_not_asked_for),
        cmocka_unit_test(extreme_bitrates_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
