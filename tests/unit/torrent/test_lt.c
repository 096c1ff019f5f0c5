/* SPDX-License-Identifier: MIT
 *
 * Real sessions on loopback: what torrent-svc relies on when it says "this piece can be read".
 */
#include "lt_rig.h"

#include <signal.h>
#include <sys/wait.h>

enum { MOVIE_BYTES = 9 * 1024 * 1024 + 4321, EXTRA_BYTES = 700 * 1024 + 1 };

static char source[64]; /* holds film/ */

static enum lt_disk disk; /* the back end under test */

static struct node *const seed = &rig_nodes[0];
static struct node *const leech = &rig_nodes[1];

static int make_source(void **state)
{
    if (rig_group_setup(state) != 0)
        return 1;
    snprintf(source, sizeof(source), "%s/source", rig_root);
    mkdir(source, 0777);
    mkdir(rig_path(source, "film"), 0777);
    mkdir(rig_path(source, "film/extras"), 0777);
    rig_write(rig_path(source, "film/movie.mkv"), MOVIE_BYTES, 11);
    rig_write(rig_path(source, "film/extras/trailer.mp4"), EXTRA_BYTES, 12);
    rig_write(rig_path(source, "film/extras/empty"), 0, 13);
    rig_write(rig_path(source, "film/.subtitles.srt"), 999, 14);
    return 0;
}

static bool has_metadata(void)
{
    return leech->metadata > 0;
}

static bool is_checked(void)
{
    return leech->checked > 0;
}

static bool is_complete(void)
{
    return leech->checked > 0 && leech->at_check + leech->ready == leech->info->piece_count;
}

static bool is_finished(void)
{
    return leech->finished > 0;
}

static bool has_half(void)
{
    return is_finished() && leech->at_check + leech->ready >=
                                leech->info->piece_count - leech->info->piece_count / 2;
}

static bool has_resume(void)
{
    return leech->resume != NULL;
}

static bool is_removed(void)
{
    return leech->removed > 0;
}

static bool has_some(void)
{
    return leech->ready >= 20;
}

static bool has_piece(struct node *node, uint32_t piece)
{
    uint8_t have[4096];

    assert_int_equal(lt_pieces(node->session, node->id, have, node->info->piece_count), ERR_NONE);
    return have[piece] != 0;
}

static const struct lt_file *file_named(const struct lt_info *info, const char *path)
{
    for (size_t i = 0; i < info->file_count; i++)
        if (strcmp(info->files[i].path, path) == 0)
            return &info->files[i];
    fail_msg("no file %s", path);
    return NULL;
}

static void leech_by_magnet(enum lt_disk on)
{
    char *magnet;

    assert_int_equal(lt_magnet(seed->session, seed->id, &magnet), ERR_NONE);
    rig_open(1, NULL, on);
    rig_add(leech, (struct lt_add){.magnet = magnet, .sequential = true});
    free(magnet);
    rig_meet(leech);
}

/* Not connected yet, so that nothing arrives before the test is ready for it. */
static void leech_by_metainfo(enum lt_disk on, uint64_t limit)
{
    rig_open(1, NULL, on);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .download_limit = limit});
    wait_until(is_checked);
}

/* Asks for the pieces from `first` on, with the scheduler's calls. */
static void want_from(uint32_t first)
{
    uint8_t priorities[4096];

    for (uint32_t i = 0; i < leech->info->piece_count; i++)
        priorities[i] = i < first ? 0 : 4;
    struct lt_deadline deadlines[] = {{.piece = first}, {.piece = first + 1, .in_ms = 50}};
    struct lt_plan plan = {.is_sequential = true,
                           .clears_deadlines = true,
                           .priorities = priorities,
                           .piece_count = leech->info->piece_count,
                           .deadlines = deadlines,
                           .deadline_count = COUNT_OF(deadlines)};

    assert_int_equal(lt_apply(leech->session, leech->id, &plan), ERR_NONE);
    deadlines[1].piece = leech->info->piece_count;
    assert_int_equal(lt_apply(leech->session, leech->id, &plan), ERR_INVALID);
    plan.deadline_count = 0;
    plan.piece_count--;
    assert_int_equal(lt_apply(leech->session, leech->id, &plan), ERR_INVALID);
}

static void check_info(const struct lt_info *info, bool is_hybrid)
{
    const struct lt_info *original = seed->info;

    assert_memory_equal(&info->hashes, &original->hashes, sizeof(info->hashes));
    assert_true(info->hashes.has_v1);
    assert_int_equal(info->hashes.has_v2, is_hybrid);
    assert_string_equal(info->name, "film");
    assert_string_equal(original->creator, "ShareStream");
    assert_int_equal(info->piece_bytes, 64 * 1024);
    assert_int_equal(info->file_count, original->file_count);
    assert_int_equal(file_named(info, "film/movie.mkv")->size, MOVIE_BYTES);
    assert_int_equal(file_named(info, "film/extras/trailer.mp4")->size, EXTRA_BYTES);
    assert_int_equal(file_named(info, "film/extras/empty")->size, 0);
    assert_int_equal(file_named(info, "film/.subtitles.srt")->size, 999);
}

static void download(bool is_hybrid)
{
    struct lt_hashes peeked;
    struct lt_peer peers[4];
    struct error error;
    uint8_t *metainfo;
    char name[32];
    size_t len;
    size_t count;

    rig_seed(source, "film", is_hybrid);
    leech_by_magnet(disk);
    wait_until(has_metadata);
    check_info(leech->info, is_hybrid);
    want_from(leech->info->piece_count / 2);
    wait_until(is_finished);
    assert_int_equal(lt_peers(leech->session, leech->id, peers, 4, &count), ERR_NONE);
    assert_int_equal(count, 1);
    assert_true(peers[0].flags & LT_PEER_SEED);
    want_from(0);
    wait_until(is_complete);

    assert_int_equal(leech->unreadable, 0);
    assert_int_equal(leech->metadata, 1);
    assert_int_equal(leech->checked, 1);
    assert_int_equal(rig_pieces(leech), leech->info->piece_count);
    assert_int_equal(lt_metainfo(leech->session, leech->id, &metainfo, &len), ERR_NONE);
    assert_int_equal(lt_peek(&(struct lt_add){.metainfo = bytes_of(metainfo, len)}, &peeked, name,
                             sizeof(name), &error),
                     ERR_NONE);
    assert_memory_equal(&peeked, &leech->info->hashes, sizeof(peeked));
    assert_string_equal(name, "film");
    free(metainfo);
}

static void ready_pieces_are_in_the_file(void **state)
{
    (void)state;
    download(false);
}

static void ready_pieces_are_in_the_file_of_a_hybrid(void **state)
{
    (void)state;
    download(true);
}

/* What a session left behind in `dir`. */
struct left {
    char dir[64];
    uint8_t have[4096];
    unsigned count;
    uint8_t *resume;
    size_t resume_len;
};

/* Downloads the second half, then closes. */
static struct left download_half(void)
{
    struct left left = {0};

    rig_seed(source, "film", false);
    leech_by_metainfo(disk, 0);
    want_from(leech->info->piece_count / 2);
    rig_meet(leech);
    wait_until(has_half);
    assert_int_equal(lt_pause(leech->session, leech->id, true), ERR_NONE);
    assert_int_equal(lt_save_resume(leech->session, leech->id, true), ERR_NONE);
    wait_until(has_resume);
    left.resume = leech->resume;
    left.resume_len = leech->resume_len;
    leech->resume = NULL;
    left.count = rig_pieces(leech);
    assert_int_equal(left.count, leech->info->piece_count - leech->info->piece_count / 2);
    assert_int_equal(lt_pieces(leech->session, leech->id, left.have, leech->info->piece_count),
                     ERR_NONE);
    snprintf(left.dir, sizeof(left.dir), "%s", leech->dir);
    rig_close(leech);
    return left;
}

static void resume_data_brings_the_pieces_back(void **state)
{
    struct left left = download_half();

    (void)state;
    /* A damaged byte proves that nothing is hashed again. */
    rig_damage(rig_path(left.dir, "film/movie.mkv"), MOVIE_BYTES - 100);
    rig_open(1, left.dir, disk);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .resume = bytes_of(left.resume, left.resume_len)});
    free(left.resume);
    wait_until(is_checked);
    assert_int_equal(rig_pieces(leech), left.count);
    for (uint32_t i = 0; i < leech->info->piece_count; i++)
        assert_int_equal(has_piece(leech, i), left.have[i]);
    assert_int_equal(leech->ready, 0);
}

static void resume_data_of_another_torrent_is_ignored(void **state)
{
    struct left left = download_half();
    uint8_t hash[20] = {1};

    (void)state;
    rig_open(1, left.dir, disk);
    rig_add(leech,
            (struct lt_add){.hash_v1 = hash, .resume = bytes_of(left.resume, left.resume_len)});
    free(left.resume);
    assert_int_equal(lt_pieces(leech->session, leech->id, hash, 1), ERR_UNAVAILABLE);
    assert_false(rig_serve(has_metadata, 100));
}

static void resume_data_alone_has_the_metadata_too(void **state)
{
    struct left left = download_half();

    (void)state;
    rig_open(1, left.dir, disk);
    rig_add(leech, (struct lt_add){.hash_v1 = seed->info->hashes.v1,
                                   .resume = bytes_of(left.resume, left.resume_len)});
    free(left.resume);
    wait_until(is_checked);
    assert_int_equal(rig_pieces(leech), left.count);
}

static void verify_finds_the_damaged_piece(void **state)
{
    struct left left = download_half();
    uint64_t damaged;

    (void)state;
    rig_damage(rig_path(left.dir, "film/movie.mkv"), MOVIE_BYTES - 100);
    rig_open(1, left.dir, disk);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .resume = bytes_of(left.resume, left.resume_len),
                                   .verify = true});
    free(left.resume);
    wait_until(is_checked);
    damaged = file_named(leech->info, "film/movie.mkv")->offset + MOVIE_BYTES - 100;
    assert_false(has_piece(leech, (uint32_t)(damaged / leech->info->piece_bytes)));
    assert_int_equal(rig_pieces(leech), left.count - 1);
}

static void recheck_forgets_and_finds_again(void **state)
{
    (void)state;
    rig_seed(source, "film", false);
    leech_by_magnet(disk);
    wait_until(is_complete);
    leech->checked = 0;
    assert_int_equal(lt_recheck(leech->session, leech->id), ERR_NONE);
    assert_int_equal(lt_pieces(leech->session, leech->id, (uint8_t[1]){0}, 1), ERR_UNAVAILABLE);
    wait_until(is_checked);
    assert_int_equal(rig_pieces(leech), leech->info->piece_count);
}

/* A process that will be killed in the middle. Only what it wrote down is known then: the numbers
 * of ready pieces. It is this program anew: a mere fork would inherit locks that threads of ended
 * sessions held. Arguments: download, rig_root, folder to use, disk back end; the torrent comes
 * over standard input. */
static int download_and_report(char **argv)
{
    const int in = STDIN_FILENO, out = STDOUT_FILENO;

    uint8_t metainfo[8192];
    struct lt_alert alert;
    ssize_t len;

    snprintf(rig_root, sizeof(rig_root), "%s", argv[2]);
    rig_dirs = (unsigned)strtoul(argv[3], NULL, 10);
    disk = (enum lt_disk)strtoul(argv[4], NULL, 10);
    if (read(in, &rig_nodes[0].port, sizeof(rig_nodes[0].port)) != sizeof(rig_nodes[0].port))
        return 1;
    len = read(in, metainfo, sizeof(metainfo));
    if (len <= 0)
        return 1;
    rig_open(1, NULL, disk);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(metainfo, (size_t)len),
                                   .sequential = true,
                                   .download_limit = 4 << 20});
    rig_meet(leech);
    for (uint64_t end = rig_now_ms() + RIG_DEADLINE_MS; rig_now_ms() < end;) {
        struct pollfd readable = {.fd = lt_fd(leech->session), .events = POLLIN};

        while (lt_poll(leech->session, &alert))
            if (alert.type == LT_PIECE_READY &&
                write(out, &alert.piece, sizeof(alert.piece)) != sizeof(alert.piece))
                return 1;
        poll(&readable, 1, TICK_MS);
    }
    return 2;
}

static void pieces_survive_a_kill_without_a_check(void **state)
{
    uint8_t have[4096] = {0};
    unsigned count;
    char dir[64], dirs[12], back_end[12];
    int to[2];
    int from[2];
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    snprintf(dir, sizeof(dir), "%s/%u", rig_root, rig_dirs + 1);
    snprintf(dirs, sizeof(dirs), "%u", rig_dirs);
    snprintf(back_end, sizeof(back_end), "%d", (int)disk);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl("/proc/self/exe", "unit_torrent_lt", "download", rig_root, dirs, back_end, NULL);
        _exit(1);
    }
    close(to[0]);
    close(from[1]);
    rig_dirs++;
    rig_seed(source, "film", false);
    assert_int_equal(write(to[1], &seed->port, sizeof(seed->port)), sizeof(seed->port));
    assert_int_equal(write(to[1], seed->metainfo, seed->metainfo_len), seed->metainfo_len);
    for (count = 0; count < 20; count++) {
        struct pollfd readable = {.fd = from[0], .events = POLLIN};
        uint32_t piece;

        assert_int_equal(poll(&readable, 1, RIG_DEADLINE_MS), 1);
        assert_int_equal(read(from[0], &piece, sizeof(piece)), sizeof(piece));
        have[piece] = 1;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(to[1]);
    close(from[0]);
    assert_int_equal(WTERMSIG(status), SIGKILL);

    rig_open(1, dir, disk);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .have = have,
                                   .have_count = seed->info->piece_count});
    wait_until(is_checked);
    assert_int_equal(rig_pieces(leech), count); /* a check would also find pieces not reported */
    rig_meet(leech);
    wait_until(is_finished);
    assert_int_equal(leech->unreadable, 0);
    assert_int_equal(leech->ready + count, leech->info->piece_count);
}

/* Left to itself, libtorrent would check everything again when all pieces are said to be there, and
 * believe everything when one is not. */
static void pieces_of_missing_and_short_files_are_dropped(bool says_all)
{
    enum { KEPT_BYTES = 5 * 1024 * 1024 };
    const struct lt_file *movie;
    const struct lt_file *trailer;
    uint8_t have[4096];
    char dir[64];

    rig_seed(source, "film", false);
    leech_by_magnet(LT_DISK_MMAP);
    wait_until(is_complete);
    snprintf(dir, sizeof(dir), "%s", leech->dir);
    rig_open(1, dir, disk);
    assert_int_equal(unlink(rig_path(dir, "film/extras/trailer.mp4")), 0);
    assert_int_equal(truncate(rig_path(dir, "film/movie.mkv"), KEPT_BYTES), 0);
    rig_damage(rig_path(dir, "film/movie.mkv"), KEPT_BYTES / 2); /* seen if it is hashed again */
    memset(have, 1, sizeof(have));
    have[seed->info->piece_count - 1] = says_all;
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .have = have,
                                   .have_count = seed->info->piece_count});
    wait_until(is_checked);
    movie = file_named(leech->info, "film/movie.mkv");
    trailer = file_named(leech->info, "film/extras/trailer.mp4");
    for (uint32_t i = 0; i < leech->info->piece_count; i++) {
        uint64_t begin = (uint64_t)i * leech->info->piece_bytes;
        uint64_t end = begin + leech->info->piece_bytes;
        bool needs_trailer = begin < trailer->offset + trailer->size && end > trailer->offset;
        bool needs_cut = end > movie->offset + KEPT_BYTES;

        assert_int_equal(has_piece(leech, i), !needs_trailer && !needs_cut);
    }
    rig_meet(leech);
    wait_until(is_finished);
    assert_int_equal(rig_pieces(leech), leech->info->piece_count);
    assert_int_equal(leech->unreadable, 0);
}

static void pieces_of_missing_files_are_dropped_from_a_whole_torrent(void **state)
{
    (void)state;
    pieces_of_missing_and_short_files_are_dropped(true);
}

static void pieces_of_missing_files_are_dropped_from_a_part(void **state)
{
    (void)state;
    pieces_of_missing_and_short_files_are_dropped(false);
}

static void wrong_count_of_pieces_is_refused(void **state)
{
    uint8_t have[3] = {1, 1, 1};
    struct error error;
    bool is_new;

    (void)state;
    rig_seed(source, "film", false);
    rig_open(1, NULL, disk);
    assert_int_equal(
        lt_add(leech->session,
               &(struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                .save_path = leech->dir,
                                .have = have,
                                .have_count = 3},
               &leech->id, &is_new, &error),
        ERR_INVALID);
}

static bool is_paused(void)
{
    return leech->status.state == LT_STATE_PAUSED;
}

static void paused_torrent_stands_still_until_resumed(void **state)
{
    unsigned before;

    (void)state;
    rig_seed(source, "film", false);
    leech_by_metainfo(disk, 2 << 20);
    rig_meet(leech);
    wait_until(has_some);
    assert_int_equal(lt_pause(leech->session, leech->id, true), ERR_NONE);
    wait_until(is_paused);
    before = leech->ready;
    assert_false(rig_serve(is_complete, 300));
    assert_int_equal(leech->ready, before);
    assert_int_equal(lt_limits(leech->session, leech->id, 0, 0, 0), ERR_NONE);
    assert_int_equal(lt_pause(leech->session, leech->id, false), ERR_NONE);
    rig_meet(leech);
    wait_until(is_complete);
    assert_int_equal(leech->unreadable, 0);
}

static void removal_keeps_or_deletes_the_data(void **state)
{
    struct lt_hashes hashes;
    char dir[64];

    (void)state;
    rig_seed(source, "film", false);
    leech_by_magnet(disk);
    wait_until(is_complete);
    snprintf(dir, sizeof(dir), "%s", leech->dir);
    assert_int_equal(lt_remove(leech->session, leech->id, false), ERR_NONE);
    assert_int_equal(lt_hashes(leech->session, leech->id, &hashes), ERR_NOT_FOUND);
    wait_until(is_removed);
    assert_int_equal(access(rig_path(dir, "film/movie.mkv"), F_OK), 0);

    leech->removed = leech->checked = 0;
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .seed = true});
    wait_until(is_checked);
    assert_int_equal(lt_remove(leech->session, leech->id, true), ERR_NONE);
    wait_until(is_removed);
    assert_int_equal(leech->last_error.code, ERR_NONE);
    assert_int_not_equal(access(rig_path(dir, "film"), F_OK), 0);
}

static void torrent_that_is_there_keeps_its_id(void **state)
{
    struct lt_add again = {.save_path = source};
    struct error error;
    char *magnet;
    bool is_new;
    lt_id id;

    (void)state;
    rig_seed(source, "film", false);
    assert_int_equal(lt_magnet(seed->session, seed->id, &magnet), ERR_NONE);
    again.magnet = magnet;
    again.trackers = (const char *const[]){"wss://late.example/announce"};
    again.tracker_count = 1;
    assert_int_equal(lt_add(seed->session, &again, &id, &is_new, &error), ERR_NONE);
    free(magnet);
    assert_int_equal(id, seed->id);
    assert_false(is_new);
    assert_int_equal(lt_magnet(seed->session, seed->id, &magnet), ERR_NONE);
    assert_non_null(strstr(magnet, "&tr=wss%3A%2F%2Flate.example%2Fannounce"));
    free(magnet);

    assert_int_equal(lt_remove(seed->session, seed->id, false), ERR_NONE);
    again.magnet = NULL;
    again.metainfo = bytes_of(seed->metainfo, seed->metainfo_len);
    assert_int_equal(lt_add(seed->session, &again, &id, &is_new, &error), ERR_BUSY);
}

static void limit_of_a_torrent_holds_on_loopback(void **state)
{
    uint64_t begin;

    (void)state;
    rig_seed(source, "film", false);
    leech_by_metainfo(disk, 8 << 20);
    begin = rig_now_ms();
    rig_meet(leech);
    wait_until(is_complete); /* 9.7 MiB at 8 MiB/s: 1.2 s */
    assert_true(rig_now_ms() - begin >= 800);
}

static bool has_file_error(void)
{
    return leech->file_errors > 0 && leech->status.state == LT_STATE_ERROR;
}

static void file_error_is_told_once_and_ends_with_resume(void **state)
{
    (void)state;
    rig_seed(source, "film", false);
    rig_open(1, NULL, disk);
    mkdir(rig_path(leech->dir, "film"), 0777);
    mkdir(rig_path(leech->dir, "film/movie.mkv"), 0777); /* in the way */
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .have = seed->metainfo, /* any bytes: nothing is there */
                                   .have_count = seed->info->piece_count});
    rig_meet(leech);
    wait_until(has_file_error);
    assert_int_equal(leech->last_error.code, ERR_IO);
    assert_false(rig_serve(is_complete, 200));
    assert_int_equal(leech->file_errors, 1);
    assert_int_equal(rmdir(rig_path(leech->dir, "film/movie.mkv")), 0);
    assert_int_equal(lt_pause(leech->session, leech->id, false), ERR_NONE);
    rig_meet(leech);
    wait_until(is_complete);
    assert_int_equal(leech->unreadable, 0);
}

/* An open descriptor must not hide it: what is written to it would be nowhere. */
static void file_moved_away_under_a_download_is_told(void **state)
{
    (void)state;
    rig_seed(source, "film", false);
    leech_by_metainfo(LT_DISK_DIRECT, 4 << 20);
    rig_meet(leech);
    wait_until(has_some);
    assert_int_equal(
        rename(rig_path(leech->dir, "film/movie.mkv"), rig_path(leech->dir, "film/elsewhere")), 0);
    wait_until(has_file_error);
    assert_int_equal(leech->last_error.code, ERR_IO);
    leech->checked = 0;
    /* So slow that what is counted below was found by the check. */
    assert_int_equal(lt_limits(leech->session, leech->id, 16 << 10, 0, 0), ERR_NONE);
    assert_int_equal(lt_recheck(leech->session, leech->id), ERR_NONE);
    assert_int_equal(lt_pause(leech->session, leech->id, false), ERR_NONE);
    wait_until(is_checked);
    assert_true(rig_pieces(leech) < 20);
    leech->unreadable = 0; /* told before the move, read after it */
    assert_int_equal(lt_limits(leech->session, leech->id, 0, 0, 0), ERR_NONE);
    rig_meet(leech);
    wait_until(is_complete);
    assert_int_equal(leech->unreadable, 0);
}

static void deleted_file_is_missed_by_a_recheck(void **state)
{
    const struct lt_file *movie;

    (void)state;
    rig_seed(source, "film", false);
    leech_by_magnet(disk);
    wait_until(is_complete);
    leech->checked = 0;
    movie = file_named(leech->info, "film/movie.mkv");
    assert_int_equal(unlink(rig_path(leech->dir, "film/movie.mkv")), 0);
    assert_int_equal(lt_recheck(leech->session, leech->id), ERR_NONE);
    wait_until(is_checked);
    assert_in_range(rig_pieces(leech), 1,
                    leech->info->piece_count - movie->size / leech->info->piece_bytes);
    rig_meet(leech);
    wait_until(is_complete);
    assert_int_equal(leech->unreadable, 0);
}

static void full_disk_is_no_space(void **state)
{
    (void)state;
    rig_seed(source, "film", false);
    rig_open(1, NULL, disk);
    mkdir(rig_path(leech->dir, "film"), 0777);
    assert_int_equal(symlink("/dev/full", rig_path(leech->dir, "film/movie.mkv")), 0);
    rig_add(leech, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                   .have = (uint8_t[4096]){0},
                                   .have_count = seed->info->piece_count});
    rig_meet(leech);
    wait_until(has_file_error);
    assert_int_equal(leech->last_error.code, ERR_NO_SPACE);
    assert_int_equal(leech->unreadable, 0);
}

static bool has_sent_all(void)
{
    return seed->status.uploaded >= seed->info->total_bytes;
}

static bool has_caught_up(void)
{
    return leech->dropped > 0 && is_complete();
}

/* libtorrent keeps 20000 alerts; these are more. */
static void lost_alerts_are_made_good(void **state)
{
    (void)state;
    rig_write(rig_path(source, "long.mkv"), 200 << 20, 21);
    rig_seed(source, "long.mkv", false);
    leech_by_metainfo(LT_DISK_MMAP, 0);
    leech->is_deaf = true;
    rig_meet(leech);
    wait_until(has_sent_all);
    leech->is_deaf = false;
    wait_until(has_caught_up);
    assert_int_equal(leech->unreadable, 0);
    for (uint32_t i = 0; i < leech->info->piece_count; i++)
        assert_true(rig_piece_is_right(leech, i));
    assert_int_equal(unlink(rig_path(source, "long.mkv")), 0);
}

static int set_disk(void **state)
{
    disk = *(enum lt_disk *)*state;
    return 0;
}

static enum lt_disk disks[] = {LT_DISK_POSIX, LT_DISK_MMAP, LT_DISK_DIRECT};

#define ON(test, backend, which)                                                                   \
    {                                                                                              \
        .name = #test " on " backend, .test_func = test, .setup_func = set_disk,                   \
        .teardown_func = rig_teardown, .initial_state = &disks[which]                              \
    }
/* The two that write at once. */
#define ON_BOTH(test) ON(test, "posix", LT_DISK_POSIX), ON(test, "direct", LT_DISK_DIRECT)
#define ON_ALL(test)  ON_BOTH(test), ON(test, "mmap", LT_DISK_MMAP)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ON_ALL(ready_pieces_are_in_the_file),
        ON_ALL(ready_pieces_are_in_the_file_of_a_hybrid),
        ON_ALL(resume_data_brings_the_pieces_back),
        ON_BOTH(resume_data_of_another_torrent_is_ignored),
        ON_BOTH(resume_data_alone_has_the_metadata_too),
        ON_BOTH(verify_finds_the_damaged_piece),
        ON_ALL(recheck_forgets_and_finds_again),
        ON_BOTH(pieces_survive_a_kill_without_a_check),
        ON_BOTH(pieces_of_missing_files_are_dropped_from_a_whole_torrent),
        ON_BOTH(pieces_of_missing_files_are_dropped_from_a_part),
        cmocka_unit_test_teardown(wrong_count_of_pieces_is_refused, rig_teardown),
        ON_BOTH(paused_torrent_stands_still_until_resumed),
        ON_BOTH(removal_keeps_or_deletes_the_data),
        cmocka_unit_test_teardown(torrent_that_is_there_keeps_its_id, rig_teardown),
        ON_BOTH(limit_of_a_torrent_holds_on_loopback),
        ON_BOTH(file_error_is_told_once_and_ends_with_resume),
        cmocka_unit_test_teardown(file_moved_away_under_a_download_is_told, rig_teardown),
        ON_BOTH(deleted_file_is_missed_by_a_recheck),
        ON_BOTH(full_disk_is_no_space),
        cmocka_unit_test_teardown(lost_alerts_are_made_good, rig_teardown),
    };

    if (argc == 5)
        return download_and_report(argv);
    return cmocka_run_group_tests(tests, make_source, rig_group_teardown);
}
