/* SPDX-License-Identifier: MIT
 *
 * On a real folder: what counts is what lies on the disk.
 */
#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

enum { KIB = 1024, BUDGET = 64 * KIB };

struct rig {
    char folder[64], path[200];
    struct cache *cache;
    uint64_t tickets;
};

static const char *below(struct rig *rig, const char *name)
{
    snprintf(rig->path, sizeof(rig->path), "%s/segments/%s", rig->folder, name);
    return rig->path;
}

static enum err begin_life(struct rig *rig, const char *made_as, uint64_t max, uint64_t floor)
{
    char folder[100];
    const struct cache_options options = {
        .folder = folder, .made_as = made_as, .max_bytes = max, .free_bytes = floor};
    struct error error;

    snprintf(folder, sizeof(folder), "%s/segments", rig->folder);
    cache_free(&rig->cache);
    return cache_new(&options, &rig->cache, &error);
}

static int set_up(void **state)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));

    snprintf(rig->folder, sizeof(rig->folder), "/tmp/test-cache-XXXXXX");
    must(mkdtemp(rig->folder) != NULL);
    must(begin_life(rig, "6s", BUDGET, 0) == ERR_NONE);
    *state = rig;
    return 0;
}

/* Bytes of all files below; removes them if told so. */
static uint64_t sweep(const char *folder, bool removes)
{
    DIR *dir = opendir(folder);
    const struct dirent *row;
    uint64_t bytes = 0;

    must(dir != NULL);
    while ((row = readdir(dir)) != NULL) {
        char path[400];
        struct stat about;

        if (strcmp(row->d_name, ".") == 0 || strcmp(row->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, row->d_name);
        must(lstat(path, &about) == 0);
        if (S_ISDIR(about.st_mode))
            bytes += sweep(path, removes);
        else if (strcmp(row->d_name, "stamp") != 0)
            bytes += (uint64_t)about.st_size;
        if (removes && !S_ISDIR(about.st_mode))
            unlink(path);
    }
    closedir(dir);
    if (removes)
        rmdir(folder);
    return bytes;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    cache_free(&rig->cache);
    sweep(rig->folder, true);
    free(rig);
    return 0;
}

static uint64_t on_disk(struct rig *rig)
{
    return sweep(rig->folder, false);
}

static void write_some(int fd, size_t len)
{
    static const char zeros[BUDGET * 2];

    must(write(fd, zeros, len) == (ssize_t)len);
}

static enum err put(struct rig *rig, const char *name, size_t len)
{
    struct error error = {0};
    uint64_t ticket = ++rig->tickets;
    int fd = cache_begin(rig->cache, ticket, &error);

    if (fd < 0)
        return error.code;
    write_some(fd, len);
    close(fd);
    return cache_commit(rig->cache, ticket, name, &error);
}

static bool has(struct rig *rig, const char *name)
{
    uint64_t size;

    return cache_find(rig->cache, name, &size) != NULL;
}

static bool exists(struct rig *rig, const char *name)
{
    return access(below(rig, name), F_OK) == 0;
}

static void what_was_committed_is_found_whole(void **state)
{
    struct rig *rig = *state;
    uint64_t size = 0;
    const char *path;
    struct stat about;

    assert_false(has(rig, "a.0.v.1"));
    assert_int_equal(put(rig, "a.0.v.1", 1000), ERR_NONE);
    path = cache_find(rig->cache, "a.0.v.1", &size);
    assert_non_null(path);
    assert_string_equal(path, below(rig, "a.0.v.1"));
    assert_int_equal(size, 1000);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, 1000);
    assert_int_equal(cache_bytes(rig->cache), 1000);
    /* Made once more, as two jobs may: the newer one counts, once. */
    assert_int_equal(put(rig, "a.0.v.1", 500), ERR_NONE);
    assert_int_equal(cache_bytes(rig->cache), 500);
}

static void half_written_is_never_found(void **state)
{
    struct rig *rig = *state;
    struct error error;
    int fd = cache_begin(rig->cache, 1, &error), other;

    assert_true(fd >= 0);
    write_some(fd, 1000);
    assert_false(has(rig, "a.0.v.1"));
    assert_false(has(rig, "tmp/1"));
    assert_int_equal(cache_bytes(rig->cache), 0);
    /* Two at once do not disturb each other. */
    other = cache_begin(rig->cache, 2, &error);
    write_some(other, 10);
    close(other);
    cache_abandon(rig->cache, 2);
    assert_false(exists(rig, "tmp/2"));
    assert_true(exists(rig, "tmp/1"));
    close(fd);
    assert_int_equal(cache_commit(rig->cache, 1, "a.0.v.1", &error), ERR_NONE);
    assert_true(has(rig, "a.0.v.1"));
    assert_int_equal(on_disk(rig), 1000);
}

static void the_least_recently_used_go_first(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(put(rig, "a", 16 * KIB), ERR_NONE);
    assert_int_equal(put(rig, "b", 16 * KIB), ERR_NONE);
    assert_int_equal(put(rig, "c", 16 * KIB), ERR_NONE);
    assert_true(has(rig, "a")); /* used: now b is the oldest */
    assert_int_equal(put(rig, "d", 20 * KIB), ERR_NONE);
    assert_false(has(rig, "b"));
    assert_false(exists(rig, "b"));
    assert_true(has(rig, "c"));
    assert_true(has(rig, "a"));
    assert_true(has(rig, "d"));
    assert_int_equal(cache_evicted(rig->cache), 1);
}

static void the_budget_is_never_passed(void **state)
{
    struct rig *rig = *state;
    unsigned chance = 12345;
    char name[32];

    /* Larger than what is kept free for one that is being made, now and then. */
    for (unsigned i = 0; i < 2000; i++) {
        struct error error;
        uint64_t first = ++rig->tickets, second = ++rig->tickets;
        int a = cache_begin(rig->cache, first, &error);
        int b = cache_begin(rig->cache, second, &error);

        chance = chance * 1103515245 + 12345;
        write_some(a, (chance >> 16) % (4 * KIB));
        write_some(b, i % 7 == 0 ? 20 * KIB : (chance >> 8) % (4 * KIB));
        cache_tick(rig->cache);
        assert_in_range(on_disk(rig), 0, BUDGET);
        close(a);
        close(b);
        snprintf(name, sizeof(name), "a.%u", i % 61);
        assert_int_equal(cache_commit(rig->cache, second, name, &error), ERR_NONE);
        assert_true(has(rig, name));
        assert_in_range(on_disk(rig), 0, BUDGET);
        if (i % 3 == 0)
            cache_abandon(rig->cache, first);
        else
            assert_int_equal(cache_commit(rig->cache, first, "again", &error), ERR_NONE);
        assert_in_range(on_disk(rig), 0, BUDGET);
        assert_int_equal(cache_bytes(rig->cache), on_disk(rig));
    }
    assert_true(cache_evicted(rig->cache) > 100);
}

static void what_is_written_counts_before_it_has_a_name(void **state)
{
    struct rig *rig = *state;
    struct error error;
    int fd;

    for (char name[] = "a"; name[0] < 'q'; name[0]++) /* 16 of 4 KiB: full */
        assert_int_equal(put(rig, name, 4 * KIB), ERR_NONE);
    assert_int_equal(on_disk(rig), BUDGET);
    fd = cache_begin(rig->cache, 99, &error);
    write_some(fd, 40 * KIB);
    cache_tick(rig->cache);
    assert_in_range(on_disk(rig), 40 * KIB, BUDGET);
    close(fd);
    cache_abandon(rig->cache, 99);
}

static void one_file_larger_than_the_budget_is_refused(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(put(rig, "whole", BUDGET), ERR_NONE);
    assert_true(has(rig, "whole"));
    assert_int_equal(put(rig, "more", BUDGET + 1), ERR_NO_SPACE);
    assert_false(has(rig, "more"));
    assert_in_range(on_disk(rig), 0, BUDGET);
}

static void another_life_goes_on_with_what_is_there(void **state)
{
    struct rig *rig = *state;

    put(rig, "a", 20 * KIB);
    put(rig, "b", 20 * KIB);
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_int_equal(cache_bytes(rig->cache), 40 * KIB);
    assert_true(has(rig, "b"));
    /* Which was there first is remembered. */
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    put(rig, "c", 30 * KIB);
    assert_false(has(rig, "a"));
    assert_true(has(rig, "b"));
    /* With a smaller budget what is too much goes at once. */
    assert_int_equal(begin_life(rig, "6s", 25 * KIB, 0), ERR_NONE);
    assert_in_range(on_disk(rig), 0, 25 * KIB);
}

static void what_was_being_made_when_it_died_is_gone(void **state)
{
    struct rig *rig = *state;
    struct error error;
    int fd = cache_begin(rig->cache, 7, &error);

    write_some(fd, 1000);
    close(fd);
    assert_true(exists(rig, "tmp/7"));
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_false(exists(rig, "tmp/7"));
    assert_int_equal(on_disk(rig), 0);
}

static void what_another_boot_left_is_not_trusted(void **state)
{
    struct rig *rig = *state;
    int fd;

    put(rig, "a", 1000);
    fd = open(below(rig, "stamp"), O_WRONLY | O_TRUNC);
    must(fd >= 0 && write(fd, "00000000-0000-0000-0000-000000000000\n6s\n", 40) == 40);
    close(fd);
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_false(has(rig, "a"));
    assert_false(exists(rig, "a"));
    assert_int_equal(cache_bytes(rig->cache), 0);
    /* From now on it is of this boot. */
    put(rig, "b", 1000);
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_true(has(rig, "b"));
    unlink(below(rig, "stamp"));
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_false(has(rig, "b"));
}

static void what_was_cut_elsewhere_is_thrown_away(void **state)
{
    struct rig *rig = *state;

    put(rig, "a", 1000);
    assert_int_equal(begin_life(rig, "4s", BUDGET, 0), ERR_NONE);
    assert_false(has(rig, "a"));
    assert_int_equal(on_disk(rig), 0);
}

static void the_floor_of_free_space_holds(void **state)
{
    struct rig *rig = *state;

    put(rig, "a", 1000);
    /* No disk has so much left: nothing new is made, and what is kept makes room. */
    assert_int_equal(begin_life(rig, "6s", BUDGET, UINT64_MAX), ERR_NONE);
    assert_int_equal(put(rig, "b", 1000), ERR_NO_SPACE);
    assert_int_equal(on_disk(rig), 0);
    assert_int_equal(begin_life(rig, "6s", BUDGET, 0), ERR_NONE);
    assert_int_equal(put(rig, "b", 1000), ERR_NONE);
}

static void a_file_that_somebody_removed_is_not_found(void **state)
{
    struct rig *rig = *state;

    put(rig, "a", 1000);
    unlink(below(rig, "a"));
    assert_false(has(rig, "a"));
    assert_int_equal(cache_bytes(rig->cache), 0);
}

static void a_commit_that_fails_leaves_nothing(void **state)
{
    struct rig *rig = *state;
    struct error error;
    int fd = cache_begin(rig->cache, 1, &error);

    write_some(fd, 1000);
    close(fd);
    assert_int_not_equal(cache_commit(rig->cache, 1, "no/such/folder", &error), ERR_NONE);
    assert_false(has(rig, "no/such/folder"));
    assert_int_equal(on_disk(rig), 0);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    struct rig *rig = *state;
    const struct cache_options options = {
        .folder = "/proc/no/such", .made_as = "", .max_bytes = BUDGET};
    struct cache *cache;
    struct error error;

    (void)rig;
    assert_int_equal(cache_new(&options, &cache, &error), ERR_IO);
    assert_null(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_committed_is_found_whole),
        TEST(half_written_is_never_found),
        TEST(the_least_recently_used_go_first),
        TEST(the_budget_is_never_passed),
        TEST(what_is_written_counts_before_it_has_a_name),
        TEST(one_file_larger_than_the_budget_is_refused),
        TEST(another_life_goes_on_with_what_is_there),
        TEST(what_was_being_made_when_it_died_is_gone),
        TEST(what_another_boot_left_is_not_trusted),
        TEST(what_was_cut_elsewhere_is_thrown_away),
        TEST(the_floor_of_free_space_holds),
        TEST(a_file_that_somebody_removed_is_not_found),
        TEST(a_commit_that_fails_leaves_nothing),
        TEST(a_folder_that_cannot_be_made_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
