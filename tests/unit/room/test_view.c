/* SPDX-License-Identifier: MIT */
#include "room_view.h"

#include <math.h>

#include "bus/pb_json.h"
#include "room_rig.h"

#define HASH "0123456789abcdef0123456789abcdef01234567"

static void sources_are_torrents_or_films_by_http(void **state)
{
    static const struct {
        const char *source;
        enum room_source kind;
    } cases[] = {
        {"magnet:?xt=urn:btih:" HASH, ROOM_SOURCE_TORRENT},
        {HASH, ROOM_SOURCE_TORRENT},
        {"https://films.example/a.mp4", ROOM_SOURCE_URL},
        {"HTTP://films.example/", ROOM_SOURCE_URL},
        {"", ROOM_SOURCE_NONE},
        {"http://", ROOM_SOURCE_NONE},
        {"javascript:alert(1)", ROOM_SOURCE_NONE},
        {"file:///etc/passwd", ROOM_SOURCE_NONE},
        {"magnet:?dn=nothing", ROOM_SOURCE_NONE},
        {" https://films.example/a.mp4", ROOM_SOURCE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (asked_source(cases[i].source) != cases[i].kind)
            fail_msg("%s", cases[i].source);
}

static void rates_that_make_no_sense_are_none(void **state)
{
    static const double wrong[] = {0, -1, -INFINITY, NAN, 0.0001};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(asked_rate(wrong[i]), 0);
    assert_int_equal(asked_rate(1.25), 1250);
    assert_int_equal(asked_rate(INFINITY), CLOCK_RATE_MAX);
}

/* A room with everything in it, as the one or the other sees it. */
static json_t *seen(struct rig *rig, bool is_for_moderators)
{
    struct view view = {.now_ms = rig->now_ms};
    json_t *json = pb_to_json(&view_room(&view, rig->room, is_for_moderators)->base);

    view_fini(&view);
    return json;
}

static size_t count_of(const json_t *room, const char *list)
{
    return json_array_size(json_object_get(room, list));
}

static void nobody_sees_secrets_and_viewers_not_who_waits(void **state)
{
    static const struct room_rules rules = {.max_members = 8,
                                            .host_grace_ms = 30000,
                                            .member_grace_ms = 60000,
                                            .knock_ms = 120000,
                                            .sync_check_ms = 15000,
                                            .needs_approval = true};
    struct rig rig = {.now_ms = RIG_BEGIN_MS};
    struct room_outside outside = rig_outside(&rig);
    struct room_join join = {.is_creator = true, .secret = "hidden", .address = "192.0.2.7"};

    (void)state;
    rig.room = room_new("ABCDEF", &rules, &outside, rig.now_ms);
    assert_int_equal(rig_tries(&rig, "ann", join, false), ROOM_OK);
    assert_int_equal(room_set_password(rig.room, NULL, "hidden", rig.now_ms), ROOM_OK);
    assert_int_equal(rig_tries(&rig, "bob", (struct room_join){.password = "hidden"}, true),
                     ROOM_OK);
    json_t *moderator = seen(&rig, true), *viewer = seen(&rig, false);
    char *text = json_dumps(moderator, 0);

    assert_null(strstr(text, "hidden"));
    assert_null(strstr(text, "192.0.2.7"));
    assert_true(json_is_true(json_object_get(viewer, "hasPassword")));
    assert_int_equal(count_of(moderator, "members"), 1);
    assert_int_equal(count_of(moderator, "waiting"), 1);
    assert_int_equal(count_of(viewer, "waiting"), 0);
    free(text);
    json_decref(moderator);
    json_decref(viewer);
    room_free(&rig.room);
    text_fini(&rig.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_torrents_or_films_by_http),
        cmocka_unit_test(rates_that_make_no_sense_are_none),
        cmocka_unit_test(nobody_sees_secrets_and_viewers_not_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
