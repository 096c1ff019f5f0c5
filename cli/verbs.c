/* SPDX-License-Identifier: MIT */
#include "verbs.h"

#include <string.h>

#include "base/must.h"

const char *const global_pattern = "[--config <file>] [--run-dir <folder>] [--timeout <time>] "
                                   "[--json] [--help] [--version]";

const struct verb verbs[] = {
    {.pattern = "up [--open] [--log] [source]",
     .run = do_up,
     .help = "start everything, and play a source if there is one",
     .more =
         "The source is a magnet link, a .torrent file, an http(s) URL of one, an info-hash, or a\n"
         "media file or folder of your own. What was started here stops again with Ctrl-C; what\n"
         "ran before goes on.\n\n"
         "  --open   open the stream in a player (mpv, else what the desktop prefers)\n"
         "  --log    show the log here instead of writing it to a file\n"},
    {.pattern = "status", .run = do_status, .help = "all services at a glance"},
    {.pattern = "stop [service]",
     .run = do_stop,
     .help = "stop everything, or one service until its restart"},
    {.pattern = "restart <service>",
     .run = do_restart,
     .help = "stop and start a service; also revives one that was given up"},
    {.pattern = "upgrade [service]",
     .run = do_upgrade,
     .help = "replace a service, or one after the other all, by what is installed now",
     .more = "Who watches and chats notices nothing: http-svc hands its listening sockets on and\n"
             "finishes its streams beside its successor, the others come back at once. It ends at\n"
             "the first that is not ready again. sharestreamd itself goes on as it is.\n"},
    {.pattern = "why <service>", .run = do_why, .help = "the last deaths of a service"},

    {.pattern = "add [--paused] [--wait] [--tracker <url>]... <source>...",
     .run = do_add,
     .help = "add torrents: magnet links, .torrent files, URLs or info-hashes",
     .more = "  --paused          do not fetch anything yet\n"
             "  --wait            wait until the metadata is there\n"
             "  --tracker <url>   also ask this tracker; may be given again\n"},
    {.pattern = "seed [--hybrid] [--tracker <url>]... <path>",
     .run = do_seed,
     .help = "share a file or folder of your own",
     .more = "  --hybrid          for v1 and v2 clients\n"
             "  --tracker <url>   announce to this tracker; may be given again\n"},
    {.pattern = "list", .run = do_list, .help = "all torrents"},
    {.pattern = "info <hash>", .run = do_info, .help = "one torrent"},
    {.pattern = "files <hash>", .run = do_files, .help = "the files of a torrent"},
    {.pattern = "peers [--webrtc] [hash]",
     .run = do_peers,
     .help = "the peers and trackers of a torrent",
     .more = "  --webrtc   only browsers, and their trackers; without a torrent, of all\n"},
    {.pattern = "stream [--open] <hash> [file]",
     .run = do_stream,
     .help = "the address under which a file plays",
     .more = "The file is a number of `files`, or a part of a path that no other file has; without "
             "one,\n"
             "the biggest video (else audio).\n\n"
             "  --open   open it in a player (mpv, else what the desktop prefers)\n"},
    {.pattern = "watch [hash]", .run = do_watch, .help = "live view of all torrents, or of one"},
    {.pattern = "doctor rtc",
     .run = do_doctor_rtc,
     .help = "whether browsers can become peers (WebRTC), and what to do about it",
     .more = "rtc-svc connects to itself by each of its addresses, by UDP and by TCP, and tries\n"
             "whatever else is needed. Ends with 1 when something is not good.\n"},
    {.pattern = "doctor [hash] [file]",
     .run = do_doctor,
     .help = "why a file does not play, or what this machine lacks, and what to do about it",
     .more = "Without a torrent: services, ports, disk, clock, certificate, codecs, TURN, WebRTC.\n"
             "Ends with 1 when something is not good.\n"},
    {.pattern = "media <hash> [file]",
     .run = do_media,
     .help = "what is in a file, and how it reaches a browser",
     .more = "The file is named as for `stream`. Its beginning is fetched and waited for.\n"},
    {.pattern = "jobs",
     .run = do_jobs,
     .help = "what is being made playable, for whom, and the cache of it"},
    {.pattern = "pause <hash>...", .run = do_pause, .help = "stop fetching and sharing"},
    {.pattern = "resume <hash>...",
     .run = do_resume,
     .help = "go on; also tries again after an error"},
    {.pattern = "recheck <hash>...", .run = do_recheck, .help = "verify all data on disk again"},
    {.pattern = "limits [--down <rate>] [--up <rate>] [--connections <number>] [hash]",
     .run = do_limits,
     .help = "show or set limits, of one torrent or of all together",
     .more = "Rates are like 500K, 2MiB or none (bytes per second); what is not named stays.\n"},
    {.pattern = "rm [--keep-data] <hash>...",
     .run = do_rm,
     .help = "remove torrents and their data",
     .more = "Your own files (seed) are never deleted.\n\n"
             "  --keep-data   leave the data on disk\n"},

    {.pattern = "rooms", .run = do_rooms, .help = "all rooms"},
    {.pattern = "room create [--magnet <source>] [--url <url>] [--file <file>] [--title <text>] "
                "[--password <text>] [--code <code>] [--approval]",
     .run = do_room_create,
     .help = "make a room, and print the address for those who are to come",
     .more = "Who comes first is its host.\n\n"
             "  --magnet <source>   play this torrent: a magnet link, an info-hash or a .torrent "
             "file\n"
             "  --url <url>         play a film from elsewhere\n"
             "  --file <file>       which one of the torrent: number or path; else the server "
             "chooses\n"
             "  --title <text>      what the room is called\n"
             "  --password <text>   who wants to come in has to know it\n"
             "  --code <code>       the last part of the address; else one is made up\n"
             "  --approval          somebody in the room has to let people in\n"},
    {.pattern = "room show <code>",
     .run = do_room_show,
     .help = "one room: who is there, what plays, what was said last"},
    {.pattern = "room close <code>", .run = do_room_close, .help = "end a room; all have to go"},
    {.pattern = "room kick [--ban] <code> <member>",
     .run = do_room_kick,
     .help = "send somebody out of a room, named by name or id",
     .more = "  --ban   for good\n"},
    {.pattern = "room say <code> <text>...",
     .run = do_room_say,
     .help = "write a line into the chat of a room"},
    {.pattern = "room play <code>", .run = do_room_play, .help = "play what a room watches"},
    {.pattern = "room pause <code>", .run = do_room_pause, .help = "pause it"},
    {.pattern = "room seek <code> <position>",
     .run = do_room_seek,
     .help = "go elsewhere in it: 1:02:03, 4:30, 90s"},
    {.pattern = "room rate <code> <rate>",
     .run = do_room_rate,
     .help = "play it faster or slower: 0.25 to 4"},
    {.pattern = "room simulate [--viewers <count>] [--latency <range>] [--jitter <ms>] "
                "[--drift <ppm>] [--stall <seconds>] [--seconds <count>] [--password <text>] "
                "<code>",
     .run = do_room_simulate,
     .help = "let many watch in a room, and see how far apart they are",
     .more =
         "With new instead of a code, in a room of their own: they play, and jump half-way.\n\n"
         "  --viewers <count>    so many; 50 if not given\n"
         "  --latency <range>    of their lines, one way, in milliseconds; 20-300\n"
         "  --jitter <ms>        half of it comes on top, on average; else a part of the latency\n"
         "  --drift <ppm>        how wrong their clocks and sound cards are at most; 50\n"
         "  --stall <seconds>    one of them stalls half-way for so long; 0\n"
         "  --seconds <count>    how long; 30\n"
         "  --password <text>    of the room\n"},

    {.pattern = "backup <folder>",
     .run = do_backup,
     .help = "keep the state in a new folder: torrents, rooms, keys, subtitles, configuration",
     .more = "While everything runs. Films themselves are not in it; what is not there after a\n"
             "restore is fetched again.\n"},
    {.pattern = "restore <folder>",
     .run = do_restore,
     .help = "bring a backup back into an empty data folder",
     .more = "While nothing runs, as the user that the services run as. All data of torrents that\n"
             "is there is verified at the next start.\n"},
    {.pattern = "config [service]",
     .run = do_config,
     .help = "settings in force, and where they come from"},
    {.pattern = "logs level <service> <level>",
     .run = do_logs_level,
     .help = "log more or less until the next restart",
     .more = "Levels: error, warn, info, debug.\n"},
    {.pattern = "logs [--follow] [--level <level>] [--lines <count>] [service]",
     .run = do_logs,
     .help = "what the services, or one of them, logged last",
     .more = "  --follow          go on with what is logged from now on; Ctrl-C ends it\n"
             "  --level <level>   leave out what matters less: error, warn, info, debug\n"
             "  --lines <count>   at most so many to begin with; 200 if not given, at most 1000\n"},
    {.pattern = "metrics <service>", .run = do_metrics, .help = "counters, as Prometheus text"},
    {.pattern = "trace [--for <time>] <service> <peer>",
     .run = do_trace,
     .help = "the messages between two services as they pass",
     .more = "  --for <time>   how long; 60s if not given, Ctrl-C ends it before\n"},
    {.pattern = "call <service> [method] [json]",
     .run = do_call,
     .help = "send any message to any service",
     .more =
         "Without a method, lists the methods with the fields of their requests. The request is a\n"
         "JSON object; - reads it from standard input.\n"},
    {.pattern = "completion bash",
     .run = do_completion_bash,
     .help = "a script for the shell: source <(sharestream completion bash)",
     .is_local = true},
    {.pattern = "help [verb]", .run = do_help, .help = "more about a verb", .is_local = true},
};
const unsigned verb_count = COUNT_OF(verbs);

const struct verb *verb_find(char *const *words, unsigned *used_out)
{
    for (unsigned i = 0; i < verb_count; i++) {
        struct pattern pattern;
        unsigned used = 0;

        pattern_read(verbs[i].pattern, &pattern);
        while (used < pattern.word_count && words[used] != NULL &&
               strcmp(words[used], pattern.words[used]) == 0)
            used++;
        if (used < pattern.word_count)
            continue;
        *used_out = used;
        return &verbs[i];
    }
    return NULL;
}

/* Of the row: its first word, until the next call. */
static const char *first_word(const void *list, unsigned i)
{
    static char words[COUNT_OF(verbs)][PATTERN_NAME];
    const struct verb *table = list;
    size_t len = strcspn(table[i].pattern, " ");

    memcpy(words[i], table[i].pattern, len);
    words[i][len] = '\0';
    return words[i];
}

const char *verb_near(const char *wrong)
{
    return near_word(wrong, first_word, verbs, verb_count);
}
