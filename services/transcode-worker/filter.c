/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/mathematics.h>
#include <stdlib.h>

#include "base/must.h"

struct filter {
    AVFilterGraph *graph;
    AVFilterContext *in, *out;
    AVFrame kind; /* no picture: what one is like */
};

static int open_ends(struct filter *filter)
{
    AVBufferSrcParameters *parameters = av_buffersrc_parameters_alloc();
    int rc;

    must(parameters != NULL);
    filter->in = avfilter_graph_alloc_filter(filter->graph, avfilter_get_by_name("buffer"), "in");
    filter->out =
        avfilter_graph_alloc_filter(filter->graph, avfilter_get_by_name("buffersink"), "out");
    must(filter->in != NULL && filter->out != NULL);
    parameters->format = filter->kind.format;
    parameters->width = filter->kind.width;
    parameters->height = filter->kind.height;
    parameters->time_base = AV_TIME_BASE_Q;
    rc = av_buffersrc_parameters_set(filter->in, parameters);
    av_free(parameters);
    if (rc >= 0)
        rc = avfilter_init_str(filter->in, NULL);
    return rc < 0 ? rc : avfilter_init_str(filter->out, NULL);
}

/* What FFmpeg calls outputs are the open ends from which the chain begins. */
static int link_chain(struct filter *filter, const char *chain)
{
    AVFilterInOut *begins = avfilter_inout_alloc(), *ends = avfilter_inout_alloc();
    int rc;

    must(begins != NULL && ends != NULL);
    begins->name = av_strdup("in");
    begins->filter_ctx = filter->in;
    ends->name = av_strdup("out");
    ends->filter_ctx = filter->out;
    rc = avfilter_graph_parse_ptr(filter->graph, chain, &ends, &begins, NULL);
    avfilter_inout_free(&begins);
    avfilter_inout_free(&ends);
    return rc < 0 ? rc : avfilter_graph_config(filter->graph, NULL);
}

int filter_new(const char *chain, unsigned threads, const AVFrame *like, struct filter **out)
{
    struct filter *filter = xcalloc(1, sizeof(*filter));
    int rc;

    filter->graph = avfilter_graph_alloc();
    must(filter->graph != NULL);
    filter->graph->nb_threads = (int)threads;
    filter->kind.width = like->width;
    filter->kind.height = like->height;
    filter->kind.format = like->format;
    filter->kind.colorspace = like->colorspace;
    filter->kind.color_range = like->color_range;
    rc = open_ends(filter);
    if (rc >= 0)
        rc = link_chain(filter, chain);
    if (rc < 0)
        filter_free(&filter);
    *out = filter;
    return rc;
}

void filter_free(struct filter **filter_p)
{
    struct filter *filter = *filter_p;

    if (filter == NULL)
        return;
    avfilter_graph_free(&filter->graph);
    free(filter);
    *filter_p = NULL;
}

bool filter_fits(const struct filter *filter, const AVFrame *picture)
{
    return filter != NULL && picture->width == filter->kind.width &&
           picture->height == filter->kind.height && picture->format == filter->kind.format &&
           picture->colorspace == filter->kind.colorspace &&
           picture->color_range == filter->kind.color_range;
}

int filter_put(struct filter *filter, AVFrame *picture)
{
    return av_buffersrc_write_frame(filter->in, picture);
}

int filter_take(struct filter *filter, AVFrame *out)
{
    int rc = av_buffersink_get_frame(filter->out, out);

    if (rc >= 0 && out->pts != AV_NOPTS_VALUE)
        out->pts = av_rescale_q(out->pts, av_buffersink_get_time_base(filter->out), AV_TIME_BASE_Q);
    return rc;
}
