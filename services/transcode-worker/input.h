/* SPDX-License-Identifier: MIT
 *
 * input: the file of the torrent as FFmpeg reads it: bytes that are not there yet are waited for,
 * and no more than a budget is read. After any failure what was made of it is worth nothing:
 * demuxers go on behind a read that failed, and make something slightly different.
 */
#ifndef WORKER_INPUT_H
#define WORKER_INPUT_H

#include <libavformat/avio.h>
#include <stdbool.h>
#include <stdint.h>

enum input_failure {
    INPUT_FINE,
    INPUT_NO_DATA,  /* the bytes will not come in time */
    INPUT_TOO_MUCH, /* over the budget */
    INPUT_IO,
};

struct input {
    int fd;
    uint64_t size, position;
    uint64_t ready_from, ready_until; /* known to be there */
    uint64_t hint;                    /* it will be read about so far */
    uint64_t read;                    /* for the present order */
    uint64_t budget, limit;           /* of what it does now; up to where `read` may go */
    enum input_failure failure;
    AVIOContext *avio;
};

/* Takes the descriptor. */
void input_open(struct input *input, int fd, uint64_t size);
void input_close(struct input *input); /* also one that is all zero */
/* For the next thing that is done for an order. */
void input_begin(struct input *input, uint64_t budget, uint64_t hint);

#endif
