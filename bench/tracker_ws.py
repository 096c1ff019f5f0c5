# SPDX-License-Identifier: MIT
"""300 browsers in 30 swarms announce with 5 offers, SDPs of 1,200 bytes, and answer all they get:
CPU for each message that the tracker sends, against bittorrent-tracker."""

from announces import cost, running, verdict
from competitors import BittorrentTracker, Ours
from harness import Table, interleave, median, spread

SECONDS = 3


def run(bench):
    trackers = [Ours(bench.programs), BittorrentTracker()]
    with running(bench, trackers) as started:

        def measure(tracker, _):
            server = started[tracker.name]
            sockets = bench.sockets(n=300, s=30, o=5, b=1200, t=SECONDS)
            with sockets.open(server.tracker_port, "/"):
                figures, got = cost(server, sockets.work, "messages")
            return {**figures, "announces_per_s": got["replies"] / got["seconds"]}

        results = interleave(trackers, bench.short_rounds, measure, bench.say)
    table = Table("Announces by WebSocket with 5 offers, all answered: median (range)", "",
                  "CPU µs a message", "messages/s", "announces/s", "CPU µs of the client")
    for name, mine in results.items():
        table.row(name, *(spread(mine, key) for key in (
            "cpu_us", "per_s", "announces_per_s", "client_us")))
    ours, node = (median(results[tracker.name], "cpu_us") for tracker in trackers)
    verdict(table, "CPU a message, ours to bittorrent-tracker", ours, node, 1 / 3)
    return [table]
