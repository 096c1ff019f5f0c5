/* SPDX-License-Identifier: MIT */
#include "ladder.h"

#include "base/must.h"

enum {
    BLOCK = 16,
    USUAL_RATE = 25,
    SIDE_MIN = 32,
    SIDE_MAX = 8192,
};

/* What viewers get at most for a size; x264's quality setting is below that for most scenes. */
static const struct {
    uint32_t height, max_bitrate;
} usual[] = {
    {2160, 16000000}, {1440, 9000000}, {1080, 6000000}, {720, 3000000},
    {480, 1400000},   {360, 800000},   {240, 400000},
};

/* H.264, table A-1: blocks of 16 x 16 in a picture, and in a second. */
static const struct {
    uint32_t level, picture, second;
} levels[] = {
    {30, 1620, 40500},  {31, 3600, 108000},  {32, 5120, 216000},  {40, 8192, 245760},
    {42, 8704, 522240}, {50, 22080, 589824}, {51, 36864, 983040}, {52, 36864, 2073600},
};

static uint32_t level_of(uint32_t width, uint32_t height, double rate)
{
    uint32_t blocks = ((width + BLOCK - 1) / BLOCK) * ((height + BLOCK - 1) / BLOCK);

    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (blocks <= levels[i].picture && blocks * rate <= levels[i].second)
            return levels[i].level;
    return levels[COUNT_OF(levels) - 1].level;
}

static uint32_t bitrate_of(uint32_t height)
{
    size_t i = COUNT_OF(usual) - 1;

    while (i > 0 && usual[i].height < height)
        i--;
    return usual[i].max_bitrate;
}

static struct rung rung_of(const Sharestream__Worker__Stream *video, uint32_t height)
{
    double aspect = video->pixel_aspect > 0.1 && video->pixel_aspect < 10 ? video->pixel_aspect : 1;
    double width = video->width * aspect * height / video->height;
    double rate = video->frame_rate > 0 ? video->frame_rate : USUAL_RATE;
    struct rung rung = {.height = MAX(height & ~1U, SIDE_MIN)};

    rung.width = (uint32_t)(MIN(MAX(width, SIDE_MIN), SIDE_MAX) / 2 + 0.5) * 2;
    rung.max_bitrate = bitrate_of(rung.height);
    rung.level = level_of(rung.width, rung.height, rate);
    return rung;
}

size_t ladder_of(const Sharestream__Worker__Stream *video, uint32_t max_height,
                 struct rung out[LADDER_MAX])
{
    size_t count = 0;

    if (video->width == 0 || video->height == 0)
        return 0;
    out[count++] = rung_of(video, MIN(video->height, max_height));
    for (size_t i = 0; i < COUNT_OF(usual) && count < LADDER_MAX; i++)
        if (usual[i].height < out[0].height)
            out[count++] = rung_of(video, usual[i].height);
    return count;
}

bool ladder_find(const Sharestream__Worker__Stream *video, uint32_t max_height, uint32_t height,
                 struct rung *out)
{
    struct rung rungs[LADDER_MAX];
    size_t count = ladder_of(video, max_height, rungs);

    for (size_t i = 0; i < count; i++)
        if (rungs[i].height == height) {
            *out = rungs[i];
            return true;
        }
    return false;
}
