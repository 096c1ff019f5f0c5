/* SPDX-License-Identifier: MIT
 *
 * puppet: a service that does nothing, or misbehaves on command; for tests of the supervisor.
 *
 * It plays the service whose program name it was started by: a link "http-svc" to it is http. The
 * command is a line in <data_dir>/puppet.<name> (as in puppet.http.0), looked at when it starts and
 * then many times a second. With "once " in front the file is removed first, so that the next life
 * behaves; without, every life does the same.
 *
 *     exit N        leaves with exit code N
 *     crash         aborts
 *     segv          writes where it must not
 *     hang          stops answering, but lives
 *     ignore-term   does not stop when asked to
 *     never-ready   (at start) does not become ready
 *     exit-early N  (at start) leaves with exit code N before it is ready
 *     slow-ready N  (at start) becomes ready after N ms
 *     spam N        writes N lines to stderr, without newline at the end of the last, and aborts
 *     degraded      works, but says that something is missing
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "svc/svc.h"

enum { LOOK_MS = 10 };

struct puppet {
    struct svc *svc;
    bool ignores_term;
};

static void hang(void)
{
    log_info("hanging from now on");
    for (;;)
        pause();
}

static void spam(unsigned long count)
{
    for (unsigned long i = 1; i <= count; i++)
        fprintf(stderr, "spam line %lu%s", i, i < count ? "\n" : "");
    abort();
}

/* False when there is no command. */
static bool read_command(const struct puppet *puppet, char *out, size_t cap)
{
    static const char once[] = "once ";
    char path[512];

    snprintf(path, sizeof(path), "%s/puppet.%s", svc_common(puppet->svc)->data_dir,
             svc_name(puppet->svc));
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool has_line = fgets(out, (int)cap, file) != NULL && strchr(out, '\n') != NULL;
    fclose(file);
    if (!has_line) /* still being written */
        return false;
    out[strcspn(out, "\n")] = '\0';
    if (strncmp(out, once, sizeof(once) - 1) == 0) {
        unlink(path);
        memmove(out, out + sizeof(once) - 1, strlen(out + sizeof(once) - 1) + 1);
    }
    return true;
}

static unsigned long number_of(const char *command)
{
    const char *space = strchr(command, ' ');

    return space != NULL ? strtoul(space, NULL, 10) : 0;
}

static bool is_verb(const char *command, const char *verb)
{
    size_t len = strlen(verb);

    return strncmp(command, verb, len) == 0 && (command[len] == '\0' || command[len] == ' ');
}

static void look(void *arg)
{
    struct puppet *puppet = arg;
    char command[128];

    if (!read_command(puppet, command, sizeof(command)))
        return;
    if (is_verb(command, "exit"))
        exit((int)number_of(command));
    else if (is_verb(command, "crash"))
        abort();
    else if (is_verb(command, "segv"))
        raise(SIGSEGV);
    else if (is_verb(command, "hang"))
        hang();
    else if (is_verb(command, "spam"))
        spam(number_of(command));
    else if (is_verb(command, "degraded"))
        svc_degraded(puppet->svc, "as commanded");
    if (is_verb(command, "ignore-term") && !puppet->ignores_term) {
        puppet->ignores_term = true;
        log_info("deaf from now on");
    }
}

static enum err puppet_start(void *state, struct svc *svc, struct error *error)
{
    struct puppet *puppet = state;
    char command[128];

    (void)error;
    puppet->svc = svc;
    if (read_command(puppet, command, sizeof(command))) {
        if (is_verb(command, "never-ready"))
            hang();
        if (is_verb(command, "exit-early"))
            exit((int)number_of(command));
        if (is_verb(command, "slow-ready"))
            nanosleep(&(struct timespec){.tv_sec = (time_t)(number_of(command) / 1000),
                                         .tv_nsec = (long)(number_of(command) % 1000) * 1000000},
                      NULL);
    }
    svc_ready_text(svc, "strings=attached");
    svc_every(svc, LOOK_MS, look, puppet);
    return ERR_NONE;
}

static void puppet_drain(void *state)
{
    const struct puppet *puppet = state;

    if (puppet->ignores_term)
        hang();
}

int main(int argc, char **argv)
{
    static char name[64];
    static struct svc_def def = {
        .about = "misbehaves on command, for tests",
        .state_size = sizeof(struct puppet),
        .start = puppet_start,
        .drain = puppet_drain,
    };
    const char *slash = strrchr(argv[0], '/');

    snprintf(name, sizeof(name), "%s", slash != NULL ? slash + 1 : argv[0]);
    char *suffix = strstr(name, "-svc");
    if (suffix != NULL)
        *suffix = '\0';
    def.name = name;
    return svc_main(argc, argv, &def);
}
