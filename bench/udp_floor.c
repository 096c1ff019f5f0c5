/* SPDX-License-Identifier: MIT
 *
 * udp_floor: what UDP announces cost before a tracker does anything: reads what has come, at most
 * 64 datagrams, and sends as many answers of 50 fixed peers (320 bytes). Tracks nothing.
 *
 *   udp_floor PORT
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, REPLY = 320, IN = 2048, CONNECT = 16, ANNOUNCE = 98 };

static uint8_t in[BATCH][IN], out[BATCH][REPLY];
static struct sockaddr_in from[BATCH];
static struct mmsghdr reads[BATCH], writes[BATCH];
static struct iovec read_parts[BATCH], write_parts[BATCH];

static void prepare(unsigned i)
{
    static const uint8_t peer[6] = {127, 0, 1, 1, 1024 >> 8, 1024 & 255};

    out[i][3] = 1;
    for (unsigned at = 20; at < REPLY; at += sizeof(peer))
        memcpy(out[i] + at, peer, sizeof(peer));
    read_parts[i] = (struct iovec){in[i], IN};
    reads[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                       .msg_namelen = sizeof(from[i]),
                                       .msg_iov = &read_parts[i],
                                       .msg_iovlen = 1};
}

static unsigned answer(int count)
{
    unsigned replies = 0;

    for (int i = 0; i < count; i++) {
        size_t len = reads[i].msg_len >= ANNOUNCE ? REPLY : CONNECT;

        if (reads[i].msg_len < CONNECT)
            continue;
        out[replies][3] = len == REPLY;
        memcpy(out[replies] + 4, in[i] + 12, 4); /* transaction */
        write_parts[replies] = (struct iovec){out[replies], len};
        writes[replies].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                  .msg_namelen = sizeof(from[i]),
                                                  .msg_iov = &write_parts[replies],
                                                  .msg_iovlen = 1};
        replies++;
    }
    return replies;
}

int main(int argc, char **argv)
{
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), buffer = 4 << 20;

    if (argc != 2)
        return 2;
    self.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) != 0) {
        perror("udp_floor");
        return 1;
    }
    for (unsigned i = 0; i < BATCH; i++)
        prepare(i);
    for (;;) {
        int count = recvmmsg(fd, reads, BATCH, MSG_WAITFORONE, NULL);
        unsigned replies = answer(count);

        if (replies > 0 && sendmmsg(fd, writes, replies, 0) < 0)
            perror("udp_floor");
    }
}
