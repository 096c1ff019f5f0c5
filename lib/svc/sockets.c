/* SPDX-License-Identifier: MIT */
#include "svc/sockets.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "base/units.h"
#include "svc/contract.h"
#include "svc/svc_private.h"

enum { SYSTEMD_FIRST_FD = 3 };

static void add(struct svc *svc, struct bytes name, int fd)
{
    struct handed_socket *handed;

    if (name.len == 0 || name.len >= sizeof(handed->name) || svc->handed_count >= KEPT_MAX ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        log_warn("a socket that was handed over is not used", "descriptor=%d", fd);
        close(fd);
        return;
    }
    handed = &svc->handed[svc->handed_count++];
    memcpy(handed->name, name.data, name.len);
    handed->name[name.len] = '\0';
    handed->fd = fd;
}

/* CONTRACT_SOCKETS: "http.listen=7 http.listen=8". */
static void read_ours(struct svc *svc, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " "), name_len = strcspn(text, "= ");
        uint64_t fd;

        if (name_len < len &&
            bytes_decimal(bytes_of(text + name_len + 1, len - name_len - 1), &fd) ==
                len - name_len - 1 &&
            fd > STDERR_FILENO && fd <= 65535)
            add(svc, bytes_of(text, name_len), (int)fd);
        text += len + (text[len] == ' ');
    }
}

/* sd_listen_fds(3): descriptors from 3 on, their names between colons. */
static void read_systemds(struct svc *svc)
{
    const char *pid = getenv("LISTEN_PID"), *number = getenv("LISTEN_FDS"),
               *names = getenv("LISTEN_FDNAMES");
    uint64_t count, who;

    if (pid == NULL || number == NULL || names == NULL || !parse_count(pid, &who) ||
        who != (uint64_t)getpid() || !parse_count(number, &count) || count > KEPT_MAX)
        return;
    for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)count; fd++) {
        size_t len = strcspn(names, ":");

        add(svc, bytes_of(names, len), fd);
        names += len + (names[len] == ':');
    }
}

void sockets_read(struct svc *svc)
{
    const char *text = getenv(CONTRACT_SOCKETS);

    if (text != NULL)
        read_ours(svc, text);
    read_systemds(svc);
    unsetenv(CONTRACT_SOCKETS);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

size_t sockets_take(struct svc *svc, const char *name, int *fds, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < svc->handed_count && count < max; i++) {
        struct handed_socket *handed = &svc->handed[i];

        if (handed->fd < 0 || strcmp(handed->name, name) != 0)
            continue;
        fds[count++] = handed->fd;
        handed->fd = -1;
    }
    return count;
}

/* To sharestreamd; without it to systemd, which keeps them when its FileDescriptorStoreMax= says
 * so. */
static void tell(struct svc *svc, const char *ours, const char *systemds, const int *fds,
                 size_t count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * KEPT_MAX)];
    } control = {.space = {0}};
    struct iovec part = {(void *)(uintptr_t)ours, strlen(ours)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    must(count <= KEPT_MAX);
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS,
                                          .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
    }
    if (svc->keep_fd < 0)
        svc_notify_with(systemds, &message);
    else if (sendmsg(svc->keep_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_warn("the listening sockets are not kept", "error=%m");
}

void sockets_keep(struct svc *svc, const char *name, const int *fds, size_t count)
{
    char ours[KEPT_NAME + 8], systemds[KEPT_NAME + 32];

    snprintf(ours, sizeof(ours), "keep %s", name);
    snprintf(systemds, sizeof(systemds), "FDSTORE=1\nFDNAME=%s", name);
    tell(svc, ours, systemds, fds, count);
}

void sockets_drop(struct svc *svc, const char *name)
{
    char ours[KEPT_NAME + 8], systemds[KEPT_NAME + 32];

    snprintf(ours, sizeof(ours), "drop %s", name);
    snprintf(systemds, sizeof(systemds), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    tell(svc, ours, systemds, NULL, 0);
}

/* A setting that is gone: whoever connects there should be told that nobody listens. */
void sockets_drop_rest(struct svc *svc)
{
    for (size_t i = 0; i < svc->handed_count; i++) {
        struct handed_socket *handed = &svc->handed[i];

        if (handed->fd < 0)
            continue;
        log_info("a socket that was handed over is not needed", "name=%s", handed->name);
        close(handed->fd);
        handed->fd = -1;
        sockets_drop(svc, handed->name);
    }
}
