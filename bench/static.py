# SPDX-License-Identifier: MIT
"""A finished file from the page cache, against nginx with sendfile: 1 and 16 connections, whole and
in random ranges of 1 MiB. One worker each (nginx: one process; ours: one loop thread)."""

from competitors import Nginx, Ours
from harness import Table, interleave, median, ratio, spread

SECONDS = 2
RANGE_BYTES = 1 << 20
CASES = [(f"{what}, {count} connection{'s' * (count > 1)}", count, range_bytes)
         for what, range_bytes in (("whole", 0), ("random 1 MiB", RANGE_BYTES))
         for count in (1, 16)]


def run(bench):
    content = bench.content()
    competitors = [Ours(bench.programs, {"threads": 1}), Nginx()]
    with bench.seeded(competitors[0], content) as ours, \
            competitors[1].start(bench.folder(), content.folder) as nginx:
        targets = {"sharestream": (ours, ours.path), "nginx": (nginx, f"/{content.path.name}")}
        table = Table("Finished file: median (range)", "", "GB/s ours", "GB/s nginx", "ratio",
                      "CPU s/GiB ours", "CPU s/GiB nginx", "ratio")
        for title, connections, range_bytes in CASES:
            bench.say(f"  {title}")

            def measure(competitor, _, connections=connections, range_bytes=range_bytes):
                server, path = targets[competitor.name]
                cpu_s = server.process.cpu_s()
                got = bench.fetch(server.port, path, content.size, connections=connections,
                                  range_bytes=range_bytes, seconds=SECONDS)
                cpu_s = server.process.cpu_s() - cpu_s
                return {"gb_per_s": got["bytes"] / got["seconds"] / 1e9,
                        "cpu_s_per_gib": cpu_s / (got["bytes"] / (1 << 30)),
                        "failures": got["failures"]}

            results = interleave(competitors, bench.short_rounds, measure, bench.say)
            mine, theirs = results["sharestream"], results["nginx"]
            speed = ratio(median(mine, "gb_per_s"), median(theirs, "gb_per_s"))
            cpu = ratio(median(mine, "cpu_s_per_gib"), median(theirs, "cpu_s_per_gib"))
            table.row(title, spread(mine, "gb_per_s"), spread(theirs, "gb_per_s"), speed,
                      spread(mine, "cpu_s_per_gib"), spread(theirs, "cpu_s_per_gib"), cpu)
            table.verdict(f"{title}: throughput to nginx", speed, "at least 1",
                          lambda value: value >= 1)
            table.verdict(f"{title}: CPU per GiB to nginx", cpu, "at most 1",
                          lambda value: value <= 1)
    return [table]
