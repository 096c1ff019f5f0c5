/* SPDX-License-Identifier: MIT */
#include "svc/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/program.h"
#include "svc/contract.h"

enum { PLACES_MAX = 16 };

static const char program[] = "sharestreamd";

void supervise_become(void)
{
    char path[PATH_MAX];

    if (program_beside(program, path, sizeof(path)))
        execl(path, program, (char *)NULL);
    execlp(program, program, (char *)NULL);
    fprintf(stderr, "cannot start %s: %s\n", program, strerror(errno));
}

static _Noreturn void become(pid_t parent, int log)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid(); /* the terminal's Ctrl-C is for our parent, not for us */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_STOPPED);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    supervise_become();
    _exit(EXIT_FAILED);
}

pid_t supervise_start(int log, struct error *error)
{
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become(parent, log);
    if (pid < 0)
        error_set_errno(error, ERR_IO, "cannot start %s", program);
    return pid;
}

void supervise_set(const char *name, const char *value)
{
    char *variable = xasprintf("SHARESTREAM_%s", name);

    setenv(variable, value, 1);
    free(variable);
}

void supervise_set_default(const char *name, const char *value)
{
    char *variable = xasprintf("SHARESTREAM_%s", name);

    setenv(variable, value, 0);
    free(variable);
}

/* NULL: there is no home folder. */
static char *without_tilde(const char *path, struct error *error)
{
    const char *home = getenv("HOME");

    if (path[0] != '~' || (path[1] != '/' && path[1] != '\0'))
        return xstrdup(path);
    if (home != NULL && home[0] == '/')
        return xasprintf("%s%s", home, path + 1);
    error_set(error, ERR_CONFIG, "HOME is not set: choose a folder with -data-dir");
    return NULL;
}

/* Absolute, links looked through, so that one folder has one name. */
static char *make_folder(const char *path, struct error *error)
{
    char *copy = xstrdup(path), *real = NULL;

    for (char *slash = copy; slash != NULL && *slash != '\0';) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            break;
        if (slash != NULL)
            *slash = '/';
    }
    if ((real = realpath(path, NULL)) == NULL)
        error_set_errno(error, ERR_CONFIG, "cannot create the folder %.160s", path);
    free(copy);
    return real;
}

/* What strangers could have put there in our stead is not used. */
static enum err make_run_dir(const char *path, struct error *error)
{
    struct stat found;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, ERR_CONFIG, "cannot create the folder %.160s", path);
    if (lstat(path, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid() ||
        (found.st_mode & 077) != 0)
        return error_set(error, ERR_CONFIG, "%.160s is somebody else's; remove it", path);
    return ERR_NONE;
}

/* Two that begin in the same moment are kept apart by the same lock later. */
static bool is_taken(const char *run_dir, const char *owner)
{
    char *path = xasprintf("%s/%s.lock", run_dir, owner);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;

    if (fd >= 0)
        close(fd);
    free(path);
    return is;
}

static enum err take(const char *who, const char *owner, const char *data_dir, bool *is_taken_out,
                     struct error *error)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *real = make_folder(data_dir, error), *run_dir;
    enum err err;

    if (real == NULL)
        return error->code;
    run_dir =
        xasprintf("%s/%s-%u-%016llx", runtime != NULL && runtime[0] == '/' ? runtime : "/tmp", who,
                  (unsigned)geteuid(), (unsigned long long)bytes_hash(bytes_of_text(real), 0));
    err = make_run_dir(run_dir, error);
    *is_taken_out = err == ERR_NONE && is_taken(run_dir, owner);
    supervise_set("COMMON_DATA_DIR", real);
    supervise_set("COMMON_RUN_DIR", run_dir);
    free(run_dir);
    free(real);
    return err;
}

enum err supervise_place(const char *who, const char *owner, const char *data_dir,
                         struct error *error)
{
    char *base = without_tilde(data_dir, error);
    bool is = true;
    enum err err = base != NULL ? ERR_NONE : ERR_CONFIG;

    for (unsigned i = 1; is && err == ERR_NONE && i <= PLACES_MAX; i++) {
        char *folder = i == 1 ? xstrdup(base) : xasprintf("%s/%u", base, i);

        err = take(who, owner, folder, &is, error);
        free(folder);
    }
    if (is && err == ERR_NONE)
        err = error_set(error, ERR_BUSY, "%d others work on %.120s; give each a folder of its own",
                        PLACES_MAX, base);
    free(base);
    /* What lies in the current folder is somebody else's. */
    supervise_set_default("CONFIG", "/dev/null");
    /* Means another thing to http-svc than to those who start us. */
    unsetenv("PORT");
    return err;
}
