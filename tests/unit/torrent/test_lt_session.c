/* SPDX-License-Identifier: MIT
 *
 * The session itself, and hashing of local files.
 */
#include "lt_rig.h"

static struct node *const node = &rig_nodes[0];
static struct node *const other = &rig_nodes[1];

static void senseless_configuration_is_refused(void **state)
{
    static const struct {
        const char *encryption, *proxy;
    } cases[] = {{"maybe", ""},
                 {"allow", "localhost:1080"},
                 {"allow", "ftp://localhost:1080"},
                 {"allow", "socks5://localhost"},
                 {"allow", "socks5://localhost:0"},
                 {"allow", "socks5://localhost:70000"},
                 {"allow", "socks5://:1080"},
                 {"allow", "http://us%er:pass@localhost:1080"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct lt_config config = rig_config(LT_DISK_DIRECT);
        struct error error = {0};

        config.encryption = cases[i].encryption;
        config.proxy = cases[i].proxy;
        assert_null(lt_session_new(&config, &error));
        assert_int_equal(error.code, ERR_CONFIG);
        assert_true(error.text[0] != '\0');
    }
}

static void changed_configuration_is_applied(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    struct error error;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    config.proxy = "socks5://user:p%40ss@[::1]:1080";
    config.encryption = "require";
    config.download_limit = 1 << 20;
    config.pex = false;
    assert_int_equal(lt_session_apply(node->session, &config, &error), ERR_NONE);
    config.encryption = "never";
    assert_int_equal(lt_session_apply(node->session, &config, &error), ERR_CONFIG);
}

static bool is_listening(void)
{
    return node->port != 0;
}

static bool has_failed_to_listen(void)
{
    return other->listen_failed > 0;
}

static void taken_port_is_told_and_not_replaced(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    struct error error;
    char listen[32];

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    wait_until(is_listening);
    assert_int_equal(lt_session_port(node->session), node->port);
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", node->port);
    config.listen = listen;
    other->session = lt_session_new(&config, &error);
    assert_non_null(other->session);
    wait_until(has_failed_to_listen);
    assert_int_equal(other->port, 0);
}

static void state_is_given_and_taken_again(void **state)
{
    struct lt_config config = rig_config(LT_DISK_MMAP);
    struct error error;
    uint8_t *data;
    size_t len;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    assert_int_equal(lt_session_state(node->session, &data, &len), ERR_NONE);
    config.state = bytes_of(data, len);
    other->session = lt_session_new(&config, &error);
    assert_non_null(other->session);
    rig_close(other);
    config.state = bytes_of_text("not a state");
    other->session = lt_session_new(&config, &error);
    assert_non_null(other->session);
    free(data);
}

static void filter_takes_ranges_of_addresses(void **state)
{
    static const struct lt_range good[] = {{"10.0.0.0", "10.255.255.255"},
                                           {"2001:db8::", "2001:db8::ff"}};
    static const struct lt_range bad[] = {
        {"10.0.0.9", "10.0.0.1"}, {"10.0.0.1", "::1"}, {"nonsense", "10.0.0.1"}};
    struct error error;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    assert_int_equal(lt_session_filter(node->session, good, 2, &error), ERR_NONE);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(lt_session_filter(node->session, &bad[i], 1, &error), ERR_INVALID);
    assert_int_equal(lt_session_filter(node->session, NULL, 0, &error), ERR_NONE);
}

static void unknown_torrents_are_not_found(void **state)
{
    struct lt_info *info;
    uint8_t byte = 0;
    struct error error;
    size_t count;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    assert_int_equal(lt_info(node->session, 7, &info), ERR_NOT_FOUND);
    assert_int_equal(lt_remove(node->session, 7, true), ERR_NOT_FOUND);
    assert_int_equal(lt_pause(node->session, 0, true), ERR_NOT_FOUND);
    assert_int_equal(lt_pieces(node->session, 7, &byte, 1), ERR_NOT_FOUND);
    assert_int_equal(lt_apply(node->session, 7, &(struct lt_plan){0}), ERR_NOT_FOUND);
    assert_int_equal(lt_peers(node->session, 7, NULL, 0, &count), ERR_NOT_FOUND);
    assert_int_equal(lt_connect_peer(node->session, 7, "127.0.0.1", 1, &error), ERR_NOT_FOUND);
    assert_int_equal(lt_save_resume(node->session, 7, true), ERR_NOT_FOUND);
}

static bool is_complete(void)
{
    return other->finished > 0;
}

/* libtorrent exempts loopback from the session's limits; browsers behind our bridge come from
 * there. */
static void session_limit_holds_for_local_peers_when_asked(void **state)
{
    struct lt_config config = rig_config(LT_DISK_DIRECT);
    struct error error;
    uint64_t begin;
    char source[64];

    (void)state;
    snprintf(source, sizeof(source), "%s/limited", rig_root);
    mkdir(source, 0777);
    rig_write(rig_path(source, "film.mkv"), 4 << 20, 5);
    rig_seed(source, "film.mkv", false);
    rig_open(1, NULL, LT_DISK_DIRECT);
    config.download_limit = 4 << 20;
    config.limit_local_peers = true;
    assert_int_equal(lt_session_apply(other->session, &config, &error), ERR_NONE);
    rig_add(other, (struct lt_add){.metainfo = bytes_of(node->metainfo, node->metainfo_len)});
    begin = rig_now_ms();
    rig_meet(other);
    wait_until(is_complete); /* 4 MiB at 4 MiB/s */
    assert_true(rig_now_ms() - begin >= 600);
}

static uint32_t start_hash(const char *path, bool is_hybrid)
{
    static const char *const trackers[] = {"udp://127.0.0.1:9/announce", "wss://a.example/"};
    struct error error = {0};
    uint32_t job = 0;

    node->hash_done = node->hash_failed = 0;
    if (lt_hash_start(node->session, path, is_hybrid, trackers, 2, &job, &error) != ERR_NONE)
        fail_msg("%s", error.text);
    return job;
}

/* Every piece and both kinds of hashes are checked by libtorrent itself. */
static void check_hashes(const char *save_path, const char *name, bool is_hybrid)
{
    size_t ws_count;
    char **ws;

    node->checked = 0;
    start_hash(rig_path(save_path, name), is_hybrid);
    wait_until(rig_is_hashed);
    if (node->hash_failed > 0)
        fail_msg("%s", node->last_error.text);
    snprintf(node->dir, sizeof(node->dir), "%s", save_path);
    if (node->info != NULL)
        lt_info_free(&node->info);
    rig_add(node, (struct lt_add){.metainfo = bytes_of(node->metainfo, node->metainfo_len),
                                  .verify = true});
    wait_until(rig_seeds);
    assert_int_equal(rig_pieces(node), node->info->piece_count);
    assert_int_equal(node->info->hashes.has_v2, is_hybrid);
    assert_int_equal(lt_ws_trackers(node->session, node->id, &ws, &ws_count), ERR_NONE);
    assert_int_equal(ws_count, 1);
    free(ws);
    assert_int_equal(node->file_errors, 0);
}

static void hashes_of_odd_sizes_are_right(void **state)
{
    static const size_t sizes[] = {
        1, 16384, 16385, 40001, 65535, 65536, 65537, 3 * 65536, 3 * 65536 + 16384, 200000, 0};
    char dir[64];
    char many[64];

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    snprintf(dir, sizeof(dir), "%s", node->dir);
    mkdir(rig_path(dir, "many"), 0777);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        char name[32];

        snprintf(name, sizeof(name), "many/%zu.bin", i);
        rig_write(rig_path(dir, name), sizes[i], 100 + i);
    }
    assert_int_equal(symlink("3.bin", rig_path(dir, "many/link.bin")), 0);
    check_hashes(dir, "many", false);
    check_hashes(dir, "many/", true);
    assert_in_range(snprintf(many, sizeof(many), "%s", rig_path(dir, "many")), 1, 63);
    check_hashes(many, "9.bin", true);
}

static void large_files_get_larger_pieces(void **state)
{
    char dir[64];

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    snprintf(dir, sizeof(dir), "%s", node->dir);
    rig_write(rig_path(dir, "large"), 1, 1);
    assert_int_equal(truncate(rig_path(dir, "large"), 130 << 20), 0);
    check_hashes(dir, "large", false);
    assert_int_equal(node->info->piece_bytes, 128 * 1024);
    assert_true(node->hash_progress > 0);
}

static void unfit_folders_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *name, *file, *link_to;
        enum err code;
    } cases[] = {
        {"empty", NULL, NULL, ERR_INVALID},        {"no data", "nothing", NULL, ERR_INVALID},
        {"out", "a", "/etc/hostname", ERR_DENIED}, {"up", "a", "../empty", ERR_DENIED},
        {"dangling", "a", "b", ERR_DENIED},        {"loop", "a", ".", ERR_INVALID},
        {"not utf8", "\xff", NULL, ERR_INVALID},   {"backslash", "a\nb", NULL, ERR_INVALID}};
    struct error error;
    uint32_t job;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char dir[128];

        snprintf(dir, sizeof(dir), "%s/%s", node->dir, cases[i].name);
        mkdir(dir, 0777);
        if (cases[i].link_to != NULL)
            assert_int_equal(symlink(cases[i].link_to, rig_path(dir, "link")), 0);
        if (cases[i].file != NULL)
            rig_write(rig_path(dir, cases[i].file), i < 2 ? 0 : 5, 1);
        start_hash(dir, false);
        wait_until(rig_is_hashed);
        if (node->hash_done > 0 || node->last_error.code != cases[i].code ||
            node->last_error.text[0] == '\0')
            fail_msg("%s: %s, %s", cases[i].name, err_word(node->last_error.code),
                     node->last_error.text);
    }
    assert_int_equal(
        lt_hash_start(node->session, rig_path(node->dir, "absent"), false, NULL, 0, &job, &error),
        ERR_NOT_FOUND);
    assert_int_equal(lt_hash_start(node->session, "/", false, NULL, 0, &job, &error), ERR_INVALID);
}

static bool has_progress(void)
{
    return node->hash_progress > 0;
}

static bool all_failed(void)
{
    return node->hash_failed == 4;
}

static void hashing_can_be_cancelled(void **state)
{
    struct error error;
    uint32_t jobs[4];
    uint32_t job;
    char *path;

    (void)state;
    rig_open(0, NULL, LT_DISK_DIRECT);
    path = rig_path(node->dir, "endless");
    rig_write(path, 1, 1);
    assert_int_equal(truncate(path, 1ll << 40), 0);
    for (int i = 0; i < 4; i++)
        jobs[i] = start_hash(path, false);
    assert_int_equal(lt_hash_start(node->session, path, false, NULL, 0, &job, &error), ERR_BUSY);
    wait_until(has_progress);
    for (int i = 0; i < 4; i++)
        lt_hash_cancel(node->session, jobs[i]);
    lt_hash_cancel(node->session, 99);
    wait_until(all_failed);
    assert_int_equal(node->last_error.code, ERR_CANCELLED);
    start_hash(path, true); /* ends with the session */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senseless_configuration_is_refused),
        cmocka_unit_test_teardown(changed_configuration_is_applied, rig_teardown),
        cmocka_unit_test_teardown(taken_port_is_told_and_not_replaced, rig_teardown),
        cmocka_unit_test_teardown(state_is_given_and_taken_again, rig_teardown),
        cmocka_unit_test_teardown(filter_takes_ranges_of_addresses, rig_teardown),
        cmocka_unit_test_teardown(unknown_torrents_are_not_found, rig_teardown),
        cmocka_unit_test_teardown(session_limit_holds_for_local_peers_when_asked, rig_teardown),
        cmocka_unit_test_teardown(hashes_of_odd_sizes_are_right, rig_teardown),
        cmocka_unit_test_teardown(large_files_get_larger_pieces, rig_teardown),
        cmocka_unit_test_teardown(unfit_folders_are_refused_with_a_sentence, rig_teardown),
        cmocka_unit_test_teardown(hashing_can_be_cancelled, rig_teardown),
    };

    return cmocka_run_group_tests(tests, rig_group_setup, rig_group_teardown);
}
