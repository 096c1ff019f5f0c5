/* SPDX-License-Identifier: MIT
 *
 * lt_rig: a few libtorrent sessions on loopback for the lt tests. Each node has a folder and
 * records its alerts; wait_until() serves all nodes until a condition holds or ten seconds are
 * over. At every LT_PIECE_READY the piece is read from the node's own files, as another process
 * would, and compared with the original.
 */
#ifndef TEST_LT_RIG_H
#define TEST_LT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

#include "lt.h"

enum { NODES_MAX = 3, RIG_DEADLINE_MS = 60000, TICK_MS = 100 };

struct node {
    struct lt_session *session;
    char dir[64]; /* save path; kept when the session is closed */
    lt_id id;     /* of the one torrent under test */
    bool is_deaf; /* its alerts are left to pile up */
    uint16_t port;
    struct lt_info *info;
    unsigned metadata, checked, finished, removed, file_errors, listen_failed, dropped;
    unsigned at_check;          /* pieces of lt_pieces() at LT_CHECKED */
    unsigned ready, unreadable; /* pieces told ready; of these, with other bytes in the file */
    unsigned hash_done, hash_failed, hash_progress;
    struct lt_alert last_error; /* of LT_FILE_ERROR, LT_HASH_FAILED, LT_REMOVED */
    struct lt_status status;
    uint8_t *resume, *metainfo;
    size_t resume_len, metainfo_len;
};

/* Where the original data is; set once a torrent has been made of it. */
static char rig_original[64];
static char rig_root[48];
static struct node rig_nodes[NODES_MAX];
static unsigned rig_dirs;

typedef bool cond_fn(void);

static inline uint64_t rig_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline char *rig_path(const char *dir, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static inline void rig_write(const char *path, size_t len, uint64_t seed)
{
    uint8_t *data = xcalloc(1, len + 8);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 0; i < len; i += 8) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(data + i, &seed, 8);
    }
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
    free(data);
}

/* Changes one byte on disk. */
static inline void rig_damage(const char *path, off_t at)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0xff;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* Bytes [offset, offset + len) of the torrent, read from the files below `dir`. */
static inline bool rig_read(const struct lt_info *info, const char *dir, uint64_t offset,
                            size_t len, uint8_t *out)
{
    for (size_t i = 0; i < info->file_count; i++) {
        const struct lt_file *file = &info->files[i];
        uint64_t from = MAX(offset, file->offset);
        uint64_t to = MIN(offset + len, file->offset + file->size);
        ssize_t n;
        int fd;

        if (from >= to)
            continue;
        if (file->is_pad) {
            memset(out + (from - offset), 0, to - from);
            continue;
        }
        fd = open(rig_path(dir, file->path), O_RDONLY);
        if (fd < 0)
            return false;
        n = pread(fd, out + (from - offset), to - from, (off_t)(from - file->offset));
        close(fd);
        if (n != (ssize_t)(to - from))
            return false;
    }
    return true;
}

static inline bool rig_piece_is_right(const struct node *node, uint32_t piece)
{
    const struct lt_info *info = node->info;
    uint64_t offset = (uint64_t)piece * info->piece_bytes;
    size_t len = (size_t)MIN(info->piece_bytes, info->total_bytes - offset);
    uint8_t *here = xcalloc(1, len);
    uint8_t *there = xcalloc(1, len);
    bool is_right = rig_read(info, node->dir, offset, len, here) &&
                    rig_read(info, rig_original, offset, len, there) &&
                    memcmp(here, there, len) == 0;

    free(here);
    free(there);
    return is_right;
}

/* How many pieces lt_pieces() gives. */
static inline unsigned rig_pieces(const struct node *node)
{
    uint8_t have[4096];
    unsigned count = 0;

    assert_in_range(node->info->piece_count, 1, sizeof(have));
    assert_int_equal(lt_pieces(node->session, node->id, have, node->info->piece_count), ERR_NONE);
    for (uint32_t i = 0; i < node->info->piece_count; i++)
        count += have[i];
    return count;
}

static inline void rig_keep(const struct lt_alert *alert, uint8_t **data, size_t *len)
{
    free(*data);
    *data = xcalloc(1, alert->len);
    memcpy(*data, alert->data, alert->len);
    *len = alert->len;
}

static inline void rig_on_alert(struct node *node, const struct lt_alert *alert)
{
    switch (alert->type) {
    case LT_METADATA:
        node->metadata++;
        if (node->info == NULL)
            assert_int_equal(lt_info(node->session, alert->id, &node->info), ERR_NONE);
        break;
    case LT_CHECKED:
        node->checked++;
        node->ready = 0;
        node->at_check = rig_pieces(node);
        break;
    case LT_PIECE_READY:
        node->ready++;
        assert_non_null(node->info);
        node->unreadable += !rig_piece_is_right(node, alert->piece);
        break;
    case LT_FINISHED:
        node->finished++;
        break;
    case LT_STATUS:
        node->status = alert->status;
        break;
    case LT_RESUME:
        rig_keep(alert, &node->resume, &node->resume_len);
        break;
    case LT_FILE_ERROR:
        node->file_errors++;
        node->last_error = *alert;
        break;
    case LT_REMOVED:
        node->removed++;
        node->last_error = *alert;
        break;
    case LT_LISTENING:
        node->port = (uint16_t)alert->a;
        break;
    case LT_LISTEN_FAILED:
        node->listen_failed++;
        break;
    case LT_HASH_PROGRESS:
        node->hash_progress++;
        break;
    case LT_HASH_DONE:
        node->hash_done++;
        rig_keep(alert, &node->metainfo, &node->metainfo_len);
        break;
    case LT_HASH_FAILED:
        node->hash_failed++;
        node->last_error = *alert;
        break;
    case LT_DROPPED:
        node->dropped++;
        break;
    case LT_PIECE_FAILED:
    case LT_RESUME_FAILED:
    case LT_TRACKER_ERROR:
        break;
    }
}

/* Serves all nodes until `done` (NULL: never) holds. False when `for_ms` went by first. */
static inline bool rig_serve(cond_fn *done, uint64_t for_ms)
{
    uint64_t end = rig_now_ms() + for_ms;
    uint64_t tick = 0;

    for (;;) {
        struct pollfd fds[NODES_MAX];
        uint64_t now = rig_now_ms();

        for (int i = 0; i < NODES_MAX; i++) {
            struct lt_alert alert;

            fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
            if (rig_nodes[i].session == NULL || rig_nodes[i].is_deaf)
                continue;
            while (lt_poll(rig_nodes[i].session, &alert))
                rig_on_alert(&rig_nodes[i], &alert);
            fds[i].fd = lt_fd(rig_nodes[i].session);
            if (now >= tick)
                lt_post_updates(rig_nodes[i].session);
        }
        if (now >= tick)
            tick = now + TICK_MS;
        if (done != NULL && done())
            return true;
        if (now >= end)
            return false;
        poll(fds, NODES_MAX, (int)MIN(end - now, tick - now));
    }
}

/* A failure says where everybody stood. */
static inline void rig_wait(cond_fn *done, const char *what, const char *file, int line)
{
    if (rig_serve(done, RIG_DEADLINE_MS))
        return;
    for (int i = 0; i < NODES_MAX; i++)
        if (rig_nodes[i].session != NULL)
            fprintf(stderr, "node %d: state %d, %u peers, %u pieces, %u ready, %u checked, %s\n", i,
                    (int)rig_nodes[i].status.state, rig_nodes[i].status.peers,
                    rig_nodes[i].status.pieces_done, rig_nodes[i].ready, rig_nodes[i].checked,
                    rig_nodes[i].status.error);
    fprintf(stderr, "%s:%d: waited in vain for %s\n", file, line, what);
    _fail(file, line);
}

#define wait_until(cond) rig_wait(cond, #cond, __FILE__, __LINE__)

static inline struct lt_config rig_config(enum lt_disk disk)
{
    return (struct lt_config){.listen = "127.0.0.1:0",
                              .outgoing = "",
                              .user_agent = "test",
                              .encryption = "allow",
                              .pex = true,
                              .max_connections = 50,
                              .upload_slots = 8,
                              .proxy = "",
                              .dht_bootstrap = "",
                              .disk = disk};
}

static inline void rig_close(struct node *node)
{
    if (node->session != NULL)
        lt_session_free(&node->session);
    if (node->info != NULL)
        lt_info_free(&node->info);
    free(node->resume);
    free(node->metainfo);
    *node = (struct node){0};
}

/* Opens node `index` over `dir`, or over a new folder when NULL. */
static inline struct node *rig_open(unsigned index, const char *dir, enum lt_disk disk)
{
    struct node *node = &rig_nodes[index];
    struct lt_config config = rig_config(disk);
    struct error error = {0};
    char kept[64] = "";

    if (dir != NULL)
        snprintf(kept, sizeof(kept), "%s", dir);
    rig_close(node);
    if (dir == NULL) {
        snprintf(kept, sizeof(kept), "%s/%u", rig_root, ++rig_dirs);
        assert_int_equal(mkdir(kept, 0777), 0);
    }
    snprintf(node->dir, sizeof(node->dir), "%s", kept);
    node->session = lt_session_new(&config, &error);
    if (node->session == NULL)
        fail_msg("%s", error.text);
    return node;
}

static inline void rig_add(struct node *node, struct lt_add add)
{
    struct error error = {0};
    bool is_new;

    add.save_path = node->dir;
    if (lt_add(node->session, &add, &node->id, &is_new, &error) != ERR_NONE)
        fail_msg("%s", error.text);
    assert_true(is_new);
}

static inline bool rig_is_hashed(void)
{
    return rig_nodes[0].hash_done + rig_nodes[0].hash_failed > 0;
}

static inline bool rig_seeds(void)
{
    return rig_nodes[0].port != 0 && rig_nodes[0].checked > 0;
}

/* Node 0 hashes `name` in its folder and seeds it; the others can reach it with rig_meet(). */
static inline struct node *rig_seed(const char *dir, const char *name, bool is_hybrid)
{
    struct node *seed = rig_open(0, dir, LT_DISK_DIRECT);
    struct error error;
    uint32_t job;

    snprintf(rig_original, sizeof(rig_original), "%s", dir);
    assert_int_equal(
        lt_hash_start(seed->session, rig_path(dir, name), is_hybrid, NULL, 0, &job, &error),
        ERR_NONE);
    wait_until(rig_is_hashed);
    if (seed->hash_failed > 0)
        fail_msg("%s", seed->last_error.text);
    rig_add(seed, (struct lt_add){.metainfo = bytes_of(seed->metainfo, seed->metainfo_len),
                                  .seed = true});
    wait_until(rig_seeds);
    return seed;
}

static inline void rig_meet(struct node *node)
{
    struct error error = {0};

    if (lt_connect_peer(node->session, node->id, "127.0.0.1", rig_nodes[0].port, &error) !=
        ERR_NONE)
        fail_msg("%s", error.text);
}

static inline int rig_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* cmocka fixtures: a temporary root, nodes closed after each test. */
static inline int rig_group_setup(void **state)
{
    (void)state;
    snprintf(rig_root, sizeof(rig_root), "/tmp/lt-test-XXXXXX");
    return mkdtemp(rig_root) == NULL;
}

static inline int rig_group_teardown(void **state)
{
    (void)state;
    return nftw(rig_root, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int rig_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < NODES_MAX; i++)
        rig_close(&rig_nodes[i]);
    return 0;
}

#endif
