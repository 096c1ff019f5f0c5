/* SPDX-License-Identifier: MIT
 *
 * Every verb once as a person types it: what is printed, what --json prints, the exit code.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/must.h"
#include "fake.h"
#include "stage.h"

static void expect_no_bytes_a_terminal_obeys(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 && *text != '\n')
            fail_msg("control character %d", *text);
}

static void list_is_a_table_oldest_first(void **state)
{
    struct result result = run("list");

    (void)state;
    assert_int_equal(result.code, 0);
    assert_string_equal(
        result.out,
        "#  HASH      NAME            SIZE    DONE       DOWN  UP  PEERS  STATE\n"
        "1  08ada5a7  Sintel     123.3 MiB  42.1 %  1.0 MiB/s   -     12  downloading\n"
        "2  08ffffff  ?[31m\xe6\xbc\xa2\xe5\xad\x97  123.3 MiB  42.1 %          -   -     12  "
        "paused\n");
    expect_no_bytes_a_terminal_obeys(result.out);
}

static void json_is_one_object_per_line(void **state)
{
    struct result result = run("--json list");
    json_t *json = json_loads(result.out, 0, NULL);

    (void)state;
    assert_int_equal(result.code, 0);
    assert_ptr_equal(strchr(result.out, '\n'), result.out + strlen(result.out) - 1);
    json_t *first = json_array_get(json_object_get(json, "torrents"), 0);

    assert_string_equal(json_string_value(json_object_get(first, "infoHash")), FAKE_FILM);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "downloading");
    assert_int_equal(json_integer_value(json_object_get(first, "sizeBytes")), 129289519);
    json_decref(json);
}

static void torrent_is_named_by_number_prefix_or_hash(void **state)
{
    (void)state;
    EXPECT("info 1", 0, "Sintel", FAKE_FILM, "in 3 files", "42.1 %", "12 connected");
    EXPECT("info 08ad", 0, "Sintel");
    EXPECT("info 08ADA5A7A6183AAE1E09D831DF6748D566095A10", 0, "Sintel");
    EXPECT("info 9", 1, "there is no torrent 9; see: sharestream list");
    EXPECT("info 08", 1, "there is no torrent 08");
    EXPECT("info 08a", 2, "too short");
    EXPECT("info beef", 1, "there is no torrent beef");
    EXPECT("info " FAKE_ADDED, 1, "no torrent " FAKE_ADDED);
    EXPECT("--json info beef", 1,
           "{\"error\":\"not_found\",\"message\":\"there is no torrent beef");
}

/* The fake tells no more than two of three files in one message. */
static void files_beyond_the_first_message_are_found(void **state)
{
    (void)state;
    EXPECT("files 1", 0, "0  Sintel/Sintel.mp4", "2  Sintel/poster.jpg");
    EXPECT("--json files 1", 0, "Sintel.mp4", "poster.jpg", "\"fileCount\":3");
    EXPECT("stream 1 poster", 0, "/2/poster.jpg\n");
}

static void files_peers_and_doctor_show_their_tables(void **state)
{
    (void)state;
    EXPECT("files 1", 0, "#  PATH", "0  Sintel/Sintel.mp4     123.3 MiB", "subtitle",
           "only when played");
    EXPECT("peers 1", 0, "192.0.2.1:6881", "seed utp", "udp://tracker.example:6969", "yes");
    EXPECT("peers", 2, "peers needs a torrent, or --webrtc");
    EXPECT("peers --webrtc beef", 1, "there is no torrent beef");
    EXPECT("peers --webrtc 1", 0, "no browsers are connected");
    EXPECT("doctor rtc", 1, "ports 10000-10199", "torrent-svc does not run, or has no port");
    EXPECT("doctor 1", 0, "nobody who is connected has the next piece", "wait, or add a tracker");
    EXPECT("--json doctor 1", 0, "\"code\":\"no_seeds\"");
}

static void stream_gives_the_address_of_what_plays(void **state)
{
    (void)state;
    EXPECT("stream 1", 0, "http://127.0.0.1:8080/stream/" FAKE_FILM "/0/Sintel.mp4\n");
    EXPECT("stream 1 poster", 0, "/2/poster.jpg\n");
    EXPECT("stream 1 1", 0, "/1/Sintel.de.srt\n");
    EXPECT("stream 1 Sintel", 1, "3 files have \"Sintel\" in their path");
    EXPECT("--json stream 1", 0, "{\"url\":\"http://", "\"expiresUnixS\":0}");
}

static void jobs_are_a_table_and_the_cache(void **state)
{
    struct result result = run("jobs");

    (void)state;
    assert_int_equal(result.code, 0);
    assert_string_equal(result.out,
                        "HASH      FILM    FILE  WHAT  STATE       WAITED  CLIENTS   PID\n"
                        "08ada5a7  Sintel     0  v/3   working        1 s        2  4711\n"
                        "22222222             7  open  queued?[2J    0 ms        0     -\n\n"
                        "cache        1.5 GiB of 2.0 GiB\nworkers      3\nencoder      vaapi\n"
                        "not          nvenc: no such library\n");
    EXPECT("jobs", 0, "nothing is being made\n", "cache        1.5 GiB of 2.0 GiB");
    EXPECT("--json jobs", 0, "{\"jobs\":[],\"cacheBytes\":1610612736,");
}

static void media_tells_what_is_in_a_file_and_how_it_plays(void **state)
{
    struct result result = run("media 1");

    (void)state;
    assert_int_equal(result.code, 0);
    expect_no_bytes_a_terminal_obeys(result.out);
    EXPECT("media 1", 0, "container    matroska,webm\n", "length       1:30:00\n",
           "plays        in segments (HLS): picture copied, sound made anew\n",
           "why          the sound is in a format", "0  video     h264    avc1.640028  1920x818",
           "6 ch 44.1 kHz", "?[31mKommentar  default, impaired", "1:02:03  The end\n");
    EXPECT("--json media 1", 0, "\"way\":\"sound\"", "\"kind\":\"subtitle\"");
    EXPECT("media 1 poster", 1, "it is no media file");
    EXPECT("media 1 nothing", 1, "nothing");
    EXPECT("media beef", 1, "there is no torrent beef");
}

static void added_torrent_can_be_waited_for_and_removed(void **state)
{
    (void)state;
    EXPECT("add magnet:?refuse", 1, "sharestream: the disk is full");
    EXPECT("add no-such-file", 1, "is no file here, and no magnet link");
    EXPECT("add run", 1, "to share it: sharestream seed");
    EXPECT("add --paused 'magnet:?x' --tracker udp://a --tracker udp://b", 0, "added da39a3ee");
    EXPECT("list", 0, "3  da39a3ee", "paused");
    EXPECT("stream 3", 1, "its files are not known yet; see: sharestream doctor da39a3ee");
    EXPECT("add --wait 'magnet:?x'", 0, "already there da39a3ee", "ready da39a3ee");
    EXPECT("rm 3 beef", 1, "there is no torrent beef");
    EXPECT("rm 3", 0, "removed da39a3ee");
    EXPECT("rm " FAKE_ADDED, 1, "no torrent " FAKE_ADDED);
}

static void broken_torrent_file_is_refused_here(void **state)
{
    FILE *file = fopen("broken.torrent", "w");

    (void)state;
    fputs("this is not bencode", file);
    fclose(file);
    EXPECT("add broken.torrent", 1, "broken.torrent is not a usable .torrent file: ");
}

static void state_of_several_is_changed_at_once(void **state)
{
    (void)state;
    EXPECT("pause 1 2", 0, "paused 08ada5a7\npaused 08ffffff\n");
    EXPECT("recheck 2", 0, "checking 08ffffff");
    EXPECT("--json resume 1 2", 0, "{}\n{}\n");
    EXPECT("list", 0, "downloading");
    EXPECT("pause 2", 0, "paused");
}

static void limits_that_are_not_named_stay(void **state)
{
    (void)state;
    EXPECT("limits", 0, "down         none", "connections  default");
    EXPECT("limits --down 2MiB --connections 50", 0, "down         2.0 MiB/s", "connections  50");
    EXPECT("limits --up 500K 1", 0, "down         2.0 MiB/s", "up           500.0 KiB/s");
    EXPECT("--json limits --down none", 0,
           "{\"download\":0,\"upload\":512000,\"maxConnections\":50}");
    EXPECT("limits --down fast", 2, "--down \"fast\" is not a rate like 2MiB or none");
}

static void own_file_is_shared_after_hashing(void **state)
{
    FILE *file = fopen("my film.mkv", "w");

    (void)state;
    fclose(file);
    EXPECT("seed 'my film.mkv'", 0, "hashing", "sharing 11111111  my film.mkv");
    EXPECT("seed missing.mkv", 1, "cannot find missing.mkv");
    EXPECT("rm " FAKE_SEED, 0, "removed");
}

static void room_is_made_seen_and_closed(void **state)
{
    (void)state;
    EXPECT("rooms", 0, "no rooms yet; make one with: sharestream room create");
    EXPECT("room create --code filmnight --url ftp://x", 1, "That makes no sense here");
    EXPECT("rooms", 0, "no rooms yet");
    EXPECT("room create --magnet " FAKE_ADDED " --file 0 --title 'Film night' --code filmnight "
           "--password sesame",
           0, "/room/FILMNIGHT\n", "http://");
    EXPECT("--json room create --url https://films.example/a.mp4", 0, "\"url\":\"http://",
           "\"room\":{\"code\":\"");
    EXPECT("room create --code FilmNight", 1, "there is a room FilmNight already");
    EXPECT("room create --url https://a --magnet magnet:?x", 2, "not both");
    EXPECT("room create --magnet run", 1, "to share it: sharestream seed");
    EXPECT("rooms", 0, "CODE", "FILMNIGHT  Film night", "yes", "https://films.example/a.mp4");
    EXPECT("--json rooms", 0, "\"total\":2,\"next\":\"\"");

    EXPECT("room say filmnight The film begins  soon", 0, "said");
    EXPECT("room say filmnight \377", 1, "That makes no sense here");
    EXPECT("room play filmnight", 0, "plays at 0:00:00");
    EXPECT("room seek filmnight 1:02:03", 0, "at 1:02:03");
    EXPECT("room seek filmnight 90s", 0, "at 0:01:30");
    EXPECT("room seek filmnight later", 2, "is not a position like");
    EXPECT("room rate filmnight 1.25", 0, "rate         1.25");
    EXPECT("room rate filmnight 9", 2, "is not a rate");
    EXPECT("--json room pause filmnight", 0, "\"isPlaying\":false");
    EXPECT("room show filmnight", 0, "code         FILMNIGHT", "title        Film night",
           "by password", "paused at", "1  added", "*: The film begins soon");
    EXPECT("room kick filmnight nobody", 1, "there is no nobody in this room");
    EXPECT("room close filmnight", 0, "closed");
    EXPECT("rm " FAKE_ADDED, 0, "removed");
    EXPECT("room show filmnight", 1, "there is no room filmnight");
    EXPECT("room", 2, "room wants another word; see: sharestream help room");
    EXPECT("help room", 0, "room create [--magnet", "room close <code>");
}

static void status_shows_all_services(void **state)
{
    (void)state;
    EXPECT("status", 0, "ShareStream ", "torrent.0    ready", "transcode.0  ready",
           "room.0       ready", "http.0       ready", "port=6881");
    EXPECT("--json status", 0, "\"services\":[", "\"name\":\"torrent.0\"");
}

static unsigned tracker_port(void)
{
    const char *at = strstr(run("status").out, "udp_port=");

    assert_non_null(at);
    return (unsigned)strtoul(at + strlen("udp_port="), NULL, 10);
}

/* Connects and announces one peer, by BEP 15. */
static void announce_by_udp(unsigned port)
{
    static const uint8_t connect_request[16] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 10};
    uint8_t announce[98] = {[11] = 1, [16] = 0xab, [97] = 99}, reply[64];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    must(connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0);
    assert_int_equal(send(fd, connect_request, sizeof(connect_request), 0), 16);
    assert_int_equal(recv(fd, reply, sizeof(reply), 0), 16);
    memcpy(announce, reply + 8, 8);
    assert_int_equal(send(fd, announce, sizeof(announce), 0), 98);
    assert_int_equal(recv(fd, reply, sizeof(reply), 0), 20);
    assert_int_equal(reply[3], 1);
    close(fd);
}

static void status_tells_what_the_tracker_has(void **state)
{
    (void)state;
    EXPECT("status", 0, "tracker.0    ready", "udp_port=", "torrents=0 peers=0 in_browsers=0");
    announce_by_udp(tracker_port());
    /* The tracker says it once a second, the supervisor asks every two. */
    for (int i = 0; i < 2000 && strstr(run("status").out, "torrents=1 peers=1") == NULL; i++)
        continue;
    EXPECT("status", 0, "tracker.0    ready", "torrents=1 peers=1 in_browsers=0");
    EXPECT("--json status", 0, "\"note\":\"torrents=1 peers=1 in_browsers=0 servers=");
}

static void restart_waits_until_the_service_is_back(void **state)
{
    (void)state;
    EXPECT("restart torrent", 0, "torrent is ready again after ");
    EXPECT("restart torent", 2, "there is no service torent; did you mean torrent?");
    EXPECT("stop http", 0, "http stopped after ");
    EXPECT("stream 1", 3, "http is not running; see: sharestream why http");
    EXPECT("restart http", 0, "http is ready again");
    EXPECT("stream 1", 0, "http://");
}

static pid_t pid_of(const char *name)
{
    json_t *json = json_loads(run("--json status").out, 0, NULL), *service;
    pid_t pid = 0;
    size_t i;

    json_array_foreach(json_object_get(json, "services"), i, service)
    {
        if (strcmp(json_string_value(json_object_get(service, "name")), name) == 0)
            pid = (pid_t)json_integer_value(json_object_get(service, "pid"));
    }
    json_decref(json);
    return pid;
}

static void why_tells_how_a_service_died(void **state)
{
    pid_t pid = pid_of("torrent.0");

    (void)state;
    EXPECT("why torrent", 0, "torrent has not died");
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    for (int i = 0; i < 200 && strstr(run("why torrent").out, "SIGKILL") == NULL; i++)
        continue;
    EXPECT("why torrent", 0, "torrent.0 (process ", "signal 9 (SIGKILL)", "it said", "lvl=info");
    EXPECT("--json why torrent", 0, "\"deaths\":[{");
    EXPECT("restart torrent", 0, "is ready again");
}

static void any_message_can_be_sent_by_hand(void **state)
{
    (void)state;
    EXPECT("call torrent", 0, "torrent answers:", "SetLimits", "infoHash        text",
           "and, like every service:", "Ping");
    EXPECT("call torrent stats", 0, "\"torrents\": 2");
    EXPECT("--json call torrent.0 Get '{\"infoHash\":\"" FAKE_FILM "\"}'", 0,
           "\"name\":\"Sintel\"");
    EXPECT("call torrent Get - </dev/null", 2, "the request is not JSON");
    EXPECT("call torrent Get '{\"info_hash\":\"x\"}'", 2, "did you mean \"infoHash\"");
    EXPECT("call torrent Get '{\"infoHash\":\"x\"}'", 1, "no torrent x");
    EXPECT("call torrent Gte", 2, "torrent has no method Gte; did you mean Get?");
    EXPECT("call supervisor Status", 0, "\"services\": [");
    EXPECT("call torrent.1 Stats", 3, "torrent.1 is not running");
}

static void one_process_can_be_looked_into(void **state)
{
    (void)state;
    EXPECT("config torrent", 0, "SETTING", "common.run_dir", "SHARESTREAM_COMMON_RUN_DIR",
           "default");
    EXPECT("config", 0, "torrent\n", "http\n", "supervisor.bin_dir");
    EXPECT("logs level torrent debug", 0, "torrent logs at debug now, info before");
    EXPECT("logs level torrent loud", 1, "'loud' is not one of error, warn, info, debug");
    EXPECT("logs level torrent info", 0, "debug before");
    EXPECT("metrics torrent", 0, "sharestream_bus_requests_total");
    EXPECT("--json metrics torrent", 0, "{\"text\":\"");
}

static void what_was_logged_can_be_read(void **state)
{
    pid_t pid;

    (void)state;
    EXPECT("logs supervisor", 0, "msg=\"service ready\" name=torrent.0");
    assert_string_equal(run("logs --level error supervisor").out, "");
    EXPECT("logs --level loud", 1, "'loud' is not one of error, warn, info, debug");
    EXPECT("logs --lines 0", 2, "is no number from 1 to 1000");
    EXPECT("logs torent", 2, "did you mean torrent?");
    EXPECT("--json logs --lines 1 supervisor", 0, "{\"number\":1", "\"name\":\"supervisor.0\"");
    pid = run_start("logs --follow --lines 1 supervisor");
    assert_true(run_wait_for("supervisor.0")); /* it follows */
    assert_int_equal(system("\"$BIN_DIR\"/sharestream restart http >/dev/null"), 0);
    assert_true(run_wait_for("msg=\"restart asked\" name=http"));
    assert_int_equal(run_end(pid, SIGINT).code, 0);
}

static void trace_shows_messages_as_they_pass(void **state)
{
    pid_t pid;

    (void)state;
    EXPECT("trace --for 1d torrent cli", 2, "is not a time from 1s to 1h");
    pid = run_start("trace torrent supervisor");
    assert_true(run_wait_for("Ping")); /* the supervisor asks every two seconds */
    struct result result = run_end(pid, SIGINT);

    assert_int_equal(result.code, 0);
    assert_non_null(strstr(result.out, "supervisor"));
}

static void watch_goes_on_until_interrupted(void **state)
{
    pid_t pid;

    (void)state;
    pid = run_start("watch 1");
    assert_true(run_wait_for("42.1 % of 123.3 MiB  12 peers  down 1.0 MiB/s  downloading\n"));
    assert_int_equal(run_end(pid, SIGINT).code, 0);
    pid = run_start("--json watch");
    assert_true(run_wait_for("\"torrents\":["));
    assert_int_equal(run_end(pid, SIGTERM).code, 0);
}

static void mistakes_are_usage_and_name_what_was_meant(void **state)
{
    (void)state;
    EXPECT("lsit", 2, "there is no verb \"lsit\"; did you mean list?");
    EXPECT("frobnicate", 2, "see: sharestream help");
    EXPECT("info", 2, "<hash> is missing", "usage: sharestream info <hash>");
    EXPECT("--timeout never list", 2, "--timeout \"never\" is not a time like 10s");
    EXPECT("--config missing.yaml list", 1, "missing.yaml");
    EXPECT("", 2, "usage: sharestream");
    EXPECT("--help", 0, "usage: sharestream", "exit codes:");
    EXPECT("help rm", 0, "usage: sharestream rm [--keep-data] <hash>...", "--keep-data   leave");
    EXPECT("rm --help", 0, "usage: sharestream rm");
    EXPECT("help lst", 2, "did you mean list?");
    EXPECT("--version", 0, "sharestream ");
}

static void completion_is_a_script_that_knows_the_verbs(void **state)
{
    (void)state;
    assert_int_equal(run("completion bash > completion").code, 0);
    assert_int_equal(system("PATH=\"$BIN_DIR:$PATH\" bash -c '. ./completion; COMP_CWORD=1; "
                            "COMP_WORDS=(sharestream re); _sharestream; [ \"${COMPREPLY[*]}\" = "
                            "\"restart resume recheck restore\" ] || exit 1; "
                            "COMP_WORDS=(sharestream me); _sharestream; [ \"${COMPREPLY[*]}\" = "
                            "\"media metrics\" ] || exit 4; "
                            "COMP_CWORD=2; COMP_WORDS=(sharestream media 08a); _sharestream; "
                            "[ \"${COMPREPLY[*]}\" = " FAKE_FILM " ] || exit 2; "
                            "COMP_CWORD=2; COMP_WORDS=(sharestream rm --k); _sharestream; "
                            "[ \"${COMPREPLY[*]}\" = --keep-data ] || exit 3; "
                            "COMP_WORDS=(sharestream room p); _sharestream; "
                            "[ \"${COMPREPLY[*]}\" = \"play pause\" ] || exit 5; "
                            "COMP_CWORD=3; COMP_WORDS=(sharestream room kick --); _sharestream; "
                            "[ \"${COMPREPLY[0]}\" = --ban ] || exit 6; "
                            "COMP_WORDS=(sharestream logs level de); _sharestream; "
                            "[ \"${COMPREPLY[*]}\" = debug ]'"),
                     0);
}

static void when_nothing_runs_the_code_is_3_and_the_way_out_is_named(void **state)
{
    (void)state;
    EXPECT("stop", 0, "stopped\n");
    EXPECT("list", 3, "nothing is running here", "start it with: sharestream up");
    EXPECT("status", 3, "nothing is running here");
    EXPECT("config", 3, "nothing is running here");
    EXPECT("--json list", 3, "{\"error\":\"unavailable\"");
}

static int open_stage(void **state)
{
    (void)state;
    stage_open();
    stage_start();
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_is_a_table_oldest_first),
        cmocka_unit_test(json_is_one_object_per_line),
        cmocka_unit_test(torrent_is_named_by_number_prefix_or_hash),
        cmocka_unit_test(files_beyond_the_first_message_are_found),
        cmocka_unit_test(files_peers_and_doctor_show_their_tables),
        cmocka_unit_test(stream_gives_the_address_of_what_plays),
        cmocka_unit_test(jobs_are_a_table_and_the_cache),
        cmocka_unit_test(media_tells_what_is_in_a_file_and_how_it_plays),
        cmocka_unit_test(added_torrent_can_be_waited_for_and_removed),
        cmocka_unit_test(broken_torrent_file_is_refused_here),
        cmocka_unit_test(state_of_several_is_changed_at_once),
        cmocka_unit_test(limits_that_are_not_named_stay),
        cmocka_unit_test(own_file_is_shared_after_hashing),
        cmocka_unit_test(room_is_made_seen_and_closed),
        cmocka_unit_test(status_shows_all_services),
        cmocka_unit_test(status_tells_what_the_tracker_has),
        cmocka_unit_test(restart_waits_until_the_service_is_back),
        cmocka_unit_test(why_tells_how_a_service_died),
        cmocka_unit_test(any_message_can_be_sent_by_hand),
        cmocka_unit_test(one_process_can_be_looked_into),
        cmocka_unit_test(what_was_logged_can_be_read),
        cmocka_unit_test(trace_shows_messages_as_they_pass),
        cmocka_unit_test(watch_goes_on_until_interrupted),
        cmocka_unit_test(mistakes_are_usage_and_name_what_was_meant),
        cmocka_unit_test(completion_is_a_script_that_knows_the_verbs),
        cmocka_unit_test(when_nothing_runs_the_code_is_3_and_the_way_out_is_named),
    };
    int code;

    if (fake_main(argc, argv, &code))
        return code;
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
