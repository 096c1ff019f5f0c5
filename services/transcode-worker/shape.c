/* SPDX-License-Identifier: MIT */
#include "shape.h"

#include <libavutil/display.h>
#include <math.h>

unsigned shape_turns(const AVStream *stream)
{
    size_t size = 0;
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    double degrees;

    if (matrix == NULL || size < 9 * sizeof(int32_t))
        return 0;
    degrees = -av_display_rotation_get((const int32_t *)(const void *)matrix);
    return isnan(degrees) ? 0 : (unsigned)(lround(degrees / 90) + 4) % 4;
}

double shape_aspect(const AVFormatContext *format, const AVStream *stream)
{
    const AVCodecParameters *par = stream->codecpar;
    AVRational pixel;
    double aspect;

    if (par->codec_type != AVMEDIA_TYPE_VIDEO || par->width <= 0 || par->height <= 0)
        return 0;
    pixel = av_guess_sample_aspect_ratio((AVFormatContext *)(uintptr_t)format,
                                         (AVStream *)(uintptr_t)stream, NULL);
    aspect = (double)par->width / par->height;
    if (pixel.num > 0 && pixel.den > 0)
        aspect *= av_q2d(pixel);
    return shape_turns(stream) % 2 == 0 ? aspect : 1 / aspect;
}
