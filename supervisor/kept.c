/* SPDX-License-Identifier: MIT */
#include "kept.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "base/text.h"

static void drop(struct kept *kept, const char *name)
{
    size_t left = 0;

    for (size_t i = 0; i < kept->count; i++) {
        if (strcmp(kept->sockets[i].name, name) == 0)
            close(kept->sockets[i].fd);
        else
            kept->sockets[left++] = kept->sockets[i];
    }
    kept->count = left;
}

/* The length of the name was looked at. */
static void add(struct kept *kept, const char *name, int fd)
{
    struct kept_socket *socket = &kept->sockets[kept->count];

    if (kept->count == KEPT_MAX) {
        log_warn("a socket is not kept: there are too many", "name=%s max=%d", name, KEPT_MAX);
        close(fd);
        return;
    }
    memcpy(socket->name, name, strlen(name) + 1);
    socket->fd = fd;
    kept->count++;
}

/* Descriptors come whether they are welcome or not. */
static void carry_out(struct kept *kept, const char *text, const int *fds, size_t count)
{
    const char *name = text + 5;
    bool is_good =
        strlen(text) > 5 && strlen(name) < KEPT_NAME && strcspn(name, "= ") == strlen(name);
    bool keeps = is_good && strncmp(text, "keep ", 5) == 0;

    if (keeps || (is_good && strncmp(text, "drop ", 5) == 0))
        drop(kept, name);
    else
        log_warn("a service asked for something unknown", "said=%s", text);
    for (size_t i = 0; i < count; i++) {
        if (keeps)
            add(kept, name, fds[i]);
        else
            close(fds[i]);
    }
}

bool kept_read(struct kept *kept, int from)
{
    for (;;) {
        union {
            struct cmsghdr header;
            char space[CMSG_SPACE(sizeof(int) * KEPT_MAX)];
        } control;
        char text[KEPT_NAME + 8];
        struct iovec part = {text, sizeof(text) - 1};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        ssize_t len = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        struct cmsghdr *header;
        int fds[KEPT_MAX];
        size_t count = 0;

        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return len < 0 && errno == EAGAIN;
        text[len] = '\0';
        header = CMSG_FIRSTHDR(&message);
        if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(header), count * sizeof(int));
        }
        carry_out(kept, text, fds, count);
    }
}

void kept_clear(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        close(kept->sockets[i].fd);
    kept->count = 0;
}

char *kept_text(const struct kept *kept)
{
    struct text text = {0};

    for (size_t i = 0; i < kept->count; i++)
        text_addf(&text, "%s%s=%d", i > 0 ? " " : "", kept->sockets[i].name, kept->sockets[i].fd);
    char *copy = xstrdup(text_str(&text));
    text_fini(&text);
    return copy;
}
