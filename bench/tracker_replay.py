# SPDX-License-Identifier: MIT
"""kill -9 of tracker-svc while browsers are connected: http-svc tells its next life of each of them.
CPU of both until it knows all again, and how long that takes."""

import os
import signal
import time

from competitors import Ours
from harness import Failed, Table, interleave, spread
from stack import processes_of, readies, run_s_of, until

SOCKETS = (1000, 5000)
PER_SWARM = 10
SETTLE_S = 3


class Count:
    def __init__(self, count):
        self.name = str(count)


def pid_of(server, program):
    return next(pid for pid, name in processes_of(server).items() if name == program)


def known(server):
    """WebSockets of which the tracker knows; 0 while it is away."""
    try:
        return int(server.call("tracker", "Stats")["sockets"])
    except (Failed, KeyError):
        return 0


def run(bench):
    def measure(case, _):
        count = int(case.name)
        ours = Ours(bench.programs, {"max_clients": 2 * count})
        with ours.start(bench.folder()) as server:
            server.settle()
            with bench.sockets(n=count, s=count // PER_SWARM, o=0).open(server.tracker_port, "/"):
                time.sleep(SETTLE_S)
                lives = len(readies(server))
                cpu_s = run_s_of(pid_of(server, "http-svc"))
                os.kill(pid_of(server, "tracker-svc"), signal.SIGKILL)
                until(server, "the next life", lambda: len(readies(server)) > lives)
                whole_s = until(server, "all to be known", lambda: known(server) >= count)
                cpu_s = (run_s_of(pid_of(server, "http-svc")) - cpu_s
                         + run_s_of(pid_of(server, "tracker-svc")))
            return {"us": cpu_s * 1e6 / count, "ms": whole_s * 1000}

    results = interleave([Count(count) for count in SOCKETS], bench.rounds, measure, bench.say)
    table = Table("A tracker that was killed hears of its WebSockets again: median (range)",
                  "WebSockets", "CPU µs for each", "ms until it knows all, once it is ready")
    for name, mine in results.items():
        table.row(name, spread(mine, "us"), spread(mine, "ms"))
    return [table]
