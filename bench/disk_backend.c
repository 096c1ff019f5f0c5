/* SPDX-License-Identifier: MIT
 *
 * disk_backend: what do the disk back ends cost, and do all of them keep the promise of
 * LT_PIECE_READY? Three processes on loopback: a seeder, a downloader (measured), and in the rounds
 * called "checked" a reader that compares each piece with the original the moment it is told ready.
 *
 *   bench_disk_backend [MiB, 1024] [rounds, 3] [folder, /tmp]
 */
#include "lt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

enum { TICK_MS = 50, ROUND_S = 300, METAINFO_MAX = 1 << 20 };

/* What the seeder tells everybody. */
struct offer {
    uint16_t port;
    uint32_t piece_bytes;
    size_t len;
    uint8_t metainfo[METAINFO_MAX];
};

struct result {
    double seconds, cpu_s;
    long anon_kib, file_kib, total_kib; /* peaks of /proc/self/status */
    unsigned dropped;
};

static const char *const backends[] = {
    [LT_DISK_POSIX] = "posix", [LT_DISK_MMAP] = "mmap", [LT_DISK_DIRECT] = "direct"};
static char root[256];
static struct offer offer;

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* fork(), and a child that does not outlive us. */
static pid_t fork_child(void)
{
    pid_t pid = fork();

    must(pid >= 0);
    if (pid == 0)
        must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    return pid;
}

static void write_all(int fd, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);

        must(n > 0);
        done += (size_t)n;
    }
}

/* False at the end of the stream. */
static bool read_all(int fd, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)data + done, len - done);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void make_original(const char *path, uint64_t bytes)
{
    static uint64_t block[1 << 17];
    uint64_t x = 88172645463325252u;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    must(fd >= 0);
    for (uint64_t done = 0; done < bytes; done += sizeof(block)) {
        for (size_t i = 0; i < COUNT_OF(block); i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            block[i] = x;
        }
        write_all(fd, block, sizeof(block));
    }
    must(fsync(fd) == 0);
    close(fd);
}

static struct lt_session *open_session(enum lt_disk disk)
{
    struct lt_config config = {.listen = "127.0.0.1:0",
                               .outgoing = "",
                               .user_agent = "bench",
                               .encryption = "off",
                               .max_connections = 20,
                               .upload_slots = 8,
                               .proxy = "",
                               .dht_bootstrap = "",
                               .disk = disk};
    struct error error;
    struct lt_session *session = lt_session_new(&config, &error);

    must(session != NULL);
    return session;
}

static lt_id add(struct lt_session *session, const char *dir, bool is_seed)
{
    struct error error;
    bool is_new;
    lt_id id = 0;

    if (lt_add(session,
               &(struct lt_add){.metainfo = bytes_of(offer.metainfo, offer.len),
                                .save_path = dir,
                                .seed = is_seed,
                                .sequential = true},
               &id, &is_new, &error) != ERR_NONE) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return id;
}

/* Hashes the original, tells the offer through `out`, seeds until killed. */
_Noreturn static void run_seeder(const char *path, int out)
{
    struct lt_session *session = open_session(LT_DISK_POSIX);
    struct lt_alert alert;
    struct error error;
    struct lt_info *info;
    bool is_seeding = false;
    uint32_t job;

    must(lt_hash_start(session, path, false, NULL, 0, &job, &error) == ERR_NONE);
    for (;;) {
        struct pollfd readable = {.fd = lt_fd(session), .events = POLLIN};

        while (lt_poll(session, &alert)) {
            if (alert.type == LT_LISTENING)
                offer.port = (uint16_t)alert.a;
            must(alert.type != LT_HASH_FAILED);
            if (alert.type == LT_HASH_DONE) {
                must(alert.len <= METAINFO_MAX);
                memcpy(offer.metainfo, alert.data, alert.len);
                offer.len = alert.len;
            }
        }
        if (offer.len > 0 && offer.port != 0 && !is_seeding) {
            must(lt_info(session, add(session, root, true), &info) == ERR_NONE);
            offer.piece_bytes = info->piece_bytes;
            is_seeding = true;
            write_all(out, &offer, sizeof(offer));
        }
        poll(&readable, 1, -1);
    }
}

static void note_memory(struct result *result)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long anon = 0;
    long mapped = 0;

    must(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0)
            anon = strtol(line + 8, NULL, 10);
        if (strncmp(line, "RssFile:", 8) == 0)
            mapped = strtol(line + 8, NULL, 10);
    }
    fclose(file);
    result->anon_kib = MAX(result->anon_kib, anon);
    result->file_kib = MAX(result->file_kib, mapped);
    result->total_kib = MAX(result->total_kib, anon + mapped);
}

/* Downloads everything into `dir`; numbers of ready pieces go to `pieces` unless that is -1. */
static void run_downloader(enum lt_disk disk, const char *dir, int out, int pieces)
{
    struct lt_session *session = open_session(disk);
    struct result result = {0};
    struct lt_info *info = NULL;
    struct lt_alert alert;
    struct rusage before;
    struct rusage after;
    struct error error;
    uint32_t ready = 0;
    double tick = 0;
    double begin;
    lt_id id = add(session, dir, false);

    getrusage(RUSAGE_SELF, &before);
    begin = now_s();
    must(lt_connect_peer(session, id, "127.0.0.1", offer.port, &error) == ERR_NONE);
    must(lt_info(session, id, &info) == ERR_NONE);
    while (ready < info->piece_count) {
        struct pollfd readable = {.fd = lt_fd(session), .events = POLLIN};

        while (lt_poll(session, &alert)) {
            if (alert.type == LT_DROPPED)
                result.dropped++;
            if (alert.type != LT_PIECE_READY)
                continue;
            ready++;
            if (pieces >= 0)
                write_all(pieces, &alert.piece, sizeof(alert.piece));
        }
        if (now_s() - tick >= TICK_MS / 1000.0) {
            tick = now_s();
            note_memory(&result);
            lt_post_updates(session);
        }
        must(now_s() - begin < ROUND_S);
        poll(&readable, 1, TICK_MS);
    }
    result.seconds = now_s() - begin;
    getrusage(RUSAGE_SELF, &after);
    result.cpu_s = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                   (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                   (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
                   (double)(after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    write_all(out, &result, sizeof(result));
    lt_info_free(&info);
    lt_session_free(&session);
    exit(0);
}

/* Compares pieces as they are told, until the downloader closes its end. */
static unsigned count_bad_pieces(int pieces, const char *original, const char *copy,
                                 unsigned *checked_out)
{
    size_t piece_bytes = offer.piece_bytes;
    uint8_t *there = xcalloc(1, piece_bytes);
    uint8_t *here = xcalloc(1, piece_bytes);
    unsigned bad = 0;
    uint32_t piece;
    int copy_fd = -1;
    int fd = open(original, O_RDONLY);

    must(fd >= 0);
    for (*checked_out = 0; read_all(pieces, &piece, sizeof(piece)); (*checked_out)++) {
        off_t at = (off_t)(piece * (uint64_t)piece_bytes);
        ssize_t len = pread(fd, there, piece_bytes, at);

        if (copy_fd < 0)
            copy_fd = open(copy, O_RDONLY);
        if (pread(copy_fd, here, piece_bytes, at) != len || memcmp(here, there, (size_t)len) != 0)
            bad++;
    }
    close(copy_fd);
    close(fd);
    free(here);
    free(there);
    return bad;
}

static void run_round(const char *label, enum lt_disk disk, bool is_checked, uint64_t bytes)
{
    char dir[300];
    char copy[320];
    char original[320];
    struct result result;
    unsigned checked = 0;
    unsigned bad = 0;
    int results[2];
    int pieces[2];
    pid_t pid;

    snprintf(dir, sizeof(dir), "%s/copy", root);
    snprintf(copy, sizeof(copy), "%s/original", dir);
    snprintf(original, sizeof(original), "%s/original", root);
    must(mkdir(dir, 0777) == 0);
    must(pipe(results) == 0);
    must(pipe(pieces) == 0);
    fflush(stdout);
    pid = fork_child();
    if (pid == 0) {
        close(pieces[0]);
        run_downloader(disk, dir, results[1], is_checked ? pieces[1] : -1);
    }
    close(results[1]);
    close(pieces[1]);
    if (is_checked)
        bad = count_bad_pieces(pieces[0], original, copy, &checked);
    must(read_all(results[0], &result, sizeof(result)));
    must(waitpid(pid, NULL, 0) == pid);
    close(results[0]);
    close(pieces[0]);
    printf("| %s | %s | %.0f | %.2f | %.1f | %.1f | %.1f |", label, backends[disk],
           (double)bytes / 1e6 / result.seconds, result.cpu_s / ((double)bytes / (1 << 30)),
           (double)result.anon_kib / 1024, (double)result.file_kib / 1024,
           (double)result.total_kib / 1024);
    if (is_checked)
        printf(" %u of %u |", bad, checked);
    else
        printf(" |");
    printf(" %u |\n", result.dropped);
    must(unlink(copy) == 0);
    must(rmdir(dir) == 0);
    sync(); /* the next round shall not pay for writing this one back */
}

int main(int argc, char **argv)
{
    uint64_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;
    char original[300];
    int offers[2];
    pid_t seeder;

    snprintf(root, sizeof(root), "%s/disk-backend-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    must(bytes > 0 && mkdtemp(root) != NULL);
    snprintf(original, sizeof(original), "%s/original", root);
    make_original(original, bytes);
    must(pipe(offers) == 0);
    seeder = fork_child();
    if (seeder == 0)
        run_seeder(original, offers[1]);
    must(read_all(offers[0], &offer, sizeof(offer)));

    printf("%llu MiB, pieces of %u KiB\n\n", (unsigned long long)(bytes >> 20),
           offer.piece_bytes >> 10);
    printf("| round | back end | MB/s | CPU s/GiB | RssAnon MiB | RssFile MiB | sum MiB | bad "
           "pieces | lost alerts |\n|---|---|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i <= rounds; i++) {
        bool is_checked = i == rounds;
        char label[16] = "checked";

        if (!is_checked)
            snprintf(label, sizeof(label), "%u", i + 1);
        for (unsigned k = 0; k < COUNT_OF(backends); k++) /* another one begins each round */
            run_round(label, (enum lt_disk)((i + k) % COUNT_OF(backends)), is_checked, bytes);
    }
    kill(seeder, SIGKILL);
    must(waitpid(seeder, NULL, 0) == seeder);
    must(unlink(original) == 0);
    must(rmdir(root) == 0);
    return 0;
}
