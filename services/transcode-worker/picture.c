/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixdesc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "filter.h"

enum {
    CHAIN_BYTES = 512,
    HD_LINES = 720,
    WHITE_NITS = 203, /* of HDR: ITU-R BT.2408 */
    USUAL_NITS = 1000,
    PEAK_NITS_MIN = 2 * WHITE_NITS,
    PEAK_NITS_MAX = 10000,
};

struct picture_maker {
    struct picture_order order;
    enum AVColorTransferCharacteristic hdr; /* 0: it is none */
    unsigned peak_nits;
    struct filter *filter;
};

/* ---- what the film says */

static enum AVColorTransferCharacteristic hdr_of(const AVStream *stream)
{
    enum AVColorTransferCharacteristic transfer = stream->codecpar->color_trc;

    return transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67
               ? transfer
               : AVCOL_TRC_RESERVED0;
}

static bool is_rgb(enum AVPixelFormat format)
{
    const AVPixFmtDescriptor *about = av_pix_fmt_desc_get(format);

    return about != NULL && (about->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

/* Only what the container tells: it is the same wherever an encoder begins. What each picture says
 * would change the brightness in the middle. */
static unsigned peak_of(const AVStream *stream)
{
    size_t size = 0;
    const void *data = av_stream_get_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, &size);
    const AVContentLightMetadata *light = data;
    const AVMasteringDisplayMetadata *screen;
    double nits = 0;

    if (light != NULL && size >= sizeof(*light))
        nits = light->MaxCLL;
    data = av_stream_get_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &size);
    screen = data;
    if (nits < 1 && screen != NULL && size >= sizeof(*screen) && screen->has_luminance &&
        screen->max_luminance.den != 0)
        nits = av_q2d(screen->max_luminance);
    if (nits < 1)
        nits = USUAL_NITS;
    return (unsigned)MIN(MAX(nits, PEAK_NITS_MIN), PEAK_NITS_MAX);
}

void picture_tell_colours(const AVStream *stream, AVCodecContext *encoder)
{
    const AVCodecParameters *source = stream->codecpar;

    encoder->color_range = AVCOL_RANGE_MPEG;
    encoder->color_primaries = source->color_primaries;
    encoder->color_trc = source->color_trc;
    encoder->colorspace = source->color_space;
    if (is_rgb((enum AVPixelFormat)source->format))
        encoder->colorspace = AVCOL_SPC_BT709;
    if (hdr_of(stream) == AVCOL_TRC_RESERVED0)
        return;
    encoder->color_primaries = AVCOL_PRI_BT709;
    encoder->color_trc = AVCOL_TRC_BT709;
    encoder->colorspace = AVCOL_SPC_BT709;
}

/* ---- the filters */

static const char *range_name(bool is_full)
{
    return is_full ? "full" : "limited";
}

/* Films that do not tell their matrix have what is usual for their size, which is how players see
 * it. What is RGB gets one. */
static const char *in_matrix(const AVFrame *in)
{
    if (in->colorspace != AVCOL_SPC_UNSPECIFIED)
        return "auto";
    return in->height >= HD_LINES ? "bt709" : "bt601";
}

static int write_scale(const struct picture_maker *maker, const AVFrame *in, const char *out_matrix,
                       bool is_full, char *out, size_t cap)
{
    const struct picture_order *order = &maker->order;
    bool was_full = in->color_range == AVCOL_RANGE_JPEG;
    int len = snprintf(out, cap, "scale=%d:%d:flags=%s:in_range=%s:out_range=%s", order->width,
                       order->height, order->method, range_name(was_full), range_name(is_full));

    if (out_matrix != NULL)
        len += snprintf(out + len, cap - (size_t)len, ":in_color_matrix=%s:out_color_matrix=%s",
                        in_matrix(in), out_matrix);
    return len;
}

/* Shrunk first, for the rest costs much for each pixel. The white of HDR (203 cd/m2) is where all
 * screens are bright already; what is brighter is pressed into the little above, what is darker
 * than a third of it stays as it is. */
static void write_hdr(const struct picture_maker *maker, const AVFrame *in, char *out, size_t cap)
{
    bool is_jpeg = maker->order.is_jpeg;
    int len = write_scale(maker, in, is_rgb((enum AVPixelFormat)in->format) ? "bt2020" : NULL,
                          false, out, cap);

    snprintf(out + len, cap - (size_t)len,
             ",format=yuv420p10,zscale=rin=limited:min=bt2020nc:pin=bt2020:tin=%s:t=linear:npl=%d"
             ":p=bt709,format=gbrpf32,tonemap=mobius:desat=0:peak=%.3f,"
             "zscale=t=bt709:p=bt709:m=%s:r=%s:d=ordered,format=yuv420p,format=%s",
             av_color_transfer_name(maker->hdr), WHITE_NITS, (double)maker->peak_nits / WHITE_NITS,
             is_jpeg ? "bt470bg" : "bt709", range_name(is_jpeg),
             av_get_pix_fmt_name(maker->order.format));
}

static void write_chain(const struct picture_maker *maker, const AVFrame *in, char *out, size_t cap)
{
    const char *matrix = maker->order.is_jpeg                     ? "bt601"
                         : is_rgb((enum AVPixelFormat)in->format) ? "bt709"
                                                                  : NULL;
    int len;

    if (maker->hdr != AVCOL_TRC_RESERVED0) {
        write_hdr(maker, in, out, cap);
        return;
    }
    len = write_scale(maker, in, matrix, maker->order.is_jpeg, out, cap);
    snprintf(out + len, cap - (size_t)len, ",format=%s", av_get_pix_fmt_name(maker->order.format));
}

/* ---- */

struct picture_maker *picture_maker_new(const struct picture_order *order, const AVStream *stream)
{
    struct picture_maker *maker = xcalloc(1, sizeof(*maker));

    maker->order = *order;
    maker->hdr = hdr_of(stream);
    maker->peak_nits = maker->hdr == AVCOL_TRC_SMPTE2084 ? peak_of(stream) : USUAL_NITS;
    return maker;
}

void picture_maker_free(struct picture_maker **maker_p)
{
    struct picture_maker *maker = *maker_p;

    if (maker == NULL)
        return;
    filter_free(&maker->filter);
    free(maker);
    *maker_p = NULL;
}

static bool is_right(const struct picture_maker *maker, const AVFrame *in)
{
    return maker->hdr == AVCOL_TRC_RESERVED0 && !maker->order.is_jpeg &&
           in->format == maker->order.format && in->color_range != AVCOL_RANGE_JPEG &&
           in->width == maker->order.width && in->height == maker->order.height;
}

int picture_make(struct picture_maker *maker, AVFrame *in, AVFrame *out)
{
    char chain[CHAIN_BYTES];
    int rc = 0;

    if (is_right(maker, in))
        return av_frame_ref(out, in);
    if (!filter_fits(maker->filter, in)) {
        filter_free(&maker->filter);
        write_chain(maker, in, chain, sizeof(chain));
        rc = filter_new(chain, maker->order.threads, in, &maker->filter);
    }
    if (rc >= 0)
        rc = filter_put(maker->filter, in);
    return rc < 0 ? rc : filter_take(maker->filter, out);
}
