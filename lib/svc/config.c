/* SPDX-License-Identifier: MIT */
#include "svc/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "svc/contract.h"

#define SETTINGS_TAG common_settings
SETTINGS_TABLE(common_settings_table, "common", COMMON_SETTINGS);
#undef SETTINGS_TAG
#define SETTINGS_TAG bus_settings
SETTINGS_TABLE(bus_settings_table, "bus", BUS_SETTINGS);
#undef SETTINGS_TAG

/* The nine keys of tod-p2m and five of an earlier server of rooms, at top level of the file and as
 * plain environment names. */
static const struct settings_alias aliases[] = {
    {"port", "http", "listen", ""},
    {"log_level", "common", "log_level", ""},
    {"torrent_timeout", "torrent", "metadata_timeout", "s"},
    {"max_connections", "torrent", "max_connections", ""},
    {"download_rate_limit", "torrent", "download_limit", ""},
    {"upload_rate_limit", "torrent", "upload_limit", ""},
    {"cache_size", "torrent", "max_torrents", ""},
    {"cleanup_interval", "torrent", "cleanup_interval", "s"},
    {"hls_segment_duration", "transcode", "segment_duration", "s"},
    {"stun_url", "room", "stun_urls", ""},
    {"turn_url", "room", "turn_urls", ""},
    {"turn_username", "room", "turn_username", ""},
    {"turn_credential", "room", "turn_password", ""},
    {"public_url", "room", "public_url", ""},
};

/* Sections that some process owns; each process looks only at its own and the shared two. */
static const char *const all_sections[] = {
#define X(name, binary, class, order, grace, about) #name,
#include "svc/services.def"
#undef X
    "supervisor",
    "rtc",
};

static char *absolute(const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/')
        return xstrdup(path);
    must(getcwd(here, sizeof(here)) != NULL);
    return xasprintf("%s/%s", here, path);
}

static char *default_run_dir(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (geteuid() == 0)
        return xstrdup("/run/sharestream");
    if (runtime != NULL && runtime[0] == '/')
        return xasprintf("%s/sharestream", runtime);
    return xasprintf("/tmp/sharestream-%u", (unsigned)geteuid());
}

static void replace(char **text, char *with)
{
    free(*text);
    *text = with;
}

static enum err load(const char *file, bool is_required, struct config *config, struct error *error)
{
    const struct settings_table *tables[] = {&common_settings_table, &bus_settings_table,
                                             config->own_table};
    void *values[] = {&config->common, &config->bus, config->own};
    size_t count = config->own_table != NULL ? 3 : 2, other_count = 0;
    const char *others[COUNT_OF(all_sections)];

    for (size_t i = 0; i < COUNT_OF(all_sections); i++)
        if (config->own_table == NULL || strcmp(all_sections[i], config->own_table->section) != 0)
            others[other_count++] = all_sections[i];
    struct settings_source source = {
        .file = file,
        .is_file_required = is_required,
        .aliases = aliases,
        .alias_count = COUNT_OF(aliases),
        .other_sections = others,
        .other_section_count = other_count,
    };
    for (size_t i = 0; i < count; i++)
        config->places[i] = xcalloc(tables[i]->count + 1, sizeof(*config->places[i]));
    return settings_load(&source, tables, values, config->places, count, error);
}

enum err config_load(const char *file, const struct settings_table *own, struct config *out,
                     struct error *error)
{
    bool is_required = true;

    *out = (struct config){.own_table = own};
    if (own != NULL)
        out->own = xcalloc(1, own->struct_size);
    if (file == NULL)
        file = getenv(CONTRACT_CONFIG);
    if (file == NULL || file[0] == '\0') {
        file = "config.yaml";
        is_required = false;
    }
    enum err err = load(file, is_required, out, error);
    if (err != ERR_NONE) {
        config_free(out);
        return err;
    }
    if (out->common.run_dir[0] == '\0')
        replace(&out->common.run_dir, default_run_dir());
    replace(&out->common.run_dir, absolute(out->common.run_dir));
    replace(&out->common.data_dir, absolute(out->common.data_dir));
    return ERR_NONE;
}

void config_free(struct config *config)
{
    settings_free(&common_settings_table, &config->common);
    settings_free(&bus_settings_table, &config->bus);
    if (config->own != NULL) {
        settings_free(config->own_table, config->own);
        free(config->own);
    }
    for (size_t i = 0; i < COUNT_OF(config->places); i++)
        free(config->places[i]);
    *config = (struct config){0};
}

static enum err make_dir(const char *path, struct error *error)
{
    char *copy = xstrdup(path);
    enum err err = ERR_NONE;

    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755);
        *slash = '/';
    }
    if (mkdir(copy, 0700) != 0 && errno != EEXIST)
        err = error_set_errno(error, ERR_CONFIG, "cannot create folder %s", path);
    else if (access(copy, R_OK | W_OK | X_OK) != 0)
        err = error_set_errno(error, ERR_CONFIG, "cannot write in folder %s", path);
    free(copy);
    return err;
}

enum err config_make_dirs(const struct config *config, struct error *error)
{
    enum err err = make_dir(config->common.data_dir, error);

    return err != ERR_NONE ? err : make_dir(config->common.run_dir, error);
}

void config_print_yaml(FILE *out, const struct config *config)
{
    settings_print_yaml(out, &common_settings_table, &config->common, config->places[0]);
    fprintf(out, "\n");
    settings_print_yaml(out, &bus_settings_table, &config->bus, config->places[1]);
    if (config->own_table != NULL) {
        fprintf(out, "\n");
        settings_print_yaml(out, config->own_table, config->own, config->places[2]);
    }
}

static void print_help(const char *program, const char *about, const struct settings_table *own)
{
    const struct settings_table *tables[] = {own, &common_settings_table, &bus_settings_table};

    printf("%s: %s\n\nusage: %s [options]\n\n"
           "  --config FILE    read FILE instead of $" CONTRACT_CONFIG " or ./config.yaml\n"
           "  --check          check the configuration and leave\n"
           "  --print-config   print the effective configuration, commented (=markdown, =mdoc: the "
           "tables)\n"
           "  --version, --help\n\nsettings (file: section and key; environment: "
           "SHARESTREAM_<SECTION>_<KEY>):\n",
           program, about, program);
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t i = 0; tables[t] != NULL && i < tables[t]->count; i++)
            printf("  %s.%-24s %s [%s]\n", tables[t]->section, tables[t]->rows[i].name,
                   tables[t]->rows[i].help, tables[t]->rows[i].fallback);
}

static int print_config(const char *shape, const char *file, const struct settings_table *own)
{
    struct config config;
    struct error error;

    if (strcmp(shape, "markdown") == 0 || strcmp(shape, "mdoc") == 0) {
        const struct settings_table *tables[] = {&common_settings_table, &bus_settings_table, own};
        bool is_mdoc = strcmp(shape, "mdoc") == 0;

        for (size_t i = 0; i < COUNT_OF(tables) && tables[i] != NULL; i++) {
            if (i > 0 && !is_mdoc)
                printf("\n");
            (is_mdoc ? settings_print_mdoc : settings_print_markdown)(stdout, tables[i]);
        }
        return EXIT_STOPPED;
    }
    if (config_load(file, own, &config, &error) != ERR_NONE) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_CONFIG;
    }
    config_print_yaml(stdout, &config);
    config_free(&config);
    return EXIT_STOPPED;
}

static int check(const char *program, const char *file, const struct settings_table *own)
{
    struct config config;
    struct error error;

    if (config_load(file, own, &config, &error) != ERR_NONE) {
        fprintf(stderr, "%s: %s\n", program, error.text);
        return EXIT_CONFIG;
    }
    config_free(&config);
    return EXIT_STOPPED;
}

int config_arguments(int argc, char **argv, const char *program, const char *about,
                     const struct settings_table *own, const char **file_out)
{
    const char *shape = NULL;
    bool checks = false;

    *file_out = NULL;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (strcmp(arg, "--config") == 0 && i + 1 < argc) {
            *file_out = argv[++i];
        } else if (strncmp(arg, "--config=", 9) == 0) {
            *file_out = arg + 9;
        } else if (strcmp(arg, "--check") == 0) {
            checks = true;
        } else if (strncmp(arg, "--print-config", 14) == 0 && (arg[14] == '\0' || arg[14] == '=')) {
            shape = arg[14] == '=' ? arg + 15 : "yaml";
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            print_help(program, about, own);
            return EXIT_STOPPED;
        } else if (strcmp(arg, "--version") == 0) {
            printf("%s %s\n", program, SHARESTREAM_VERSION);
            return EXIT_STOPPED;
        } else {
            fprintf(stderr, "%s: unknown argument '%s'; see %s --help\n", program, arg, program);
            return EXIT_CONFIG;
        }
    }
    if (shape != NULL)
        return print_config(shape, *file_out, own);
    return checks ? check(program, *file_out, own) : -1;
}
