# SPDX-License-Identifier: MIT
"""1,000 connections that are open and idle: memory of each at either end. 200 that are opened at
once: CPU of both ends, and whether all open. Against node-datachannel."""

import time

from harness import Memory, Table, interleave, median, ratio, spread
from rtc import NODE_DATACHANNEL, OURS, connect, pair
from rtc_throughput import Pair

AT_ONCE, STEP, MANY = 200, 50, 1000


def anon_kib(process):
    memory = Memory(process)
    memory.sample()
    return memory.anon_mib * 1024


def run(bench):
    pairs = [Pair(kind, kind) for kind in (OURS, NODE_DATACHANNEL)]

    def burst(both, _):
        with pair(bench, both.sender, both.receiver) as ends:
            connect(*ends, [0])
            before, begun = sum(end.cpu_s() for end in ends), time.monotonic()
            connect(*ends, range(1, 1 + AT_ONCE))
            return {"ms": (time.monotonic() - begun) * 1e3,
                    "cpu_ms": (sum(end.cpu_s() for end in ends) - before) * 1e3 / AT_ONCE}

    def idle(both, _):
        with pair(bench, both.sender, both.receiver) as ends:
            connect(*ends, [0])
            before = [anon_kib(end) for end in ends]
            for first in range(1, 1 + MANY, STEP):
                connect(*ends, range(first, first + STEP))
            kib = [(anon_kib(end) - was) / MANY for end, was in zip(ends, before)]
            return {"offerer": kib[0], "answerer": kib[1], "worse": max(kib)}

    bursts = interleave(pairs, bench.rounds, burst, bench.say)
    idles = interleave(pairs, bench.rounds, idle, bench.say)
    names = [both.name for both in pairs]
    together = Table(f"{AT_ONCE} connections opened at once: median (range)", "", "all open after ms",
                     "CPU ms of each, both ends", "rounds in which all opened")
    for name in names:
        together.row(name, spread(bursts[name], "ms"), spread(bursts[name], "cpu_ms"),
                     f"{len(bursts[name])} of {bench.rounds}")
    together.verdict("rounds of ours in which not all opened",
                     bench.rounds - len(bursts[names[0]]), "0", lambda value: value == 0)
    together.verdict("CPU, ours to node-datachannel",
                     ratio(*(median(bursts[name], "cpu_ms") for name in names)), "at most 1",
                     lambda value: value <= 1)
    memory = Table(f"Memory of {MANY} idle connections, KiB each: median (range)", "",
                   "who offered", "who answered")
    for name in names:
        memory.row(name, spread(idles[name], "offerer"), spread(idles[name], "answerer"))
    ours, theirs = (median(idles[name], "worse") for name in names)
    memory.verdict("KiB of ours, the larger end", ours, "at most 110", lambda value: value <= 110)
    memory.verdict("ours to node-datachannel", ratio(ours, theirs), "at most 1",
                   lambda value: value <= 1)
    return [together, memory]
