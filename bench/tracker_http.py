# SPDX-License-Identifier: MIT
"""Announces by HTTP, 500 torrents with 512 peers each, 50 compact peers an answer, 64 connections:
CPU for each, against opentracker and bittorrent-tracker, when the client would keep connections
and when it closes them."""

from announces import HASHES, PEERS, SECONDS, WANT, cost, fill, running, verdict
from competitors import BittorrentTracker, Opentracker, Ours
from harness import Table, interleave, median, spread

CASES = {"keep-alive": ["-k"], "close": []}
CONNECTIONS = 64


def run(bench):
    trackers = [Ours(bench.programs), Opentracker(bench.hashes(HASHES)), BittorrentTracker()]
    table = Table("Announces by HTTP, 50 peers an answer: median (range)", "", "", "CPU µs",
                  "announces/s", "CPU µs of the client", "connections for 1,000")
    with running(bench, trackers) as started:
        for tracker in started.values():
            fill(bench, tracker)
        for case, words in CASES.items():
            bench.say(f"  {case}")

            def measure(tracker, _, words=words):
                server = started[tracker.name]
                figures, got = cost(server, lambda: bench.load(
                    "http", *words, server.tracker_port, h=HASHES, p=PEERS, w=WANT, t=SECONDS,
                    c=CONNECTIONS), "answered")
                return {**figures, "opened": got["opened"] * 1000 / got["answered"]}

            results = interleave(trackers, bench.short_rounds, measure, bench.say)
            for name, mine in results.items():
                table.row(case, name, *(spread(mine, key) for key in (
                    "cpu_us", "per_s", "client_us", "opened")))
            ours, opentracker, node = (median(results[t.name], "cpu_us") for t in trackers)
            verdict(table, f"{case}: CPU, ours to opentracker", ours, opentracker,
                    0.75 if case == "keep-alive" else 1)
            verdict(table, f"{case}: CPU, ours to bittorrent-tracker", ours, node, 1 / 3)
    return [table]
