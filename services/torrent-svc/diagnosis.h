/* SPDX-License-Identifier: MIT
 *
 * diagnosis: why is it not playing? Facts in, a sentence and advice for a person out. Pure.
 */
#ifndef TORRENT_DIAGNOSIS_H
#define TORRENT_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lt.h"

struct facts {
    enum lt_state state;
    bool has_problem, is_disk_full;
    const char *problem; /* sentence, when has_problem or state is LT_STATE_ERROR */
    bool has_metadata;
    bool is_upload;              /* it comes from somebody who sends it, not from peers */
    bool is_head_ready;          /* the byte at the position is on disk */
    bool is_file_ready;          /* and all that follow in the file */
    uint64_t buffered_bytes;     /* ready from the position */
    uint64_t needed_bytes_per_s; /* bitrate, 0 unknown */
    uint64_t download_rate;
    uint64_t download_limit; /* the lower of torrent's and session's, 0 none */
    uint32_t peers, seeds, known_peers;
    uint32_t head_peers; /* connected peers that have the piece at the position */
    uint32_t piece_bytes;
    uint32_t working_trackers, trackers;
    bool has_dht;
    double check_progress;
};

struct diagnosis {
    const char *code;
    char summary[256];
    char advice[256];
    uint64_t estimate_ms; /* until the byte at the position is here; 0 = now or unknown */
};

void diagnose(const struct facts *facts, struct diagnosis *out);

#endif
