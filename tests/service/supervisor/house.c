/* SPDX-License-Identifier: MIT */
#include "house.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"

enum { ASK_MS = 5000, LOOK_AGAIN_MS = 5, LOG_MAX = 4 << 20 };

static void path_of(const struct house *house, const char *name, char *out, size_t cap)
{
    must(snprintf(out, cap, "%s/%s", house->folder, name) < (int)cap);
}

static const char *bin_dir(void)
{
    const char *folder = getenv("BIN_DIR");

    if (folder == NULL)
        fail_msg("set BIN_DIR to the folder of the programs");
    return folder;
}

static char *read_log(const struct house *house)
{
    char path[128], *text = xcalloc(1, LOG_MAX);

    path_of(house, "log", path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, text, LOG_MAX - 1);
        text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    return text;
}

static _Noreturn void give_up(const struct house *house, const char *what)
{
    char *text = read_log(house);

    fprintf(stderr, "---- log of the supervisor\n%s----\n", text);
    free(text);
    fail_msg("%s", what);
    abort(); /* not reached */
}

static void look_again(const struct house *house, uint64_t until_ms, const char *what)
{
    if (clock_ms() >= until_ms)
        give_up(house, what);
    nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
}

void house_init(struct house *house, const char *settings)
{
    static const char *const names[] = {
#define X(name, binary, class, order, grace, about) binary,
#include "svc/services.def"
#undef X
    };
    char path[128], target[4096];

    /* Orphans come to us instead of to process 1, which may not reap them. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    *house = (struct house){.folder = "/tmp/house-XXXXXX"};
    assert_non_null(mkdtemp(house->folder));
    path_of(house, "run", house->run_dir, sizeof(house->run_dir));
    house->bus = (struct bus_config){
        .self = "test.0", .run_dir = house->run_dir, .listen = "", .peers = "", .secret = ""};
    path_of(house, "bin", path, sizeof(path));
    assert_int_equal(mkdir(path, 0700), 0);
    path_of(house, "data", path, sizeof(path));
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(target, sizeof(target), "%s/puppet", bin_dir());
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/bin/%s", house->folder, names[i]);
        assert_int_equal(symlink(target, path), 0);
    }
    path_of(house, "config.yaml", path, sizeof(path));
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file,
            "common:\n  data_dir: %s/data\n  run_dir: %s/run\n"
            "supervisor:\n  bin_dir: %s/bin\n%s",
            house->folder, house->folder, house->folder, settings);
    fclose(file);
}

/* Runs in the child. */
static _Noreturn void become_supervisor(const struct house *house, const char *argument)
{
    char path[4096], config[128], log[128];

    path_of(house, "log", log, sizeof(log));
    path_of(house, "config.yaml", config, sizeof(config));
    snprintf(path, sizeof(path), "%s/sharestreamd", bin_dir());
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(126);
    execl(path, path, "--config", config, argument, (char *)NULL);
    _exit(127);
}

static enum err ask_control(const struct house *house, const char *method,
                            const ProtobufCMessage *request, ProtobufCMessage **reply_out)
{
    struct ask where = {.config = &house->bus, .service = "supervisor", .deadline_ms = ASK_MS};
    struct error error;

    return ask(&where, &sharestream__control__control__descriptor, method, request, reply_out,
               &error);
}

static Sharestream__Control__StatusReply *status(const struct house *house)
{
    Sharestream__Control__StatusRequest request = SHARESTREAM__CONTROL__STATUS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    if (ask_control(house, "Status", &request.base, &reply) != ERR_NONE)
        return NULL;
    return (Sharestream__Control__StatusReply *)reply;
}

void house_start(struct house *house)
{
    Sharestream__Control__StatusReply *reply = NULL;

    fflush(NULL);
    house->pid = fork();
    if (house->pid == 0)
        become_supervisor(house, NULL);
    assert_true(house->pid > 0);
    uint64_t until_ms = clock_ms() + HOUSE_DEADLINE_MS;
    while ((reply = status(house)) == NULL || reply->pid != (uint32_t)house->pid) {
        if (reply != NULL)
            sharestream__control__status_reply__free_unpacked(reply, NULL);
        if (waitpid(house->pid, NULL, WNOHANG) != 0)
            give_up(house, "sharestreamd did not stay");
        look_again(house, until_ms, "sharestreamd does not answer");
    }
    sharestream__control__status_reply__free_unpacked(reply, NULL);
}

int house_run(const struct house *house, const char *argument)
{
    int status_of_end = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_supervisor(house, argument);
    assert_true(pid > 0);
    if (!house_is_gone(house_watch(pid), HOUSE_DEADLINE_MS))
        give_up(house, "a second sharestreamd does not end");
    waitpid(pid, &status_of_end, 0);
    return WIFEXITED(status_of_end) ? WEXITSTATUS(status_of_end) : -1;
}

int house_stop(struct house *house)
{
    int status_of_end = 0, pid_fd = house_watch(house->pid);

    kill(house->pid, SIGTERM);
    if (!house_is_gone(pid_fd, HOUSE_DEADLINE_MS))
        give_up(house, "sharestreamd does not stop");
    waitpid(house->pid, &status_of_end, 0);
    house->pid = 0;
    return WIFEXITED(status_of_end) ? WEXITSTATUS(status_of_end) : -1;
}

void house_kill(struct house *house)
{
    kill(house->pid, SIGKILL);
    waitpid(house->pid, NULL, 0);
    house->pid = 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

void house_fini(struct house *house)
{
    if (house->pid != 0)
        house_stop(house);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* orphans that came to us */
        ;
    nftw(house->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int house_teardown(void **state)
{
    house_fini(*state);
    return 0;
}

void house_command(const struct house *house, const char *name, const char *command)
{
    char path[128], draft[128];

    snprintf(path, sizeof(path), "%s/data/puppet.%s", house->folder, name);
    if (command == NULL) {
        unlink(path);
        return;
    }
    path_of(house, "draft", draft, sizeof(draft));
    FILE *file = fopen(draft, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", command);
    fclose(file);
    assert_int_equal(rename(draft, path), 0);
}

struct row house_status(const struct house *house, const char *name)
{
    Sharestream__Control__StatusReply *reply = status(house);
    struct row row = {0};
    bool is_found = false;

    if (reply == NULL)
        give_up(house, "no answer to Status");
    for (size_t i = 0; i < reply->n_services; i++) {
        const Sharestream__Control__StatusReply__Service *service = reply->services[i];

        if (strcmp(service->name, name) != 0)
            continue;
        is_found = true;
        row = (struct row){.is_wanted = service->is_wanted,
                           .pid = (pid_t)service->pid,
                           .restarts = service->restarts,
                           .generation = service->generation,
                           .resident_bytes = service->resident_bytes,
                           .backoff_ms = service->backoff_ms};
        snprintf(row.state, sizeof(row.state), "%s", service->state);
        snprintf(row.ready_text, sizeof(row.ready_text), "%s", service->ready_text);
        snprintf(row.degraded_text, sizeof(row.degraded_text), "%s", service->degraded_text);
        snprintf(row.last_death, sizeof(row.last_death), "%s", service->last_death);
    }
    sharestream__control__status_reply__free_unpacked(reply, NULL);
    if (!is_found)
        give_up(house, "Status does not know the service");
    return row;
}

struct row house_wait(const struct house *house, const char *name, const char *state,
                      uint64_t after)
{
    uint64_t until_ms = clock_ms() + HOUSE_DEADLINE_MS;
    char what[96];

    snprintf(what, sizeof(what), "%s does not become %s", name, state);
    for (;;) {
        struct row row = house_status(house, name);
        if (strcmp(row.state, state) == 0 && row.generation > after)
            return row;
        look_again(house, until_ms, what);
    }
}

enum err house_order(const struct house *house, const char *method, const char *name)
{
    Sharestream__Control__ServiceName of = SHARESTREAM__CONTROL__SERVICE_NAME__INIT;
    Sharestream__Control__Empty empty = SHARESTREAM__CONTROL__EMPTY__INIT;
    ProtobufCMessage *reply = NULL;

    of.name = (char *)(uintptr_t)name;
    enum err err = ask_control(house, method, name != NULL ? &of.base : &empty.base, &reply);
    if (reply != NULL)
        protobuf_c_message_free_unpacked(reply, NULL);
    return err;
}

Sharestream__Control__WhyReply *house_why(const struct house *house, const char *name)
{
    Sharestream__Control__WhyRequest request = SHARESTREAM__CONTROL__WHY_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    request.name = (char *)(uintptr_t)name;
    if (ask_control(house, "Why", &request.base, &reply) != ERR_NONE)
        give_up(house, "no answer to Why");
    return (Sharestream__Control__WhyReply *)reply;
}

Sharestream__Control__LogsReply *house_logs(const struct house *house, const char *name,
                                            const char *level, uint64_t after, uint32_t limit)
{
    Sharestream__Control__LogsRequest request = SHARESTREAM__CONTROL__LOGS_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;

    request.name = (char *)(uintptr_t)name;
    request.level = (char *)(uintptr_t)level;
    request.after = after;
    request.limit = limit;
    assert_int_equal(ask_control(house, "Logs", &request.base, &reply), ERR_NONE);
    return (Sharestream__Control__LogsReply *)reply;
}

int house_watch(pid_t pid)
{
    int pid_fd = pidfd_open(pid, 0);

    assert_true(pid_fd >= 0);
    return pid_fd;
}

bool house_is_gone(int pid_fd, uint64_t deadline_ms)
{
    struct pollfd item = {.fd = pid_fd, .events = POLLIN};
    bool is_gone = poll(&item, 1, (int)deadline_ms) == 1;

    close(pid_fd);
    return is_gone;
}

long house_log_find(const struct house *house, const char *part)
{
    char *text = read_log(house);
    const char *found = strstr(text, part);
    long at = found != NULL ? found - text : -1;

    free(text);
    return at;
}

void house_log_wait(const struct house *house, const char *part)
{
    uint64_t until_ms = clock_ms() + HOUSE_DEADLINE_MS;

    while (house_log_find(house, part) < 0)
        look_again(house, until_ms, part);
}
