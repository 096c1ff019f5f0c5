/* SPDX-License-Identifier: MIT */
#include "diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/must.h"
#include "base/text.h"

#define MB ((uint64_t)1 << 20)

static const struct {
    struct facts facts;
    const char *code, *advice; /* a part of it; "" = none is given */
} cases[] = {
    {{.has_metadata = true, .is_head_ready = true, .is_file_ready = true}, "ok", ""},
    /* What is on disk plays, whatever happened since. */
    {{.has_metadata = true, .is_head_ready = true, .has_problem = true, .problem = "x"}, "ok", ""},
    {{.has_metadata = true, .is_head_ready = true, .state = LT_STATE_PAUSED}, "ok", ""},
    {{.has_metadata = true,
      .is_head_ready = true,
      .buffered_bytes = 29 * MB,
      .needed_bytes_per_s = MB,
      .download_rate = MB / 2},
     "slow",
     "buffer"},
    {{.has_metadata = true,
      .is_head_ready = true,
      .buffered_bytes = MB,
      .needed_bytes_per_s = MB,
      .download_rate = MB / 2,
      .download_limit = MB / 2},
     "slow",
     "raise it"},
    {{.has_metadata = true,
      .is_head_ready = true,
      .buffered_bytes = 30 * MB,
      .needed_bytes_per_s = MB},
     "ok",
     ""},
    {{.has_metadata = true, .is_head_ready = true, .needed_bytes_per_s = MB, .download_rate = MB},
     "ok",
     ""},
    {{.has_problem = true, .problem = "no room", .is_disk_full = true}, "disk_full", "make room"},
    {{.has_problem = true, .problem = "bad block"}, "failed", "mend the cause"},
    {{.state = LT_STATE_ERROR, .problem = "bad block"}, "failed", "mend the cause"},
    {{.state = LT_STATE_PAUSED, .peers = 3}, "paused", "resume"},
    {{.state = LT_STATE_CHECKING, .check_progress = 0.5}, "checking", ""},
    {{.state = LT_STATE_METADATA}, "no_peers", "switch torrent.dht on"},
    {{.state = LT_STATE_METADATA, .has_dht = true}, "no_peers", "another torrent"},
    {{.state = LT_STATE_METADATA, .trackers = 2, .has_dht = true}, "no_peers", "none of its 2"},
    {{.state = LT_STATE_METADATA, .trackers = 2, .working_trackers = 1}, "no_peers", "another"},
    {{.state = LT_STATE_METADATA, .known_peers = 4}, "connecting", "firewall"},
    {{.state = LT_STATE_METADATA, .peers = 2}, "metadata", ".torrent file"},
    {{.state = LT_STATE_DOWNLOADING, .has_metadata = true}, "no_peers", "tracker"},
    {{.state = LT_STATE_DOWNLOADING, .has_metadata = true, .known_peers = 1}, "connecting", "wait"},
    {{.state = LT_STATE_DOWNLOADING, .has_metadata = true, .peers = 5}, "no_seeds", "complete"},
    {{.state = LT_STATE_DOWNLOADING, .has_metadata = true, .peers = 5, .seeds = 1},
     "no_seeds",
     "wait for a peer"},
    {{.state = LT_STATE_DOWNLOADING, .has_metadata = true, .peers = 5, .head_peers = 2},
     "downloading",
     ""},
    /* Somebody sends it: no peer can have it. */
    {{.has_metadata = true, .is_upload = true, .download_rate = MB}, "uploading", "turn"},
    {{.has_metadata = true, .is_upload = true}, "uploading", "choose it again"},
};

static void facts_become_a_code_a_sentence_and_advice(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct diagnosis diagnosis;

        diagnose(&cases[i].facts, &diagnosis);
        if (strcmp(diagnosis.code, cases[i].code) != 0)
            fail_msg("case %zu: %s instead of %s", i, diagnosis.code, cases[i].code);
        assert_true(diagnosis.summary[0] != '\0');
        if ((cases[i].advice[0] == '\0') != (diagnosis.advice[0] == '\0') ||
            strstr(diagnosis.advice, cases[i].advice) == NULL)
            fail_msg("case %zu advises '%s'", i, diagnosis.advice);
    }
}

static void estimate_is_a_piece_at_the_present_rate(void **state)
{
    struct facts facts = {.state = LT_STATE_DOWNLOADING,
                          .has_metadata = true,
                          .peers = 1,
                          .head_peers = 1,
                          .piece_bytes = 4 * MB,
                          .download_rate = 2 * MB};
    struct diagnosis diagnosis;

    (void)state;
    diagnose(&facts, &diagnosis);
    assert_int_equal(diagnosis.estimate_ms, 2000);
    facts.download_rate = 0;
    diagnose(&facts, &diagnosis);
    assert_int_equal(diagnosis.estimate_ms, 0);
}

static void long_problems_are_cut_between_characters(void **state)
{
    char problem[600];
    struct facts facts = {.has_problem = true, .problem = problem};
    struct diagnosis diagnosis;

    (void)state;
    for (size_t shift = 0; shift < 2; shift++) {
        memset(problem, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof(problem); i += 2)
            memcpy(problem + i, "\xc3\xa9", 3);
        diagnose(&facts, &diagnosis);
        assert_true(utf8_valid(bytes_of_text(diagnosis.summary)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_become_a_code_a_sentence_and_advice),
        cmocka_unit_test(estimate_is_a_piece_at_the_present_rate),
        cmocka_unit_test(long_problems_are_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
