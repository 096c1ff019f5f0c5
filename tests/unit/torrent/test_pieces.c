/* SPDX-License-Identifier: MIT */
#include "pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"

enum { PIECES = 10, BYTES = 100 };

struct stage {
    uint8_t have[PIECES], peers[PIECES], states[PIECES];
    struct pieces_facts facts;
    uint8_t ready[PIECES], shown[PIECES], rarest[PIECES];
};

static void open_stage(struct stage *stage)
{
    memset(stage, 0, sizeof(*stage));
    memset(stage->states, PIECE_MISSING, PIECES);
    stage->facts = (struct pieces_facts){.count = PIECES,
                                         .piece_bytes = BYTES,
                                         .have = stage->have,
                                         .peers = stage->peers,
                                         .states = stage->states};
}

static void a_cell_holds_as_many_pieces_as_it_must(void **state)
{
    (void)state;
    assert_int_equal(pieces_per_cell(0, 5), 1);
    assert_int_equal(pieces_per_cell(5, 5), 1);
    assert_int_equal(pieces_per_cell(6, 5), 2);
    assert_int_equal(pieces_per_cell(PIECES_CELLS, 0), 1);
    assert_int_equal(pieces_per_cell(PIECES_CELLS + 1, 0), 2);
    assert_int_equal(pieces_per_cell(1 << 24, PIECES_CELLS_MAX), 1024);
    assert_int_equal(pieces_per_cell(UINT32_MAX, 1), UINT32_MAX);
}

static void a_cell_tells_how_much_is_here_and_of_the_rest_what_most_happens(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    memset(stage.have, 1, 5);
    memset(stage.peers, 7, PIECES);
    stage.peers[4] = 2;
    stage.states[1] = PIECE_COMING; /* it is here: that counts no more */
    stage.states[6] = PIECE_READ_SOON;
    stage.states[7] = PIECE_SKIPPED;
    stage.states[9] = PIECE_SKIPPED;
    pieces_draw(&stage.facts, 3, stage.ready, stage.shown, stage.rarest);
    assert_memory_equal(stage.ready, ((uint8_t[]){255, 170, 0, 0}), 4);
    assert_memory_equal(
        stage.shown, ((uint8_t[]){PIECE_HERE, PIECE_MISSING, PIECE_READ_SOON, PIECE_SKIPPED}), 4);
    assert_memory_equal(stage.rarest, ((uint8_t[]){7, 2, 7, 7}), 4);
}

static void marks_cover_every_piece_that_is_touched_and_only_raise(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    stage.states[2] = PIECE_COMING;
    pieces_mark(&stage.facts, 199, 301, PIECE_READ_SOON);
    pieces_mark(&stage.facts, 500, 500, PIECE_READ_SOON);
    pieces_mark(&stage.facts, 899, UINT64_MAX, PIECE_READ_SOON);
    assert_memory_equal(stage.states,
                        ((uint8_t[]){PIECE_MISSING, PIECE_READ_SOON, PIECE_COMING, PIECE_READ_SOON,
                                     PIECE_MISSING, PIECE_MISSING, PIECE_MISSING, PIECE_MISSING,
                                     PIECE_READ_SOON, PIECE_READ_SOON}),
                        PIECES);
}

static void a_reader_wants_a_minute_but_nothing_behind_its_file(void **state)
{
    struct stage stage;

    (void)state;
    open_stage(&stage);
    pieces_mark_reader(&stage.facts, &(struct sched_view){.position = 50, .bytes_per_s = 4}, 200,
                       700);
    assert_memory_equal(stage.states,
                        ((uint8_t[]){PIECE_MISSING, PIECE_MISSING, PIECE_READ_SOON, PIECE_READ_SOON,
                                     PIECE_READ_SOON, PIECE_MISSING}),
                        6);
    open_stage(&stage);
    pieces_mark_reader(&stage.facts, &(struct sched_view){.position = 100}, 200, 250);
    assert_memory_equal(stage.states,
                        ((uint8_t[]){PIECE_MISSING, PIECE_MISSING, PIECE_MISSING, PIECE_READ_SOON,
                                     PIECE_READ_SOON, PIECE_MISSING}),
                        6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_holds_as_many_pieces_as_it_must),
        cmocka_unit_test(a_cell_tells_how_much_is_here_and_of_the_rest_what_most_happens),
        cmocka_unit_test(marks_cover_every_piece_that_is_touched_and_only_raise),
        cmocka_unit_test(a_reader_wants_a_minute_but_nothing_behind_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
