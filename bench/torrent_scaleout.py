# SPDX-License-Identifier: MIT
"""One, two and four instances of torrent-svc behind one http-svc, each on a "host" of its own: many
small torrents that nobody has yet are asked of http-svc by their magnet links. Hashing says which
instance fetches each; http-svc fetches its bytes over the encrypted bus. CPU of all of them for a
torrent. There are more torrents, and more players, where there are more instances."""

import concurrent.futures
import hashlib
import http.client
import urllib.parse

from announces import running, verdict
from cluster import Cluster
from harness import Failed, Table, interleave, median, spread
from swarm import Content

INSTANCES = (1, 2, 4)
TORRENTS, PLAYERS = 8, 4  # for each instance
MIB = 4
TIMEOUT_S = 60
OFF = {"TORRENT_DHT": "false", "TORRENT_LSD": "false", "TORRENT_UPNP": "false"}
SETTINGS = {"torrent": OFF, "http": {"HTTP_REQUESTS_PER_S": 0, "HTTP_MAX_CLIENTS_PER_ADDRESS": 0}}


def play(at, magnet, content):
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=TIMEOUT_S)
    connection.request("GET", f"/stream/{urllib.parse.quote(magnet, safe='')}/0")
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != 200 or hashlib.sha256(body).hexdigest() != content.sha256:
        raise Failed(f"{reply.status}: {body[:200]!r}, {len(body)} bytes")


def run(bench):
    clusters = [Cluster(bench.programs, "torrent", count, SETTINGS) for count in INSTANCES]
    content = Content(bench.folder(), MIB)
    with running(bench, clusters) as started:

        def measure(cluster, _):
            at = started[cluster.name]
            torrents = [content.torrent() for _ in range(at.count * TORRENTS)]
            with bench.swarm(torrents) as swarm:
                cpu_s, of_http = at.process.cpu_s(), at.http.cpu_s()
                with concurrent.futures.ThreadPoolExecutor(at.count * PLAYERS) as pool:
                    list(pool.map(lambda torrent: play(at, swarm.magnet(torrent), content),
                                  torrents))
                cpu_s, of_http = at.process.cpu_s() - cpu_s, at.http.cpu_s() - of_http
            return {"cpu_ms": cpu_s * 1000 / len(torrents),
                    "http_ms": of_http * 1000 / len(torrents)}

        interleave(clusters, 1, measure, lambda _: None)  # they have met, and are warm
        results = interleave(clusters, bench.short_rounds, measure, bench.say)
    table = Table(f"Torrents of {MIB} MiB, fetched and read from another host: median (range)",
                  "instances", "CPU ms of all", "of http-svc")
    for name, mine in results.items():
        table.row(name, *(spread(mine, key) for key in ("cpu_ms", "http_ms")))
    alone = median(results["1"], "cpu_ms")
    for name in ("2", "4"):
        verdict(table, f"CPU of a torrent, {name} instances to one",
                median(results[name], "cpu_ms"), alone, 1 / 0.9)
    return [table]
