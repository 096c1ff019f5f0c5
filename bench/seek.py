# SPDX-License-Identifier: MIT
"""A player that shows 2 MB/s from three seeders of 1 MB/s each: 14 s from the start, then a jump to
80 % of the file and 10 s more. When did the first byte come, and did the picture stop?

The player takes bytes as fast as they come and starts when it has one second's worth; from then on
it shows 2 MB/s and stalls when it has nothing left, until it has a quarter of a second's worth.
"""

import select
import socket
import time

from competitors import Ours, Peerflix, Webtorrent
from harness import Failed, Table, interleave, median, spread

SEEDERS, SEEDER_BYTES_PER_S = 3, 1_000_000
SHOWN_BYTES_PER_S, PREBUFFER_S, RESUME_S = 2_000_000, 1.0, 0.25
BEFORE_S, AFTER_S = 14, 10
TICK_S = 0.02


def play(port, path, position, seconds):
    """First byte, start of the picture, stalls, bytes: of one request that lasts `seconds`."""
    started = time.monotonic()
    got, shown, stalls, stalled_s = 0, 0.0, 0, 0.0
    first_byte_s = start_s = None
    is_showing, last, body_at, head = False, started, None, b""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Range: bytes={position}-\r\n\r\n".encode())
        connection.setblocking(False)
        while (now := time.monotonic()) < started + seconds:
            if is_showing:
                shown += (now - last) * SHOWN_BYTES_PER_S
                if shown >= got:
                    shown, is_showing, stalls = float(got), False, stalls + 1
            elif start_s is not None:
                stalled_s += now - last
            last = now
            wanted = (PREBUFFER_S if start_s is None else RESUME_S) * SHOWN_BYTES_PER_S
            if not is_showing and got - shown >= wanted:
                is_showing = True
                start_s = now - started if start_s is None else start_s
            if not select.select([connection], [], [], TICK_S)[0]:
                continue
            data = connection.recv(1 << 20)
            if not data:
                raise Failed(f"connection closed after {got} bytes")
            if body_at is None:
                head += data
                body_at = head.find(b"\r\n\r\n") + 4
                if body_at == 3:
                    body_at = None
                    continue
                if b" 206 " not in head[:20]:
                    raise Failed(head[:200])
                data = head[body_at:]
            if data and first_byte_s is None:
                first_byte_s = time.monotonic() - started
            got += len(data)
    return {"first_byte_s": first_byte_s, "start_s": start_s, "stalls": stalls,
            "stalled_s": stalled_s, "mb": got / 1e6}


def run(bench):
    competitors = [Ours(bench.programs), Webtorrent(), Peerflix()]
    content = bench.content()
    torrent = content.torrent()
    target = content.size * 8 // 10

    def measure(competitor, _):
        # Fresh seeders each time: what a limited seeder has saved up belongs to nobody.
        with bench.swarm([torrent], seeders=SEEDERS,
                         upload_bytes_per_s=SEEDER_BYTES_PER_S) as swarm:
            with competitor.start(bench.folder()) as player:
                player.settle()
                port, path = player.url_of(swarm.magnet(torrent))
                before = play(port, path, 0, BEFORE_S)
                after = play(port, path, target, AFTER_S)
        return ({f"before_{name}": value for name, value in before.items()}
                | {f"after_{name}": value for name, value in after.items()})

    results = interleave(competitors, bench.rounds, measure, bench.say)
    table = Table(
        "3 seeders of 1 MB/s, player of 2 MB/s, jump to 80 % after 14 s: median (range)", "",
        "first byte s", "picture s", "stalls (s)", "jump: first byte s", "stalls after (s)",
        "MB before", "MB after")
    for competitor in competitors:
        mine = results[competitor.name]
        table.row(
            competitor.name, spread(mine, "before_first_byte_s"), spread(mine, "before_start_s"),
            f"{spread(mine, 'before_stalls')}; {spread(mine, 'before_stalled_s')}",
            spread(mine, "after_first_byte_s"),
            f"{spread(mine, 'after_stalls')}; {spread(mine, 'after_stalled_s')}",
            spread(mine, "before_mb"), spread(mine, "after_mb"))
    ours = results["sharestream"]
    best = min(median(results[c.name], "after_first_byte_s") or AFTER_S for c in competitors[1:])
    table.verdict("first byte after the jump, s", median(ours, "after_first_byte_s"),
                  f"no later than the better one, {best:.2f}", lambda value: value <= best)
    table.verdict(
        "stalls of ours in all rounds, before and after",
        sum(r["before_stalls"] + r["after_stalls"] for r in ours) if ours else None,
        "none", lambda value: value == 0)
    return [table]
