/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

typedef Sharestream__Worker__Order Order;
typedef Sharestream__Worker__Report Report;

static uint8_t datagram[TALK_DATAGRAM_MAX];

static int fd_of(struct msghdr *message)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(control), sizeof(fd));
    return fd;
}

Order *talk_receive(int *fd_out)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = datagram, .iov_len = sizeof(datagram)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t len;

    do {
        len = recvmsg(TALK_FD, &message, MSG_CMSG_CLOEXEC);
    } while (len < 0 && errno == EINTR);
    *fd_out = -1;
    if (len <= 0)
        return NULL;
    *fd_out = fd_of(&message);
    return sharestream__worker__order__unpack(NULL, (size_t)len, datagram);
}

void talk_send(const Report *report)
{
    size_t len = sharestream__worker__report__get_packed_size(report);

    must(len <= sizeof(datagram));
    sharestream__worker__report__pack(report, datagram);
    if (send(TALK_FD, datagram, len, MSG_NOSIGNAL) != (ssize_t)len)
        _exit(EXIT_FAILURE); /* nobody is there any more */
}

uint64_t talk_want(uint64_t position, uint64_t until)
{
    Sharestream__Worker__Want want = SHARESTREAM__WORKER__WANT__INIT;
    Report report = SHARESTREAM__WORKER__REPORT__INIT;
    uint64_t ready;
    Order *order;
    int fd;

    want.position = position;
    want.until = until;
    report.what_case = SHARESTREAM__WORKER__REPORT__WHAT_WANT;
    report.want = &want;
    talk_send(&report);
    order = talk_receive(&fd);
    if (order == NULL || order->what_case != SHARESTREAM__WORKER__ORDER__WHAT_READY)
        _exit(EXIT_FAILURE);
    ready = order->ready->until;
    sharestream__worker__order__free_unpacked(order, NULL);
    return ready;
}
