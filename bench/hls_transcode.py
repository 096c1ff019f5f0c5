# SPDX-License-Identifier: MIT
"""1080p made into 720p by x264 veryfast: all segments fetched in order from an encoder that may run
as far ahead as it likes, against FFmpeg's command line with the same settings, from the same
decoder, writing HLS. Picture only."""

import os

from competitors import Ours
from harness import Failed, Table, interleave, median, ratio, spread
from hls import FFmpeg, Player, ffmpeg, make_film, timed

FILM_S = 20
SEGMENT_S = 2
PRESET = "veryfast"
HEIGHT = 720
MAX_BITRATE = 3_000_000  # as ladder.c has it for 720 lines
X264 = ("scenecut=0:open-gop=0:keyint=infinite:ref=1:bframes=3:b-pyramid=1:weightp=1:weightb=1"
        ":cabac=1:8x8dct=1:aud=0")  # as encoder.c has it


def scale_words():
    return ["-pix_fmt", "yuv420p", "-vf", f"scale=-2:{HEIGHT}:flags=bicubic",
            "-filter_threads", os.cpu_count()]


def x264_words():
    return ["-threads", os.cpu_count(), "-c:v", "libx264", "-preset", PRESET, "-crf", 23,
            "-maxrate", MAX_BITRATE, "-bufsize", 2 * MAX_BITRATE, "-profile:v", "high",
            *scale_words(), "-forced-idr", 1, "-force_key_frames",
            f"expr:gte(t,n_forced*{SEGMENT_S})", "-x264-params", X264]


def run(bench):
    film = make_film(bench, FILM_S)
    settings = {"preset": PRESET, "ahead": "600s", "encode_duration": f"{SEGMENT_S}s"}

    def theirs():
        folder = bench.folder()
        cost = ffmpeg("-threads", os.cpu_count(), "-i", film, "-an", *x264_words(), "-f", "hls",
                      "-hls_time", SEGMENT_S, "-hls_segment_type", "fmp4", "-hls_playlist_type",
                      "vod", folder / "index.m3u8")
        size = sum(path.stat().st_size for path in folder.iterdir())
        bench.discard(folder)
        return {**cost, "mb": size / 1e6}

    def ours(competitor):
        folder = bench.folder()
        got = []
        with competitor.start(folder) as running:
            running.settle()
            with Player(running.port, running.seed(film)) as player:
                def everything():
                    count = player.playlist(f"v{HEIGHT}")
                    got.extend(len(player.get(f"v{HEIGHT}/{n}.m4s")) for n in range(count))

                cost = timed(running.process, everything)
        bench.discard(folder)
        if not all(got):
            raise Failed("an empty segment")
        return {**cost, "mb": sum(got) / 1e6}

    def measure(competitor, _):
        return theirs() if competitor.name == "ffmpeg" else ours(competitor)

    competitors = [Ours(bench.programs, transcode_settings=settings), FFmpeg()]
    results = interleave(competitors, bench.rounds + 2, measure, bench.say)
    mine, peer = results["sharestream"], results["ffmpeg"]
    table = Table(f"1080p made into {HEIGHT}p, {PRESET}, {FILM_S} s: median (range)", "", "wall s",
                  "CPU s", "times as fast as played", "MB")
    for name, rows in results.items():
        table.row(name, spread(rows, "wall_s"), spread(rows, "cpu_s"),
                  ratio(FILM_S, median(rows, "wall_s")), spread(rows, "mb"))
    table.verdict("speed, ours to ffmpeg", ratio(median(peer, "wall_s"), median(mine, "wall_s")),
                  "at least 0.97", lambda value: value >= 0.97)
    table.verdict("CPU, ours to ffmpeg", ratio(median(mine, "cpu_s"), median(peer, "cpu_s")),
                  "at most 1.03", lambda value: value <= 1.03)
    return [table]
