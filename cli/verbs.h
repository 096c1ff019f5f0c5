/* SPDX-License-Identifier: MIT
 *
 * verbs: the one table of what `sharestream` can do. Parser, help and completion read it; a new
 * verb is one row here and one function in the verbs_*.c of its group.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli.h"

struct verb {
    const char *pattern;
    enum cli_exit (*run)(struct cli *cli);
    const char *help; /* half a sentence */
    const char *more; /* further lines for `help <verb>`, or NULL */
    bool is_local;    /* needs neither configuration nor bus */
};

extern const struct verb verbs[];
extern const unsigned verb_count;
extern const char *const global_pattern;

/* The verb whose words are at the start of `words` (a NULL-terminated argv); *used_out = how many.
 * NULL when there is none. */
const struct verb *verb_find(char *const *words, unsigned *used_out);
/* The first word of the verb most like a wrong one, or NULL. */
const char *verb_near(const char *wrong);

/* verbs_up.c */
enum cli_exit do_up(struct cli *cli);
/* verbs_torrents.c: one or some torrents */
enum cli_exit do_add(struct cli *cli);
enum cli_exit do_seed(struct cli *cli);
enum cli_exit do_rm(struct cli *cli);
enum cli_exit do_pause(struct cli *cli);
enum cli_exit do_resume(struct cli *cli);
enum cli_exit do_recheck(struct cli *cli);
enum cli_exit do_limits(struct cli *cli);
/* verbs_list.c: looking at all torrents */
enum cli_exit do_list(struct cli *cli);
enum cli_exit do_watch(struct cli *cli);
/* verbs_show.c: looking at one */
enum cli_exit do_info(struct cli *cli);
enum cli_exit do_files(struct cli *cli);
enum cli_exit do_peers(struct cli *cli);
/* verbs_rtc.c: browsers as peers */
enum cli_exit do_doctor_rtc(struct cli *cli);
/* verbs_doctor.c: this machine */
enum cli_exit do_doctor_all(struct cli *cli);
/* verbs_play.c: playing a file */
enum cli_exit do_stream(struct cli *cli);
enum cli_exit do_doctor(struct cli *cli);
/* verbs_transcode.c: making films playable */
enum cli_exit do_media(struct cli *cli);
enum cli_exit do_jobs(struct cli *cli);
/* verbs_rooms.c: people who watch together */
enum cli_exit do_rooms(struct cli *cli);
enum cli_exit do_room_create(struct cli *cli);
enum cli_exit do_room_show(struct cli *cli);
enum cli_exit do_room_close(struct cli *cli);
enum cli_exit do_room_kick(struct cli *cli);
enum cli_exit do_room_say(struct cli *cli);
enum cli_exit do_room_play(struct cli *cli);
enum cli_exit do_room_pause(struct cli *cli);
enum cli_exit do_room_seek(struct cli *cli);
enum cli_exit do_room_rate(struct cli *cli);
/* verbs_simulate.c */
enum cli_exit do_room_simulate(struct cli *cli);
/* verbs_services.c: the processes */
enum cli_exit do_status(struct cli *cli);
enum cli_exit do_why(struct cli *cli);
enum cli_exit do_restart(struct cli *cli);
enum cli_exit do_upgrade(struct cli *cli);
enum cli_exit do_stop(struct cli *cli);
enum cli_exit do_logs(struct cli *cli);
/* verbs_backup.c: the state of it all */
enum cli_exit do_backup(struct cli *cli);
enum cli_exit do_restore(struct cli *cli);
/* verbs_inspect.c: looking inside one process */
enum cli_exit do_config(struct cli *cli);
enum cli_exit do_logs_level(struct cli *cli);
enum cli_exit do_metrics(struct cli *cli);
enum cli_exit do_trace(struct cli *cli);
enum cli_exit do_call(struct cli *cli);
/* help.c, completion.c */
enum cli_exit do_help(struct cli *cli);
enum cli_exit do_completion_bash(struct cli *cli);

#endif
