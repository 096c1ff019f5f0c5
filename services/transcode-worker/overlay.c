/* SPDX-License-Identifier: MIT */
#include "overlay.h"

#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "decode.h"

enum {
    EVENTS_MAX = 64,
    IMAGES_MAX = 16,
    SIDE_MAX = 4096,
    PALETTE = 256,
    US_PER_MS = 1000,
    OPAQUE = 255,
    FOREVER_MS = 60000, /* some streams say only what is shown next */
};

/* Part of what is shown, in the size of the picture; one byte each per pixel. */
struct image {
    int x, y, width, height; /* x and y are even */
    uint8_t *luma, *blue, *red, *alpha;
};

struct event {
    int64_t from_us, until_us;
    struct image images[IMAGES_MAX];
    size_t count;
};

struct overlay {
    AVCodecContext *decoder;
    int canvas_width, canvas_height, width, height;
    struct event *events[EVENTS_MAX]; /* as they came */
    size_t count;
};

static void event_free(struct event *event)
{
    for (size_t i = 0; i < event->count; i++)
        free(event->images[i].luma);
    free(event);
}

static void drop_first(struct overlay *overlay)
{
    event_free(overlay->events[0]);
    overlay->count--;
    memmove(overlay->events, overlay->events + 1, overlay->count * sizeof(*overlay->events));
}

enum err overlay_new(const struct film *film, const AVStream *stream,
                     const AVCodecParameters *picture, int width, int height, struct overlay **out,
                     struct error *error)
{
    struct overlay *overlay = xcalloc(1, sizeof(*overlay));
    int rc = stream->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE
                 ? decode_open(film, stream, 1, &overlay->decoder)
                 : AVERROR_INVALIDDATA;

    overlay->width = width;
    overlay->height = height;
    overlay->canvas_width = picture->width;
    overlay->canvas_height = picture->height;
    if (rc < 0) {
        overlay_free(&overlay);
        return film_error(film, rc, "decoding its subtitles", error);
    }
    *out = overlay;
    return ERR_NONE;
}

void overlay_free(struct overlay **overlay_p)
{
    struct overlay *overlay = *overlay_p;

    if (overlay == NULL)
        return;
    while (overlay->count > 0)
        drop_first(overlay);
    avcodec_free_context(&overlay->decoder);
    free(overlay);
    *overlay_p = NULL;
}

/* ---- what is shown */

/* Pixels of RGBA into planes; ITU-R BT.709, limited range. */
static void split(struct image *image, const uint8_t *pixels)
{
    size_t count = (size_t)image->width * (size_t)image->height;

    for (size_t i = 0; i < count; i++) {
        int red = pixels[4 * i], green = pixels[4 * i + 1], blue = pixels[4 * i + 2];

        image->luma[i] = (uint8_t)(16 + ((47 * red + 157 * green + 16 * blue) >> 8));
        image->blue[i] = (uint8_t)(128 + ((-26 * red - 87 * green + 112 * blue) >> 8));
        image->red[i] = (uint8_t)(128 + ((112 * red - 102 * green - 10 * blue) >> 8));
        image->alpha[i] = pixels[4 * i + 3];
    }
}

/* From indexes into a palette to RGBA in the size in which it is drawn. */
static uint8_t *scale(const AVSubtitleRect *rect, const struct image *image)
{
    struct SwsContext *scaler =
        sws_getContext(rect->w, rect->h, AV_PIX_FMT_PAL8, image->width, image->height,
                       AV_PIX_FMT_RGBA, SWS_BILINEAR, NULL, NULL, NULL);
    const uint8_t *from[4] = {rect->data[0], rect->data[1]};
    const int from_lines[4] = {rect->linesize[0]};
    int line = image->width * 4;
    /* swscale writes a little behind lines whose length it does not like. */
    uint8_t *pixels = xcalloc((size_t)line * (size_t)image->height + 64, 1);
    uint8_t *to[4] = {pixels};

    if (scaler != NULL)
        sws_scale(scaler, from, from_lines, 0, rect->h, to, &line);
    sws_freeContext(scaler);
    return pixels;
}

static bool is_sane(const AVSubtitleRect *rect)
{
    return rect->type == SUBTITLE_BITMAP && rect->w > 0 && rect->h > 0 && rect->w <= SIDE_MAX &&
           rect->h <= SIDE_MAX && rect->x >= 0 && rect->y >= 0 && rect->x <= SIDE_MAX &&
           rect->y <= SIDE_MAX && rect->data[0] != NULL && rect->data[1] != NULL;
}

static void add_image(const struct overlay *overlay, struct event *event,
                      const AVSubtitleRect *rect)
{
    struct image *image = &event->images[event->count];
    int64_t x_to = overlay->width, x_from = MAX(overlay->canvas_width, 1);
    int64_t y_to = overlay->height, y_from = MAX(overlay->canvas_height, 1);
    size_t count;
    uint8_t *pixels;

    if (!is_sane(rect) || event->count == IMAGES_MAX)
        return;
    image->x = (int)(rect->x * x_to / x_from) & ~1;
    image->y = (int)(rect->y * y_to / y_from) & ~1;
    image->width = (int)MIN(rect->w * x_to / x_from, x_to - image->x);
    image->height = (int)MIN(rect->h * y_to / y_from, y_to - image->y);
    if (image->width < 2 || image->height < 2)
        return;
    count = (size_t)image->width * (size_t)image->height;
    image->luma = xcalloc(count, 4);
    image->blue = image->luma + count;
    image->red = image->blue + count;
    image->alpha = image->red + count;
    pixels = scale(rect, image);
    split(image, pixels);
    free(pixels);
    event->count++;
}

void overlay_feed(struct overlay *overlay, const AVPacket *packet, int64_t us)
{
    AVSubtitle subtitle = {0};
    struct event *event;
    int got = 0;

    if (avcodec_decode_subtitle2(overlay->decoder, &subtitle, &got, (AVPacket *)(uintptr_t)packet) <
            0 ||
        !got)
        return;
    if (overlay->decoder->width > 0 && overlay->decoder->height > 0) {
        overlay->canvas_width = overlay->decoder->width;
        overlay->canvas_height = overlay->decoder->height;
    }
    us += (int64_t)subtitle.start_display_time * US_PER_MS;
    /* What is shown now takes the place of what was. */
    for (size_t i = 0; i < overlay->count; i++)
        overlay->events[i]->until_us = MIN(overlay->events[i]->until_us, us);
    if (overlay->count == EVENTS_MAX)
        drop_first(overlay);
    event = xcalloc(1, sizeof(*event));
    event->from_us = us;
    event->until_us = us + (int64_t)FOREVER_MS * US_PER_MS;
    if (subtitle.end_display_time > subtitle.start_display_time &&
        subtitle.end_display_time != UINT32_MAX)
        event->until_us =
            us + (int64_t)(subtitle.end_display_time - subtitle.start_display_time) * US_PER_MS;
    for (unsigned i = 0; i < subtitle.num_rects; i++)
        add_image(overlay, event, subtitle.rects[i]);
    overlay->events[overlay->count++] = event;
    avsubtitle_free(&subtitle);
}

/* ---- into the picture */

static bool is_shown(const struct event *event, int64_t us)
{
    return event->count > 0 && us >= event->from_us && us < event->until_us;
}

bool overlay_is_on(struct overlay *overlay, int64_t us)
{
    while (overlay->count > 0 && overlay->events[0]->until_us <= us)
        drop_first(overlay);
    for (size_t i = 0; i < overlay->count; i++)
        if (is_shown(overlay->events[i], us))
            return true;
    return false;
}

static uint8_t mix(uint8_t below, uint8_t above, unsigned alpha)
{
    return (uint8_t)((below * (OPAQUE - alpha) + above * alpha + OPAQUE / 2) / OPAQUE);
}

/* One colour for four pixels. */
static void draw_colours(AVFrame *picture, const struct image *image, int row)
{
    size_t at = (size_t)row * (size_t)image->width;
    uint8_t *blue = picture->data[1] + (image->y + row) / 2 * picture->linesize[1] + image->x / 2;
    uint8_t *red = picture->data[2] + (image->y + row) / 2 * picture->linesize[2] + image->x / 2;

    for (int x = 0; x + 1 < image->width; x += 2) {
        size_t i = at + (size_t)x, below = i + (size_t)image->width;
        unsigned alpha = (image->alpha[i] + image->alpha[i + 1] + image->alpha[below] +
                          image->alpha[below + 1]) /
                         4;

        blue[x / 2] = mix(blue[x / 2], image->blue[i], alpha);
        red[x / 2] = mix(red[x / 2], image->red[i], alpha);
    }
}

static void draw(AVFrame *picture, const struct image *image)
{
    for (int row = 0; row < image->height; row++) {
        uint8_t *luma = picture->data[0] + (image->y + row) * picture->linesize[0] + image->x;
        size_t at = (size_t)row * (size_t)image->width;

        for (int x = 0; x < image->width; x++)
            luma[x] = mix(luma[x], image->luma[at + (size_t)x], image->alpha[at + (size_t)x]);
        if (row % 2 == 0 && row + 1 < image->height)
            draw_colours(picture, image, row);
    }
}

void overlay_draw(const struct overlay *overlay, AVFrame *picture, int64_t us)
{
    for (size_t i = 0; i < overlay->count; i++)
        for (size_t j = 0; is_shown(overlay->events[i], us) && j < overlay->events[i]->count; j++)
            draw(picture, &overlay->events[i]->images[j]);
}
