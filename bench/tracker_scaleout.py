# SPDX-License-Identifier: MIT
"""One, two and four instances of tracker-svc behind one http-svc, all on an encrypted bus over tcp,
each with the swarms that are its own: CPU of all of them for an announce. By HTTP, where http-svc
brings it to whoever has the swarm, and by UDP to one socket, which passes on what is not its own.
By HTTP there are more clients where there are more instances: a bus message costs the same whether
it brings one announce or fifty, and nobody needs four instances for the load of one."""

import contextlib
import os
import pathlib

from announces import HASHES, PEERS, SECONDS, WANT, cost, fill, running, verdict
from harness import Failed, Process, Table, free_port, interleave, median, spread, wait_for_port

INSTANCES = (1, 2, 4)
CONNECTIONS = 64  # for each instance


class All:
    """Several processes as one."""

    def __init__(self, processes):
        self.name, self._processes = "the cluster", processes

    def cpu_s(self, part=None):
        return sum(process.cpu_s() for process in self._processes)


class Cluster:
    def __init__(self, programs, count):
        self.name, self._programs, self._count = str(count), pathlib.Path(programs), count

    def start(self, scratch):
        return Running(self._programs, pathlib.Path(scratch), self._count)


class Running:
    def __init__(self, programs, scratch, count):
        self._programs, self._scratch, self.count = programs, scratch, count

    def _start(self, stack, number, program, at, settings):
        home = self._scratch / f"{program}-{number}"
        names = {"COMMON_RUN_DIR": home / "run", "COMMON_DATA_DIR": home / "data",
                 "BUS_SECRET": "the same for all of them", "BUS_NODE": f"node-{number}",
                 "BUS_PEERS": self._peers, "BUS_LISTEN": at, **settings}
        return stack.enter_context(Process(
            [self._programs / program], self._scratch / "log", program, env={
                **os.environ, **{f"SHARESTREAM_{key}": str(value) for key, value in names.items()}}))

    def __enter__(self):
        self.tracker_port = free_port()
        door, bus = f"127.0.0.1:{self.tracker_port}", free_port()
        at = [f"tcp://127.0.0.{10 + i}:{bus}" for i in range(self.count)]
        self._peers = ",".join(f"tracker={address}" for address in at)
        limits = {"TRACKER_REQUESTS_PER_S": 0, "HTTP_REQUESTS_PER_S": 0}
        with contextlib.ExitStack() as stack:
            processes = [self._start(stack, i, "tracker-svc", address, {
                **limits, "TRACKER_LISTEN": door if i == 0 else "127.0.0.1:0"})
                for i, address in enumerate(at)]
            processes.append(self._start(stack, self.count, "http-svc", f"tcp://127.0.0.9:{bus}", {
                **limits, "HTTP_LISTEN": f"127.0.0.1:{free_port()}", "HTTP_TRACKER_LISTEN": door,
                "HTTP_MAX_CLIENTS_PER_ADDRESS": 0}))
            wait_for_port(self.tracker_port, processes[-1])
            self.process = All(processes)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def settle(self):
        """They know each other by the time that swarms are filled: fill() takes seconds."""


def run(bench):
    clusters = [Cluster(bench.programs, count) for count in INSTANCES]
    table = Table("Announces to several instances, 50 peers an answer: median (range)", "",
                  "instances", "CPU µs of all", "announces/s")
    cases = {
        "HTTP, keep-alive": lambda at: bench.load(
            "http", "-k", at.tracker_port, h=HASHES, p=PEERS, w=WANT, t=SECONDS,
            c=CONNECTIONS * at.count),
        "UDP, one socket": lambda at: bench.load(
            "udp", "ask", at.tracker_port, h=HASHES, p=PEERS, w=WANT, t=SECONDS),
    }
    with running(bench, clusters) as started:
        for at in started.values():
            for _ in range(2):  # what was announced before they met lies with the wrong one
                fill_with_patience(bench, at)
        for case, ask in cases.items():
            bench.say(f"  {case}")

            def measure(cluster, _, ask=ask):
                at = started[cluster.name]
                return cost(at, lambda: ask(at), "answered")[0]

            results = interleave(clusters, bench.short_rounds, measure, bench.say)
            for name, mine in results.items():
                table.row(case, name, *(spread(mine, key) for key in ("cpu_us", "per_s")))
            alone = median(results["1"], "cpu_us")
            for name in ("2", "4"):
                verdict(table, f"{case}: CPU of an announce, {name} instances to one",
                        median(results[name], "cpu_us"), alone, 1 / 0.9)
    return [table]


def fill_with_patience(bench, at):
    """A datagram on its way to another instance may find nobody in the first moment."""
    for attempt in range(3):
        try:
            fill(bench, at)
            return
        except Failed:
            if attempt == 2:
                raise
