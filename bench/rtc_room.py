# SPDX-License-Identifier: MIT
"""Pages in Chromium with webtorrent that watch the same, which nobody has but the server, whose line
is slow: what it sends to each of 8 pages, beside what it sends to one that is alone."""

import urllib.parse

from competitors import Ours
from harness import Table, interleave, median, ratio, spread
from swarm import Content

MIB = 24
UPLOAD_LIMIT = "2MB"
PAGES = (1, 8)


class Room:
    def __init__(self, pages):
        self.pages, self.name = pages, str(pages)


def run(bench):
    content = Content(bench.folder(), MIB)
    # To torrent-svc browsers are peers of this machine.
    ours = Ours(bench.programs, torrent_settings={"upload_limit": UPLOAD_LIMIT,
                                                  "limit_local_peers": "true"})

    def measure(room, _):
        with ours.start(bench.folder()) as running:
            running.settle()
            tracker = f"ws://127.0.0.1:{running.tracker_port}/announce"
            magnet = (f"magnet:?xt=urn:btih:{running.seed(content.path)}"
                      f"&tr={urllib.parse.quote(tracker, safe='')}")
            took = bench.pages(magnet, room.pages, content)
            sent = int(running.call("rtc", "Stats")["bytesOut"])
        return {"sent": sent / room.pages / content.size, "s": took["s"]}

    results = interleave([Room(pages) for pages in PAGES], bench.rounds, measure, bench.say)
    table = Table(f"A file of {MIB} MiB from a server that sends {UPLOAD_LIMIT}/s: median (range)",
                  "pages", "sent by the server to each, of the file", "s until all have it")
    for name, found in results.items():
        table.row(name, spread(found, "sent"), spread(found, "s"))
    one, many = (median(results[str(pages)], "sent") for pages in PAGES)
    table.verdict(f"sent to each of {PAGES[1]} pages, to what one gets", ratio(many, one),
                  "at most 0.6", lambda value: value <= 0.6)
    return [table]
