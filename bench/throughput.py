# SPDX-License-Identifier: MIT
"""A whole file, downloaded fresh from an unlimited seeder and served over HTTP meanwhile.

CPU seconds are those of all processes of the competitor from the first request on, not of seeder
and client. Each competitor's data is compared with the original in a first round that does not
count.
"""

import hashlib
import http.client

from competitors import Ours, Peerflix, Webtorrent
from harness import Failed, Memory, Table, interleave, median, ratio, spread

TIMEOUT_S = 150


def whole_sha256(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    reply, digest = connection.getresponse(), hashlib.sha256()
    while data := reply.read(1 << 20):
        digest.update(data)
    connection.close()
    return digest.hexdigest()


def run(bench):
    competitors = [Ours(bench.programs), Webtorrent(), Peerflix()]
    content = bench.content()
    torrent = content.torrent()
    with bench.swarm([torrent]) as swarm:

        def measure(competitor, _):
            folder = bench.folder()
            with competitor.start(folder) as player:
                player.settle()
                with Memory(player.process) as memory:
                    cpu_s, seeder_s = player.process.cpu_s(), swarm.cpu_s()
                    port, path = player.url_of(swarm.magnet(torrent))
                    got = bench.fetch(port, path, content.size, requests=1, seconds=TIMEOUT_S)
                    cpu_s = player.process.cpu_s() - cpu_s
                    seeder_s = swarm.cpu_s() - seeder_s
            bench.discard(folder)
            if not got["is_complete"] or got["failures"]:
                raise Failed(f"{got['bytes']} bytes in {got['seconds']} s")
            gib = content.size / (1 << 30)
            return {"mb_per_s": got["bytes"] / got["seconds"] / 1e6, "cpu_s_per_gib": cpu_s / gib,
                    "anon_mib": memory.anon_mib, "file_mib": memory.file_mib,
                    "seeder_s_per_gib": seeder_s / gib,
                    "parts": " ".join(f"{n} {mib:.1f}" for n, mib in memory.parts.items())}

        def verify(competitor, _):
            folder = bench.folder()
            with competitor.start(folder) as player:
                port, path = player.url_of(swarm.magnet(torrent))
                if whole_sha256(port, path) != content.sha256:
                    raise Failed("served other bytes than the original's")
            bench.discard(folder)
            return "same bytes"

        interleave(competitors, 1, verify, bench.say)
        results = interleave(competitors, bench.rounds, measure, bench.say)
    table = Table("Whole file, fresh, over HTTP: median (range)", "", "MB/s", "CPU s/GiB",
                  "peak memory, anonymous MiB", "mapped files MiB")
    for competitor in competitors:
        mine = results[competitor.name]
        table.row(competitor.name, *(spread(mine, key) for key in (
            "mb_per_s", "cpu_s_per_gib", "anon_mib", "file_mib")))
    ours, others = results["sharestream"], [results[c.name] for c in competitors[1:]]
    best_speed = max((median(o, "mb_per_s") or 0 for o in others), default=0)
    best_cpu = min((median(o, "cpu_s_per_gib") or 1e9 for o in others), default=1e9)
    table.verdict("throughput, ours to the better peer", ratio(median(ours, "mb_per_s"), best_speed),
                  "at least 2", lambda value: value >= 2)
    table.verdict("CPU per GiB, ours to the better peer",
                  ratio(median(ours, "cpu_s_per_gib"), best_cpu),
                  "at most 0.4", lambda value: value <= 0.4)
    table.verdict("memory of all our services, MiB", median(ours, "anon_mib"),
                  "under 64", lambda value: value < 64)
    return [table]
