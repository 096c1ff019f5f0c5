# SPDX-License-Identifier: MIT
"""What does the bus cost? Requests per second of GET /api/v1/limits, which torrent-svc answers
(HTTP -> ZeroMQ -> torrent-svc -> back), against GET /health/live, which http-svc answers itself.
64 connections; with one loop thread, and with the default number."""

from competitors import Ours
from harness import Table, interleave, median, ratio, spread

SECONDS = 2
CONNECTIONS = 64
ROUTES = {"static": "/health/live", "over the bus": "/api/v1/limits"}


class Route:
    def __init__(self, name):
        self.name = name


def run(bench):
    table = Table("Requests per second, 64 connections: median (range)", "loop threads",
                  "static reply", "over the bus", "ratio", "p50 ms static/bus",
                  "p99 ms static/bus", "CPU µs static/bus")
    for threads in (1, 0):
        with Ours(bench.programs, {"threads": threads}).start(bench.folder()) as ours:
            ours.settle()

            def measure(route, _, ours=ours):
                cpu_s = ours.process.cpu_s()
                got = bench.wrk(ours.port, ROUTES[route.name], CONNECTIONS, SECONDS)
                got["cpu_us"] = (ours.process.cpu_s() - cpu_s) * 1e6 / max(got["requests"], 1)
                return got

            routes = [Route(name) for name in ROUTES]
            results = interleave(routes, bench.short_rounds, measure, bench.say)
        static, bus = results["static"], results["over the bus"]
        both = ratio(median(bus, "per_s"), median(static, "per_s"))
        pair = {key: " / ".join(spread(r, key).split(" ")[0] for r in (static, bus))
                for key in ("p50_ms", "p99_ms", "cpu_us")}
        title = "1" if threads == 1 else "default"
        table.row(title, spread(static, "per_s"), spread(bus, "per_s"), both, pair["p50_ms"],
                  pair["p99_ms"], pair["cpu_us"])
        table.verdict(f"bus to static, {title} loop threads", both, "at least 0.65",
                      lambda value: value >= 0.65)
    return [table]
