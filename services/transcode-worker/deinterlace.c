/* SPDX-License-Identifier: MIT */
#include "deinterlace.h"

#include <stdlib.h>

#include "base/must.h"
#include "filter.h"

/* By what each picture says of itself: films change between both, and containers are often wrong.
 */
static const char chain[] = "bwdif=mode=send_frame:deint=interlaced";

struct deinterlacer {
    unsigned threads;
    struct filter *filter;
    AVFrame *rest; /* the last one of another size */
};

struct deinterlacer *deinterlacer_new(unsigned threads)
{
    struct deinterlacer *deinterlacer = xcalloc(1, sizeof(*deinterlacer));

    deinterlacer->threads = threads;
    deinterlacer->rest = av_frame_alloc();
    must(deinterlacer->rest != NULL);
    return deinterlacer;
}

void deinterlacer_free(struct deinterlacer **deinterlacer_p)
{
    struct deinterlacer *deinterlacer = *deinterlacer_p;

    if (deinterlacer == NULL)
        return;
    filter_free(&deinterlacer->filter);
    av_frame_free(&deinterlacer->rest);
    free(deinterlacer);
    *deinterlacer_p = NULL;
}

static int begin(struct deinterlacer *deinterlacer, const AVFrame *picture)
{
    if (deinterlacer->filter != NULL && filter_put(deinterlacer->filter, NULL) >= 0)
        filter_take(deinterlacer->filter, deinterlacer->rest);
    filter_free(&deinterlacer->filter);
    return filter_new(chain, deinterlacer->threads, picture, &deinterlacer->filter);
}

int deinterlacer_put(struct deinterlacer *deinterlacer, AVFrame *picture)
{
    int rc = 0;

    if (picture != NULL && !filter_fits(deinterlacer->filter, picture))
        rc = begin(deinterlacer, picture);
    return rc < 0 ? rc : filter_put(deinterlacer->filter, picture);
}

int deinterlacer_take(struct deinterlacer *deinterlacer, AVFrame *out)
{
    if (deinterlacer->rest->buf[0] == NULL)
        return filter_take(deinterlacer->filter, out);
    av_frame_move_ref(out, deinterlacer->rest);
    return 0;
}
