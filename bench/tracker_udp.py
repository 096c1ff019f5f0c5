# SPDX-License-Identifier: MIT
"""Announces by UDP, 500 torrents with 512 peers each, 50 peers an answer: CPU for each, against
opentracker with one UDP worker, and a program that reads and sends as many bytes and does nothing
else."""

from announces import ask_udp, fill, running, verdict
from competitors import Opentracker, Ours, UdpFloor
from harness import Table, interleave, median, spread


def run(bench):
    trackers = [Ours(bench.programs), Opentracker(bench.hashes(500)), UdpFloor(bench.programs)]
    with running(bench, trackers) as started:
        for tracker in started.values():
            fill(bench, tracker)
        results = interleave(trackers, bench.short_rounds,
                             lambda tracker, _: ask_udp(bench, started[tracker.name]), bench.say)
    table = Table("Announces by UDP, 50 peers an answer: median (range)", "", "CPU µs",
                  "announces/s", "CPU µs of the client")
    for name, mine in results.items():
        table.row(name, *(spread(mine, key) for key in ("cpu_us", "per_s", "client_us")))
    cpu = {name: median(mine, "cpu_us") for name, mine in results.items()}
    verdict(table, "CPU, ours to opentracker", cpu["sharestream"], cpu["opentracker"], 0.75)
    verdict(table, "CPU, ours to the floor", cpu["sharestream"], cpu["floor"], 1.25)
    return [table]
