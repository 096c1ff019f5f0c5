# SPDX-License-Identifier: MIT
"""The first segment of 2 s after a seek in a picture made anew, against FFmpeg's command line with
-ss and the same settings.

no encoder: the film is known, nobody has asked for its picture yet. running encoder: it makes
segments for a viewer who then jumps elsewhere. The film has ten bits, which no browser plays: beside
an original that is copied, other sizes have its cuts, and segments as long. Nobody can do with less
than what FFmpeg takes to decode and scale these pictures alone, which is shown as well.
"""

import os

from competitors import Ours
from harness import Failed, Table, interleave, median, ratio, spread
from hls import FFmpeg, Player, ffmpeg, make_film, timed
from hls_transcode import HEIGHT, PRESET, SEGMENT_S, scale_words, x264_words

FILM_S = 120
SEEKS = (0.3, 0.72, 0.15, 0.55, 0.9)  # parts of the film; each far from the one before


def run(bench):
    film = make_film(bench, FILM_S, "yuv420p10le")
    out = bench.folder() / "segment.mp4"
    settings = {"preset": PRESET, "encode_duration": f"{SEGMENT_S}s"}
    starts = []

    def theirs(*words):
        each = []
        for part in SEEKS:
            at = starts[int(part * (len(starts) - 1))]
            each.append(ffmpeg("-threads", os.cpu_count(), "-ss", at, "-i", film, "-t", SEGMENT_S,
                               "-an", *words))
        return {key: median(each, key) for key in ("wall_s", "cpu_s")}

    def ours(competitor):
        each = []
        with competitor.start(bench.folder()) as running:
            running.settle()
            with Player(running.port, running.seed(film)) as player:
                count = player.playlist(f"v{HEIGHT}")
                starts[:] = player.starts
                player.get(f"v{HEIGHT}/init.mp4")
                for part in SEEKS:
                    path = f"v{HEIGHT}/{int(part * count)}.m4s"
                    each.append(timed(running.process, lambda path=path: player.get(path)))
        return [each[0], {key: median(each[1:], key) for key in ("wall_s", "cpu_s")}]

    def measure(competitor, _):
        if competitor.name == "ffmpeg":
            whole = theirs(*x264_words(), "-movflags",
                           "empty_moov+default_base_moof+frag_keyframe", "-f", "mp4", out)
            cases = {"none": whole, "running": whole,
                     "alone": theirs(*scale_words(), "-f", "null", "-")}
        else:
            cases = dict(zip(("none", "running"), ours(competitor)))
        return {f"{name} {key}": cost[key] for name, cost in cases.items() for key in cost}

    competitors = [Ours(bench.programs, transcode_settings=settings), FFmpeg()]
    results = interleave(competitors, bench.rounds, measure, bench.say)
    mine, peer = results["sharestream"], results["ffmpeg"]
    if not mine or not peer:
        raise Failed("no round went well")
    table = Table(f"First {SEGMENT_S} s at {HEIGHT}p after a seek: median (range)", "",
                  "wall s, ours", "wall s, ffmpeg", "ratio", "CPU s, ours", "CPU s, ffmpeg", "ratio")
    for name, title in (("none", "no encoder"), ("running", "running encoder")):
        wall = ratio(median(mine, f"{name} wall_s"), median(peer, f"{name} wall_s"))
        cpu = ratio(median(mine, f"{name} cpu_s"), median(peer, f"{name} cpu_s"))
        table.row(title, spread(mine, f"{name} wall_s"), spread(peer, f"{name} wall_s"), wall,
                  spread(mine, f"{name} cpu_s"), spread(peer, f"{name} cpu_s"), cpu)
        for what, value in (("time", wall), ("CPU", cpu)):
            table.verdict(f"{title}: {what}, ours to ffmpeg", value, "at most 0.50",
                          lambda value: value <= 0.5)
    wall, cpu = (ratio(median(peer, f"alone {key}"), median(peer, f"none {key}"))
                 for key in ("wall_s", "cpu_s"))
    table.row("decoding and scaling alone", "-", spread(peer, "alone wall_s"), wall, "-",
              spread(peer, "alone cpu_s"), cpu)
    return [table]
