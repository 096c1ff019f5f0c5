/* SPDX-License-Identifier: MIT */
#include "tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

static void remember(struct tail *tail, const char *line, size_t len)
{
    char **slot = &tail->lines[tail->count++ % OBITUARY_LINES];

    free(*slot);
    *slot = xstrndup(line, MIN(len, (size_t)OBITUARY_LINE_MAX - 1));
}

/* Everything up to the last newline goes out; the rest stays. */
static void hand_on(struct tail *tail, tail_fn *on_line, void *arg)
{
    size_t done = 0;

    for (size_t i = 0; i < tail->len; i++) {
        if (tail->partial[i] != '\n')
            continue;
        remember(tail, tail->partial + done, i - done);
        if (on_line != NULL)
            on_line(arg, bytes_of(tail->partial + done, i + 1 - done));
        done = i + 1;
    }
    tail->len -= done;
    memmove(tail->partial, tail->partial + done, tail->len);
}

void tail_feed(struct tail *tail, struct bytes more, tail_fn *on_line, void *arg)
{
    while (more.len > 0) {
        size_t room = sizeof(tail->partial) - 1 - tail->len; /* one byte for a newline of ours */
        size_t len = MIN(room, more.len);

        memcpy(tail->partial + tail->len, more.data, len);
        tail->len += len;
        more = bytes_of(more.data + len, more.len - len);
        hand_on(tail, on_line, arg);
        if (tail->len == sizeof(tail->partial) - 1)
            tail_finish(tail, on_line, arg);
    }
}

void tail_finish(struct tail *tail, tail_fn *on_line, void *arg)
{
    if (tail->len == 0)
        return;
    tail->partial[tail->len++] = '\n';
    hand_on(tail, on_line, arg);
}

void tail_take(struct tail *tail, struct obituary *obituary)
{
    size_t first = tail->count > OBITUARY_LINES ? tail->count - OBITUARY_LINES : 0;

    obituary->line_count = 0;
    for (size_t i = first; i < tail->count; i++) {
        obituary->lines[obituary->line_count++] = tail->lines[i % OBITUARY_LINES];
        tail->lines[i % OBITUARY_LINES] = NULL;
    }
    tail->count = 0;
}

void tail_fini(struct tail *tail)
{
    for (size_t i = 0; i < OBITUARY_LINES; i++)
        free(tail->lines[i]);
    *tail = (struct tail){0};
}
