/* SPDX-License-Identifier: MIT
 *
 * hardware: an encoder of a graphics card, if the process was started for one. Its driver is loaded
 * and its device opened before the sandbox closes.
 *
 * None of this could be tried: no machine it was written on has such a card. What decides is the
 * probe, which does here all that a worker does.
 */
#ifndef WORKER_HARDWARE_H
#define WORKER_HARDWARE_H

#include <libavcodec/avcodec.h>
#include <stdbool.h>

#include "base/error.h"

/* "vaapi", "nvenc" or "qsv"; once, before anything else. ERR_UNAVAILABLE: there is none. */
enum err hardware_open(const char *name, struct error *error);
/* NULL: pictures are made by x264. */
const char *hardware_name(void);
/* FFmpeg's name of the encoder. */
const char *hardware_codec(void);
/* Sets up what is to be opened, and has its size and rates already. */
int hardware_prepare(AVCodecContext *codec, AVDictionary **words);
/* The picture, NV12, to where the encoder takes it from. */
int hardware_upload(const AVCodecContext *codec, AVFrame *picture);

#endif
