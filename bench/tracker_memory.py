# SPDX-License-Identifier: MIT
"""How much memory of their own all processes of a tracker take more for each peer announced by UDP,
and for each WebSocket that is in one swarm and idle."""

import contextlib

from announces import fill
from competitors import BittorrentTracker, Opentracker, Ours
from harness import Memory, Table, interleave, median, spread

HASHES, PEERS = 1000, 504
NODE_HASHES = 100  # it takes 50 times as long
SOCKETS, SWARMS = 5000, 500


def mib_of(process):
    memory = Memory(process)
    memory.sample()
    return memory.anon_mib


@contextlib.contextmanager
def fresh(bench, tracker):
    """Started anew; `growth()` is what it has taken since, in bytes."""
    with tracker.start(bench.folder()) as server:
        server.settle()
        before = mib_of(server.process)
        yield server, lambda: (mib_of(server.process) - before) * (1 << 20)


def run(bench):
    ours, opentracker, node = (Ours(bench.programs, {"max_clients": 2 * SOCKETS}),
                               Opentracker(bench.hashes(HASHES)), BittorrentTracker())

    def of_peers(tracker, _):
        hashes = NODE_HASHES if tracker is node else HASHES
        with fresh(bench, tracker) as (server, growth):
            fill(bench, server, hashes, PEERS)
            return growth() / (hashes * PEERS)

    def of_sockets(tracker, _):
        with fresh(bench, tracker) as (server, growth), \
                bench.sockets(n=SOCKETS, s=SWARMS, o=0).open(server.tracker_port, "/"):
            return growth() / 1024 / SOCKETS

    peers = interleave([ours, opentracker, node], bench.rounds, of_peers, bench.say)
    sockets = interleave([ours, node], bench.rounds, of_sockets, bench.say)
    table = Table("Memory of a tracker: median (range)", "", "bytes a peer", "KiB a WebSocket")
    for name in peers:
        table.row(name, spread(peers[name]), spread(sockets[name]) if name in sockets else "-")
    table.verdict("bytes a peer", median(peers[ours.name]), "at most 32", lambda value: value <= 32)
    table.verdict("KiB a WebSocket", median(sockets[ours.name]), "at most 10",
                  lambda value: value <= 10)
    return [table]
