# SPDX-License-Identifier: MIT
"""What an announce by UDP costs when the tracker knows 1,000 peers, and when it knows a million:
more and more torrents of 496 peers, and one torrent that grows. Beside opentracker."""

from announces import ask_udp, fill, running, verdict
from competitors import Opentracker, Ours
from harness import Table, interleave, median, spread

# torrents, peers of each: no more than the limits that people run with
MANY = [(2, 496), (20, 496), (202, 496), (2016, 496)]
ONE = [(1, 992), (1, 9920), (1, 99968)]


class Case:
    def __init__(self, tracker, hashes, peers):
        self._tracker, self.hashes, self.peers = tracker, hashes, peers
        self.name = f"{tracker.name}, {hashes} x {peers}"

    def start(self, scratch):
        return self._tracker.start(scratch)


def run(bench):
    trackers = [Ours(bench.programs), Opentracker(bench.hashes(MANY[-1][0]))]
    cases = [Case(tracker, *size) for size in MANY + ONE for tracker in trackers]
    with running(bench, cases) as started:
        for case in cases:
            fill(bench, started[case.name], case.hashes, case.peers)
        results = interleave(cases, bench.short_rounds, lambda case, _: ask_udp(
            bench, started[case.name], case.hashes, case.peers), bench.say)
    table = Table("Announces by UDP when the tracker is full, CPU µs: median (range)", "torrents",
                  "peers", "sharestream", "opentracker")

    def of(tracker, size):
        return results[Case(tracker, *size).name]

    for size in MANY + ONE:
        table.row(f"{size[0]:,}", f"{size[0] * size[1]:,}",
                  *(spread(of(tracker, size), "cpu_us") for tracker in trackers))
    for what, sizes in (("many torrents", MANY), ("one torrent", ONE)):
        small, large = (median(of(trackers[0], sizes[i]), "cpu_us") for i in (0, -1))
        verdict(table, f"{what}: CPU, the largest to the smallest", large, small, 1.5)
    return [table]
