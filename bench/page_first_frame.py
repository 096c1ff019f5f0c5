# SPDX-License-Identifier: MIT
"""From a press on "watch" in our page until the first frame of a finished film, beside a video
element that is given the bare file, in the same Chromium."""

from competitors import Ours
from harness import Table, median, ratio, spread
from hls import make_film

FILM_S = 60
WANTED_S = 0.5


def run(bench):
    film = make_film(bench, FILM_S)
    with Ours(bench.programs).start(bench.folder()) as running:
        running.settle()
        took = bench.first_frames(f"http://127.0.0.1:{running.port}/", running.seed(film),
                                  bench.short_rounds)
    page, bare = ([{"s": ms / 1000} for ms in took[name]] for name in ("page", "bare"))
    table = Table("From a press until the first frame: median (range)", "what", "s")
    for name, found in (("our page", page), ("a video element", bare)):
        table.row(name, spread(found, "s"))
    table.verdict("our page, s", median(page, "s"), f"at most {WANTED_S}",
                  lambda value: value <= WANTED_S)
    table.verdict("our page, to a video element", ratio(median(page, "s"), median(bare, "s")),
                  "at most 4", lambda value: value <= 4)
    return [table]
