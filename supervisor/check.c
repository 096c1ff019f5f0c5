/* SPDX-License-Identifier: MIT
 *
 * check: `sharestreamd --check` asks every service that would run what it thinks of the
 * configuration, and lets it speak for itself on stderr.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "supervisor.h"
#include "svc/config.h"
#include "svc/contract.h"

extern char **environ;

static bool is_content(const char *path, const char *config_file)
{
    char *argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "--check",
                    config_file != NULL ? (char *)(uintptr_t) "--config" : NULL,
                    (char *)(uintptr_t)config_file, NULL};
    int status = 0;
    pid_t pid;
    int code = posix_spawn(&pid, path, NULL, NULL, argv, environ);

    if (code != 0) {
        fprintf(stderr, "%s: cannot execute: %s\n", path, strerror(code));
        return false;
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        fprintf(stderr, "%s: --check crashed\n", path);
        return false;
    }
    return WEXITSTATUS(status) == EXIT_STOPPED;
}

int check_services(const char *config_file)
{
    struct spec_choice choices[SPEC_MAX];
    struct config config;
    struct error error;
    size_t count = 0;
    int result = EXIT_STOPPED;

    /* What is wrong with our own section has been said; without it we cannot know the services. */
    if (config_load(config_file, &supervisor_settings_table, &config, &error) != ERR_NONE)
        return EXIT_CONFIG;
    const struct supervisor_settings *settings = config.own;
    if (spec_choose(settings->services, choices, &count, &error) != ERR_NONE) {
        fprintf(stderr, "sharestreamd: %s\n", error.text);
        result = EXIT_CONFIG;
    }
    for (size_t i = 0; i < count; i++) {
        char path[4096];

        if (!spec_path(settings->bin_dir, choices[i].spec->binary, path, sizeof(path)) ||
            !is_content(path, config_file))
            result = EXIT_CONFIG;
    }
    config_free(&config);
    return result;
}
