/* SPDX-License-Identifier: MIT */
#include "route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HASH "0123456789abcdef0123456789abcdef01234567"

static struct route find(const char *method, const char *target)
{
    return route_find(DOOR_MAIN, bytes_of_text(method), bytes_of_text(target));
}

static void paths_lead_to_their_routes(void **state)
{
    static const struct {
        const char *method, *target;
        enum route_id id;
    } cases[] = {
        {"GET", "/health/live", ROUTE_LIVE},
        {"HEAD", "/health/ready", ROUTE_READY},
        {"GET", "/health", ROUTE_HEALTH},
        {"GET", "/health/live/", ROUTE_NONE},
        {"GET", "/", ROUTE_ROOT},
        {"GET", "/watch?magnet=x", ROUTE_PAGE_WATCH},
        {"GET", "/watch/", ROUTE_NONE},
        {"HEAD", "/admin", ROUTE_PAGE_ADMIN},
        {"GET", "/index.html?magnet=x", ROUTE_PAGE_INDEX},
        {"GET", "/p2p?room=film", ROUTE_PAGE_P2P},
        {"GET", "/room/FILM", ROUTE_PAGE_ROOM},
        {"GET", "/room/", ROUTE_NONE},
        {"GET", "/room/FILM/x", ROUTE_NONE},
        {"GET", "/assets/a-1.js", ROUTE_ASSET},
        {"POST", "/assets/a-1.js", ROUTE_NONE},
        {"GET", "", ROUTE_NONE},
        {"GET", "*", ROUTE_NONE},
        {"GET", "http://host/metrics", ROUTE_METRICS},
        {"GET", "http://host", ROUTE_ROOT},
        {"GET", "https://host:1/metrics?a=b", ROUTE_METRICS},
        {"GET", "/torrent/" HASH, ROUTE_P2M_TORRENT},
        {"GET", "/torrent/", ROUTE_NONE},
        {"HEAD", "/torrent/" HASH, ROUTE_NONE},
        {"GET", "/stream/" HASH "/0", ROUTE_STREAM},
        {"GET", "/stream/" HASH "/0/", ROUTE_STREAM},
        {"GET", "/stream/" HASH "/0/a/b/c.mkv", ROUTE_STREAM},
        {"GET", "/stream/" HASH, ROUTE_NONE},
        {"POST", "/stream/" HASH "/0", ROUTE_NONE},
        {"GET", "/hls/" HASH "/0/playlist.m3u8", ROUTE_HLS},
        {"GET", "/api/v1/torrents", ROUTE_LIST},
        {"POST", "/api/v1/torrents", ROUTE_ADD},
        {"GET", "/api/v1/torrents/" HASH, ROUTE_GET},
        {"DELETE", "/api/v1/torrents/" HASH, ROUTE_REMOVE},
        {"PUT", "/api/v1/torrents/" HASH "/limits", ROUTE_SET_LIMITS},
        {"PUT", "/api/v1/limits", ROUTE_SET_SESSION_LIMITS},
        {"POST", "/api/v1/services/torrent.0/restart", ROUTE_SERVICE_RESTART},
        {"GET", "/api/v1/services/torrent.0/restart", ROUTE_NONE},
        {"POST", "/api/v1/services//restart", ROUTE_NONE},
        {"POST", "/api/v1/services/torrent/stop", ROUTE_NONE},
        {"GET", "/api/v1/logs?after=1", ROUTE_LOGS},
        {"POST", "/api/v1/uploads", ROUTE_UPLOAD_BEGIN},
        {"HEAD", "/api/v1/uploads/" HASH, ROUTE_UPLOAD},
        {"PATCH", "/api/v1/uploads/" HASH, ROUTE_UPLOAD_GROW},
        {"DELETE", "/api/v1/uploads/" HASH, ROUTE_UPLOAD_REMOVE},
        {"PUT", "/api/v1/uploads/" HASH "/tail", ROUTE_UPLOAD_TAIL},
        {"GET", "/api/v1/torrents/" HASH "/files/3/diagnosis", ROUTE_DIAGNOSIS},
        {"GET", "/api/v1/torrents/" HASH "/files/3/ready", ROUTE_FILE_READY},
        {"get", "/health/live", ROUTE_NONE},
        {"GET", "/announce", ROUTE_ANNOUNCE},
        {"GET", "/announce?info_hash=%00", ROUTE_ANNOUNCE},
        {"GET", "/announce/key/more", ROUTE_ANNOUNCE},
        {"GET", "/announced", ROUTE_NONE},
        {"POST", "/announce", ROUTE_NONE},
        {"GET", "/scrape", ROUTE_SCRAPE},
        {"GET", "/scrape/x", ROUTE_SCRAPE},
        {"GET", "/stats", ROUTE_TRACKER_STATS},
        {"GET", "/stats.json", ROUTE_TRACKER_STATS_JSON},
        {"GET", "/stats/x", ROUTE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route route = find(cases[i].method, cases[i].target);

        if (route.id != cases[i].id)
            fail_msg("%s %s gave %d", cases[i].method, cases[i].target, route.id);
    }
}

static void the_door_of_the_engine_has_paths_of_its_own(void **state)
{
    static const struct {
        const char *method, *target;
        enum route_id id;
    } cases[] = {
        {"GET", "/0/a%20film.mp4", ROUTE_ENGINE_FILE},
        {"HEAD", "/0/", ROUTE_ENGINE_FILE},
        {"GET", "/0/a/b", ROUTE_ENGINE_FILE},
        {"GET", "/film.mp4", ROUTE_ENGINE_NAME},
        {"GET", "/" HASH, ROUTE_ENGINE_NAME},
        {"GET", "/stream/" HASH "/a/b.mkv", ROUTE_ENGINE_STREAM},
        {"GET", "/torrents", ROUTE_ENGINE_TORRENTS},
        {"GET", "/torrent/" HASH, ROUTE_ENGINE_TORRENT},
        {"GET", "/hls/" HASH "/0/master.m3u8", ROUTE_ENGINE_HLS},
        {"GET", "/health", ROUTE_ENGINE_HEALTH},
        {"POST", "/film.mp4", ROUTE_NONE},
        {"POST", "/torrents", ROUTE_NONE},
        {"DELETE", "/api/v1/torrents/" HASH, ROUTE_NONE},
        {"GET", "", ROUTE_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route route =
            route_find(DOOR_ENGINE, bytes_of_text(cases[i].method), bytes_of_text(cases[i].target));

        if (route.id != cases[i].id)
            fail_msg("%s %s gave %d", cases[i].method, cases[i].target, route.id);
    }
    struct route route =
        route_find(DOOR_ENGINE, bytes_of_text("GET"), bytes_of_text("/x/film.mp4"));
    assert_int_equal(route.id, ROUTE_ENGINE_FILE);
    assert_false(route.has_file);
}

static void websockets_lead_to_actors_by_path_and_door(void **state)
{
    static const struct {
        enum route_door door;
        const char *path;
        enum route_actor actor;
    } cases[] = {
        {DOOR_MAIN, "/tracker", ACTOR_TRACKER},
        {DOOR_MAIN, "/tracker/", ACTOR_TRACKER},
        {DOOR_MAIN, "/tracker/a/b", ACTOR_TRACKER},
        {DOOR_MAIN, "/announce", ACTOR_TRACKER},
        {DOOR_MAIN, "/trackers", ROUTE_ACTORS},
        {DOOR_MAIN, "/", ROUTE_ACTORS},
        {DOOR_MAIN, "", ROUTE_ACTORS},
        {DOOR_MAIN, "/socket.io/", ROUTE_ACTORS},
        {DOOR_TRACKER, "/", ACTOR_TRACKER},
        {DOOR_TRACKER, "/any/thing", ACTOR_TRACKER},
        {DOOR_TRACKER, "*", ROUTE_ACTORS},
        {DOOR_TRACKER, "/socket.io/", ACTOR_TRACKER},
        {DOOR_SIGNAL, "/", ACTOR_TRACKER},
        {DOOR_SIGNAL, "/socket.io", ROUTE_ACTORS},
        {DOOR_SIGNAL, "/socket.io/", ROUTE_ACTORS},
        {DOOR_SIGNAL, "/socket.iox", ACTOR_TRACKER},
        {DOOR_MAIN, "/ws", ACTOR_ROOM},
        {DOOR_SIGNAL, "/ws", ACTOR_ROOM},
        {DOOR_MAIN, "/monkey/ws", ACTOR_ROOM},
        {DOOR_MAIN, "/monkey", ROUTE_ACTORS},
        {DOOR_MONKEY, "/ws", ACTOR_ROOM},
        {DOOR_MONKEY, "/monkey/ws", ACTOR_ROOM},
        {DOOR_MONKEY, "/", ROUTE_ACTORS},
    };
    const char *known_as;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (route_websocket(cases[i].door, bytes_of_text(cases[i].path), &known_as) !=
            cases[i].actor)
            fail_msg("door %d %s", cases[i].door, cases[i].path);
    route_websocket(DOOR_MONKEY, bytes_of_text("/ws"), &known_as);
    assert_string_equal(known_as, "/monkey/ws");
    route_websocket(DOOR_MAIN, bytes_of_text("/ws"), &known_as);
    assert_null(known_as);
    assert_string_equal(route_actor_name(ACTOR_TRACKER), "tracker");
}

static void parts_of_a_path_are_views_into_it(void **state)
{
    struct route route = find("GET", "/stream/" HASH "/12/name.mp4?exp=5&sig=a");

    (void)state;
    assert_true(bytes_equal_text(route.source, HASH));
    assert_true(route.has_file);
    assert_int_equal(route.file, 12);
    assert_true(bytes_equal_text(route.query, "exp=5&sig=a"));
    assert_true(bytes_equal_text(route.path, "/stream/" HASH "/12/name.mp4"));
    assert_false(route.is_api);
    assert_true(find("GET", "/api/v1/none").is_api);
}

static void file_ids_are_plain_numbers(void **state)
{
    static const char *const bad[] = {
        "x", "-1", "+1", "1a", "0x1", "%31", "2147483648", "4294967296", "18446744073709551616",
        ""};
    char target[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(target, sizeof(target), "/stream/" HASH "/%s", bad[i]);
        struct route route = find("GET", target);

        assert_int_equal(route.id, ROUTE_STREAM);
        assert_false(route.has_file);
    }
    assert_int_equal(find("GET", "/stream/" HASH "/2147483647").file, INT32_MAX);
}

static void a_method_that_is_not_taken_names_those_that_are(void **state)
{
    char allow[ROUTE_ALLOW_TEXT];
    struct route route = find("PATCH", "/api/v1/torrents/" HASH);

    (void)state;
    assert_int_equal(route.id, ROUTE_NONE);
    assert_string_equal(route_allow(route.allowed, allow), "GET, HEAD, DELETE, OPTIONS");
    assert_string_equal(route_allow(~0U, allow), "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    assert_int_equal(find("GET", "/nothing").allowed, 0);
}

static void what_changes_something_needs_the_right_to_change(void **state)
{
    (void)state;
    assert_int_equal(find("GET", "/torrent/" HASH).need, NEED_CHANGE);
    assert_int_equal(find("POST", "/api/v1/torrents").need, NEED_CHANGE);
    assert_int_equal(find("GET", "/api/v1/torrents").need, NEED_ADMIN);
    assert_int_equal(find("GET", "/stream/" HASH "/0").need, NEED_LINK);
    assert_int_equal(find("GET", "/health/live").need, NEED_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_their_routes),
        cmocka_unit_test(the_door_of_the_engine_has_paths_of_its_own),
        cmocka_unit_test(websockets_lead_to_actors_by_path_and_door),
        cmocka_unit_test(parts_of_a_path_are_views_into_it),
        cmocka_unit_test(file_ids_are_plain_numbers),
        cmocka_unit_test(a_method_that_is_not_taken_names_those_that_are),
        cmocka_unit_test(what_changes_something_needs_the_right_to_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
