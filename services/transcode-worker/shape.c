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

double shape_pixel_aspect(const AVStream *stream)
{
    AVRational of_container = stream->sample_aspect_ratio;
    AVRational of_codec = stream->codecpar->sample_aspect_ratio;

    return of_container.num > 0 ? av_q2d(of_container) : of_codec.num > 0 ? av_q2d(of_codec) : 1;
}
