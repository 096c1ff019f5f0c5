/* SPDX-License-Identifier: MIT */
#include "hardware.h"

#include <dlfcn.h>
#include <libavutil/hwcontext.h>
#include <string.h>

#include "base/must.h"

enum {
    KEYFRAMES_SELDOM =
        9000,      /* never, that is: no segment has so many pictures. Theirs are 16 bits */
    SURFACES = 32, /* pictures that it may hold */
};

struct hardware {
    const char *name, *codec;
    enum AVHWDeviceType type;
    enum AVPixelFormat surface; /* NONE: takes pictures from memory */
    const char *driver;         /* loaded when an encoder is opened, which is too late; or NULL */
    const char *idr;            /* option: keyframes asked for are such that can be cut at */
};

static const struct hardware known[] = {
    {.name = "vaapi",
     .codec = "h264_vaapi",
     .type = AV_HWDEVICE_TYPE_VAAPI,
     .surface = AV_PIX_FMT_VAAPI},
    {.name = "nvenc",
     .codec = "h264_nvenc",
     .type = AV_HWDEVICE_TYPE_CUDA,
     .surface = AV_PIX_FMT_NONE,
     .driver = "libnvidia-encode.so.1",
     .idr = "forced-idr"},
    {.name = "qsv",
     .codec = "h264_qsv",
     .type = AV_HWDEVICE_TYPE_QSV,
     .surface = AV_PIX_FMT_NONE,
     .idr = "forced_idr"},
};

/* One for each process: drivers are not made to be closed. */
static const struct hardware *used;
static AVBufferRef *device;

enum err hardware_open(const char *name, struct error *error)
{
    const struct hardware *wanted = NULL;
    int rc;

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i].name, name) == 0)
            wanted = &known[i];
    if (wanted == NULL)
        return error_set(error, ERR_INVALID, "there is no encoder of this name");
    if (avcodec_find_encoder_by_name(wanted->codec) == NULL)
        return error_set(error, ERR_UNAVAILABLE, "FFmpeg was built without %s", wanted->codec);
    if (wanted->driver != NULL && dlopen(wanted->driver, RTLD_NOW) == NULL)
        return error_set(error, ERR_UNAVAILABLE, "%s", dlerror());
    if ((rc = av_hwdevice_ctx_create(&device, wanted->type, NULL, NULL, 0)) < 0)
        return error_set(error, ERR_UNAVAILABLE, "no device: %s", av_err2str(rc));
    used = wanted;
    return ERR_NONE;
}

const char *hardware_name(void)
{
    return used != NULL ? used->name : NULL;
}

const char *hardware_codec(void)
{
    return used->codec;
}

static int make_surfaces(AVCodecContext *codec)
{
    AVHWFramesContext *frames;

    codec->hw_frames_ctx = av_hwframe_ctx_alloc(device);
    must(codec->hw_frames_ctx != NULL);
    frames = (AVHWFramesContext *)(void *)codec->hw_frames_ctx->data;
    frames->format = used->surface;
    frames->sw_format = AV_PIX_FMT_NV12;
    frames->width = codec->width;
    frames->height = codec->height;
    frames->initial_pool_size = SURFACES;
    return av_hwframe_ctx_init(codec->hw_frames_ctx);
}

/* No B-frames: not every card has them, and what is decoded when it is shown is simpler. */
int hardware_prepare(AVCodecContext *codec, AVDictionary **words)
{
    codec->gop_size = KEYFRAMES_SELDOM;
    codec->max_b_frames = 0;
    codec->bit_rate = codec->rc_max_rate / 4 * 3;
    codec->pix_fmt = AV_PIX_FMT_NV12;
    if (used->idr != NULL)
        av_dict_set(words, used->idr, "1", 0);
    if (used->surface == AV_PIX_FMT_NONE) {
        codec->hw_device_ctx = av_buffer_ref(device);
        return 0;
    }
    codec->pix_fmt = used->surface;
    return make_surfaces(codec);
}

int hardware_upload(const AVCodecContext *codec, AVFrame *picture)
{
    AVFrame *surface;
    int rc;

    if (used->surface == AV_PIX_FMT_NONE)
        return 0;
    surface = av_frame_alloc();
    must(surface != NULL);
    rc = av_hwframe_get_buffer(codec->hw_frames_ctx, surface, 0);
    if (rc >= 0)
        rc = av_hwframe_transfer_data(surface, picture, 0);
    if (rc >= 0)
        rc = av_frame_copy_props(surface, picture);
    if (rc >= 0) {
        av_frame_unref(picture);
        av_frame_move_ref(picture, surface);
    }
    av_frame_free(&surface);
    return rc;
}
