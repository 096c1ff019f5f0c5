/* SPDX-License-Identifier: MIT */
#include "uploads.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

struct yard {
    char folder[64], inside[80];
    struct uploads *uploads;
};

static int set_up(void **state)
{
    struct yard *yard = xcalloc(1, sizeof(*yard));
    struct error error = {0};

    snprintf(yard->folder, sizeof(yard->folder), "/tmp/ss-uploads-XXXXXX");
    assert_non_null(mkdtemp(yard->folder));
    snprintf(yard->inside, sizeof(yard->inside), "%s/subtitles", yard->folder);
    assert_int_equal(uploads_new(yard->inside, &yard->uploads, &error), ERR_NONE);
    *state = yard;
    return 0;
}

static int tear_down(void **state)
{
    struct yard *yard = *state;
    char command[128];

    uploads_free(&yard->uploads);
    snprintf(command, sizeof(command), "rm -r %s", yard->folder);
    assert_int_equal(system(command), 0);
    free(yard);
    return 0;
}

static void begin_again(struct yard *yard)
{
    struct error error = {0};

    uploads_free(&yard->uploads);
    assert_int_equal(uploads_new(yard->inside, &yard->uploads, &error), ERR_NONE);
}

static struct upload upload_of(uint32_t file, const char *name)
{
    struct upload upload = {.file = file, .codec = "subrip", .language = "pt-BR"};

    memset(&upload.hash, 0xab, sizeof(upload.hash));
    snprintf(upload.name, sizeof(upload.name), "%s", name);
    return upload;
}

static struct upload add(struct yard *yard, uint32_t file, const char *name, const char *data)
{
    struct upload upload = upload_of(file, name);
    struct error error = {0};

    assert_int_equal(uploads_write(yard->uploads, &upload, bytes_of_text(data), &error), ERR_NONE);
    assert_int_equal(uploads_keep(yard->uploads, &upload, &error), ERR_NONE);
    return upload;
}

static void assert_data(struct yard *yard, const struct upload *upload, const char *wanted)
{
    char data[100] = "";
    int fd = uploads_open(yard->uploads, upload->id, upload);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, data, sizeof(data)), strlen(wanted));
    assert_string_equal(data, wanted);
    close(fd);
}

static void uploads_outlive_the_process(void **state)
{
    struct yard *yard = *state;
    struct upload first = add(yard, 3, "Meine Ü/.. \" Datei", "first"),
                  second = add(yard, 3, "", "second");
    const struct upload *found;

    begin_again(yard);
    found = uploads_find(yard->uploads, &first.hash, 3, first.id);
    assert_non_null(found);
    assert_string_equal(found->name, "Meine Ü/.. \" Datei");
    assert_string_equal(found->language, "pt-BR");
    assert_string_equal(found->codec, "subrip");
    assert_int_equal(found->size, 5);
    assert_data(yard, found, "first");
    found = uploads_find(yard->uploads, &second.hash, 3, second.id);
    assert_data(yard, found, "second");
    assert_null(uploads_find(yard->uploads, &first.hash, 4, first.id));
    assert_null(uploads_find(yard->uploads, &first.hash, 3, first.id + 1));
}

static void what_was_not_kept_is_gone(void **state)
{
    struct yard *yard = *state;
    struct upload upload = upload_of(0, "x");
    struct error error = {0};
    int fd;

    assert_int_equal(uploads_write(yard->uploads, &upload, bytes_of_text("data"), &error),
                     ERR_NONE);
    fd = uploads_open(yard->uploads, upload.id, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_null(uploads_first(yard->uploads));
    begin_again(yard);
    assert_null(uploads_first(yard->uploads));
    assert_int_equal(uploads_open(yard->uploads, upload.id, NULL), -1);
}

static void removed_is_removed(void **state)
{
    struct yard *yard = *state;
    struct upload upload = add(yard, 1, "a", "data");

    assert_false(uploads_remove(yard->uploads, &upload.hash, 2, upload.id));
    assert_true(uploads_remove(yard->uploads, &upload.hash, 1, upload.id));
    assert_false(uploads_remove(yard->uploads, &upload.hash, 1, upload.id));
    begin_again(yard);
    assert_null(uploads_first(yard->uploads));
}

static void foreign_files_are_left_alone(void **state)
{
    static const char *const names[] = {
        "README",
        "abababababababababababababababababababab.1.2.subrip",
        "abababababababababababababababababababab.1.2.subrip.en.YQ.more",
        "abababababababababababababababababababab.1.x.subrip.en.YQ",
        "abababababababababababababababababababab.1.4294967296.subrip.en.YQ",
        "abababababababababababababababababababab.1.2.subrip.en.!",
        "abababababababababababababababababababab.1.2.averyveryverylongcodec.en.YQ",
        "zz.1.2.subrip.en.YQ",
    };
    struct yard *yard = *state;
    char path[400];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", yard->inside, names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    begin_again(yard);
    assert_null(uploads_first(yard->uploads));
    assert_int_equal(access(path, R_OK), 0);
}

static void too_much_is_refused(void **state)
{
    static uint8_t huge[UPLOAD_BYTES_MAX + 1];
    struct yard *yard = *state;
    struct upload upload = upload_of(1, "a");
    struct error error = {0};

    assert_int_equal(uploads_write(yard->uploads, &upload, bytes_of(huge, 0), &error), ERR_INVALID);
    assert_int_equal(uploads_write(yard->uploads, &upload, bytes_of(huge, sizeof(huge)), &error),
                     ERR_TOO_LARGE);
    for (unsigned i = 0; i < UPLOADS_OF_FILM_MAX; i++)
        add(yard, 1, "a", "data");
    assert_int_equal(uploads_write(yard->uploads, &upload, bytes_of_text("data"), &error),
                     ERR_NO_SPACE);
    add(yard, 2, "of another film", "data");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(uploads_outlive_the_process), TEST(what_was_not_kept_is_gone),
        TEST(removed_is_removed),          TEST(foreign_files_are_left_alone),
        TEST(too_much_is_refused),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
