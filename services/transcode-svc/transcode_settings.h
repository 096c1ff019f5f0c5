/* SPDX-License-Identifier: MIT
 *
 * transcode_settings: what can be configured, and what is counted.
 */
#ifndef TRANSCODE_TRANSCODE_SETTINGS_H
#define TRANSCODE_TRANSCODE_SETTINGS_H

#include "base/metrics.h"
#include "base/settings.h"

#define TRANSCODE_SETTINGS(X)                                                                      \
    X(DURATION, segment_duration, "6s", 1000, 30000, "length of HLS segments")                     \
    X(SIZE, cache_size, "2GiB", 16 << 20, INT64_MAX,                                               \
      "bytes of segments kept on disk; the least recently used go")                                \
    X(SIZE, cache_free, "1GiB", 0, INT64_MAX, "bytes of the disk that the cache leaves free")      \
    X(SIZE, mirror_size, "8GiB", 16 << 20, INT64_MAX,                                              \
      "bytes of films on other machines kept in data_dir while they are worked on")                \
    X(COUNT, workers, "0", 0, 64,                                                                  \
      "worker processes at once, and one for storyboards; 0: two for each processor")              \
    X(COUNT, encoders, "0", 0, 64,                                                                 \
      "pictures made anew at once; 0: one for two processors, at least two")                       \
    X(CHOICE, preset, "auto", 0, 0,                                                                \
      "speed of x264; auto: as good as this machine keeps up with "                                \
      "(auto|ultrafast|superfast|veryfast|faster|fast|medium)")                                    \
    X(CHOICE, encoder, "auto", 0, 0,                                                               \
      "who makes pictures anew; auto: the first kind of hardware that works, else software; "      \
      "transcode-worker --probe NAME says why one does not (auto|software|vaapi|nvenc|qsv)")       \
    X(COUNT, max_height, "1080", 144, 4320, "lines of a picture made anew, at most")               \
    X(CHOICE, ladder, "auto", 0, 0,                                                                \
      "smaller sizes beside a picture that can be copied; auto: once the whole file is here, "     \
      "for as long as the swarm is what is slow they do not help (auto|always|never)")             \
    X(DURATION, encode_duration, "2s", 1000, 30000, "length of segments where none is copied")     \
    X(DURATION, ahead, "30s", 2000, 600000, "an encoder stops so far before its viewers")          \
    X(DURATION, worker_idle, "60s", 1000, 3600000, "a worker with nothing to do ends after this")  \
    X(DURATION, wait, "20s", 1000, 120000, "how long a segment is waited for")                     \
    X(DURATION, work, "60s", 1000, 600000,                                                         \
      "a worker that takes longer over one segment, not counting waits, is ended")                 \
    X(COUNT, queue, "64", 1, 10000, "segments waiting for the worker of one file")
SETTINGS_STRUCT(transcode_settings, TRANSCODE_SETTINGS);
extern const struct settings_table transcode_settings_table;

#define TRANSCODE_METRICS(X)                                                                       \
    X(COUNTER, requests_total, "playlists and segments asked for")                                 \
    X(COUNTER, hits_total, "segments that were in the cache")                                      \
    X(COUNTER, left_total, "playlists and segments whose client left before they were there")      \
    X(COUNTER, segments_total, "segments made")                                                    \
    X(COUNTER, segment_bytes_total, "bytes of segments made")                                      \
    X(COUNTER, read_bytes_total, "bytes of media read for them")                                   \
    X(COUNTER, failures_total, "segments and files that could not be made or read")                \
    X(COUNTER, retries_total, "segments begun again because a worker died")                        \
    X(COUNTER, workers_total, "worker processes started")                                          \
    X(COUNTER, workers_died_total, "worker processes that crashed or were ended")                  \
    X(COUNTER, cache_evicted_total, "files that left the cache")                                   \
    X(GAUGE, cache_bytes, "bytes in the cache")                                                    \
    X(GAUGE, workers, "worker processes")                                                          \
    X(GAUGE, encoders, "worker processes that make pictures anew")                                 \
    X(GAUGE, hardware, "1: pictures are made by hardware")                                         \
    X(GAUGE, encode_speed_percent, "speed of encoding against that of playing, lately")            \
    X(GAUGE, films, "media files known")                                                           \
    X(GAUGE, jobs, "segments being made or waiting")
METRICS_STRUCT(transcode_metrics, TRANSCODE_METRICS);
extern const struct metrics_table transcode_metrics_table;

#endif
