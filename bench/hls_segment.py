# SPDX-License-Identifier: MIT
"""The first segment of a film that could be copied, against FFmpeg's command line making the same.

cold: all services have just said that they are ready. warm server: they have been up for a while,
but transcode-svc does not know this film. For both the player fetches playlists, initialisations
and one segment of picture and of sound. warm worker: one segment more, of both, elsewhere.
"""

import time

from competitors import Ours
from harness import Table, interleave, median, ratio, spread
from hls import FFmpeg, Player, copy_of, ffmpeg, make_film, timed

FILM_S = 240
WARM_UP_S = 1
FIRST = 10
OTHERS = (25, 3, 18, 7, 29, 14, 21, 5)


def run(bench):
    film = make_film(bench, FILM_S)
    out = bench.folder() / "segment.mp4"
    starts = []

    def ours(competitor):
        folder, copies = bench.folder(), [copy_of(bench, film) for _ in range(2)]
        with competitor.start(folder) as running:
            running.settle()
            for copy in copies:
                running.seed(copy)
        with competitor.start(folder) as running:
            running.settle()
            with Player(running.port, running.wait_whole(copies[0].name)) as viewer:
                cold = timed(running.process, lambda: viewer.begin("v", FIRST))
            time.sleep(WARM_UP_S)
            with Player(running.port, running.wait_whole(copies[1].name)) as viewer:
                warm = timed(running.process, lambda: viewer.begin("v", FIRST))
                other = timed(running.process,
                              lambda: [viewer.segment("v", number) for number in OTHERS])
                starts[:] = viewer.starts
        return cold, warm, other

    def theirs(number):
        at, length = starts[number], starts[number + 1] - starts[number]
        # A hair behind the keyframe, or it begins with the one before.
        return ffmpeg("-ss", at + 0.001, "-i", film, "-t", length - 0.001, "-c", "copy", "-movflags",
                      "empty_moov+default_base_moof+frag_keyframe", "-f", "mp4", out)

    def measure(competitor, _):
        if competitor.name == "ffmpeg":
            each = [theirs(number) for number in OTHERS]
            cost = {key: median(each, key) for key in ("wall_s", "cpu_s")}
            cases = [cost, cost, cost]
        else:
            cold, warm, other = ours(competitor)
            cases = [cold, warm, {key: value / len(OTHERS) for key, value in other.items()}]
        return {f"{name} {key}": case[key] for name, case in
                zip(("cold", "server", "worker"), cases) for key in ("wall_s", "cpu_s")}

    competitors = [Ours(bench.programs), FFmpeg()]
    results = interleave(competitors, 2 * bench.rounds, measure, bench.say)
    table = Table("First segment, copied: median (range)", "", "wall s, ours", "wall s, ffmpeg",
                  "ratio", "CPU s, ours", "CPU s, ffmpeg", "ratio")
    mine, peer = results["sharestream"], results["ffmpeg"]
    for name, title, wanted in (("cold", "cold", 1), ("server", "warm server", 0.1),
                                ("worker", "warm worker", 0.1)):
        wall = ratio(median(mine, f"{name} wall_s"), median(peer, f"{name} wall_s"))
        cpu = ratio(median(mine, f"{name} cpu_s"), median(peer, f"{name} cpu_s"))
        table.row(title, spread(mine, f"{name} wall_s"), spread(peer, f"{name} wall_s"), wall,
                  spread(mine, f"{name} cpu_s"), spread(peer, f"{name} cpu_s"), cpu)
        for what, value in (("time", wall), ("CPU", cpu)):
            table.verdict(f"{title}: {what}, ours to ffmpeg", value, f"at most {wanted:.2f}",
                          lambda value, wanted=wanted: value <= wanted)
    return [table]
