/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <unistd.h>

#include "base/must.h"
#include "talk.h"

enum { BUFFER_BYTES = 32 << 10 };

static int fail(struct input *input, enum input_failure failure, int code)
{
    input->failure = failure;
    return code;
}

static bool wait_for(struct input *input)
{
    uint64_t until;

    if (input->position >= input->ready_from && input->position < input->ready_until)
        return true;
    until = talk_want(input->position, MAX(input->hint, input->position + BUFFER_BYTES));
    if (until <= input->position)
        return false;
    input->ready_from = input->position;
    input->ready_until = until;
    return true;
}

static int on_read(void *opaque, uint8_t *buf, int size)
{
    struct input *input = opaque;
    uint64_t len = (uint64_t)MAX(size, 0);
    ssize_t got;

    if (input->failure != INPUT_FINE)
        return AVERROR_EXIT;
    if (input->position >= input->size)
        return AVERROR_EOF;
    if (input->read >= input->limit)
        return fail(input, INPUT_TOO_MUCH, AVERROR_EXIT);
    if (!wait_for(input))
        return fail(input, INPUT_NO_DATA, AVERROR_EXIT);
    len = MIN(len, MIN(input->ready_until, input->size) - input->position);
    do {
        got = pread(input->fd, buf, len, (off_t)input->position);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return fail(input, INPUT_IO, AVERROR(EIO)); /* shorter than the torrent says */
    input->position += (uint64_t)got;
    input->read += (uint64_t)got;
    return (int)got;
}

static int64_t on_seek(void *opaque, int64_t offset, int whence)
{
    struct input *input = opaque;
    int64_t size = (int64_t)input->size, base;

    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return size;
    case SEEK_SET:
        base = 0;
        break;
    case SEEK_CUR:
        base = (int64_t)input->position;
        break;
    case SEEK_END:
        base = size;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset < -base || offset > size - base)
        return AVERROR(EINVAL);
    input->position = (uint64_t)(base + offset);
    return base + offset;
}

void input_open(struct input *input, int fd, uint64_t size)
{
    uint8_t *buffer = av_malloc(BUFFER_BYTES);

    must(buffer != NULL);
    *input = (struct input){.fd = fd, .size = size};
    input->avio = avio_alloc_context(buffer, BUFFER_BYTES, 0, input, on_read, NULL, on_seek);
    must(input->avio != NULL);
}

void input_close(struct input *input)
{
    if (input->avio == NULL)
        return;
    av_freep(&input->avio->buffer);
    avio_context_free(&input->avio);
    close(input->fd);
    *input = (struct input){0};
}

void input_begin(struct input *input, uint64_t budget, uint64_t hint)
{
    input->budget = budget;
    input->limit = input->read + budget;
    input->hint = hint;
    input->failure = INPUT_FINE;
}
