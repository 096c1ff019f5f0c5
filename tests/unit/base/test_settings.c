/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/must.h"

#define WEB_SETTINGS(X)                                                                            \
    X(ENDPOINT, listen, "127.0.0.1:8080", 0, 0, "address of the page")                             \
    X(TEXT, title, "ShareStream", 0, 0, "name of the page")                                        \
    X(TEXT, admin_token, "", 0, 0, "who has it may do everything")                                 \
    X(LIST, origins, "", 0, 0, "pages that may talk to us")                                        \
    X(LIST, peers, "a, b", 0, 0, "neighbours")                                                     \
    X(BOOL, is_open, "no", 0, 0, "lets everybody in")                                              \
    X(COUNT, max_rooms, "10", 1, 1000, "rooms at most")                                            \
    X(SIZE, cache, "64MiB", 1 << 20, 1 << 30, "size of the cache")                                 \
    X(DURATION, timeout, "30s", 1000, 600000, "how long to wait")                                  \
    X(CHOICE, level, "info", 0, 0, "how much to say (warn|info|debug)")
SETTINGS_STRUCT(web_settings, WEB_SETTINGS);
#define SETTINGS_TAG web_settings
SETTINGS_TABLE(web_table, "web", WEB_SETTINGS);
#undef SETTINGS_TAG

#define DISK_SETTINGS(X) X(SIZE, quota, "0", 0, 0, "bytes we may use")
SETTINGS_STRUCT(disk_settings, DISK_SETTINGS);
#define SETTINGS_TAG disk_settings
SETTINGS_TABLE(disk_table, "disk", DISK_SETTINGS);
#undef SETTINGS_TAG

static const struct settings_table *const tables[] = {&web_table, &disk_table};
static const struct settings_alias aliases[] = {
    {"port", "web", "listen", ""},
    {"wait", "web", "timeout", "s"},
};
static const char *const other_sections[] = {"tracker"};

static char dir[64], config[96];
static struct web_settings web;
static struct disk_settings disk;
static struct setting_place web_places[16], disk_places[4];
static struct error error;

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/test_settings.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(config, sizeof(config), "%s/config.yaml", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(config);
    return rmdir(dir);
}

static void forget(void)
{
    settings_free(&web_table, &web);
    settings_free(&disk_table, &disk);
}

static int clean_up(void **state)
{
    static const char *const names[] = {"SHARESTREAM_WEB_TITLE",
                                        "SHARESTREAM_WEB_MAX_ROOMS",
                                        "SHARESTREAM_WEB_ADMIN_TOKEN",
                                        "SHARESTREAM_WEB_ADMIN_TOKEN_FILE",
                                        "SHARESTREAM_WEB_PEERS",
                                        "SHARESTREAM_WEB_TIMEOUT",
                                        "SHARESTREAM_WEB_TITLE_FILE",
                                        "PORT",
                                        "WAIT"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        unsetenv(names[i]);
    unlink(config);
    forget();
    return 0;
}

static void write_file(const char *path, const char *content, size_t len)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    fclose(file);
}

/* With `yaml` as configuration; NULL means that there is no file. */
static enum err load(const char *yaml)
{
    const struct settings_source source = {
        .file = config,
        .aliases = aliases,
        .alias_count = COUNT_OF(aliases),
        .other_sections = other_sections,
        .other_section_count = COUNT_OF(other_sections),
    };
    void *const values[] = {&web, &disk};
    struct setting_place *const places[] = {web_places, disk_places};

    forget();
    error = (struct error){.code = ERR_NONE};
    if (yaml != NULL)
        write_file(config, yaml, strlen(yaml));
    return settings_load(&source, tables, values, places, COUNT_OF(tables), &error);
}

static void must_load(const char *yaml)
{
    if (load(yaml) != ERR_NONE)
        fail_msg("%s\n%s", error.text, yaml != NULL ? yaml : "");
}

/* `complaint` is what follows the name of the file. */
static void must_refuse(const char *yaml, const char *complaint)
{
    if (load(yaml) != ERR_CONFIG)
        fail_msg("was read:\n%s", yaml);
    if (strncmp(error.text, config, strlen(config)) != 0 ||
        strcmp(error.text + strlen(config), complaint) != 0)
        fail_msg("'%s' instead of '%s' for:\n%s", error.text, complaint, yaml);
}

static const struct setting_place *place_of(const char *name)
{
    for (size_t i = 0; i < web_table.count; i++)
        if (strcmp(web_table.rows[i].name, name) == 0)
            return &web_places[i];
    fail_msg("%s", name);
    return NULL;
}

static void without_a_file_there_are_the_defaults(void **state)
{
    (void)state;
    must_load(NULL);
    assert_string_equal(web.listen.host, "127.0.0.1");
    assert_int_equal(web.listen.port, 8080);
    assert_string_equal(web.title, "ShareStream");
    assert_string_equal(web.admin_token, "");
    assert_string_equal(web.origins, "");
    assert_string_equal(web.peers, "a, b");
    assert_false(web.is_open);
    assert_int_equal(web.max_rooms, 10);
    assert_int_equal(web.cache, 64 << 20);
    assert_int_equal(web.timeout, 30000);
    assert_string_equal(web.level, "info");
    assert_int_equal(disk.quota, 0);
    for (size_t i = 0; i < web_table.count; i++)
        assert_int_equal(web_places[i].origin, ORIGIN_DEFAULT);
}

static void file_that_is_named_must_exist(void **state)
{
    struct settings_source source = {.file = "/nonexistent/config.yaml", .is_file_required = true};
    void *const values[] = {&web, &disk};

    (void)state;
    assert_int_equal(settings_load(&source, tables, values, NULL, COUNT_OF(tables), &error),
                     ERR_CONFIG);
    assert_non_null(strstr(error.text, "/nonexistent/config.yaml"));
    source.is_file_required = false;
    assert_int_equal(settings_load(&source, tables, values, NULL, COUNT_OF(tables), &error),
                     ERR_NONE);
    forget();
    source.file = NULL;
    assert_int_equal(settings_load(&source, tables, values, NULL, COUNT_OF(tables), &error),
                     ERR_NONE);
}

static void file_beats_default(void **state)
{
    (void)state;
    must_load("# ours\n"
              "web:\n"
              "  listen: \"[::]:80\"\n"
              "  title: A \"page\"\n"
              "  origins: [https://a.example, \"https://b.example\"]\n"
              "  is_open: on\n"
              "  max_rooms: 1000\n"
              "  cache: 1 GiB\n"
              "  timeout: 1m30s\n"
              "  level: debug\n"
              "disk: {quota: 10GB}\n"
              "tracker:\n"
              "  what: {ever: [stands, here]}\n");
    assert_string_equal(web.listen.host, "::");
    assert_int_equal(web.listen.port, 80);
    assert_string_equal(web.title, "A \"page\"");
    assert_string_equal(web.origins, "https://a.example, https://b.example");
    assert_true(web.is_open);
    assert_int_equal(web.max_rooms, 1000);
    assert_int_equal(web.cache, 1 << 30);
    assert_int_equal(web.timeout, 90000);
    assert_string_equal(web.level, "debug");
    assert_true(disk.quota == 10000000000);
    assert_int_equal(place_of("title")->origin, ORIGIN_FILE);
    char place[128];

    snprintf(place, sizeof(place), "%s:4", config);
    assert_string_equal(place_of("title")->text, place);
    assert_int_equal(place_of("peers")->origin, ORIGIN_DEFAULT);
    assert_string_equal(place_of("peers")->text, "");
    assert_int_equal(disk_places[0].origin, ORIGIN_FILE);
}

static void environment_beats_file(void **state)
{
    (void)state;
    setenv("SHARESTREAM_WEB_TITLE", "From outside", 1);
    setenv("SHARESTREAM_WEB_MAX_ROOMS", "7", 1);
    setenv("SHARESTREAM_WEB_PEERS", "x,y ,  z,,", 1);
    must_load("web: {title: From the file, max_rooms: 8}");
    assert_string_equal(web.title, "From outside");
    assert_int_equal(web.max_rooms, 7);
    assert_string_equal(web.peers, "x, y, z");
    assert_int_equal(place_of("title")->origin, ORIGIN_ENVIRONMENT);
    assert_string_equal(setting_origin_word(place_of("title")->origin), "environment");
    assert_string_equal(place_of("title")->text, "SHARESTREAM_WEB_TITLE");
    setenv("SHARESTREAM_WEB_TITLE", "", 1);
    must_load(NULL);
    assert_string_equal(web.title, "");
}

static void bare_port_keeps_the_host_of_the_default(void **state)
{
    static const char *const written[] = {"web: {listen: 9}", "web: {listen: \":9\"}", "port: 9",
                                          "port: \":9\""};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        must_load(written[i]);
        assert_string_equal(web.listen.host, "127.0.0.1");
        assert_int_equal(web.listen.port, 9);
    }
}

static void alias_stands_behind_the_setting_itself(void **state)
{
    (void)state;
    must_load("port: 9\nwait: 20\n");
    assert_int_equal(web.listen.port, 9);
    assert_int_equal(web.timeout, 20000); /* bare numbers meant seconds */
    assert_int_equal(place_of("timeout")->origin, ORIGIN_FILE);
    assert_string_equal(strrchr(place_of("timeout")->text, ':'), ":2");
    must_load("wait: 2m\n");
    assert_int_equal(web.timeout, 120000);
    must_load("wait: 20\nweb: {timeout: 5s}\n");
    assert_int_equal(web.timeout, 5000);
    setenv("WAIT", "40", 1);
    must_load("web: {timeout: 5s}\n");
    assert_int_equal(web.timeout, 40000);
    assert_int_equal(place_of("timeout")->origin, ORIGIN_ENVIRONMENT);
    assert_string_equal(place_of("timeout")->text, "WAIT");
    setenv("SHARESTREAM_WEB_TIMEOUT", "50s", 1);
    must_load(NULL);
    assert_int_equal(web.timeout, 50000);
}

static void secret_comes_from_a_file(void **state)
{
    char path[128], big[5000];

    (void)state;
    snprintf(path, sizeof(path), "%s/secret", dir);
    write_file(path, "s3cret word\n\n", 13);
    setenv("SHARESTREAM_WEB_ADMIN_TOKEN_FILE", path, 1);
    must_load("web: {admin_token: other}");
    assert_string_equal(web.admin_token, "s3cret word");
    assert_int_equal(place_of("admin_token")->origin, ORIGIN_ENVIRONMENT);
    assert_string_equal(place_of("admin_token")->text, "SHARESTREAM_WEB_ADMIN_TOKEN_FILE");

    memset(big, 'a', sizeof(big));
    write_file(path, big, 4096);
    must_load(NULL);
    assert_int_equal(strlen(web.admin_token), 4096);
    write_file(path, big, 4097);
    assert_int_equal(load(NULL), ERR_CONFIG); /* half a secret is none */
    assert_non_null(strstr(error.text, "SHARESTREAM_WEB_ADMIN_TOKEN_FILE"));
    write_file(path, "a\0b", 3);
    assert_int_equal(load(NULL), ERR_CONFIG);
    unlink(path);
    assert_int_equal(load(NULL), ERR_CONFIG);
    assert_non_null(strstr(error.text, "SHARESTREAM_WEB_ADMIN_TOKEN_FILE"));
    assert_non_null(strstr(error.text, path));

    setenv("SHARESTREAM_WEB_ADMIN_TOKEN", "said outright", 1);
    must_load(NULL);
    assert_string_equal(web.admin_token, "said outright");
}

static void lists_are_written_in_many_ways(void **state)
{
    static const struct {
        const char *yaml, *peers;
    } cases[] = {
        {"web:\n  peers: [x, y]\n", "x, y"},
        {"web:\n  peers: [\"x\", 'y']\n", "x, y"},
        {"web:\n  peers:\n    - x\n    - y\n", "x, y"},
        {"web:\n  peers:\n  - x\n  - y\n  title: t\n", "x, y"},
        {"web:\n  peers: # two\n\n    # of them\n    - x\n    - y\n", "x, y"},
        {"web:\n  peers: [x,\n    y]\n", "x, y"},
        {"web:\n  peers: x,y\n", "x, y"},
        {"web:\n  peers: \"x, y\"\n", "x, y"},
        {"web: {peers: [x, y]}", "x, y"},
        {"web:\n  peers: torrent=tcp://t0:7100\n", "torrent=tcp://t0:7100"},
        {"web:\r\n  peers:\r\n  - x\r\n", "x"},
        {"web:\n  peers: []\n", ""},
        {"web:\n  peers:\n", ""},
        {"web:\n  peers:", ""},
        {"web:\n  peers: \"\"\n", ""},
        {"web:\n  peers:\n  title: t\n", ""},
        {"web:\n  # peers: [x]\n", "a, b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        must_load(cases[i].yaml);
        if (strcmp(web.peers, cases[i].peers) != 0)
            fail_msg("'%s' from:\n%s", web.peers, cases[i].yaml);
    }
}

static void empty_files_and_sections_say_nothing(void **state)
{
    static const char *const written[] = {"",          "# only\n",         "web:\n",
                                          "web: {}\n", "web:\n  # a: b\n", "web: ~\ndisk:\n",
                                          "---\n",     "tracker:\n"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        must_load(written[i]);
        assert_string_equal(web.title, "ShareStream");
    }
}

static void mistakes_are_named_with_their_place(void **state)
{
    static const struct {
        const char *yaml, *complaint;
    } cases[] = {
        {"web:\n  title: x\n  tilte: y\n",
         ":3: unknown key 'tilte' in section web; did you mean 'title'?"},
        {"web:\n  zzzzzz: y\n", ":2: unknown key 'zzzzzz' in section web"},
        {"\n\nwebb:\n  title: x\n", ":3: unknown key 'webb'; did you mean 'web'?"},
        {"prot: 80\n", ":1: unknown key 'prot'; did you mean 'port'?"},
        {"title: x\n", ":1: unknown key 'title'"},
        {"web: {peers: a}", ":1: a list is expected here, such as [a, b]"},
        {"web: {tilte: x}", ":1: unknown key 'tilte'; did you mean 'title'?"},
        {"disk:\n  title: x\n", ":2: unknown key 'title' in section disk"},
        {"web:\n  max_rooms: 0\n", ":2 web.max_rooms: '0' is outside 1 to 1000"},
        {"web:\n  max_rooms: 1001\n", ":2 web.max_rooms: '1001' is outside 1 to 1000"},
        {"web:\n  max_rooms: many\n", ":2 web.max_rooms: 'many' is not a whole number"},
        {"web:\n  cache: 1KiB\n", ":2 web.cache: '1KiB' is outside 1MiB to 1GiB"},
        {"web:\n  cache: lots\n", ":2 web.cache: 'lots' is not a size such as 64MiB"},
        {"web:\n  title: x\n\n  timeout: 11m\n", ":4 web.timeout: '11m' is outside 1s to 10m"},
        {"web:\n  timeout: 30\n", ":2 web.timeout: '30' is not a duration such as 30s or 1h30m"},
        {"web:\n  is_open: perhaps\n", ":2 web.is_open: 'perhaps' is not true or false"},
        {"web:\n  listen: here\n",
         ":2 web.listen: 'here' is not an address such as 127.0.0.1:8080 or a port"},
        {"web:\n  level: loud\n", ":2 web.level: 'loud' is not one of (warn|info|debug)"},
        {"web:\n  level: warn|info\n", ":2 web.level: 'warn|info' is not one of (warn|info|debug)"},
        {"web:\n  level: inf\n", ":2 web.level: 'inf' is not one of (warn|info|debug)"},
        {"web:\n  level: \"\"\n", ":2 web.level: '' is not one of (warn|info|debug)"},
        {"web: {max_rooms: 0}", " web.max_rooms: '0' is outside 1 to 1000"},
        {"wait: 700\n", ":1 wait: '700s' is outside 1s to 10m"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        must_refuse(cases[i].yaml, cases[i].complaint);
}

static void what_is_no_yaml_of_ours_is_refused(void **state)
{
    static const char *const written[] = {
        "web: 5",
        "just text",
        "[1, 2]",
        "web:\n\ttitle: x\n",
        "web: {title: [a]}",
        "web: {title: {a: b}}",
        "web:\n  title: a\n  title: b\n",
        "web:\n  title: a\nweb:\n  title: b\n",
        "web: {peers: [[a]]}",
        "web: {title: \xff}",
        "web: {title: \"unfinished",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        if (load(written[i]) != ERR_CONFIG)
            fail_msg("was read:\n%s", written[i]);
        if (strncmp(error.text, config, strlen(config)) != 0 || error.text[strlen(config)] != ':')
            fail_msg("'%s' for:\n%s", error.text, written[i]);
    }
}

static void bad_environment_is_named(void **state)
{
    (void)state;
    setenv("SHARESTREAM_WEB_MAX_ROOMS", "x", 1);
    assert_int_equal(load(NULL), ERR_CONFIG);
    assert_string_equal(error.text,
                        "environment SHARESTREAM_WEB_MAX_ROOMS: 'x' is not a whole number");
    unsetenv("SHARESTREAM_WEB_MAX_ROOMS");
    setenv("PORT", "x", 1);
    assert_int_equal(load(NULL), ERR_CONFIG);
    assert_int_equal(strncmp(error.text, "environment PORT: 'x' is not", 28), 0);
}

static void file_of_more_than_a_mebibyte_is_refused(void **state)
{
    char *big = xcalloc((1 << 20) + 2, 1);

    (void)state;
    memset(big, '#', (1 << 20) + 1);
    assert_int_equal(load(big), ERR_CONFIG);
    assert_non_null(strstr(error.text, config));
    free(big);
}

static char *print(const struct setting_place *places)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    settings_print_yaml(out, &web_table, &web, places);
    settings_print_yaml(out, &disk_table, &disk, NULL);
    fclose(out);
    return text;
}

static void printed_configuration_parses_back(void **state)
{
    static const char *const written[] = {
        "",
        "web:\n  listen: \"[fe80::1%eth0]:1\"\n  title: 'a \"b\" \\ # c: [d] {e} \xc3\xa9'\n"
        "  origins: [\"a: b\", \"# c\", 'd \"e\"', '[f', '*']\n  peers: []\n  is_open: yes\n"
        "  max_rooms: 77\n  cache: 1500000\n  timeout: 1m1s1ms\n  level: warn\n",
        "web: {title: \"line one\\nline two\\ttab \\e \\x7f\"}",
        "web: {title: \"\", origins: [https://a.example]}",
        "web: {title: ~, level: info}",
        "disk: {quota: 16777215T}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        must_load(written[i]);
        char *first = print(NULL);
        must_load(first);
        char *second = print(NULL);
        assert_string_equal(first, second);
        free(first);
        free(second);
        must_load(written[i]);
        char *title = xstrdup(web.title), *origins = xstrdup(web.origins);
        first = print(web_places);
        must_load(first);
        assert_string_equal(web.title, title);
        assert_string_equal(web.origins, origins);
        free(first);
        free(title);
        free(origins);
    }
}

static void printed_configuration_tells_meaning_and_origin(void **state)
{
    (void)state;
    must_load("web: {title: x}");
    char *text = print(web_places);
    assert_int_equal(
        strncmp(text, "web:\n  # address of the page\n  listen: \"127.0.0.1:8080\"\n", 55), 0);
    assert_non_null(strstr(text, "  # name of the page [file]\n  title: \"x\"\n"));
    assert_non_null(strstr(text, "  peers: [\"a\", \"b\"]\n"));
    free(text);
}

static void secrets_are_not_shown_and_not_overwritten(void **state)
{
    (void)state;
    must_load("web: {admin_token: hush}");
    char *text = print(web_places);
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(text, "\n  # admin_token: (set)\n"));
    must_load(text); /* saved and read again, it is not a token that everybody knows */
    assert_string_equal(web.admin_token, "");
    free(text);

    must_load("web: {admin_token: hush}");
    for (size_t i = 0; i < web_table.count; i++) {
        if (strcmp(web_table.rows[i].name, "admin_token") != 0)
            continue;
        text = setting_text(&web_table.rows[i], &web, false);
        assert_string_equal(text, "(set)");
        free(text);
        text = setting_text(&web_table.rows[i], &web, true);
        assert_string_equal(text, "hush");
        free(text);
    }
}

static void urls_with_a_password_are_not_shown(void **state)
{
    static const struct {
        const char *file;
        bool is_shown;
    } cases[] = {
        {"web: {title: 'socks5://ann:hush@proxy.example:1080'}", false},
        {"web: {origins: ['https://a.example', 'http://ann:hush@b.example/x']}", false},
        {"web: {title: 'redis://hush@host:6379'}", true}, /* a user alone */
        {"web: {title: 'http://host:80/hush'}", true},
        {"web: {origins: ['http://host:80', 'hush@b.example']}", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        must_load(cases[i].file);
        char *text = print(web_places);
        assert_int_equal(strstr(text, "hush") != NULL, cases[i].is_shown);
        must_load(text);
        free(text);
    }
}

static void tables_print_as_documentation(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    settings_print_markdown(out, &web_table);
    fclose(out);
    assert_non_null(strstr(text, "| `web.cache` | `64MiB` | size of the cache |\n"));
    assert_non_null(strstr(text, "(warn\\|info\\|debug)"));
    free(text);
    out = open_memstream(&text, &len);
    settings_print_mdoc(out, &web_table);
    fclose(out);
    assert_non_null(strstr(text, ".It Cm cache\nsize of the cache.\nDefault:\n.Ql 64MiB\n"));
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, clean_up)
    const struct CMUnitTest tests[] = {
        TEST(without_a_file_there_are_the_defaults),
        TEST(file_that_is_named_must_exist),
        TEST(file_beats_default),
        TEST(environment_beats_file),
        TEST(bare_port_keeps_the_host_of_the_default),
        TEST(alias_stands_behind_the_setting_itself),
        TEST(secret_comes_from_a_file),
        TEST(lists_are_written_in_many_ways),
        TEST(empty_files_and_sections_say_nothing),
        TEST(mistakes_are_named_with_their_place),
        TEST(what_is_no_yaml_of_ours_is_refused),
        TEST(bad_environment_is_named),
        TEST(file_of_more_than_a_mebibyte_is_refused),
        TEST(printed_configuration_parses_back),
        TEST(printed_configuration_tells_meaning_and_origin),
        TEST(secrets_are_not_shown_and_not_overwritten),
        TEST(urls_with_a_password_are_not_shown),
        TEST(tables_print_as_documentation),
    };

    clean_up(NULL);
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
