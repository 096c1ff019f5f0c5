# SPDX-License-Identifier: MIT
"""One data channel as fast as it goes, in messages of 64 KiB: MB/s, and CPU of who sends and of who
receives. Each receiver is sent to by ours, and by its own kind; without delay, over a long line,
and over one that loses packets."""

from harness import Table, interleave, median, ratio, spread
from rtc import CHROMIUM, NODE_DATACHANNEL, OURS, WRTC, connect, line, pair

WARM_BYTES, WARM_S = 16 << 20, 2
COUNT_BYTES, COUNT_S = 200 << 20, 6
RECEIVERS = (NODE_DATACHANNEL, WRTC)
# What the line does, and how much of the other's MB/s and CPU are wanted
LINES = {"RTT 0": (None, 1, 0.8), "RTT 40 ms": ({"delay_ms": 20}, 1, None),
         "RTT 100 ms": ({"delay_ms": 50}, 1, None),
         "RTT 40 ms, 1 % lost": ({"delay_ms": 20, "loss": 0.01}, None, None)}


class Pair:
    def __init__(self, sender, receiver):
        self.sender, self.receiver = sender, receiver
        self.name = f"{sender} to {receiver}"


def stream(sender, receiver):
    connect(sender, receiver, [0])
    sender.tell("send", 0)
    receiver.count(0, WARM_BYTES, WARM_S)
    before = sender.cpu_s(), receiver.cpu_s()
    got = receiver.count(0, COUNT_BYTES, COUNT_S)
    gb = got["bytes"] / 1e9
    return {"mb_s": gb * 1e3 / got["s"], "send": (sender.cpu_s() - before[0]) / gb,
            "receive": (receiver.cpu_s() - before[1]) / gb}


def measure_over(bench, options):
    def measure(both, _):
        if options is None:
            with pair(bench, both.sender, both.receiver) as ends:
                return stream(*ends)
        with line(bench, **options) as places:
            with pair(bench, both.sender, both.receiver, places) as ends:
                return stream(*ends)
    return measure


def table_of(bench, title, options, receivers, wanted_mb, wanted_cpu):
    pairs = [Pair(OURS, OURS), *(Pair(sender, receiver) for receiver in receivers
                                 for sender in (OURS, receiver))]
    bench.say(f"  {title}")
    results = interleave(pairs, bench.rounds, measure_over(bench, options), bench.say)
    table = Table(f"One data channel, {title}: median (range)", "", "MB/s", "CPU s/GB, sender",
                  "CPU s/GB, receiver")
    for both in pairs:
        table.row(both.name, *(spread(results[both.name], key)
                               for key in ("mb_s", "send", "receive")))
    for receiver in receivers:
        ours, theirs = (results[f"{sender} to {receiver}"] for sender in (OURS, receiver))
        for key, what, wanted, words, is_good in (
                ("mb_s", "MB/s", wanted_mb, "at least", lambda v, w: v >= w),
                ("send", "CPU of the sender", wanted_cpu, "at most", lambda v, w: v <= w)):
            if wanted is not None:
                table.verdict(f"to {receiver}: {what}, ours to its own",
                              ratio(median(ours, key), median(theirs, key)), f"{words} {wanted}",
                              lambda value, w=wanted, good=is_good: good(value, w))
    return table


def run(bench):
    tables = [table_of(bench, title, options, RECEIVERS, wanted_mb, wanted_cpu)
              for title, (options, wanted_mb, wanted_cpu) in LINES.items()]
    return [*tables, table_of(bench, "in a browser", None, (CHROMIUM,), 1, None)]
