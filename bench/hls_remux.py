# SPDX-License-Identifier: MIT
"""A whole film copied into HLS: all segments of picture and sound fetched, one after the other,
against FFmpeg's command line writing them into a folder. Ours sends them over HTTP as well.

Both write 400 MB of new files, and most of that is the kernel's work. In a virtual machine a page
costs several times as much when the host must find it first, so both find pages that were just in
use: a file of that size is written and deleted right before.
"""

from competitors import Ours
from harness import Table, interleave, median, ratio, spread
from hls import FFmpeg, Player, ffmpeg, make_film, timed

FILM_S = 600


def use_pages(folder, size):
    path = folder / "pages"
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    path.unlink()


def run(bench):
    film = make_film(bench, FILM_S)
    pages = film.stat().st_size * 5 // 4

    def theirs():
        folder = bench.folder()
        use_pages(folder, pages)
        cost = ffmpeg("-i", film, "-c", "copy", "-f", "hls", "-hls_time", 6, "-hls_segment_type",
                      "fmp4", "-hls_playlist_type", "vod", folder / "index.m3u8")
        bench.discard(folder)
        return cost

    def ours(competitor):
        folder = bench.folder()
        with competitor.start(folder) as running:
            running.settle()
            with Player(running.port, running.seed(film)) as player:
                def everything():
                    player.begin("v", 0)
                    for number in range(1, len(player.starts) - 1):
                        player.segment("v", number)

                use_pages(folder, pages)
                making_s = running.process.cpu_s("transcode-svc")
                cost = timed(running.process, everything)
                cost["making_s"] = running.process.cpu_s("transcode-svc") - making_s
        bench.discard(folder)
        return cost

    def measure(competitor, _):
        return theirs() if competitor.name == "ffmpeg" else ours(competitor)

    results = interleave([Ours(bench.programs), FFmpeg()], bench.rounds, measure, bench.say)
    mine, peer = results["sharestream"], results["ffmpeg"]
    table = Table("A film of 10 minutes copied into HLS: median (range)", "", "CPU s",
                  "of that transcode-svc and worker", "wall s")
    table.row("sharestream", spread(mine, "cpu_s"), spread(mine, "making_s"), spread(mine, "wall_s"))
    table.row("ffmpeg", spread(peer, "cpu_s"), "-", spread(peer, "wall_s"))
    table.verdict("CPU, ours to ffmpeg", ratio(median(mine, "cpu_s"), median(peer, "cpu_s")),
                  "at most 1", lambda value: value <= 1)
    return [table]
