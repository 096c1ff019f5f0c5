/* SPDX-License-Identifier: MIT
 *
 * filter: a chain of FFmpeg's filters for pictures of one kind. Who has pictures of another kind
 * makes another.
 */
#ifndef WORKER_FILTER_H
#define WORKER_FILTER_H

#include <libavutil/frame.h>
#include <stdbool.h>

struct filter;

/* `chain` as FFmpeg's command line has it, from pictures like `like`. Times of the pictures are
 * microseconds. Returns 0 or FFmpeg's error. */
int filter_new(const char *chain, unsigned threads, const AVFrame *like, struct filter **out);
/* Clears the pointer, accepts NULL. */
void filter_free(struct filter **filter);
/* Is the picture of its kind? Of NULL's is none. */
bool filter_fits(const struct filter *filter, const AVFrame *picture);
/* The picture stays the caller's. NULL: no more come. */
int filter_put(struct filter *filter, AVFrame *picture);
/* AVERROR(EAGAIN) or AVERROR_EOF when there is none. */
int filter_take(struct filter *filter, AVFrame *out);

#endif
