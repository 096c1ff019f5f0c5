/* SPDX-License-Identifier: MIT */
#include "diagnosis.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "base/units.h"

__attribute__((format(printf, 3, 4))) static void say(struct diagnosis *out, const char *code,
                                                      const char *format, ...)
{
    va_list args;

    out->code = code;
    va_start(args, format);
    vsnprintf(out->summary, sizeof(out->summary), format, args);
    va_end(args);
}

#define ADVISE(out, ...) snprintf((out)->advice, sizeof((out)->advice), __VA_ARGS__)

static void on_no_peers(const struct facts *facts, struct diagnosis *out)
{
    if (facts->known_peers > 0) {
        say(out, "connecting", "%u addresses are known, none of them answers yet",
            facts->known_peers);
        ADVISE(out, "wait a little; if it stays so, check that the firewall lets BitTorrent out");
        return;
    }
    say(out, "no_peers", "nobody who has this torrent was found");
    if (facts->trackers == 0 && !facts->has_dht)
        ADVISE(
            out,
            "the link names no tracker and the DHT is off: add a tracker or switch torrent.dht on");
    else if (facts->working_trackers == 0 && facts->trackers > 0)
        ADVISE(
            out,
            "none of its %u trackers answers; another link to the same film may have better ones",
            facts->trackers);
    else
        ADVISE(out, "perhaps nobody shares it any more; try another torrent of the same film");
}

static void on_no_metadata(const struct facts *facts, struct diagnosis *out)
{
    if (facts->peers == 0) {
        on_no_peers(facts, out);
        return;
    }
    say(out, "metadata", "connected to %u peers, waiting for the list of files from one of them",
        facts->peers);
    ADVISE(out,
           "this takes some seconds; a .torrent file instead of a magnet link needs no waiting");
}

static void on_missing_head(const struct facts *facts, struct diagnosis *out)
{
    char rate[UNITS_TEXT];

    if (facts->is_upload) {
        say(out, "uploading", "the part that is needed now is still to be sent to this server");
        ADVISE(out, facts->download_rate > 0
                        ? "it comes in its turn, from the front of the file to its end"
                        : "nothing is being sent: whoever has the file should choose it again");
        return;
    }
    if (facts->peers == 0) {
        on_no_peers(facts, out);
        return;
    }
    if (facts->head_peers == 0) {
        say(out, "no_seeds", "none of the %u connected peers has the part that is needed now",
            facts->peers);
        ADVISE(out, facts->seeds == 0
                        ? "nobody complete is connected; wait for a seed or try another torrent"
                        : "wait for a peer that has it");
        return;
    }
    say(out, "downloading", "the part that is needed now is on its way from %u peers at %s/s",
        facts->head_peers, format_size(facts->download_rate, rate));
    if (facts->download_rate > 0)
        out->estimate_ms = (uint64_t)facts->piece_bytes * 1000 / facts->download_rate;
}

static void on_ready_head(const struct facts *facts, struct diagnosis *out)
{
    char rate[UNITS_TEXT], needed[UNITS_TEXT];

    if (facts->is_file_ready || facts->needed_bytes_per_s == 0 ||
        facts->download_rate >= facts->needed_bytes_per_s ||
        facts->buffered_bytes / facts->needed_bytes_per_s >= 30) {
        say(out, "ok", "it can play from here");
        return;
    }
    say(out, "slow", "it plays, but arrives at %s/s and needs %s/s",
        format_size(facts->download_rate, rate), format_size(facts->needed_bytes_per_s, needed));
    if (facts->download_limit > 0 && facts->download_limit < facts->needed_bytes_per_s)
        ADVISE(out, "the download limit is below what the film needs: raise it");
    else
        ADVISE(out, "let it buffer for a while, or pick a smaller version of the film");
}

void diagnose(const struct facts *facts, struct diagnosis *out)
{
    *out = (struct diagnosis){.code = "ok"};
    if (facts->is_head_ready) {
        on_ready_head(facts, out);
    } else if (facts->has_problem || facts->state == LT_STATE_ERROR) {
        say(out, facts->is_disk_full ? "disk_full" : "failed", "it was stopped: %.*s",
            (int)utf8_cut(bytes_of_text(facts->problem), 200), facts->problem);
        ADVISE(out, facts->is_disk_full ? "make room on the disk, then resume the torrent"
                                        : "mend the cause, then resume the torrent");
    } else if (facts->state == LT_STATE_PAUSED) {
        say(out, "paused", "the torrent is paused");
        ADVISE(out, "resume it");
    } else if (facts->state == LT_STATE_CHECKING) {
        say(out, "checking", "its data on disk is being checked, %.0f %% done",
            facts->check_progress * 100);
    } else if (!facts->has_metadata) {
        on_no_metadata(facts, out);
    } else {
        on_missing_head(facts, out);
    }
}
