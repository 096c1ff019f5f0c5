# SPDX-License-Identifier: MIT
"""From the start of sharestreamd until /health/ready says yes, in an empty folder: with its
programs and libraries in the page cache, and after those of them that nothing else uses were thrown
out of it."""

import time

from competitors import Ours
from harness import Table, interleave, median, spread
from stack import (SERVICES, drop_from_cache, is_ready, major_faults, mapped_files, readies, until)


class Warm:
    name = "warm"


class Cold:
    name = "cold"


def run(bench):
    ours = Ours(bench.programs)
    with ours.start(bench.folder()) as running:
        until(running, "the stack to be ready", lambda: is_ready(running))
        files = mapped_files(running)

    def measure(case, _):
        folder = bench.folder()
        if case.name == "cold":
            drop_from_cache(files)
        began = time.monotonic()
        with ours.start(folder) as running:
            until(running, "the stack to be ready", lambda: is_ready(running))
            took_s = time.monotonic() - began
            until(running, "all services to be ready", lambda: len(readies(running)) >= len(SERVICES))
            all_s = time.monotonic() - began
            result = {"s": took_s, "all_s": all_s, "cpu_s": running.process.cpu_s(),
                      "faults": major_faults(running),
                      **{name.split(".")[0]: ms for name, _, ms in readies(running)}}
        bench.discard(folder)
        return result

    results = interleave([Warm, Cold], bench.short_rounds, measure, bench.say)
    table = Table("Start of the whole stack: median (range)", "page cache", "s until /health/ready",
                  "s until each service", "CPU s", "pages read from disk",
                  "ms of each service, median")
    for name, mine in results.items():
        services = {service: median(mine, service.removesuffix("-svc")) for service in SERVICES}
        table.row(name, *(spread(mine, key) for key in ("s", "all_s", "cpu_s", "faults")),
                  ", ".join(f"{service} {ms:.0f}" for service, ms in services.items()))
    for name in ("warm", "cold"):
        table.verdict(f"{name}, s until /health/ready", median(results[name], "s"), "at most 1",
                      lambda value: value <= 1)
    return [table]

