/* SPDX-License-Identifier: MIT */
#include "play.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "follow.h"
#include "prefix.h"

const Sharestream__Torrent__File *
play_file(struct cli *cli, Sharestream__Torrent__TorrentInfo *info, const char *word)
{
    struct error error;
    size_t index;

    if (!info->has_metadata) {
        cli->exit = cli_refuse(cli, CLI_ERROR, ERR_BUSY,
                               "its files are not known yet; see: sharestream doctor %.8s",
                               info->info_hash);
        return NULL;
    }
    if (!torrent_all_files(cli, info))
        return NULL;
    if (prefix_find_file(word, info->files, info->n_files, &index, &error) != ERR_NONE) {
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
        return NULL;
    }
    return info->files[index];
}

Sharestream__Http__LinkReply *play_link(struct cli *cli,
                                        const Sharestream__Torrent__TorrentInfo *info,
                                        const Sharestream__Torrent__File *file)
{
    Sharestream__Http__LinkRequest request = SHARESTREAM__HTTP__LINK_REQUEST__INIT;
    char *slash = strrchr(file->path, '/');

    request.info_hash = info->info_hash;
    request.file = file->id;
    request.name = slash != NULL ? slash + 1 : file->path;
    return cli_ask(cli, "http", "Link", &request.base);
}

/* In a grandchild, so that nobody waits for it and Ctrl-C does not end it. */
static void start_player(const char *url)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    if (fork() != 0)
        _exit(0);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
    }
    execlp("mpv", "mpv", "--force-window=immediate", "--", url, (char *)NULL);
    execlp("xdg-open", "xdg-open", url, (char *)NULL);
    _exit(127);
}

static bool is_installed(const char *program)
{
    const char *path = getenv("PATH");
    char file[1024];

    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");

        if ((size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, program) <
                sizeof(file) &&
            access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

bool play_open(struct cli *cli, const char *url)
{
    if (!is_installed("mpv") && !is_installed("xdg-open")) {
        cli->exit = cli_refuse(cli, CLI_ERROR, ERR_NOT_FOUND,
                               "neither mpv nor xdg-open is installed; open the address yourself");
        return false;
    }
    pid_t child = fork();

    if (child == 0)
        start_player(url);
    if (child < 0) {
        struct error error;

        error_set_errno(&error, ERR_IO, "cannot start a player");
        cli->exit = cli_complain(cli, CLI_ERROR, &error);
        return false;
    }
    waitpid(child, NULL, 0);
    return true;
}
