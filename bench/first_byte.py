# SPDX-License-Identifier: MIT
"""From a magnet link to the first byte of the file over HTTP.

cold: nothing runs; the clock starts when the first process does. warm: the program has been running
for a while and gets a link it has not seen. The seeder is unlimited.
"""

import socket
import time

from competitors import Ours, Peerflix, Webtorrent
from harness import Failed, Table, interleave, median, ratio, spread

TIMEOUT_S = 30
WARM_UP_S = 0.5


def first_byte_at(port, path, position=0):
    """When the first byte of the body arrived."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Range: bytes={position}-\r\n\r\n".encode())
        reply = b""
        while b"\r\n\r\n" not in reply or reply.endswith(b"\r\n\r\n"):
            try:
                data = connection.recv(65536)
            except TimeoutError:
                raise Failed(f"no byte within {TIMEOUT_S} s") from None
            if not data:
                raise Failed(f"closed after {reply[:200]!r}")
            reply += data
        if b" 206 " not in reply[:20]:
            raise Failed(reply[:200])
        return time.monotonic()


def run(bench):
    competitors = [Ours(bench.programs), Webtorrent(), Peerflix()]
    content = bench.content()
    torrents = [content.torrent() for _ in range(bench.short_rounds)]
    with bench.swarm(torrents) as swarm:

        def cold(competitor, number):
            folder = bench.folder()
            started = time.monotonic()
            with competitor.start(folder) as player:
                port, path = player.url_of(swarm.magnet(torrents[number]))
                first_byte_s = first_byte_at(port, path) - started
            bench.discard(folder)
            return first_byte_s

        cold_s = interleave(competitors, bench.short_rounds, cold, bench.say)

        def warm(competitor, number):
            """The process is fresh in each round, so that rounds are alike, but has settled."""
            folder = bench.folder()
            with competitor.start(folder) as player:
                player.settle()
                time.sleep(WARM_UP_S)
                started = time.monotonic()
                port, path = player.url_of(swarm.magnet(torrents[number]))
                first_byte_s = first_byte_at(port, path) - started
            bench.discard(folder)
            return first_byte_s

        warm_s = interleave(competitors, bench.short_rounds, warm, bench.say)
    table = Table("Magnet to first byte, s: median (range)", "", "cold process", "warm server")
    for competitor in competitors:
        table.row(competitor.name, spread(cold_s[competitor.name]), spread(warm_s[competitor.name]))
    for what, times, wanted in (("cold", cold_s, 1 / 3), ("warm", warm_s, 1 / 10)):
        best = min(median(times[c.name]) or TIMEOUT_S for c in competitors[1:])
        table.verdict(f"{what}, ours to the better peer", ratio(median(times["sharestream"]), best),
                      f"at most {wanted:.2f}", lambda value, wanted=wanted: value <= wanted)
    return [table]
