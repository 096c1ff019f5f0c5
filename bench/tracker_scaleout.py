# SPDX-License-Identifier: MIT
"""One, two and four instances of tracker-svc behind one http-svc, all on an encrypted bus over tcp,
each with the swarms that are its own: CPU of all of them for an announce. By HTTP, where http-svc
brings it to whoever has the swarm, and by UDP to one socket, which passes on what is not its own.
There are more clients where there are more instances: a bus message costs the same whether it
brings one announce or fifty, and nobody needs four instances for the load of one."""

import concurrent.futures

from announces import HASHES, PEERS, SECONDS, WANT, cost, fill, running, verdict
from cluster import Cluster
from harness import Failed, Table, interleave, median, spread

INSTANCES = (1, 2, 4)
UDP_PER_S = 8000  # for each instance, in the last case
CONNECTIONS = 64  # by HTTP, for each instance; by UDP there is one generator for each
SETTINGS = {"tracker": {"TRACKER_REQUESTS_PER_S": 0},
            "http": {"HTTP_REQUESTS_PER_S": 0, "HTTP_MAX_CLIENTS_PER_ADDRESS": 0}}


def run(bench):
    clusters = [Cluster(bench.programs, "tracker", count, SETTINGS) for count in INSTANCES]
    table = Table("Announces to several instances, 50 peers an answer: median (range)", "",
                  "instances", "CPU µs of all", "announces/s")
    cases = {
        "HTTP, keep-alive": lambda at: bench.load(
            "http", "-k", at.tracker_port, h=HASHES, p=PEERS, w=WANT, t=SECONDS,
            c=CONNECTIONS * at.count),
        "UDP, one socket": lambda at: ask_by_udp(bench, at),
        f"UDP, {UDP_PER_S} a second for each": lambda at: ask_by_udp(bench, at, r=UDP_PER_S),
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


def ask_by_udp(bench, at, **limit):
    """As many generators as there are instances, as if they were one."""
    def ask(_):
        return bench.load("udp", "ask", at.tracker_port, h=HASHES, p=PEERS, w=WANT, t=SECONDS,
                          **limit)

    with concurrent.futures.ThreadPoolExecutor(at.count) as pool:
        got = list(pool.map(ask, range(at.count)))
    return {key: (max if key == "seconds" else sum)(one[key] for one in got) for key in got[0]}


def fill_with_patience(bench, at):
    """A datagram on its way to another instance may find nobody in the first moment."""
    for attempt in range(3):
        try:
            fill(bench, at)
            return
        except Failed:
            if attempt == 2:
                raise
