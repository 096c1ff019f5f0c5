/* SPDX-License-Identifier: MIT */
#include "pace.h"

#include <string.h>

#include "base/must.h"

/* Against the pace of playing, in percent: an encoder this slow must do worse, this fast can do
 * better. */
enum { SLOW_PERCENT = 130, FAST_PERCENT = 400 };

/* From the fastest. */
static const char *const presets[] = {"ultrafast", "superfast", "veryfast"};

const char *pace_preset(const struct transcode *transcode, enum encoder encoder)
{
    if (encoder != ENCODER_SOFTWARE)
        return "";
    if (strcmp(transcode->settings->preset, "auto") != 0)
        return transcode->settings->preset;
    return presets[MIN(transcode->pace, COUNT_OF(presets) - 1)];
}

/* Half of it is the last measurement; the first is taken whole. */
void pace_measure(struct transcode *transcode, enum encoder encoder, uint64_t us, uint64_t took_ms)
{
    uint64_t percent = us / 10 / MAX(took_ms, 1);

    if (transcode->metrics.encode_speed_percent > 0)
        percent = (percent + transcode->metrics.encode_speed_percent) / 2;
    transcode->metrics.encode_speed_percent = percent;
    if (encoder != ENCODER_SOFTWARE)
        return;
    if (percent < SLOW_PERCENT && transcode->pace > 0)
        transcode->pace--;
    else if (percent > FAST_PERCENT && transcode->pace + 1 < COUNT_OF(presets))
        transcode->pace++;
}
