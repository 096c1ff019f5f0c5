# SPDX-License-Identifier: MIT
"""Small requests while 16 downloads run on the same loop (ours: one loop thread, nginx: one
worker): do they have to wait? Ours answers GET /health/live, nginx sends a file of as many bytes."""

import contextlib

from competitors import Nginx, Ours
from harness import Table, interleave, median, spread

SECONDS = 3
DOWNLOADS, CONNECTIONS = 16, 4
SMALL = '{"status":"live"}'


def run(bench):
    content = bench.content()
    (content.folder / "small.txt").write_text(SMALL)
    competitors = [Ours(bench.programs, {"threads": 1}), Nginx()]
    with bench.seeded(competitors[0], content) as ours, \
            competitors[1].start(bench.folder(), content.folder) as nginx:
        targets = {"sharestream": (ours, ours.path, "/health/live"),
                   "nginx": (nginx, f"/{content.path.name}", "/small.txt")}

        def measure(competitor, _):
            server, path, small = targets[competitor.name]
            with contextlib.ExitStack() as stack:
                downloads = stack.enter_context(bench.fetching(
                    server.port, path, content.size, connections=DOWNLOADS, seconds=SECONDS + 1))
                got = bench.wrk(server.port, small, CONNECTIONS, SECONDS)
                moved = downloads.result()
            return {"p50_ms": got["p50_ms"], "p99_ms": got["p99_ms"], "per_s": got["per_s"],
                    "gb_per_s": moved["bytes"] / moved["seconds"] / 1e9}

        results = interleave(competitors, bench.short_rounds, measure, bench.say)
    table = Table("Small requests beside 16 downloads on one loop: median (range)", "", "p50 ms",
                  "p99 ms", "requests/s", "GB/s of the downloads")
    for competitor in competitors:
        mine = results[competitor.name]
        table.row(competitor.name, *(spread(mine, key) for key in (
            "p50_ms", "p99_ms", "per_s", "gb_per_s")))
    nginx_p99 = median(results["nginx"], "p99_ms") or 0
    table.verdict("p99 of ours, ms", median(results["sharestream"], "p99_ms"),
                  f"no more than nginx, {nginx_p99:.2f}", lambda value: value <= nginx_p99)
    return [table]
