/* SPDX-License-Identifier: MIT */
#include "human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/units.h"

enum { POSITION_MAX_MS = 1 << 30 }; /* beyond any film */

char *human_rate(uint64_t bytes_per_s, char *out)
{
    char size[UNITS_TEXT];

    if (bytes_per_s == 0)
        snprintf(out, HUMAN_TEXT, "-");
    else
        snprintf(out, HUMAN_TEXT, "%s/s", format_size(bytes_per_s, size));
    return out;
}

char *human_limit(uint64_t bytes_per_s, char *out)
{
    if (bytes_per_s == 0)
        snprintf(out, HUMAN_TEXT, "none");
    else
        human_rate(bytes_per_s, out);
    return out;
}

char *human_percent(double part, char *out)
{
    double percent = part * 100;

    if (!(percent > 0))
        percent = 0;
    if (percent >= 100)
        snprintf(out, HUMAN_TEXT, "100 %%");
    else
        snprintf(out, HUMAN_TEXT, "%.1f %%", MIN(percent, 99.9));
    return out;
}

char *human_span(uint64_t ms, char *out)
{
    static const struct {
        const char *word;
        uint64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}};

    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (ms < units[i].ms)
            continue;
        uint64_t rest = i + 1 < COUNT_OF(units) ? ms % units[i].ms / units[i + 1].ms : 0;

        if (rest > 0)
            snprintf(out, HUMAN_TEXT, "%" PRIu64 " %s %" PRIu64 " %s", ms / units[i].ms,
                     units[i].word, rest, units[i + 1].word);
        else
            snprintf(out, HUMAN_TEXT, "%" PRIu64 " %s", ms / units[i].ms, units[i].word);
        return out;
    }
    snprintf(out, HUMAN_TEXT, "%" PRIu64 " ms", ms);
    return out;
}

char *human_time(uint64_t unix_ms, char *out)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;

    if (unix_ms == 0 || localtime_r(&seconds, &parts) == NULL ||
        strftime(out, HUMAN_TEXT, "%Y-%m-%d %H:%M", &parts) == 0)
        snprintf(out, HUMAN_TEXT, "-");
    return out;
}

char *human_position(int64_t ms, char *out)
{
    int64_t s = ms / 1000;

    snprintf(out, HUMAN_TEXT, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60,
             s % 60);
    return out;
}

const char *human_state(Sharestream__Torrent__State state)
{
    static const char *const words[] = {
        [SHARESTREAM__TORRENT__STATE__UNKNOWN] = "unknown",
        [SHARESTREAM__TORRENT__STATE__METADATA] = "looking for metadata",
        [SHARESTREAM__TORRENT__STATE__CHECKING] = "checking",
        [SHARESTREAM__TORRENT__STATE__DOWNLOADING] = "downloading",
        [SHARESTREAM__TORRENT__STATE__FINISHED] = "finished",
        [SHARESTREAM__TORRENT__STATE__SEEDING] = "seeding",
        [SHARESTREAM__TORRENT__STATE__PAUSED] = "paused",
        [SHARESTREAM__TORRENT__STATE__FAILED] = "failed",
        [SHARESTREAM__TORRENT__STATE__HASHING] = "hashing",
        [SHARESTREAM__TORRENT__STATE__UPLOADING] = "being uploaded",
    };

    return (size_t)state < COUNT_OF(words) && words[state] != NULL ? words[state] : "unknown";
}

bool human_parse_rate(const char *text, uint64_t *out)
{
    char size[HUMAN_TEXT];
    size_t len = strlen(text);

    if (strcmp(text, "none") == 0) {
        *out = 0;
        return true;
    }
    if (len > 2 && strcmp(text + len - 2, "/s") == 0)
        len -= 2;
    if (len >= sizeof(size))
        return false;
    memcpy(size, text, len);
    size[len] = '\0';
    return parse_size_bytes(size, out);
}

bool human_parse_position(const char *text, int64_t *ms_out)
{
    uint64_t ms = 0, part;
    unsigned parts = 0;

    if (strchr(text, ':') == NULL) {
        if (!parse_duration_ms(text, &ms))
            return false;
        *ms_out = (int64_t)MIN(ms, (uint64_t)POSITION_MAX_MS);
        return true;
    }
    for (;; text++) {
        size_t len = bytes_decimal(bytes_of_text(text), &part);

        if (len == 0 || ++parts > 3 || (parts > 1 && part > 59))
            return false;
        ms = ms * 60 + MIN(part, (uint64_t)POSITION_MAX_MS / 1000);
        text += len;
        if (*text != ':')
            break;
    }
    *ms_out = (int64_t)MIN(ms * 1000, (uint64_t)POSITION_MAX_MS);
    return *text == '\0';
}

void human_clean(struct text *out, const char *raw)
{
    for (size_t left = strlen(raw); left > 0;) {
        size_t len = 1;

        while (len <= MIN(left, 4) && !utf8_valid(bytes_of(raw, len)))
            len++;
        /* C0, DEL, and C1 (U+0080 to U+009F), which terminals obey just as well */
        bool is_control = len == 1   ? (unsigned char)raw[0] < 0x20 || raw[0] == 0x7f
                          : len == 2 ? (unsigned char)raw[0] == 0xc2 && (unsigned char)raw[1] < 0xa0
                                     : false;

        if (len > MIN(left, 4)) {
            is_control = true;
            len = 1;
        }
        text_add_bytes(out, is_control ? bytes_of("?", 1) : bytes_of(raw, len));
        raw += len;
        left -= len;
    }
}

static bool is_at_work(Sharestream__Torrent__State state)
{
    return state == SHARESTREAM__TORRENT__STATE__CHECKING ||
           state == SHARESTREAM__TORRENT__STATE__HASHING;
}

void human_progress(struct text *out, const Sharestream__Torrent__TorrentInfo *info,
                    const char *note)
{
    char value[HUMAN_TEXT], size[UNITS_TEXT], total[UNITS_TEXT];

    if (is_at_work(info->state)) {
        text_addf(out, "%s %s", human_state(info->state),
                  human_percent(info->check_progress, value));
        return;
    }
    if (info->has_metadata)
        text_addf(out, "%s of %s  ", human_percent(info->progress, value),
                  format_size(info->size_bytes, total));
    text_addf(out, "%u %s", info->peers, info->peers == 1 ? "peer" : "peers");
    if (info->download_rate > 0)
        text_addf(out, "  down %s", human_rate(info->download_rate, value));
    if (info->upload_rate > 0)
        text_addf(out, "  up %s", human_rate(info->upload_rate, value));
    if (info->readers > 0)
        text_addf(out, "  %s ahead", format_size(info->buffered_bytes, size));
    if (info->eta_s > 0)
        text_addf(out, "  %s left", format_eta(info->eta_s, size));
    text_addf(out, "  %s", human_state(info->state));
    if (info->state == SHARESTREAM__TORRENT__STATE__FAILED && info->error[0] != '\0')
        note = info->error;
    if (note != NULL && note[0] != '\0') {
        text_add(out, ": ");
        human_clean(out, note);
    }
}
