/* SPDX-License-Identifier: MIT
 *
 * What strangers hand us as magnet links, torrent files and metadata.
 */
#include "lt_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/text.h"

static struct node *const node = &rig_nodes[0];

#define HASH_TEXT  "aaaaaaaaaaaaaaaaaaaa"
#define ONE_PIECE  "6:pieces20:" HASH_TEXT
#define INFO(body) "d4:infod" body "ee"

static enum err peek_text(const char *metainfo, struct error *error)
{
    struct lt_add add = {.metainfo = bytes_of_text(metainfo)};
    struct lt_hashes hashes;
    char name[64];

    *error = (struct error){0};
    return lt_peek(&add, &hashes, name, sizeof(name), error);
}

static void broken_metainfo_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *what, *metainfo;
        enum err code;
    } cases[] = {
        {"not bencoded", "hello", ERR_INVALID},
        {"no info", "d1:ai1ee", ERR_INVALID},
        {"info is a list", "d4:infolee", ERR_INVALID},
        {"cut off", "d4:infod6:lengthi5e", ERR_INVALID},
        {"no pieces", INFO("6:lengthi5e4:name1:a12:piece lengthi16384e"), ERR_INVALID},
        {"no name", INFO("6:lengthi5e12:piece lengthi16384e" ONE_PIECE), ERR_INVALID},
        {"piece length 0", INFO("6:lengthi5e4:name1:a12:piece lengthi0e" ONE_PIECE), ERR_INVALID},
        {"piece length below 0", INFO("6:lengthi5e4:name1:a12:piece lengthi-1e" ONE_PIECE),
         ERR_INVALID},
        {"piece length 1 TiB", INFO("6:lengthi5e4:name1:a12:piece lengthi1099511627776e" ONE_PIECE),
         ERR_INVALID},
        {"piece length 512 MiB", INFO("6:lengthi5e4:name1:a12:piece lengthi536870912e" ONE_PIECE),
         ERR_TOO_LARGE},
        {"length 0", INFO("6:lengthi0e4:name1:a12:piece lengthi16384e6:pieces0:"), ERR_INVALID},
        {"length below 0", INFO("6:lengthi-5e4:name1:a12:piece lengthi16384e" ONE_PIECE),
         ERR_INVALID},
        {"more data than hashes",
         INFO("6:lengthi4611686018427387904e4:name1:a12:piece lengthi16384e" ONE_PIECE),
         ERR_INVALID},
        {"sum of lengths overflows",
         INFO("5:filesld6:lengthi9223372036854775807e4:pathl1:aeed6:lengthi9223372036854775807e4:"
              "pathl1:beee4:name1:a12:piece lengthi16384e" ONE_PIECE),
         ERR_INVALID},
        {"odd length of hashes", INFO("6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces3:abc"),
         ERR_INVALID},
        {"symbolic link",
         INFO("5:filesld4:attr1:l6:lengthi0e4:pathl1:be12:symlink pathl1:aeed6:lengthi5e4:pathl1:"
              "aeee4:name1:d12:piece lengthi16384e" ONE_PIECE),
         ERR_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct error error;
        enum err code = peek_text(cases[i].metainfo, &error);

        if (code != cases[i].code || error.text[0] == '\0')
            fail_msg("%s: %s, %s", cases[i].what, err_word(code), error.text);
    }
}

static void endless_metainfo_is_too_large(void **state)
{
    struct text deep = {0};
    struct text wide = {0};
    struct error error;
    struct lt_add add;
    struct lt_hashes hashes;
    char name[8];

    (void)state;
    text_add(&deep, "d1:a");
    for (int i = 0; i < 100000; i++)
        text_add(&deep, "l");
    for (int i = 0; i < 100000; i++)
        text_add(&deep, "e");
    text_add(&deep, "e");
    assert_int_equal(peek_text(text_str(&deep), &error), ERR_TOO_LARGE);
    text_fini(&deep);

    text_add(&wide, "d1:al");
    for (int i = 0; i < 2100000; i++)
        text_add(&wide, "0:");
    text_add(&wide, "ee");
    assert_int_equal(peek_text(text_str(&wide), &error), ERR_TOO_LARGE);
    text_fini(&wide);

    add = (struct lt_add){.metainfo = {(const uint8_t *)HASH_TEXT, (16 << 20) + 1}};
    assert_int_equal(lt_peek(&add, &hashes, name, sizeof(name), &error), ERR_TOO_LARGE);
}

static void magnets_are_taken_or_refused(void **state)
{
    static const struct {
        const char *uri;
        enum err code;
    } cases[] = {
        {"magnet:?xt=urn:btih:aabbccddeeff00112233445566778899aabbccdd&dn=a%20film", ERR_NONE},
        {"magnet:?xt=urn:btih:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ", ERR_NONE},
        {"magnet:?xt=urn:btmh:1220"
         "aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899",
         ERR_NONE},
        {"", ERR_INVALID},
        {"magnet:", ERR_INVALID},
        {"magnet:?", ERR_INVALID},
        {"magnet:?dn=nothing", ERR_INVALID},
        {"magnet:?xt=urn:btih:zz", ERR_INVALID},
        {"magnet:?xt=urn:btih:aabbccddeeff00112233445566778899aabbccd", ERR_INVALID},
        {"magnet:?xt=urn:btih:%00%ff%zz&tr=%", ERR_INVALID},
        {"magnet:?xt=urn:btmh:1220aabb", ERR_INVALID},
        {"magnet:?xt=urn:btih:0000000000000000000000000000000000000000", ERR_INVALID},
        {"http://example/a.torrent", ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lt_hashes hashes;
        struct error error = {0};
        char name[4];
        enum err code =
            lt_peek(&(struct lt_add){.magnet = cases[i].uri}, &hashes, name, sizeof(name), &error);

        if (code != cases[i].code || (code != ERR_NONE && error.text[0] == '\0'))
            fail_msg("%s: %s, %s", cases[i].uri, err_word(code), error.text);
        if (i == 0)
            assert_string_equal(name, "a f");
    }
}

static void exactly_one_source_is_needed(void **state)
{
    struct lt_hashes hashes;
    struct error error;

    (void)state;
    assert_int_equal(lt_peek(&(struct lt_add){0}, &hashes, NULL, 0, &error), ERR_INVALID);
    assert_int_equal(lt_peek(&(struct lt_add){.magnet = "magnet:?", .hash_v1 = hashes.v1}, &hashes,
                             NULL, 0, &error),
                     ERR_INVALID);
}

static bool is_checked(void)
{
    return node->checked > 0;
}

static unsigned entries_of(const char *dir)
{
    DIR *list = opendir(dir);
    unsigned count = 0;

    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

/* Empty files are created as soon as a torrent runs: none may appear outside of its folder. */
static void paths_never_leave_the_save_path(void **state)
{
    static const char metainfo[] = INFO("5:filesl"
                                        "d6:lengthi0e4:pathl2:..2:..7:escapedee"
                                        "d6:lengthi0e4:pathl16:../../../escapedee"
                                        "d6:lengthi0e4:pathl13:/tmp/escaped1ee"
                                        "d6:lengthi0e4:pathl0:1:.2:..7:escapedee"
                                        "d6:lengthi5e4:pathl1:aee"
                                        "e4:name11:../..//evil12:piece lengthi16384e" ONE_PIECE);
    unsigned before;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    before = entries_of(rig_root);
    rig_add(node, (struct lt_add){.metainfo = bytes_of_text(metainfo)});
    wait_until(is_checked);
    for (size_t i = 0; i < node->info->file_count; i++) {
        const char *path = node->info->files[i].path;

        if (path[0] == '/' || strncmp(path, "../", 3) == 0 || strstr(path, "/../") != NULL)
            fail_msg("path %s", path);
    }
    assert_int_equal(entries_of(rig_root), before);
    assert_int_equal(entries_of(node->dir), 3); /* ".", ".." and the torrent's folder */
    assert_int_not_equal(access("/tmp/escaped", F_OK), 0);
    assert_int_not_equal(access("/tmp/escaped1", F_OK), 0);
}

static bool is_refused(void)
{
    return node->file_errors > 0 && node->status.state == LT_STATE_ERROR;
}

/* In a process of its own, whose end it is when the other side has heard enough. */
static void send_message(int fd, const void *data, uint32_t len)
{
    uint32_t prefix = htonl(len);

    if (write(fd, &prefix, 4) != 4 || write(fd, data, len) != len)
        _exit(0);
}

/* A peer (BEP 3, 10, 9) in a process of its own, that knows the metadata and nothing else. */
static void give_metadata(int listener, const char *info, const uint8_t hash[20])
{
    char ask[] = "\x14\0d1:md11:ut_metadatai1ee13:metadata_sizei000ee";
    char give[512];
    uint8_t in[4096];
    int fd = accept(listener, NULL, NULL);
    int n;

    memset(in, 0, sizeof(in));
    memcpy(in,
           "\x13"
           "BitTorrent protocol\0\0\0\0\0\x10\0\0",
           28);
    memcpy(in + 28, hash, 20);
    memcpy(in + 48, "-XX0000-abcdefghijkl", 20);
    if (write(fd, in, 68) != 68)
        _exit(1);
    n = snprintf(give, sizeof(give), "%03zu", strlen(info));
    memcpy(strstr(ask + 2, "000"), give, (size_t)n);
    send_message(fd, ask, sizeof(ask) - 1);
    n = snprintf(give, sizeof(give), "\x14%cd8:msg_typei1e5:piecei0e10:total_sizei%zuee%s", 2,
                 strlen(info), info);
    /* Whatever it says, this is the answer; its ut_metadata is 2 in libtorrent. */
    for (int i = 0; i < 20 && read(fd, in, sizeof(in)) > 0; i++)
        send_message(fd, give, (uint32_t)n);
    while (read(fd, in, sizeof(in)) > 0)
        ;
    _exit(0);
}

static void links_in_the_metadata_of_a_magnet_are_refused(void **state)
{
    static const char info[] =
        "d5:filesld4:attr1:l6:lengthi0e4:pathl1:be12:symlink pathl1:aeed6:"
        "lengthi5e4:pathl1:aeee4:name1:d12:piece lengthi16384e" ONE_PIECE "e";
    static const char sha1[] = "94cf7b53094bb0890546fc86edfe84737e48a13f";
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof(at);
    struct lt_info *none = NULL;
    struct error error;
    uint8_t hash[20];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t pid;

    (void)state;
    assert_true(hex_decode(bytes_of_text(sha1), hash, 20));
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_len), 0);
    pid = fork();
    if (pid == 0)
        give_metadata(listener, info, hash);
    close(listener);

    rig_open(0, NULL, LT_DISK_DIRECT);
    config.encryption = "off";
    assert_int_equal(lt_session_apply(node->session, &config, &error), ERR_NONE);
    rig_add(node, (struct lt_add){.hash_v1 = hash});
    assert_int_equal(
        lt_connect_peer(node->session, node->id, "127.0.0.1", ntohs(at.sin_port), &error),
        ERR_NONE);
    wait_until(is_refused);
    assert_int_equal(node->last_error.code, ERR_DENIED);
    assert_string_equal(node->status.error, "the torrent holds symbolic links");
    assert_int_equal(lt_info(node->session, node->id, &none), ERR_DENIED);
    assert_int_equal(lt_pause(node->session, node->id, false), ERR_DENIED);
    assert_int_equal(node->metadata, 0);
    assert_int_equal(node->checked, 0);
    rig_close(node);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void web_socket_trackers_are_split_off(void **state)
{
    static const char metainfo[] =
        "d8:announce24:wss://a.example/announce13:announce-listll24:wss://a.example/announceel26:"
        "udp://127.0.0.1:9/announceel16:ws://b.example/a8:udp://:xee4:infod6:lengthi5e4:name1:a12:"
        "piece lengthi16384e" ONE_PIECE "ee";
    struct lt_tracker trackers[4];
    const char *extra[] = {"wss://c.example/announce", "wss://a.example/announce"};
    uint8_t *again;
    size_t count;
    size_t len;
    char **ws;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    rig_add(node, (struct lt_add){
                      .metainfo = bytes_of_text(metainfo), .trackers = extra, .tracker_count = 2});
    wait_until(is_checked);
    assert_int_equal(lt_add_tracker(node->session, node->id, "ws://d.example/"), ERR_NONE);
    assert_int_equal(lt_add_tracker(node->session, node->id, "gopher://e.example/"), ERR_INVALID);
    assert_int_equal(lt_ws_trackers(node->session, node->id, &ws, &count), ERR_NONE);
    assert_int_equal(count, 4);
    assert_string_equal(ws[0], "wss://a.example/announce");
    assert_string_equal(ws[1], "ws://b.example/a");
    assert_string_equal(ws[2], "wss://c.example/announce");
    assert_string_equal(ws[3], "ws://d.example/");
    free(ws);
    assert_int_equal(lt_trackers(node->session, node->id, trackers, 4, &count), ERR_NONE);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(strncmp(trackers[i].url, "udp://", 6), 0);
    assert_int_equal(lt_metainfo(node->session, node->id, &again, &len), ERR_NONE);
    assert_non_null(memmem(again, len, "wss://c.example/announce", 24));
    free(again);
}

static bool has_metadata(void)
{
    return node->metadata > 0;
}

/* Adding the torrent file later brings the metadata to a magnet; its selection is only told. */
static void selection_of_a_magnet_is_kept_for_the_metadata(void **state)
{
    static const char metainfo[] =
        INFO("5:filesld6:lengthi5e4:pathl1:aeed6:lengthi5e4:pathl1:beee4:name1:d12:piece "
             "lengthi16384e" ONE_PIECE);
    struct lt_add add = {.metainfo = bytes_of_text(metainfo)};
    struct lt_hashes hashes;
    struct error error;
    char magnet[128];
    char hex[41];
    bool is_new;
    lt_id id;

    (void)state;
    assert_int_equal(lt_peek(&add, &hashes, NULL, 0, &error), ERR_NONE);
    snprintf(magnet, sizeof(magnet), "magnet:?xt=urn:btih:%s&so=1",
             hex_encode(bytes_of(hashes.v1, 20), hex));
    rig_open(0, NULL, LT_DISK_DIRECT);
    rig_add(node, (struct lt_add){.magnet = magnet});
    assert_int_equal(lt_info(node->session, node->id, &node->info), ERR_UNAVAILABLE);
    add.save_path = node->dir;
    assert_int_equal(lt_add(node->session, &add, &id, &is_new, &error), ERR_NONE);
    assert_false(is_new);
    wait_until(has_metadata);
    assert_false(node->info->files[0].is_wanted);
    assert_true(node->info->files[1].is_wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_metainfo_is_refused_with_a_sentence),
        cmocka_unit_test(endless_metainfo_is_too_large),
        cmocka_unit_test(magnets_are_taken_or_refused),
        cmocka_unit_test(exactly_one_source_is_needed),
        cmocka_unit_test_teardown(paths_never_leave_the_save_path, rig_teardown),
        cmocka_unit_test_teardown(links_in_the_metadata_of_a_magnet_are_refused, rig_teardown),
        cmocka_unit_test_teardown(web_socket_trackers_are_split_off, rig_teardown),
        cmocka_unit_test_teardown(selection_of_a_magnet_is_kept_for_the_metadata, rig_teardown),
    };

    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
