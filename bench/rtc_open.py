# SPDX-License-Identifier: MIT
"""From the wish for a connection until its channel is open at both ends, one after the other, between
two processes that have done so before: ms. Against node-datachannel."""

import time

from harness import Table, interleave, median, ratio, spread
from rtc import NODE_DATACHANNEL, OURS, connect, pair
from rtc_throughput import Pair

WARM, COUNTED = 5, 50


def run(bench):
    pairs = [Pair(kind, kind) for kind in (OURS, NODE_DATACHANNEL)]

    def measure(both, _):
        taken_ms = []
        with pair(bench, both.sender, both.receiver) as ends:
            for number in range(WARM + COUNTED):
                begun = time.monotonic()
                connect(*ends, [number])
                taken_ms.append((time.monotonic() - begun) * 1e3)
        return median(taken_ms[WARM:])

    results = interleave(pairs, bench.short_rounds, measure, bench.say)
    table = Table(f"Opening a channel, median of {COUNTED}, ms: median (range)", "", "ms")
    for both in pairs:
        table.row(both.name, spread(results[both.name]))
    table.verdict("ms, ours to node-datachannel",
                  ratio(*(median(results[both.name]) for both in pairs)), "at most 1",
                  lambda value: value <= 1)
    return [table]
